"""Where rows come from: a file, a folder of files, a query on a DuckDB file, or a data frame.

Each becomes one view, ``source``, in a DuckDB of its own that reads these files and no others,
reaches no network, loads no extension, and spills to a folder that is gone afterwards. Files are
opened by links of our own naming, so nothing in a path is a pattern to it.
"""

from __future__ import annotations

import glob
import os
import re
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lineage.errors import UsageError
from lineage.evidence.reading.names import PACKED, check_count, check_names, separator_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from duckdb import DuckDBPyConnection

MEMORY: Final = "1GiB"
"""What DuckDB may hold in memory; the rest is spilled."""

_FORMATS: Final = {
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".jsonl": "json",
    ".ndjson": "json",
}
_READABLE: Final = "CSV (.csv, .tsv), Parquet (.parquet) or JSON lines (.jsonl, .ndjson)"
_MOST_FILES: Final = 100_000


class Form(Enum):
    """How the values of a column are written."""

    WRITTEN = "written"
    """In CSV: everything is text, and an empty field is no value."""
    JSON = "json"
    """Each value has a type of its own."""
    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"
    TIME = "time"
    ZONED = "zoned"
    """A moment: a time with a time zone."""
    OTHER = "other"
    """Lists, structures and bytes: of the wrong type wherever they stand."""


@dataclass(frozen=True)
class Source:
    """Rows to be read: a connection in which they are the view ``source``."""

    connection: DuckDBPyConnection
    columns: dict[str, Form]
    label: str
    """What they are to a person: the path, or the kind of frame."""


@contextmanager
def opened(data: Any, query: str | None = None) -> Iterator[Source]:  # noqa: ANN401 - any frame
    """Open data for reading.

    Args:
        data: a path, or a data frame: of pandas, polars, or anything that gives Arrow's stream
            (``__arrow_c_stream__``).
        query: one SELECT, where ``data`` is the path of a DuckDB file.

    Raises:
        UsageError: it cannot be read; what is wrong, and what can be.
    """
    import_duckdb()
    from duckdb import Error

    label = str(data) if isinstance(data, str | os.PathLike) else f"the {type(data).__name__}"
    with tempfile.TemporaryDirectory(prefix="lineage-profile-") as folder:
        try:
            with _connected(data, query, Path(folder)) as (connection, form):
                yield Source(connection, columns_of(connection, label, form), label)
        except Error as error:
            raise unreadable(label, str(error), folder) from None


def import_duckdb() -> None:
    """Make sure that DuckDB is there.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import duckdb  # noqa: F401
    except ImportError:
        raise UsageError(
            "Reading data needs DuckDB, which is not installed.",
            remedy="Install it: pip install 'lineage-guard[evidence]'",
        ) from None


@contextmanager
def _connected(
    data: Any,  # noqa: ANN401 - any frame
    query: str | None,
    folder: Path,
) -> Iterator[tuple[DuckDBPyConnection, Form | None]]:
    if not isinstance(data, str | os.PathLike):
        if query is not None:
            raise UsageError(
                "A query is asked of a DuckDB file, not of a data frame.",
                remedy="Select the rows from the frame itself.",
            )
        connection = connect(folder)
        connection.register("source", registrable(data))
        form = None
    elif query is not None:
        connection = connect(folder, database=_regular(Path(data)))
        _select(connection, query)
        form = None
    else:
        path = Path(data)
        files = files_of(path)
        connection = connect(folder, files=files)
        form = make_view(connection, files, folder)
    try:
        yield connection, form
    finally:
        connection.close()


def connect(
    folder: Path, *, database: Path | None = None, files: Sequence[Path] = ()
) -> DuckDBPyConnection:
    """A DuckDB that reads these files, or one database, and nothing else; it spills to a folder."""
    import duckdb

    connection = duckdb.connect(
        ":memory:" if database is None else str(database),
        read_only=database is not None,
        config={
            "allow_community_extensions": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "memory_limit": MEMORY,
            "python_enable_replacements": False,
            "temp_directory": str(folder / "spilled"),
        },
    )
    allowed = ", ".join(literal(str(path.resolve())) for path in files)
    for setting in (
        "SET TimeZone = 'UTC'",
        f"SET allowed_paths = [{allowed}]",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ):
        connection.execute(setting)
    return connection


def literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def _select(connection: DuckDBPyConnection, query: str) -> None:
    from duckdb import StatementType

    statements = connection.extract_statements(query)
    if len(statements) != 1 or statements[0].type != StatementType.SELECT:
        raise not_one_select()
    connection.execute(f"CREATE TEMP VIEW source AS {statements[0].query}")


def not_one_select() -> UsageError:
    """The error for a query that is something else."""
    return UsageError("The query is not one SELECT.", remedy="Write one SELECT that gives rows.")


def files_of(path: Path) -> list[Path]:
    """The files of a path, of one format, in the order of their names."""
    if not path.is_dir():
        return [_regular(path)]
    files = sorted(
        Path(root, name)
        for root, _, names in os.walk(path)
        for name in names
        if not name.startswith((".", "_"))
    )
    if not files or len(files) > _MOST_FILES:
        raise UsageError(
            f"{path} holds {len(files):,} files; 1 to {_MOST_FILES:,} can be profiled.",
            remedy=f"Name a folder of files of {_READABLE}.",
        )
    formats = {format_of(_regular(file)) for file in files}
    if len(formats) > 1:
        raise UsageError(
            f"{path} holds files of several formats: {', '.join(sorted(formats))}.",
            remedy="Name a folder of files of one format.",
        )
    return files


def _regular(path: Path) -> Path:
    if not path.exists():
        raise UsageError(f"{path} does not exist.", remedy="Name a file or a folder that does.")
    if not path.is_file():
        raise UsageError(f"{path} is no file.", remedy=f"Name a file of {_READABLE}.")
    if path.stat().st_size == 0:
        raise UsageError(f"{path} is empty.", remedy="Name a file that holds rows.")
    return path


def format_of(path: Path) -> str:
    """Of which format a file is by its name: ``csv``, ``parquet`` or ``json`` (lines).

    Raises:
        UsageError: of none that can be read.
    """
    name = path.name.lower().removesuffix(PACKED)
    found = _FORMATS.get(Path(name).suffix)
    if found is None:
        raise UsageError(
            f"{path} is of no format that can be read.",
            remedy=f"Name a file of {_READABLE}, a folder of them, or a DuckDB file with a query.",
        )
    return found


def make_view(connection: DuckDBPyConnection, files: Sequence[Path], folder: Path) -> Form | None:
    """Make files the view ``source``, by links in a folder; how they write values, if as text."""
    kind = format_of(files[0])
    links = []
    for number, file in enumerate(files):
        packed = PACKED if file.suffix.lower() == PACKED else ""
        link = folder / f"{number:06}.{kind}{packed}"
        link.symlink_to(file.resolve())
        links.append(literal(glob.escape(str(link))))
    names = f"[{', '.join(links)}]"
    if kind == "parquet":
        _require_few(connection, links[0], files[0])
        read = f"read_parquet({names}, union_by_name = true, hive_partitioning = false)"
    elif kind == "json":
        read = (
            f"read_json({names}, format = 'newline_delimited', records = true, maximum_depth = 1, "
            "sample_size = -1, union_by_name = true, hive_partitioning = false)"
        )
    else:
        separators = {separator_of(file) for file in files}
        if len(separators) > 1:
            raise UsageError(
                f"The files of {files[0].parent} separate fields by "
                f"{' and '.join(map(repr, sorted(separators)))}.",
                remedy="Write them alike, or name a folder of those that are.",
            )
        read = (
            f"read_csv({names}, all_varchar = true, header = true, skip = 0, quote = '\"', "
            f"escape = '\"', comment = '', delim = {literal(*separators)}, "
            "union_by_name = true, "
            "hive_partitioning = false)"
        )
    connection.execute(f"CREATE TEMP VIEW source AS FROM {read}")
    return {"csv": Form.WRITTEN, "json": Form.JSON}.get(kind)


def _require_few(connection: DuckDBPyConnection, link: str, path: Path) -> None:
    """Refuse a Parquet file of too many columns before a view of them is made, which takes minutes.

    Raises:
        UsageError: there are too many.
    """
    query = f"SELECT num_children FROM parquet_schema({link}) LIMIT 1"  # nosec B608 # noqa: S608 - a literal
    row = connection.execute(query).fetchone()
    check_count(0 if row is None else row[0], str(path))


def registrable(frame: Any) -> Any:  # noqa: ANN401 - any frame
    """A frame as DuckDB takes it."""
    if type(frame).__module__.partition(".")[0] == "pandas":
        if not all(isinstance(name, str) for name in frame.columns):
            raise UsageError(
                "The columns of the frame are not all named by text.",
                remedy="Rename them: frame.columns = [str(name) for name in frame.columns].",
            )
        if not len(frame.columns):
            raise UsageError("The frame has no columns.", remedy="Give one that has.")
        if not frame.columns.is_unique:
            raise UsageError("The frame has two columns of one name.", remedy="Rename one of them.")
        return frame
    if hasattr(frame, "__arrow_c_stream__"):
        return _Stream(frame)
    raise UsageError(
        f"A {type(frame).__name__} is no data frame that can be read.",
        remedy="Give one of pandas, polars or Arrow (a lazy one collected), or a path.",
    )


class _Stream:
    """A frame as Arrow's stream, and nothing else: read without pyarrow."""

    def __init__(self, frame: Any) -> None:  # noqa: ANN401 - any frame
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:  # noqa: ANN401
        return self._frame.__arrow_c_stream__(requested_schema)


def columns_of(connection: DuckDBPyConnection, label: str, form: Form | None) -> dict[str, Form]:
    """The columns of ``source``, each with how its values are written."""
    described = connection.execute("DESCRIBE source").fetchall()
    check_names([name for name, *_ in described], label)
    return {name: form or _form(kind) for name, kind, *_ in described}


def _form(kind: str) -> Form:
    """The form of a column of a DuckDB type."""
    beginning = kind.partition("(")[0]
    if kind.endswith("]"):
        return Form.OTHER
    if beginning in ("VARCHAR", "ENUM", "UUID"):
        return Form.TEXT
    if beginning.startswith("TIMESTAMP") or beginning == "DATE":
        return Form.ZONED if beginning.endswith("TIME ZONE") else Form.TIME
    if beginning in ("BOOLEAN", "JSON"):
        return Form[beginning]
    integer = beginning.removeprefix("U").removesuffix("INT") in ("TINY", "SMALL", "BIG", "HUGE")
    if integer or beginning in ("INTEGER", "UINTEGER", "FLOAT", "DOUBLE", "DECIMAL"):
        return Form.NUMBER
    return Form.OTHER


def unreadable(label: str, message: str, folder: str) -> UsageError:
    """The error for what DuckDB says, in which files have their own names."""
    links = re.compile(re.escape(folder) + r"/[0-9]{6}[a-z.]+")
    named = links.search(message)
    label = str(Path(named[0]).readlink()) if named else label
    message = links.sub(label.replace("\\", r"\\"), message)
    if "not utf-8" in message.lower() or "invalid unicode" in message.lower():
        line = message.partition("on Line: ")[2].partition("\n")[0]
        where = f" (line {line})" if line.isdigit() else ""
        return UsageError(
            f"{label} holds text that is not UTF-8{where}.",
            remedy="Write it anew in UTF-8; iconv converts it from what it is written in.",
        )
    first = next((line for line in message.splitlines() if line.strip()), "")
    return UsageError(
        f"{label} cannot be read: {first[:300]}",
        remedy="Put the data right, or name other data.",
    )
