"""Statements with a list as one parameter, and the first of many sorted lists, read together.

A list is an array on PostgreSQL and JSON on SQLite: the statement is the same for one value and for
a thousand, and has no bound of parameters.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection, TextClause

_FEW: Final = 8
"""Lists that are read further than others, those whose next numbers are the first."""
_IN: Final = re.compile(r"(NOT )?IN :(\w+)")
_EACH: Final = re.compile(r"EACH :(\w+) (\w+)")


def ask(
    connection: Connection,
    query: str,
    lists: Mapping[str, Collection[Any]],
    **values: Any,  # noqa: ANN401 - parameters
) -> Sequence[Any]:
    """The rows of a statement in which names of ``lists`` stand for many values.

    ``IN :name`` and ``NOT IN :name`` are what they say; ``FROM EACH :name x`` has a row for each,
    whose ``x.value`` it is: of a list that is not empty.
    """
    on_postgresql = connection.dialect.name == "postgresql"
    kinds = tuple((name, _kind(held)) for name, held in lists.items())
    asked = {
        name: list(held) if on_postgresql else json.dumps(list(held))
        for name, held in lists.items()
    }
    return connection.execute(_statement(query, kinds, on_postgresql), asked | values).all()


def _kind(values: Collection[Any]) -> str:
    return "bigint" if isinstance(next(iter(values), 0), int) else "text"


@cache
def _statement(query: str, kinds: tuple[tuple[str, str], ...], on_postgresql: bool) -> TextClause:
    lists = dict(kinds)

    def within(match: re.Match[str]) -> str:
        if match[2] not in lists:
            return match[0]
        if on_postgresql:
            return f"{'<> ALL' if match[1] else '= ANY'}(:{match[2]})"
        return f"{match[1] or ''}IN (SELECT value FROM json_each(:{match[2]}))"  # nosec B608 # noqa: S608 - our own names

    def each(match: re.Match[str]) -> str:
        if on_postgresql:
            return f"unnest(CAST(:{match[1]} AS {lists[match[1]]}[])) AS {match[2]}(value)"
        return f"json_each(:{match[1]}) {match[2]}"

    return text(_EACH.sub(each, _IN.sub(within, query)))


@dataclass(frozen=True)
class Lists:
    """Sorted lists of numbers in a table: for each ``key`` those of ``value``, by an index on both.

    ``also`` is one more column that is read of each, ``where`` a condition on the table's rows
    (``x``).
    """

    table: str
    key: str
    value: str
    also: str = "NULL"
    where: str = ""

    def query(self, connection: Connection, *, newest: bool) -> str:
        """The first of each list; the key, the number and what else is read of it."""
        ahead, order = ("<", "DESC") if newest else (">", "ASC")
        behind = ">" if newest else "<"
        first = (
            f"FROM {self.table} x WHERE x.{self.key} = k.value AND x.{self.value} {ahead} :begin "
            f"AND x.{self.value} {behind} :end{self.where} ORDER BY x.{self.value} {order} "
            "LIMIT :share"
        )
        if connection.dialect.name == "postgresql":
            return (
                "SELECT k.value, l.value, l.also FROM EACH :keys k CROSS JOIN LATERAL "  # nosec B608 # noqa: S608
                f"(SELECT x.{self.value} AS value, {self.also} AS also {first}) l"
            )
        # the order of the tables is given: of its own the database reads a list whole
        also = self.also.replace("x.", "l.")
        # a row's own number finds it: not its list, of which it would be sought one by one
        key = "+l." if self.value == "id" else "l."
        return (
            f"SELECT k.value, l.{self.value}, {also} FROM EACH :keys k CROSS JOIN {self.table} l "  # nosec B608 # noqa: S608
            f"WHERE {key}{self.key} = k.value AND l.{self.value} IN (SELECT x.{self.value} {first})"
        )


def first_of(
    connection: Connection,
    lists: Lists,
    keys: Collection[Any],
    most: int,
    *,
    begin: int,
    end: int,
    newest: bool = True,
    within: Mapping[str, Collection[Any]] | None = None,
) -> dict[int, set[Any]]:
    """The first numbers of many lists together, and what else was read of each.

    Of each list only its share is read; of those that may have more among the first, more. So what
    is read stays in the order of ``most``, however long the lists are.

    Args:
        connection: a transaction.
        lists: where they are.
        keys: the lists that are read.
        most: numbers that are needed; some more may come.
        begin: where they begin, itself not among them.
        end: where they end, itself not among them.
        newest: whether the greatest are the first.
        within: further lists that the condition names.
    """
    query = lists.query(connection, newest=newest)
    reader = _Reader(connection, query, within or {}, begin, end, most, -1 if newest else 1)
    pending = list(keys)
    share, whole = -(-most // max(len(pending), 1)) + 1, most + 1
    while pending:
        if reader.found and len(pending) > _FEW:
            # one list alone may have all that is needed, or each of them one
            reader.read(pending[:1], whole)
            reader.read(pending[1:_FEW], share + whole // _FEW)
            reader.read(pending[_FEW:], share)
        else:
            reader.read(pending, share)
        pending = reader.pending
        share, whole = 4 * share, 2 * whole
    return reader.found


@dataclass
class _Reader:
    """Reads lists from their beginning, each to some length; knows which may have more to find.

    ``last`` is how far each was read that had more; ``end`` comes nearer with what is found.
    """

    connection: Connection
    query: str
    within: Mapping[str, Collection[Any]]
    begin: int
    end: int
    most: int
    sign: int
    found: dict[int, set[Any]] = field(default_factory=dict)
    last: dict[Any, int] = field(default_factory=dict)

    @property
    def pending(self) -> list[Any]:
        """The lists that may have more, those first whose next number is."""
        some = [key for key, last in self.last.items() if self._is_ahead(last)]
        return sorted(some, key=lambda key: self.sign * self.last[key])

    def read(self, keys: Sequence[Any], share: int) -> None:
        """Read so many of each list, unless what is found since is before all that it may have."""
        asked = [key for key in keys if self._is_ahead(self.last.pop(key, self.begin))]
        if not asked:
            return
        numbers: dict[Any, list[int]] = {}
        lists = {"keys": asked, **self.within}
        bounds = {"begin": self.begin, "end": self.end, "share": share}
        for key, number, also in ask(self.connection, self.query, lists, **bounds):
            self.found.setdefault(number, set()).add(also)
            numbers.setdefault(key, []).append(number)
        for key, held in numbers.items():
            if len(held) >= share:
                self.last[key] = min(held) if self.sign < 0 else max(held)
        if len(self.found) >= self.most:
            # what is behind the last that is needed is not read any more
            ordered = sorted(self.found, reverse=self.sign < 0)
            self.end = ordered[self.most - 1] + self.sign

    def _is_ahead(self, number: int) -> bool:
        return self.sign * number < self.sign * self.end
