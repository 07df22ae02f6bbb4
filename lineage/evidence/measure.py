"""Measuring a function that predicts: how long a call takes, how many rows it gets through.

Nothing of the function's is caught, and what it gives is looked at only where it did not predict
yet (a generator, a coroutine). Times are of the wall, with the clock that is finest.
"""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from lineage.display import Shown
from lineage.errors import UsageError
from lineage.evidence.batches import count, taken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PERCENTILES: Final = (50, 90, 95, 99)


@dataclass(frozen=True, repr=False)
class Measurement(Shown):
    """How fast a function predicts.

    Attributes:
        latencies_ms: milliseconds that each call with one row took, the shortest first.
        rows: how many were predicted in batches.
        batch: rows of one batch; the last may have fewer.
        seconds: that all batches took.
        price_per_hour: of the machine; None where nobody said.
    """

    latencies_ms: tuple[float, ...]
    rows: int
    batch: int
    seconds: float
    price_per_hour: float | None = None

    @property
    def throughput(self) -> float:
        """Rows a second, in batches."""
        return self.rows / self.seconds

    def percentile(self, percent: int) -> float:
        """The least latency (ms) that so many percent of the calls did not exceed."""
        rank = -(-percent * len(self.latencies_ms) // 100)
        return self.latencies_ms[max(rank, 1) - 1]

    def cost_per_thousand(self, *, batched: bool) -> float | None:
        """What a thousand predictions cost, in batches or one by one; None without a price."""
        if self.price_per_hour is None:
            return None
        one_by_one = math.fsum(self.latencies_ms) / len(self.latencies_ms) / 1000
        each = 1 / self.throughput if batched else one_by_one
        return self.price_per_hour / 3600 * each * 1000

    @override
    def to_json(self) -> dict[str, Any]:
        """The metrics: ``latency_p99_ms``, ``throughput_rows_per_second`` and so on."""
        metrics: dict[str, Any] = {
            f"latency_p{percent}_ms": self.percentile(percent) for percent in PERCENTILES
        }
        metrics["latency_max_ms"] = self.latencies_ms[-1]
        metrics["latency_calls"] = len(self.latencies_ms)
        metrics["throughput_rows_per_second"] = self.throughput
        metrics["throughput_batch"] = self.batch
        if self.price_per_hour is not None:
            metrics["cost_per_thousand"] = self.cost_per_thousand(batched=True)
            metrics["cost_per_thousand_single"] = self.cost_per_thousand(batched=False)
        return metrics

    @override
    def _line(self) -> str:
        return (
            f"{self.percentile(50):.3g} ms a row (p99 {self.percentile(99):.3g}), "
            f"{self.throughput:,.0f} rows/s in batches of {self.batch:,}"
        )


def measure(
    predict: Callable[[Any], Any],
    rows: Any,  # noqa: ANN401 - any frame, array or sequence
    *,
    batch: int = 1000,
    calls: int = 1000,
    warm_up: int = 3,
    seconds: float = 10.0,
    price_per_hour: float | None = None,
) -> Measurement:
    """Measure a function: calls with one row each, then with batches.

    Args:
        predict: what is measured; each call gets some of the rows, of the kind that all are.
        rows: what it predicts; they are gone through again where they are too few.
        batch: rows of a batch.
        calls: calls with one row.
        warm_up: calls before, of each kind, that do not count.
        seconds: how long each of both parts goes on at the most; one call always counts.
        price_per_hour: of the machine that this runs on.

    Raises:
        UsageError: there is nothing to measure, or the function does not predict when it is called.
    """
    many = count(rows)
    for name, value, least in (("batch", batch, 1), ("calls", calls, 1), ("warm_up", warm_up, 0)):
        if value < least:
            raise UsageError(f"{name} is {value}.", remedy=f"Give {least} or more.")
    if price_per_hour is not None and not 0 < price_per_hour < math.inf:
        raise UsageError(f"price_per_hour is {price_per_hour}.", remedy="Give what an hour costs.")
    singles = [(at, at + 1) for at in range(min(many, calls))]
    batches = [(at, min(at + batch, many)) for at in range(0, many, batch)]
    took = _timed(predict, rows, singles, calls, warm_up, seconds)
    whole = _timed(predict, rows, batches, len(batches), warm_up, seconds)
    return Measurement(
        tuple(sorted(one * 1000 for one in took)),
        sum(end - start for start, end in batches[: len(whole)]),
        min(batch, many),
        math.fsum(whole),
        price_per_hour,
    )


def _timed(
    predict: Callable[[Any], Any],
    rows: Any,  # noqa: ANN401 - any frame, array or sequence
    parts: Sequence[tuple[int, int]],
    calls: int,
    warm_up: int,
    seconds: float,
) -> list[float]:
    """Seconds of each call; the parts are gone through again where they are too few."""
    for number in range(warm_up):
        _require_predicted(predict(taken(rows, *parts[number % len(parts)])))
    finest = time.get_clock_info("perf_counter").resolution
    until = time.perf_counter() + seconds
    took: list[float] = []
    for number in range(calls):
        given = taken(rows, *parts[number % len(parts)])
        began = time.perf_counter()
        predicted = predict(given)
        ended = time.perf_counter()
        took.append(max(ended - began, finest))
        if number == 0:
            _require_predicted(predicted)
        if ended > until:
            break
    return took


def _require_predicted(predicted: object) -> None:
    """Refuse what would be predicted later: its time would be that of a promise.

    Raises:
        UsageError: it is such.
    """
    if isinstance(predicted, Iterator) or inspect.isawaitable(predicted):
        if inspect.iscoroutine(predicted):
            predicted.close()
        raise UsageError(
            f"The function gave a {type(predicted).__name__}, which predicts nothing by itself.",
            remedy="Give a function that returns the predictions: "
            "lambda rows: list(predict(rows)), or asyncio.run(predict(rows)).",
        )
