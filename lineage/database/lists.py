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
    written = _array if on_postgresql else json.dumps
    asked = {name: written(list(held)) for name, held in lists.items()}
    return connection.execute(_statement(query, kinds, on_postgresql), asked | values).all()


def _array(values: list[Any]) -> str:
    """An array as PostgreSQL reads it: the driver takes ten times as long to write one."""
    if _kind(values) == "bigint":
        return f"{{{','.join(map(str, values))}}}"
    quoted = (value.replace("\\", r"\\").replace('"', r"\"") for value in values)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"


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
    also: str | None = None
    where: str = ""

    def query(self, connection: Connection, *, newest: bool) -> str:
        """The first of each list: the key, and JSON of the numbers, each with what else is read.

        A row for each list: many rows take longer to be handed over than to be found.
        """
        ahead, order = ("<", "DESC") if newest else (">", "ASC")
        behind = ">" if newest else "<"
        on_postgresql = connection.dialect.name == "postgresql"
        array = "json_build_array" if on_postgresql else "json_array"
        one = f"{array}(l.value, l.also)" if self.also is not None else "l.value"
        all_ = f"CAST(json_agg({one}) AS text)" if on_postgresql else f"json_group_array({one})"
        return (
            f"SELECT k.value, (SELECT {all_} FROM ("  # nosec B608 # noqa: S608 - our own names
            f"SELECT x.{self.value} AS value, {self.also or 'NULL'} AS also FROM {self.table} x "
            f"WHERE x.{self.key} = k.value AND x.{self.value} {ahead} :begin "
            f"AND x.{self.value} {behind} :end{self.where} ORDER BY x.{self.value} {order} "
            "LIMIT :share) l) FROM EACH :keys k"
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
    """The first numbers of many lists together, and what else was read of each, if anything.

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
    sign = -1 if newest else 1
    reader = _Reader(connection, lists, query, within or {}, begin, end, most, sign)
    pending = list(keys)
    share, whole = most // max(len(pending), 1) + 1, most + 1
    have_few = False
    while pending:
        if reader.found and len(pending) > _FEW:
            # one list alone may have all that is needed, or some, or each of them one
            reader.read(pending[:1], whole)
            reader.read(pending[1:_FEW], share + whole // _FEW)
            if have_few:
                reader.read(pending[_FEW:], share)
            have_few = True
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
    lists: Lists
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
        lists = {"keys": asked, **self.within}
        bounds = {"begin": self.begin, "end": self.end, "share": share}
        rows = ask(self.connection, self.query, lists, **bounds)
        held = json.loads(f"[{','.join(text or '[]' for _, text in rows)}]")
        for (key, _), first in zip(rows, held, strict=True):
            numbers = self._keep(first)
            if len(numbers) >= share:
                self.last[key] = min(numbers) if self.sign < 0 else max(numbers)
        if len(self.found) >= self.most:
            # what is behind the last that is needed is not read any more
            ordered = sorted(self.found, reverse=self.sign < 0)
            self.end = ordered[self.most - 1] + self.sign

    def _keep(self, first: list[Any]) -> list[int]:
        """The numbers that were read of a list; they are found."""
        if self.lists.also is None:
            for number in first:
                self.found.setdefault(number, set())
            return first
        for number, also in first:
            self.found.setdefault(number, set()).add(also)
        return [number for number, _ in first]

    def _is_ahead(self, number: int) -> bool:
        return self.sign * number < self.sign * self.end
