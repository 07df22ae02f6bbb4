"""What the scale of a reference is taken of, asked of an engine: all rows, exactly."""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Any, Final

import ibis

from lineage.evidence.reader import LONGEST_TEXT, MOST_VALUES
from lineage.evidence.reading.engine import values
from lineage.evidence.reading.scales import NEARLY_ALL, no_rows
from lineage.evidence.reading.source import Form

if TYPE_CHECKING:
    from lineage.evidence.reading.engine.table import EngineTable

_TOGETHER: Final = 200
"""Columns of which one query asks: engines bound the length of an answer's row."""


class EngineSample:
    """All rows of an Ibis table."""

    def __init__(self, rows: EngineTable) -> None:
        """Ask what its columns hold.

        Raises:
            UsageError: there are no rows, or a column is of times that are written as text.
        """
        self.columns = rows.columns
        self._rows = rows
        self._table = rows.table
        self._kinds: dict[str, tuple[int, int, int, int]] = {}
        names = list(self.columns)
        for start in range(0, len(names), _TOGETHER):
            self._ask_kinds(names[start : start + _TOGETHER])

    def _ask_kinds(self, names: list[str]) -> None:
        asked = {"rows": self._table.count()}
        for place, name in enumerate(names):
            column, form = self._table[name], self.columns[name]
            asked[f"present{place}"] = column.count()
            if (time := values.time(column, form)) is not None:
                asked[f"times{place}"] = time.count()
            elif form is Form.TEXT:
                words = values.text(column, form)
                asked[f"written{place}"] = values.may_be_time(words).sum()
        (found,) = self._rows.run(self._table.aggregate(**asked))
        if not found["rows"]:
            raise no_rows(self._rows.label)
        for place, name in enumerate(names):
            form, present = self.columns[name], int(found[f"present{place}"])
            if present and int(found.get(f"written{place}") or 0) >= NEARLY_ALL * present:
                raise values.written_time(name)
            self._kinds[name] = (
                present,
                present if form is Form.NUMBER else 0,
                int(found.get(f"times{place}") or 0),
                present if form in (Form.TEXT, Form.BOOLEAN) else 0,
            )

    def kinds(self, name: str) -> tuple[int, int, int, int]:
        """How many values there are; how many are numbers, times and texts."""
        return self._kinds[name]

    def outcomes(self, name: str) -> tuple[int, int]:
        """How many values there are, and how many of them are 0 or 1, false or true."""
        value = values.outcome(self._table[name], self.columns[name])
        if value is None:
            return self._kinds[name][0], 0
        (found,) = self._rows.run(self._table.aggregate(outcomes=value.count()))
        return self._kinds[name][0], int(found["outcomes"])

    def some_numbers(self, name: str, most: int) -> list[float]:
        """Finite numbers, each once: all of them where there are fewer than ``most``."""
        if (finite := self._finite(name)) is None:
            return []
        return [float(one["x"]) for one in self._rows.run(finite.distinct().limit(most))]

    def quantiles(self, name: str, parts: int) -> tuple[list[float], float]:
        """The numbers that end a part of so many parts, each as it stands; and the greatest."""
        finite = self._finite(name)
        (found,) = self._rows.run(finite.aggregate(rows=finite.count(), greatest=finite.x.max()))
        rows = int(found["rows"])
        ranks = {-(-rows * i // parts) for i in range(1, parts)}
        each = finite.group_by("x").aggregate(number=finite.count())
        upto = each.number.sum().over(ibis.cumulative_window(order_by=each.x))
        ranked = each.mutate(upto=upto)
        first = ranked.upto - ranked.number
        is_one = functools.reduce(
            operator.or_, [(first < rank) & (ranked.upto >= rank) for rank in sorted(ranks)]
        )
        quantiles = self._rows.run(ranked.filter(is_one).select("x"))
        return [float(one["x"]) for one in quantiles], float(found["greatest"])

    def most_frequent(self, name: str, *, as_label: bool = False) -> list[tuple[str, int]]:
        """The most frequent texts and how often each is there.

        Raises:
            UsageError: groups are to be named by what engines write each in its way.
        """
        value = self._rows.named(name) if as_label else self._text(name)
        if value is None:
            return []
        texts = self._table.select(x=value)
        texts = texts.filter(texts.x.notnull() & (texts.x.length() <= LONGEST_TEXT))
        each = texts.group_by("x").aggregate(number=texts.count())
        found = self._rows.run(
            each.order_by(ibis.desc("number"), self._rows.in_code_points(each.x)).limit(MOST_VALUES)
        )
        return [(one["x"], int(one["number"])) for one in found]

    def _text(self, name: str) -> Any:  # noqa: ANN401 - Ibis's own
        return values.text(self._table[name], self.columns[name])

    def _finite(self, name: str) -> Any:  # noqa: ANN401 - Ibis's own
        value = values.number(self._table[name], self.columns[name])
        if value is None:
            return None
        numbers = self._table.select(x=value)
        return numbers.filter(values.is_finite(numbers.x))
