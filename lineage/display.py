"""How answers show themselves: in one line at a prompt, as a table in a notebook. Pure.

The table is plain markup without colours or scripts: it is read in light and dark notebooks alike.
What people wrote is made inert (:mod:`lineage.inert`) and escaped here, and here only.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Generic, TypeVar, overload

from typing_extensions import override

from lineage.inert import inert

MOST_ROWS: Final = 100
"""Rows of a list that a notebook shows; the list itself has all."""

_NAMED: Final = 3
"""Items of a list that its line names."""

_LEFT: Final = ' style="text-align:left"'


class Shown:
    """An answer that shows itself, and that gives itself as plain values.

    Subclasses say what stands in their line and in their table.
    """

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        """JSON of the answer, as the command prints it under ``--json``."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The answer in plain values, as ``--json`` prints it: times and digests are text."""
        return self.to_json()

    def _line(self) -> str:
        """What it is, in one line."""
        raise NotImplementedError

    def _facts(self) -> dict[str, object]:
        """What its table shows, by the words for it; a list has a column for each."""
        return {name.replace("_", " "): value for name, value in self.to_json().items()}

    @override
    def __repr__(self) -> str:
        return f"<{inert(self._line())}>"

    def _repr_html_(self) -> str:
        return table(self._line(), (), self._facts().items())


Item = TypeVar("Item", bound=Shown)


@dataclass(frozen=True, repr=False, eq=False)
class Listing(Sequence[Item], Generic[Item]):
    """A list of answers that shows itself; it cannot be changed.

    It is equal to every sequence of the same answers.

    Attributes:
        items: the answers.
        title: what they are.
        next: where they are a page, the cursor from which the next ones are read; None where there
            are no more.
    """

    items: tuple[Item, ...]
    title: str
    next: str | None = None

    def to_dicts(self) -> list[dict[str, Any]]:
        """Each answer in plain values: ``pandas.DataFrame(answers.to_dicts())``."""
        return [item.to_dict() for item in self.items]

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Listing[Item]: ...
    @override
    def __getitem__(self, index: int | slice) -> Item | Listing[Item]:
        if isinstance(index, slice):
            return Listing(self.items[index], self.title)
        return self.items[index]

    @override
    def __len__(self) -> int:
        return len(self.items)

    @override
    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sequence) and not isinstance(other, str | bytes):
            return self.items == tuple(other)
        return NotImplemented

    @override
    def __hash__(self) -> int:
        return hash(self.items)

    @override
    def __repr__(self) -> str:
        named = [item._line() for item in self.items[:_NAMED]]
        more = ["…"] if len(self) > _NAMED else []
        told = f": {'; '.join([*named, *more])}" if named else ""
        return inert(f"<{self.title}, {len(self)}{told}>")

    def _repr_html_(self) -> str:
        rows = [item._facts() for item in islice(self.items, MOST_ROWS)]
        headings = tuple(rows[0]) if rows else ()
        left = len(self) - len(rows)
        more = f", of which {left:,} are not shown" if left else ""
        return table(f"{self.title}, {len(self):,}{more}", headings, [row.values() for row in rows])


def table(title: str, headings: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table as HTML that acts on nothing.

    Args:
        title: stands above it.
        headings: those of its columns; none where the first column has them.
        rows: the values of each row.
    """
    heads = list(headings)
    above = (
        f"<thead><tr>{''.join(_cell(head, 'th') for head in heads)}</tr></thead>" if heads else ""
    )
    body = []
    for first, *others in rows:
        cells = [_cell(first, "td" if heads else "th"), *(_cell(value, "td") for value in others)]
        body.append(f"<tr>{''.join(cells)}</tr>")
    caption = f"<caption{_LEFT}>{_escaped(title)}</caption>"
    return f"<table>{caption}{above}<tbody>{''.join(body)}</tbody></table>"


def text_of(value: object) -> str:
    """A value as a person reads it.

    >>> text_of(None), text_of(True), text_of({"auc": 0.91}), text_of(["a", "b"])
    ('-', 'yes', 'auc 0.91', 'a, b')
    """
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case dt.datetime():
            return f"{value.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
        case str():
            return value
        case Mapping():
            return ", ".join(f"{name} {text_of(inner)}" for name, inner in value.items())
        case Iterable():
            return ", ".join(text_of(inner) for inner in value)
        case _:
            return str(value)


def _cell(value: object, kind: str) -> str:
    return f"<{kind}{_LEFT}>{_escaped(text_of(value))}</{kind}>"


def _escaped(text: str) -> str:
    from html import escape  # a command shows nothing so

    return escape(inert(text))
