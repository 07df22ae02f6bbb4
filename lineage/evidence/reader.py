"""Reading a profile's JSON: each key once, each of its form, and a sentence where it is not."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import Any, Final

from lineage.acts import act
from lineage.errors import UsageError

MOST_VALUES: Final = 64
"""Categories of one column that are counted by name."""
LONGEST_TEXT: Final = 256
"""Characters of a category, or of a column's name, that is counted by name."""
LARGEST_COUNT: Final = 2**53 - 1

_UNKEPT: Final = re.compile("[\x00\ud800-\udfff]")
WRITE: Final = act("profile", "DATA", out="FILE")
"""How a profile is written."""

_REMEDY: Final = f"Write the profile anew, and do not edit it by hand: {WRITE}"


def is_kept(text: str) -> bool:
    """Whether a category or a name can be in a profile: short enough, and text to any reader."""
    return len(text) <= LONGEST_TEXT and _UNKEPT.search(text) is None


def refused(where: str, what: str) -> UsageError:
    """The error of a profile that is none: where in it, and what is wrong there."""
    return UsageError(f"The profile is not valid: {where} {what}.", remedy=_REMEDY)


class Reader:
    """Reads the keys of one object of a profile, each of them once, and refuses what is left."""

    def __init__(self, body: Any, where: str) -> None:  # noqa: ANN401 - any JSON value
        if not isinstance(body, dict):
            raise refused(where, "is no object")
        self._left = dict(body)
        self.where = where

    def take(self, key: str) -> Any:  # noqa: ANN401 - any JSON value
        """A value as it stands."""
        if key not in self._left:
            raise refused(self.where, f"has no {key!r}")
        return self._left.pop(key)

    def has(self, key: str) -> bool:
        """Whether a key is there and was not read."""
        return key in self._left

    def close(self) -> None:
        """Refuse keys that nobody asked for."""
        for key in self._left:
            raise refused(self.where, f"has an unknown key {key[:80]!r}")

    def count(self, key: str) -> int:
        """A count: an integer of 0 to 2⁵³-1."""
        return _count(self.take(key), f"{self.where}.{key}")

    def counts(self, key: str, length: int) -> tuple[int, ...]:
        """Exactly ``length`` counts."""
        value = self.take(key)
        where = f"{self.where}.{key}"
        if not isinstance(value, list) or len(value) != length:
            raise refused(where, f"is no list of {length} counts")
        return tuple(_count(one, where) for one in value)

    def edges(self, most: int) -> tuple[float, ...]:
        """At most ``most`` ascending finite numbers."""
        value = self.take("edges")
        where = f"{self.where}.edges"
        if not isinstance(value, list) or len(value) > most:
            raise refused(where, f"is no list of at most {most} numbers")
        edges = tuple(_number(one, where) for one in value)
        if any(a >= b for a, b in pairwise(edges)):
            raise refused(where, "does not ascend")
        return edges

    def optional_number(self, key: str) -> float | None:
        """A finite number, or null."""
        value = self.take(key)
        return None if value is None else _number(value, f"{self.where}.{key}")

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self.take(key)
        if not isinstance(value, bool):
            raise refused(f"{self.where}.{key}", "is neither true nor false")
        return value

    def values(self) -> tuple[str, ...]:
        """At most 64 categories, each once."""
        value = self.take("values")
        where = f"{self.where}.values"
        if not isinstance(value, list) or len(value) > MOST_VALUES:
            raise refused(where, f"is no list of at most {MOST_VALUES} texts")
        if not all(isinstance(one, str) and is_kept(one) for one in value):
            raise refused(where, f"holds what is no text of at most {LONGEST_TEXT} characters")
        if len(set(value)) < len(value):
            raise refused(where, "holds a text twice")
        return tuple(value)


def _count(value: Any, where: str) -> int:  # noqa: ANN401 - any JSON value
    if type(value) is not int or not 0 <= value <= LARGEST_COUNT:
        raise refused(where, "holds what is no count of 0 to 2^53-1")
    return value


def _number(value: Any, where: str) -> float:  # noqa: ANN401 - any JSON value
    try:
        number = float(value) if type(value) in (int, float) else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise refused(where, "holds what is no finite number")
    return number + 0.0  # -0.0 is 0
