"""What rows hold under a digest: documents, secrets and data items are what their digests say."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from lineage.database.audit.entries import BATCH
from lineage.errors import LineageError
from lineage.identity.digest import blake3_of, canonical_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlmodel import Session

NEEDED: Final = ("manifest", "document", "key", "digest", "url", "secret", "secret_before")
"""The columns that no event holds, and whose digest one does."""

_ITEMS: Final = text(
    "SELECT v.digest, i.name, i.digest FROM data_version v "
    "LEFT JOIN data_item i ON i.data_digest = v.digest ORDER BY v.digest"
)


def data_versions(session: Session) -> Iterator[str]:
    """The data versions whose items are not those that were recorded."""
    connection = session.connection()
    rows = connection.execute(_ITEMS, execution_options={"yield_per": BATCH})
    for digest, items in groupby(rows, key=lambda row: row[0]):
        manifest = {name: of for _, name, of in items if name is not None}
        if _digest(canonical_bytes, manifest) != digest:
            yield f"data_version (digest={digest}) was changed: its items are others"


def _pipeline(row: Mapping[str, Any]) -> Iterator[str]:
    """A manifest lies in canonical form; a version that was only stated has none."""
    if row["manifest"] is None:
        known = _digest(canonical_bytes, str(row["public_digest"]))
    else:
        known = _digest(str.encode, row["manifest"])
    if known != row["digest"]:
        yield "its manifest is not what its digest says"


def _run(row: Mapping[str, Any]) -> Iterator[str]:
    if _digest(str.encode, row["document"]) != row["digest"]:
        yield "its document is not what its digest says"


def _token(row: Mapping[str, Any]) -> Iterator[str]:
    if _digest(str.encode, f"{row['key']}:{row['digest']}") != row["fingerprint"]:
        yield "its secrets are not what its fingerprint says"


def _webhook(row: Mapping[str, Any]) -> Iterator[str]:
    secrets = [row["url"], row["secret"], row["secret_before"]]
    if _digest(canonical_bytes, secrets) != row["fingerprint"]:
        yield "its secrets are not what its fingerprint says"


def _digest(encode: Callable[[Any], bytes], value: Any) -> str | None:  # noqa: ANN401 - any
    """The BLAKE3 of a value; None where somebody put there what has none."""
    try:
        return blake3_of(encode(value))
    except (TypeError, ValueError, LineageError):
        return None


CHECKS: Final[Mapping[str, Callable[[Mapping[str, Any]], Iterator[str]]]] = {
    "pipeline_version": _pipeline,
    "watched_run": _run,
    "stage_run": _run,
    "version_chain": _run,
    "attestation": _run,
    "profile": _run,
    "token": _token,
    "webhook": _webhook,
}
"""How what a row holds besides is checked, by table."""
