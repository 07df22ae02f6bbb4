"""Pages of lists: cut them, with the cursor that says where the next one begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Query
from pydantic import Field

from lineage.contract.cursors import encode, number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LARGEST_PAGE = 500

Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="How many at the most.")]
_Written = Annotated[
    str, Field(max_length=8000, json_schema_extra={"pattern": "^[A-Za-z0-9_-]*$"})
]  # another is refused by its own sentence
Cursor = Annotated[
    _Written | None, Query(description="The `next` of the page before; else the first.")
]


def page(
    kind: str,
    rows: Sequence[Mapping[str, Any]],
    limit: int,
    place: Callable[[Mapping[str, Any]], object],
) -> dict[str, Any]:
    """One page of rows that were read with a limit of one more."""
    items = list(rows[:limit])
    more = len(rows) > limit
    return {"items": items, "next": encode(kind, place(items[-1])) if more else None}


def sliced(
    kind: str, whole: Sequence[Mapping[str, Any]], cursor: str | None, limit: int
) -> dict[str, Any]:
    """One page of a short list that is read whole."""
    begin = number(kind, cursor) or 0
    end = begin + limit
    following = encode(kind, end) if end < len(whole) else None
    return {"items": list(whole[begin:end]), "next": following}
