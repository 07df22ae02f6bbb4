"""Weights that a host fetches before they serve, so that a rollback is a load from its own disk."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from lineage.errors import LineageError
from lineage.weights import download
from lineage.weights.check import recorded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lineage.contract.results import ServedVersion
    from lineage.weights.cache import WeightsCache
    from lineage.weights.copies import StoredWeights
    from lineage.weights.leases import Lease

AGAIN_AFTER: Final = 60.0
"""Seconds until what could not be fetched is tried again."""

HELD_FOR: Final = 3600.0
"""Seconds until what is held is read once more: it counts as a look at every byte."""

logger = logging.getLogger("lineage.host.ahead")


class Ahead:
    """What a host holds besides what it has loaded; one thread fetches, and nothing waits for it.

    Args:
        cache: where the weights are kept.
        model: for the thread's name.
    """

    def __init__(self, cache: WeightsCache, model: str) -> None:
        self._cache = cache
        self._name = f"lineage-{model}-ahead"
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._held: dict[str, float] = {}
        self._leases: dict[str, Lease] = {}
        self._tried: dict[str, float] = {}
        self._news = False

    @property
    def is_busy(self) -> bool:
        """Whether something is being fetched."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def has_news(self) -> bool:
        """Whether something is held that was not when :meth:`holds` was asked last."""
        return self._news

    def holds(self, weights: str | None) -> bool:
        """Whether weights are here, every byte checked, and stay as long as they are wanted."""
        self._news = False
        return weights is not None and weights in self._held

    def want(
        self, versions: Iterable[ServedVersion], stored: Callable[[ServedVersion], StoredWeights]
    ) -> None:
        """Fetch the weights of versions, unless that is under way.

        Args:
            versions: what may have to be loaded next, the most urgent first.
            stored: asks where the weights of one are.
        """
        now = time.monotonic()
        wanted = list(versions)
        self._let_go({version.weights for version in wanted})
        due = [version for version in wanted if self._is_due(version, now)]
        if not due or self._stopped.is_set() or self.is_busy:
            return
        self._thread = threading.Thread(
            target=self._fetch, args=(due, stored), name=self._name, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Begin no more fetches; one that is under way ends with the process."""
        self._stopped.set()

    def _is_due(self, version: ServedVersion, now: float) -> bool:
        weights = version.weights or ""
        if weights in self._held:
            return now - self._held[weights] >= HELD_FOR
        return now - self._tried.get(weights, float("-inf")) >= AGAIN_AFTER

    def _fetch(
        self, versions: list[ServedVersion], stored: Callable[[ServedVersion], StoredWeights]
    ) -> None:
        for version in versions:
            if self._stopped.is_set() or version.weights is None:
                continue
            self._tried[version.weights] = time.monotonic()
            try:
                weights = stored(version)
                lease = self._cache.lease(recorded(weights))
                download.pull(weights, cache=self._cache, verify=True)
            except LineageError as error:
                self._lost(version.weights)
                logger.warning(
                    "%s cannot be fetched ahead: %s %s", version.ref, error, error.remedy
                )
            except Exception:
                self._lost(version.weights)
                logger.exception("%s cannot be fetched ahead", version.ref)
            else:
                self._news = self._news or version.weights not in self._held
                self._leases[version.weights] = lease
                self._held[version.weights] = time.monotonic()

    def _let_go(self, wanted: set[str | None]) -> None:
        """Of what is wanted no longer it is not said that it is held: it may be taken away."""
        for weights in [weights for weights in self._held if weights not in wanted]:
            self._release(weights)

    def _lost(self, weights: str) -> None:
        """Weights are not here, or no longer."""
        self._news = self._release(weights) or self._news

    def _release(self, weights: str) -> bool:
        """Hold weights no more; whether they were held."""
        held = self._held.pop(weights, None) is not None
        lease = self._leases.pop(weights, None)
        if lease is not None:
            lease.release()
        return held
