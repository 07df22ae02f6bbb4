"""Lines as wide as a terminal: words and digests stay whole, columns stay columns."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import TextIO

_PART: Final = re.compile(r" +|[^ ]+")
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_COLUMN: Final = re.compile(r" {2,}")


def columns_of(stream: TextIO) -> int | None:
    """Characters of a line of a terminal, as ``COLUMNS`` says or it does; None for what is none."""
    if not stream.isatty():
        return None
    with suppress(ValueError):
        if (columns := int(os.environ.get("COLUMNS", ""))) > 0:
            return columns
    with suppress(OSError):
        return os.get_terminal_size(stream.fileno()).columns or None
    return None


def wrapped(text: str, width: int, hang: int | None = None) -> list[str]:
    """A line as several, none wider than ``width`` but where one word is.

    >>> wrapped("  fail  kind  churn@7 is an experiment", 30)
    ['  fail  kind  churn@7 is an', '              experiment']

    Args:
        text: the line; colours count for nothing.
        width: characters.
        hang: where the lines below the first begin; by default below its last column, or below its
            first word where that would leave them less than half of the width.
    """
    if _width(text) <= width:
        return [text]
    margin = " " * (_hang(text, width) if hang is None else hang)
    lines, line, gap, empty = [], "", "", True
    for part in _PART.findall(text):
        if part[0] == " ":
            gap = part
            continue
        if not empty and _width(line + gap + part) > width:
            lines.append(line)
            line, gap = margin, ""
        line += gap + part
        gap, empty = "", False
    return [*lines, line]


def _hang(text: str, width: int) -> int:
    plain = _COLOUR.sub("", text)
    first = len(plain) - len(plain.lstrip(" "))
    ends = (gap.end() for gap in _COLUMN.finditer(plain))
    return max((end for end in ends if end <= width // 2), default=first)


def _width(text: str) -> int:
    return len(_COLOUR.sub("", text))
