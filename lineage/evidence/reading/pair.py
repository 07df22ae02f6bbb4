"""Training and validation data side by side: two tables of one DuckDB, their values comparable.

A value is compared as text: a number as the shortest that says it (``1`` is ``1.0``), a time in UTC
(``2013-05-01`` is ``2013-05-01T00:00:00Z``), truth as ``true`` or ``false``, NaN and an empty field
as no value, without the blanks around it. So CSV, Parquet and frames compare.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lineage.errors import UsageError
from lineage.evidence.reading import source as reading
from lineage.evidence.reading.source import Form, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from duckdb import DuckDBPyConnection

TRAIN: Final = "train"
VALIDATION: Final = "validation"

_NUMBER: Final = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?"
_TIME: Final = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?)?"
    r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)?"
)


@dataclass(frozen=True)
class Pair:
    """Two tables, ``train`` and ``validation``, of the columns that both have, as text."""

    connection: DuckDBPyConnection
    columns: tuple[str, ...]
    labels: dict[str, str]
    apart: tuple[str, ...] = ()
    """The columns that one alone has."""

    def one(self, query: str, *values: Any) -> Any:  # noqa: ANN401 - one value of a database
        """The single value that a query gives."""
        row = self.connection.execute(query, list(values)).fetchone()
        assert row is not None  # nosec B101 # noqa: S101 - it counts, or aggregates
        return row[0]

    def require(self, names: Sequence[str]) -> None:
        """Refuse a column that one side lacks.

        Raises:
            UsageError: it does.
        """
        for name in names:
            if name not in self.columns:
                shown = ", ".join(self.columns[:10]) or "none"
                raise UsageError(
                    f"{self.labels[TRAIN]} and {self.labels[VALIDATION]} do not both have a column "
                    f"{name[:80]!r}.",
                    remedy=f"Name one that both have: {shown}.",
                )


def select(what: str, rows: str, rest: str = "") -> str:
    """A query: what, of which rows, and what follows. Names are quoted by who calls it."""
    return f"SELECT {what} FROM {rows} {rest}"  # nosec B608 # noqa: S608


@contextmanager
def opened(train: Any, validation: Any) -> Iterator[Pair]:  # noqa: ANN401 - any frame
    """Read both: paths or data frames, as :func:`.source.opened` takes them.

    Raises:
        UsageError: one cannot be read or has no rows, or they have no column in common.
    """
    reading.import_duckdb()
    from duckdb import Error

    sides = {TRAIN: train, VALIDATION: validation}
    labels = {name: _label(data) for name, data in sides.items()}
    with tempfile.TemporaryDirectory(prefix="lineage-leakage-") as folder:
        files = {
            name: reading.files_of(Path(data)) if _is_path(data) else []
            for name, data in sides.items()
        }
        connection = reading.connect(Path(folder), files=[*files[TRAIN], *files[VALIDATION]])
        label, place = "", Path(folder)
        try:
            columns: dict[str, dict[str, Form]] = {}
            for name, data in sides.items():
                label, place = labels[name], Path(folder, name)
                place.mkdir()
                columns[name] = _view(connection, name, data, files[name], place)
            both = [name for name in columns[TRAIN] if name in columns[VALIDATION]]
            if not both:
                raise UsageError(
                    f"{labels[TRAIN]} and {labels[VALIDATION]} have no column in common.",
                    remedy="Name data with the same columns.",
                )
            for name in sides:
                label, place = labels[name], Path(folder, name)
                chosen = ", ".join(f"{_text(c, columns[name][c])} AS {quoted(c)}" for c in both)
                rows = select(chosen, f"{name}_view")
                connection.execute(f"CREATE TEMP TABLE {name} AS {rows}")
                _require_rows(connection, name, label)
            apart = sorted(columns[TRAIN].keys() ^ columns[VALIDATION].keys())
            yield Pair(connection, tuple(both), labels, tuple(apart))
        except Error as error:
            raise reading.unreadable(label, str(error), os.fspath(place)) from None
        finally:
            connection.close()


def _require_rows(connection: DuckDBPyConnection, name: str, label: str) -> None:
    """Refuse a table without rows: nothing of it could be looked at.

    Raises:
        UsageError: it has none.
    """
    if connection.execute(select("1", name, "LIMIT 1")).fetchone() is None:
        raise UsageError(f"{label} has no rows.", remedy="Name data that has some.")


def _is_path(data: Any) -> bool:  # noqa: ANN401 - any frame
    return isinstance(data, str | os.PathLike)


def _label(data: Any) -> str:  # noqa: ANN401 - any frame
    return str(data) if _is_path(data) else f"the {type(data).__name__}"


def _view(
    connection: DuckDBPyConnection,
    name: str,
    data: Any,  # noqa: ANN401 - any frame
    files: Sequence[Path],
    folder: Path,
) -> dict[str, Form]:
    if files:
        form = reading.make_view(connection, files, folder)
    else:
        connection.register("source", reading.registrable(data))
        form = None
    columns = reading.columns_of(connection, _label(data), form)
    connection.execute(f"ALTER VIEW source RENAME TO {name}_view")
    return columns


def _text(name: str, form: Form) -> str:
    """The value as it is compared; NULL where there is none."""
    written = f"{quoted(name)} ->> '$'" if form is Form.JSON else f"{quoted(name)}::VARCHAR"
    value = f"trim({written})"
    moment = f"timezone('UTC', TRY_CAST({value} AS TIMESTAMPTZ))::VARCHAR"
    integer = f"TRY_CAST({value} AS HUGEINT)::VARCHAR"
    real = f"TRY_CAST({value} AS DOUBLE)"
    whole = f"CASE WHEN {real} = trunc({real}) AND abs({real}) < 9e15 THEN {real}::HUGEINT::VARCHAR"
    return (
        f"CASE WHEN lower({value}) IN ('true', 'false') THEN lower({value}) "
        f"WHEN lower({value}) IN ('', 'nan') THEN NULL "
        f"WHEN regexp_full_match({value}, '{_TIME}') THEN coalesce({moment}, {value}) "
        f"WHEN NOT regexp_full_match({value}, '{_NUMBER}') THEN {value} "
        f"WHEN regexp_full_match({value}, '-?[0-9]{{1,37}}') THEN {integer} "
        f"ELSE {whole} ELSE coalesce({real}::VARCHAR, {value}) END END"
    )
