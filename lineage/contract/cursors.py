"""Cursors: where the page of a list ended, in a text that only its own list understands. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import math
from typing import Any, Final

from lineage.errors import UsageError
from lineage.identity.digest import hash_object

Place = tuple[float | str | bool | None, int]
"""Where a sorted page ended: the last row's value, None where it has none, and its number."""

_LARGEST: Final = 2**31


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


def kind_of(name: str, **query: str | None) -> str:
    """The kind of the cursors of one query of a list: no other query understands them."""
    return f"{name}.{hash_object('lineage-cursor/1', query).value[:16]}"


def encode_place(kind: str, place: Place) -> str:
    """A cursor of a sorted list."""
    return encode(kind, json.dumps(place, ensure_ascii=False, separators=(",", ":")))


def decode_place(kind: str, cursor: str | None, of: type | tuple[type, ...]) -> Place | None:
    """What :func:`encode_place` wrote, where the values that are sorted by are of a type.

    Raises:
        UsageError: it is no cursor of this list.
    """
    text = decode(kind, cursor)
    if text is None:
        return None
    try:
        place: Any = json.loads(text)
    except ValueError:
        raise unknown() from None
    if not (isinstance(place, list) and len(place) == 2):
        raise unknown()
    value, last = place
    fits = value is None or (isinstance(value, of) and isinstance(value, bool) == (of is bool))
    if isinstance(value, float):
        fits = fits and math.isfinite(value)
    if not fits or type(last) is not int or not 0 < last < _LARGEST:
        raise unknown()
    return value, last


def unknown() -> UsageError:
    """What is said of a cursor that is none."""
    return UsageError(
        "The cursor is not one of this list.", remedy="Give the `next` of the page before, whole."
    )
