"""A page of a list. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

Row = TypeVar("Row")


class Page(list[Row]):
    """The rows of a list, and the cursor from which the next ones are read.

    ``next`` is None where there are no more.
    """

    def __init__(self, rows: Iterable[Row] = (), next: str | None = None) -> None:  # noqa: A002
        super().__init__(rows)
        self.next = next
