"""Names of columns: how many there may be and which, and those in the first line of a CSV file."""

from __future__ import annotations

import csv
import gzip
import zlib
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
_FIRST: Final = "Write the names of the columns into the first line."


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
        UsageError: there is none, or that line names two columns alike, of which readers rename
            one.
    """
    separator, names = header_of(path)
    if len(set(names)) < len(names):
        raise UsageError(f"{path} has two columns of one name.", remedy="Rename one of them.")
    return separator


def header_of(path: Path) -> tuple[str, list[str]]:
    """What separates the fields of a CSV file, and the names in its first line.

    Raises:
        UsageError: it has none, or is no packed file.
    """
    try:
        with gzip.open(path) if path.suffix.lower() == PACKED else path.open("rb") as file:
            line = file.readline(_LONGEST_HEADER).decode("utf-8-sig", errors="replace")
        line = line.partition("\r")[0]  # some end lines with it alone
        separator = max(_SEPARATORS, key=line.count)
        names = next(csv.reader([line], delimiter=separator), [])
    except (gzip.BadGzipFile, zlib.error, EOFError, csv.Error) as error:
        raise UsageError(
            f"The first line of {path} cannot be read: {str(error)[:200]}.", remedy=_FIRST
        ) from None
    if not names:
        raise UsageError(f"The first line of {path} is empty.", remedy=_FIRST)
    return separator, names
