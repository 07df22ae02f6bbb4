"""Values of any kind as a person reads them in a table or on a line."""

from __future__ import annotations

from typing import Any, Final

_EXACT: Final = 1 << 53
"""Whole numbers below it are exact in a float, and shown whole: bytes, rows."""


def cell(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """A value as a table shows it."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {cell(inner)}" for name, inner in value.items()) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        whole = value.is_integer() and abs(value) < _EXACT
        return str(int(value)) if whole else f"{value:.6g}"
    return "-" if value is None else str(value)
