"""Parameters in files that DVC makes or tracks: what the lock says of them, never the disk.

Such a file is there after a run or a pull, and missing before; what a stage was run with is in its
entry of ``dvc.lock``, which git holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.capture.code_graph.values import Place, Unseen, UnseenKind, shown
from lineage.capture.lock import recorded_parameters
from lineage.capture.parameters.value_document import ValueDocument
from lineage.identity.parameters import WHOLE, Typed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from lineage.capture.dvc import DvcStage
    from lineage.capture.lock import Lock


class MadeParameters:
    """Reads them from a lock; in the ``unordered`` files the order of keys does not count."""

    def __init__(self, lock: Lock, unordered: Collection[str]) -> None:
        self._lock = lock
        self._unordered = unordered

    def read(
        self, stage: DvcStage, file: str, names: Collection[str]
    ) -> tuple[Mapping[str, Typed], list[Unseen]]:
        """What a stage was last run with, and what its lock does not say.

        Raises:
            CaptureError: the lock cannot be read.
        """
        path = self._lock.file(stage)
        entry = self._lock.entry(stage)
        recorded = recorded_parameters(stage, entry).get(file) if entry is not None else None
        document = ValueDocument(path, recorded or {}, ordered=file not in self._unordered)
        if not names:
            if recorded is not None:
                return {WHOLE: Typed(document.whole())}, []
            return {}, [_unread(path, f"the parameters of {file}")]
        held = recorded or {}
        found = {name: Typed(document.encoded(held[name])) for name in names if name in held}
        lacking = [name for name in names if name not in held]
        return found, [_unread(path, f"the parameter {name} of {file}") for name in lacking]


def _unread(path: str, what: str) -> Unseen:
    return Unseen(Place(path), UnseenKind.MADE, shown(f"{what}: no run is recorded with it"))
