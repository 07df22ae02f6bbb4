"""The newest revision of a slot that a host has seen: it does not go back to an older one.

A registry that was restored from a backup, or a server beside it that lags, would make hosts load
what served before without anybody having rolled back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage import kept
from lineage.errors import Conflict

if TYPE_CHECKING:
    from pathlib import Path


class SeenRevision:
    """The newest revision that this host has seen, also in an earlier process.

    Args:
        url: the registry.
        model: the model's name.
        environment: where the host serves.
        accept_older: take whatever the registry says.
    """

    def __init__(self, url: str, model: str, environment: str, *, accept_older: bool) -> None:
        self._path = kept.path("revision", url, environment, model)
        self._slot = f"{model}@{environment}"
        self._accept_older = accept_older
        self.seen = 0 if accept_older else _read(self._path)

    def check(self, revision: int) -> None:
        """Note a revision that the registry answers with.

        Raises:
            Conflict: it is older than one that was seen.
        """
        if revision < self.seen and not self._accept_older:
            raise Conflict(
                f"The registry says that {self._slot} is at revision {revision}, and this host has "
                f"seen revision {self.seen}: it may have been restored from an older backup.",
                remedy="Look whether it is the right one. Where it is, start the service anew with "
                "accept_older=True, or LINEAGE_ACCEPT_OLDER=1 in its environment.",
            )
        if revision != self.seen:
            self.seen = revision
            known = 0 if self._accept_older else _read(self._path)
            kept.write(self._path, {"revision": max(revision, known)})


def _read(path: Path) -> int:
    """What was seen before; 0 where nothing is known."""
    revision = (kept.read(path) or {}).get("revision")
    return revision if isinstance(revision, int) and revision > 0 else 0
