"""Telling webhooks of moves that were refused: beside the answer, which waits for nothing of it."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from lineage.errors import LineageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.guard.decision import Decision
    from lineage.registry.registry import Registry

MOST: Final = 1_000
"""Refusals that wait to be told; further ones are not."""

_log = logging.getLogger("lineage.webhooks")


class Refusals:
    """Puts refusals into the outbox, one after the other, in a thread of its own.

    A refusal changes nothing, so no transaction holds it: one that was answered just before its
    server was killed may be told to nobody.
    """

    def __init__(self, registry: Registry) -> None:
        self._outbox = registry.outbox
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lineage-refusals")
        self._room = threading.Semaphore(MOST)

    def tell(self, decisions: Sequence[Decision], actor: str) -> None:
        """Tell of a move that was refused to somebody, later."""
        if self._room.acquire(blocking=False):
            self._thread.submit(self._tell, decisions, actor)
        else:
            _log.warning("%d refusals wait to be told: another one is not", MOST)

    def close(self) -> None:
        """End, after those that wait."""
        self._thread.shutdown()

    def _tell(self, decisions: Sequence[Decision], actor: str) -> None:
        try:
            self._outbox.refused(decisions, actor)
        except LineageError as error:
            _log.warning("a refusal was told to nobody: %s %s", error, error.remedy)
        except Exception:
            _log.exception("a refusal was told to nobody")
        finally:
            self._room.release()
