"""The newest event that was seen of a registry: nobody who saw it goes back to an older history.

The history is a chain, so one digest stands for all before it: if the event that was seen last is
there with its digest, the history goes on with what was seen. An older file that was put back, a
server that lags, and a history that was written anew show by it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from lineage import kept
from lineage.contract.results import Head
from lineage.errors import Conflict, RegistryUnreachable
from lineage.registry_url import is_remote, server_of, without_password

if TYPE_CHECKING:
    from collections.abc import Callable

ACCEPT: Final = "LINEAGE_ACCEPT_OLDER"
"""The variable that lets a client go back, where it is ``1``."""


class SeenHead:
    """The newest event that was seen of a registry here, also by an earlier process.

    Args:
        url: the registry.
        accept_older: take whatever the registry says, and remember that from now on.
    """

    def __init__(self, url: str, *, accept_older: bool) -> None:
        self._path = kept.path("head", server_of(url) if is_remote(url) else url)
        self._shown = without_password(url)
        self._accept_older = accept_older

    def forget(self) -> None:
        """Forget what was seen: the next answer counts, whatever it says."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def check(self, ask: Callable[[int | None], Head]) -> None:
        """Ask for the newest event, and remember it.

        Args:
            ask: gives the head, with the digest of the event that is named.

        Raises:
            Conflict: the history does not go on with what was seen.
            RegistryUnreachable: it does not say so.
        """
        seen = self._seen()
        try:
            head = ask(seen.events if seen is not None else None)
        except RegistryUnreachable:
            if seen is None:
                return
            raise
        if seen is not None and not self._accept_older:
            self._require_goes_on(seen, head)
        if head.registry is not None and (seen is None or head.digest != seen.digest):
            kept.write(self._path, head.to_json() | {"then": None})

    def _require_goes_on(self, seen: Head, head: Head) -> None:
        if head.registry != seen.registry:
            what = f"is another registry than the one seen before ({seen.registry})"
        elif head.events < seen.events:
            what = f"has a history of {head.events} events, and {seen.events} were seen before"
        elif head.then != seen.digest:
            what = f"has another event {seen.events} than the one that was seen before"
        else:
            return
        raise Conflict(
            f"What answers at {self._shown} {what}: an older state was put back, or the history "
            "was written anew.",
            remedy="Look whether it is the right one. Where it is, say so once: "
            f"{ACCEPT}=1 in the environment.",
        )

    def _seen(self) -> Head | None:
        """What was seen before; None where nothing is known."""
        try:
            seen = Head.from_json(kept.read(self._path) or {})
        except (KeyError, TypeError, ValueError):
            return None
        return seen if seen.registry is not None and seen.events > 0 else None
