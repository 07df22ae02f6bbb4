"""Names of columns: how many there may be and which, and those in the first line of a CSV file."""

from __future__ import annotations

import csv
import gzip
from typing import TYPE_CHECKING, Final

from lineage.errors import UsageError
from lineage.evidence.profile import MOST_COLUMNS
from lineage.evidence.reader import LONGEST_TEXT, is_kept

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PACKED: Final = ".gz"
_SEPARATORS: Final = ",;\t|"
_LONGEST_HEADER: Final = 1_000_000


def check_count(columns: int, label: str) -> None:
    """Refuse too many columns.

    Raises:
        UsageError: how many, and what to do.
    """
    if columns > MOST_COLUMNS:
        raise UsageError(
            f"{label} has {columns:,} columns; at most {MOST_COLUMNS:,} are read.",
            remedy="Select fewer of them.",
        )


def check_names(names: Sequence[str], label: str) -> None:
    """Refuse too many columns, and names that cannot stand in a profile.

    Raises:
        UsageError: which, and what to do.
    """
    check_count(len(names), label)
    for name in names:
        if not name or not is_kept(name):
            raise UsageError(
                f"{label} has a column whose name is no text of 1 to {LONGEST_TEXT} characters: "
                f"{name[:40]!r}.",
                remedy="Rename the column.",
            )


def separator_of(path: Path) -> str:
    """What separates fields: what the first line has most of.

    Raises:
        UsageError: that line names two columns alike, of which readers rename one.
    """
    separator, names = header_of(path)
    if len(set(names)) < len(names):
        raise UsageError(f"{path} has two columns of one name.", remedy="Rename one of them.")
    return separator


def header_of(path: Path) -> tuple[str, list[str]]:
    """What separates the fields of a CSV file, and the names in its first line."""
    with gzip.open(path) if path.suffix.lower() == PACKED else path.open("rb") as file:
        line = file.readline(_LONGEST_HEADER).decode("utf-8-sig", errors="replace")
    separator = max(_SEPARATORS, key=line.count)
    return separator, next(csv.reader([line], delimiter=separator), [])
