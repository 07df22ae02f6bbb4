"""Counting rows in a process, on the scale of a profile: what hosts do with their requests.

>>> from lineage.evidence.columns import NumberColumn
>>> from lineage.evidence.counts import Counts
>>> age = NumberColumn(rows=0, null=0, wrong_type=0, nan=0, infinite=0, edges=(30.0,), low=18.0,
...                    high=96.0, bins=(0, 0), below=0, above=0)
>>> tally = Tally(Counts(rows=0, columns={"age": age}))
>>> tally.add({"age": [18, 30, 31, None, 200]})
>>> found = tally.take().columns["age"]
>>> found.bins, found.null, found.above
((2, 1), 1, 1)

Rows are counted as `lineage profile` counts those of a frame (:mod:`lineage.evidence.reading`):
by Python's own types, or by NumPy where values are its arrays. Nothing is imported for it.
"""

from __future__ import annotations

import threading
from collections import Counter
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

from lineage.errors import UsageError
from lineage.evidence.given import Given, columns_of, values_of
from lineage.evidence.parts import Part
from lineage.evidence.values import counter_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineage.evidence.counts import Counts
    from lineage.evidence.values import ValueCounter


TOGETHER: Final = 256
"""Rows that come in smaller numbers wait until they are so many: one by one takes much longer."""

_ANSWER: Final = "\0"
"""Where the scores stand among the columns: no column is called so."""


class Tally:
    """Counts rows; several threads may add at once.

    Args:
        scale: the profile on whose scale they are counted.
    """

    def __init__(self, scale: Counts) -> None:
        self._counters: dict[str, ValueCounter[Any]] = {
            name: counter_of(column) for name, column in scale.columns.items()
        }
        self._names = list(scale.columns)
        self._has_score = scale.score is not None
        if scale.score is not None:
            self._counters[_ANSWER] = counter_of(scale.score)
        self._lock = threading.Lock()
        self._wait()
        self._begin()

    def _wait(self) -> None:
        self._waiting = 0
        self._values: dict[str, list[Any]] = {name: [] for name in self._counters}

    def _begin(self) -> None:
        self._rows = 0
        self._counted: dict[str, Counter[Any]] = {name: Counter() for name in self._counters}

    def add(self, rows: Any, scores: Any = None) -> None:  # noqa: ANN401 - any frame
        """Count some rows.

        Args:
            rows: a frame of pandas, polars or Arrow, a dict of columns, a list of dicts, or one
                dict. A column of the profile that they do not have has no value in any row; one
                that the profile does not have is passed over.
            scores: what the model answered for each of them: a sequence, an array, or a number for
                one row. Without them no row has a score.

        Raises:
            UsageError: they are of no such form, or there are not as many scores as rows.
        """
        number, found = columns_of(rows, self._names)
        columns = dict(found)
        if scores is not None and self._has_score:
            columns[_ANSWER] = _scores_of(scores, number)
        if number < TOGETHER and all(map(_may_wait, columns.values())):
            with self._lock:
                for name, values in self._values.items():
                    given = columns.get(name)
                    values.extend(repeat(None, number) if given is None else given.values)
                self._waiting += number
                if self._waiting < TOGETHER:
                    return
                number, waited = self._waiting, self._values
                self._wait()
            columns = {name: Given(values) for name, values in waited.items()}
        self._count(number, columns)

    def _count(self, number: int, columns: Mapping[str, Given]) -> None:
        counted = {name: self._counters[name].count(*given) for name, given in columns.items()}
        none = Counter(null=number)
        with self._lock:
            self._rows += number
            for name, counts in self._counted.items():
                counts.update(counted.get(name, none))

    def take(self) -> Part | None:
        """What was counted since it was last taken; None where that is nothing."""
        with self._lock:
            number, waited = self._waiting, self._values
            self._wait()
        if number:
            self._count(number, {name: Given(values) for name, values in waited.items()})
        with self._lock:
            rows, counted = self._rows, self._counted
            self._begin()
        if not rows:
            return None
        columns = {name: self._counters[name].column(rows, counted[name]) for name in self._names}
        score = self._counters[_ANSWER].column(rows, counted[_ANSWER]) if self._has_score else None
        return Part(rows=rows, columns=columns, score=score)


def _scores_of(scores: Any, number: int) -> Given:  # noqa: ANN401 - a sequence, or a number
    if isinstance(scores, int | float) or getattr(scores, "ndim", 1) == 0:  # NumPy's numbers
        scores = [scores]
    given = values_of(scores, "scores")
    if len(given.values) != number:
        raise UsageError(
            f"There are {number} rows, and {len(given.values)} scores.",
            remedy="Give one score for each row, in their order.",
        )
    return given


def _may_wait(given: Given) -> bool:
    return not given.nan_is_none and isinstance(given.values, list | tuple)
