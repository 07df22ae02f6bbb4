"""JSON as RFC 8259 has it, and numbers that a double can hold: what other programs can read too."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any


def loads(data: bytes | str, *, unique_keys: bool = False) -> Any:  # noqa: ANN401 - any JSON value
    """Read JSON.

    Args:
        data: its text.
        unique_keys: refuse an object in which a key stands twice, of which readers see one or the
            other.

    Raises:
        ValueError: it is none, or holds a number that is not finite.
        RecursionError: it is nested too deeply.
    """
    return json.loads(
        data,
        parse_constant=_not_finite,
        parse_float=_finite,
        parse_int=_integer,
        object_pairs_hook=_unique if unique_keys else None,
    )


def dumps(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Write JSON, in the fewest bytes; of an answer, what its ``to_json`` gives."""
    return json.dumps(
        value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=as_json
    )


def as_json(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """What an answer, or a list of answers, is in JSON.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return list(value)
    try:
        return value.to_json()
    except AttributeError:
        raise TypeError(f"{type(value).__name__} is no JSON value") from None


def finite(value: Any) -> float | None:  # noqa: ANN401 - any JSON value
    """The number that a value is; None for what is none, or not finite."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for key, inner in pairs:
        if key in value:
            raise ValueError(f"the key {key[:80]!r} stands twice")
        value[key] = inner
    return value


def _not_finite(text: str) -> float:
    raise ValueError(f"{text} is not a JSON number")


def _integer(text: str) -> int:
    number = int(text)
    try:
        float(number)
    except OverflowError:
        raise ValueError(f"{text[:20]}… is too large a number") from None
    return number


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large a number")
    return number
