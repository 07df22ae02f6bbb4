"""What drift says of every slot, for those who ask again and again: metrics and webhooks.

It is worked out in a thread of its own, and only where somebody asks.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from lineage.errors import LineageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lineage.contract.results.drift import Drift

EVERY: Final = 600.0
"""Seconds from the end of one look to the next, at least."""

_log = logging.getLogger("lineage.drift")


class DriftWatch:
    """Looks at the drift of every slot, now and then.

    Args:
        look: what drift says of each slot of which something is recorded.
    """

    def __init__(self, look: Callable[[], Sequence[Drift]]) -> None:
        self._look = look
        self._lock = threading.Lock()
        self._known: Sequence[Drift] | None = None
        self._again_at = 0.0
        self._thread: threading.Thread | None = None

    def known(self) -> Sequence[Drift] | None:
        """What was found last, None before that; where it is old, another look begins."""
        with self._lock:
            waits = self._thread is None or not self._thread.is_alive()
            if waits and time.monotonic() >= self._again_at:
                self._thread = threading.Thread(target=self._run, name="lineage-drift", daemon=True)
                self._thread.start()
            return self._known

    def join(self) -> None:
        """Wait for the look that is under way."""
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            self._known = self._look()
        except LineageError as error:
            _log.warning("drift cannot be looked at: %s %s", error, error.remedy)
        except Exception:
            _log.exception("drift cannot be looked at")
        self._again_at = time.monotonic() + EVERY
