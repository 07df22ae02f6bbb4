"""A validation's metrics: one strict JSON object of finite numbers."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

from lineage.errors import CaptureError
from lineage.file_tree import unreadable

if TYPE_CHECKING:
    from pathlib import Path

LARGEST: Final = 16 << 20
"""Bytes of a metrics file that are read at the most."""


def read(path: Path) -> dict[str, Any]:
    """Strict JSON metrics.

    Raises:
        CaptureError: see :meth:`Project.read_metrics`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise unreadable(path, error) from None
    try:
        if len(data) > LARGEST:
            raise ValueError("it is larger than 16 MiB")
        values = json.loads(
            data, parse_constant=_not_finite, parse_float=_finite, parse_int=_integer
        )
        if not isinstance(values, dict):
            raise ValueError("it is not an object")
    except (ValueError, RecursionError) as error:
        raise CaptureError(
            f"The metrics in {path} are not valid JSON: {error}.",
            remedy='Write one JSON object of finite numbers, for example {"auc": 0.91}.',
        ) from None
    return values


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
