"""Pages of lists: cut them, and write and read the cursor that says where the next one begins."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Query

from lineage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LARGEST_PAGE = 500

Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="How many at the most.")]
Cursor = Annotated[
    str | None, Query(max_length=400, description="The `next` of the page before; else the first.")
]


def encode(kind: str, place: object) -> str:
    """A cursor: where the page before ended."""
    return base64.urlsafe_b64encode(f"{kind}:{place}".encode()).decode().rstrip("=")


def decode(kind: str, cursor: str | None) -> str | None:
    """What :func:`encode` wrote.

    Raises:
        UsageError: it is no cursor of this list.
    """
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    of, _, place = text.partition(":")
    if of != kind or not place:
        raise unknown()
    return place


def number(kind: str, cursor: str | None) -> int | None:
    """A cursor that is a number.

    Raises:
        UsageError: it is no cursor of this list.
    """
    place = decode(kind, cursor)
    if place is None:
        return None
    if not (place.isascii() and place.isdigit() and len(place) < 12):
        raise unknown()
    return int(place)


def page(
    kind: str,
    rows: Sequence[dict[str, Any]],
    limit: int,
    place: Callable[[dict[str, Any]], object],
) -> dict[str, Any]:
    """One page of rows that were read with a limit of one more."""
    items = list(rows[:limit])
    more = len(rows) > limit
    return {"items": items, "next": encode(kind, place(items[-1])) if more else None}


def sliced(
    kind: str, whole: Sequence[dict[str, Any]], cursor: str | None, limit: int
) -> dict[str, Any]:
    """One page of a short list that is read whole."""
    begin = number(kind, cursor) or 0
    end = begin + limit
    following = encode(kind, end) if end < len(whole) else None
    return {"items": list(whole[begin:end]), "next": following}


def unknown() -> UsageError:
    """What is said of a cursor that is none."""
    return UsageError(
        "The cursor is not one of this list.", remedy="Give the `next` of the page before, whole."
    )
