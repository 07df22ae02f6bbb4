"""The rows that a host served: counted from the first on, by what is loaded only then."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from lineage.contract.windows import check_seconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from lineage.connection import AnyRegistry
    from lineage.host.windows import Windows


class ServedRows:
    """The rows that a host served of one model, as it says them; nothing until it says some.

    Raises:
        UsageError: no window can be of so many seconds.
    """

    def __init__(
        self, url: str, model: str, environment: str, instance: str, actor: str, seconds: int
    ) -> None:
        self._about = (url, model, environment, instance, actor, check_seconds(seconds))
        self._windows: Windows | None = None
        self._beginning = threading.Lock()

    def observe(self, ref: str, pipeline: str, rows: Any, scores: Any) -> None:  # noqa: ANN401
        """Count rows that a version served.

        Raises:
            UsageError: they are no rows, or there are not as many scores.
        """
        windows = self._windows or self._begun()
        windows.observe(ref, pipeline, rows, scores)

    def _begun(self) -> Windows:
        from lineage.host.windows import Windows  # not every host counts

        with self._beginning:
            if self._windows is None:
                self._windows = Windows(*self._about)
            return self._windows

    def prepare(self, ref: str, pipeline: str) -> None:
        """Get ready to count what another version serves."""
        if self._windows is not None:
            self._windows.prepare(ref, pipeline)

    def send(
        self,
        connected: Callable[[], AbstractContextManager[AnyRegistry]],
        *,
        all_of_it: bool = False,
    ) -> None:
        """Send the windows that are over, or all; what cannot be sent is kept."""
        if self._windows is not None:
            self._windows.send(connected, all_of_it=all_of_it)
