"""Addresses of what lies outside a repository, as they may be recorded and shown. Pure."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, urlencode

from lineage.masking import without_userinfo

_HARMLESS: Final = frozenset(
    {"branch", "generation", "id", "ref", "revision", "snapshot", "version", "versionid"}
)
"""What a query may say of which thing is meant; all else in one may let people in."""


def shown_address(address: str) -> str:
    """An address without credentials; a path stays as it is.

    >>> shown_address("https://me:secret@host/data.csv?versionId=7&X-Amz-Signature=ab")
    'https://host/data.csv?versionId=7'
    """
    if "://" not in address:
        return address
    place, _, query = without_userinfo(address).partition("#")[0].partition("?")
    kept = [pair for pair in parse_qsl(query) if pair[0].lower() in _HARMLESS]
    return f"{place}?{urlencode(kept)}" if kept else place
