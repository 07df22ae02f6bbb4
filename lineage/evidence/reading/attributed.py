"""Files of attributions: a row for each prediction and a column for each feature, or one row each.

CSV, Parquet and JSON lines are read by DuckDB, in bounded memory; a ``.json`` is one object of
features with their values (what ``lineage.importance`` writes too), or a list of rows.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

from lineage import bounded_file, strict_json
from lineage.errors import UsageError
from lineage.evidence.attributions import IMPORTANCE
from lineage.evidence.profile import MOST_COLUMNS
from lineage.evidence.reading import source as reading
from lineage.evidence.reading.names import check_names, header_of
from lineage.evidence.reading.source import Form, quoted
from lineage.strict_json import finite

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from lineage.evidence.reading.source import Source

LARGEST_JSON: Final = 64 << 20
"""Bytes of a ``.json`` file."""

_AT_ONCE: Final = 200
"""Columns of one statement."""

_LISTED: Final = ({"feature", "value"}, {"feature", IMPORTANCE})
"""The columns of a table with a row for each feature."""

_INDEX: Final = re.compile(r"__index_level_\d+__|Unnamed: \d+", re.ASCII)
"""What pandas calls an index without a name, in Parquet and as it reads one from CSV."""

_WRITE: Final = (
    "Write a row for each prediction and a column for each feature, of finite numbers, and nothing "
    "else: frame.to_parquet(FILE, index=False)."
)


def means_of(path: Path) -> tuple[dict[str, float], int | None]:
    """The mean distance from zero of each feature's attributions, and of how many rows.

    Args:
        path: CSV, Parquet, JSON lines or JSON; or a folder of files of one of the first three.

    Returns:
        The means, by feature; the rows are None where the file has one value for each feature.

    Raises:
        UsageError: it cannot be read, or holds something else than finite numbers.
    """
    if path.name.lower().endswith(".json"):
        return _of_json(path)
    first = reading.files_of(path)[0]
    is_csv = reading.format_of(first) == "csv"
    return _of_table(path, header_of(first)[1] if is_csv else None)


def _of_table(path: Path, header: Sequence[str] | None) -> tuple[dict[str, float], int | None]:
    """The mean distance from zero of each column, and how many rows there are."""
    if header is not None:
        check_names(header, str(path))
    with reading.opened(path) as source:
        columns = source.columns
        if {*columns} in _LISTED:
            return _listed(source), None
        names = header if header is not None and len(header) == len(columns) else [*columns]
        if len(columns) > _AT_ONCE:  # read once
            source.connection.execute("CREATE TEMP TABLE kept AS FROM source")
            source.connection.execute("CREATE OR REPLACE TEMP VIEW source AS FROM kept")
        means: dict[str, float] = {}
        _check_features(names, str(path))
        pairs = list(zip(names, columns.items(), strict=True))
        rows = 0
        for start in range(0, len(pairs), _AT_ONCE):
            part = pairs[start : start + _AT_ONCE]
            values = [_value(path, column, form) for _, (column, form) in part]
            asked = ", ".join(
                f"count(*) FILTER (coalesce(isfinite({value}), false)), fsum(abs({value}))"
                for value in values
            )
            query = f"SELECT count(*), {asked} FROM source"  # nosec B608 # noqa: S608 - they are quoted
            rows, *found = _one(source, query)
            if not rows:
                raise UsageError(f"{path} has no rows.", remedy=_WRITE)
            for (name, (column, _)), value, many, total in zip(
                part, values, found[::2], found[1::2], strict=True
            ):
                if many < rows:
                    raise _no_number(source, path, name, column, value)
                if not math.isfinite(total):
                    raise _too_great(str(path), name)
                means[name] = total / rows
        return means, rows


def _check_features(names: Iterable[str], label: str) -> None:
    """Refuse too many features, names that cannot be kept, and the index of a frame.

    Raises:
        UsageError: which, and what to do.
    """
    check_names([*names], label)
    for name in names:
        if _INDEX.fullmatch(name):
            raise UsageError(
                f"{label}: {name!r} is the index of a frame, and no feature.", remedy=_WRITE
            )


def _value(path: Path, column: str, form: Form) -> str:
    """A column's value in SQL, as a number; no value where it is none."""
    if form is Form.NUMBER:
        return f"{quoted(column)}::DOUBLE"
    if form is Form.WRITTEN:
        return f"TRY_CAST(trim({quoted(column)}) AS DOUBLE)"  # a bare cast is the CSV reader's own
    if form is Form.JSON:
        return f"TRY_CAST({quoted(column)} ->> '$' AS DOUBLE)"
    raise UsageError(f"{path}: {column[:80]!r} is no column of numbers.", remedy=_WRITE)


def _too_great(label: str, name: str) -> UsageError:
    return UsageError(
        f"{label}: the numbers of {name[:80]!r} are too great to be added.", remedy=_WRITE
    )


def _no_number(source: Source, path: Path, name: str, column: str, value: str) -> UsageError:
    """The error for the first row of a column that has no finite number."""
    rows = f"SELECT row_number() OVER () AS place, {quoted(column)}::VARCHAR AS v, {value} AS x"
    at, found = _one(
        source,
        f"SELECT place, v FROM ({rows} FROM source) "  # nosec B608 # noqa: S608 - names are quoted
        "WHERE NOT coalesce(isfinite(x), false) ORDER BY place LIMIT 1",
    )
    holds = "nothing" if found is None else repr(found[:40])
    return UsageError(
        f"{path}: {name[:80]!r} holds {holds} in row {at:,}, and no finite number.", remedy=_WRITE
    )


def _one(source: Source, query: str) -> tuple[Any, ...]:
    row = source.connection.execute(query).fetchone()
    assert row is not None  # nosec B101 # noqa: S101 - it counts, or was counted
    return row


def _listed(source: Source) -> dict[str, float]:
    """The values of a table with a row for each feature."""
    columns = sorted(source.columns)  # the feature is the first
    are_losses = IMPORTANCE in columns
    way = "{} ->> '$'" if source.columns["feature"] is Form.JSON else "{}::VARCHAR"
    chosen = ", ".join(way.format(quoted(name)) for name in columns)
    limit = MOST_COLUMNS + 1
    query = f"SELECT {chosen} FROM source LIMIT {limit}"  # nosec B608 # noqa: S608 - names are quoted
    rows = source.connection.execute(query).fetchall()
    values = ((name, _read(text)) for name, text in rows)
    return _means(_losses(values) if are_losses else values, source.label)


def _losses(pairs: Iterable[tuple[Any, Any]]) -> Iterable[tuple[Any, Any]]:
    """Losses of a permutation: one below zero is none."""
    return ((name, max(one, 0) if finite(one) else one) for name, one in pairs)


def _read(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def _of_json(path: Path) -> tuple[dict[str, float], int | None]:
    """The mean distance from zero of each feature, and of how many rows; None without rows."""
    try:
        body = strict_json.loads(bounded_file.read(path, LARGEST_JSON), unique_keys=True)
    except bounded_file.Unfit as reason:
        raise UsageError(f"{path} {reason}.", remedy="Write it as Parquet.") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{path} is no JSON of finite numbers: {str(error)[:200]}.", remedy=_WRITE
        ) from None
    if isinstance(body, dict):
        losses = body.get(IMPORTANCE)
        if len(body) == 1 and isinstance(losses, dict):
            return _means(_losses(losses.items()), str(path)), None
        return _means(body.items(), str(path)), None
    if not isinstance(body, list) or not body or not all(isinstance(row, dict) for row in body):
        raise UsageError(
            f"{path} is neither an object of features with their values nor a list of such.",
            remedy=_WRITE,
        )
    return _means_of_rows(body, str(path)), len(body)


def _means_of_rows(rows: Sequence[Mapping[str, Any]], label: str) -> dict[str, float]:
    for number, row in enumerate(rows, 1):
        if row.keys() != rows[0].keys():
            other = min(row.keys() ^ rows[0].keys())
            raise UsageError(
                f"{label}: {other[:80]!r} is in one of the rows 1 and {number:,} alone.",
                remedy=_WRITE,
            )
    columns = {name: [finite(row[name]) for row in rows] for name in rows[0]}
    sums: dict[str, float | None] = {}
    for name, column in columns.items():
        numbers = [abs(one) for one in column if one is not None]
        try:
            sums[name] = math.fsum(numbers) if len(numbers) == len(rows) else None
        except OverflowError:
            raise _too_great(label, name) from None
    return _means(sums.items(), label, len(rows))


def _means(pairs: Iterable[tuple[Any, Any]], label: str, rows: int = 1) -> dict[str, float]:
    """Features with the distance of their values from zero, by the rows; each named once.

    Raises:
        UsageError: one is no finite number, or a name is none, or there twice, or too many are.
    """
    means: dict[str, float] = {}
    for name, value in pairs:
        number = finite(value)
        check_names([name or ""], label)
        if number is None:
            raise UsageError(f"{label}: {name[:80]!r} has no finite number.", remedy=_WRITE)
        if name in means:
            raise UsageError(f"{label} names {name[:80]!r} twice.", remedy="Name it once.")
        means[name] = abs(number) / rows
    if not means:
        raise UsageError(f"{label} has no features.", remedy=_WRITE)
    _check_features(means, label)
    return means
