"""The base of a remote registry's verbs: holds the connection they share, and finds a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.contract import addresses
from lineage.identity.references import Reference

if TYPE_CHECKING:
    from lineage.remote.transport import Transport


class Verbs:
    """Verbs of a registry that are sent over one connection."""

    def __init__(self, transport: Transport) -> None:
        self._http = transport


def version_address(reference: str | Reference, template: str = addresses.VERSION) -> str:
    """The address of a version that is named as a person writes it, or of what is below it.

    Raises:
        UsageError: the text is no reference.
    """
    return addresses.version(Reference.parse(reference), template)
