"""Rows that are counted, wherever they are: in the DuckDB inside, or in an engine of their own."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from lineage.errors import UsageError
from lineage.evidence.reading import expressions
from lineage.evidence.reading.counting import count
from lineage.evidence.reading.rules import days_that_were
from lineage.evidence.reading.scales import Embedded, Sample
from lineage.evidence.reading.source import opened

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping, Sequence

    from lineage.evidence.counts import Counts
    from lineage.evidence.profile import Roles
    from lineage.evidence.reading.rules import Parts
    from lineage.evidence.reading.source import Form, Source

_DATABASES: Final = ("postgresql://", "postgres://")


class Rows(Protocol):
    """Rows, and what is asked of them."""

    columns: dict[str, Form]
    label: str
    """What they are to a person."""

    def sample(self) -> Sample:
        """What a scale is taken of.

        Raises:
            UsageError: there are no rows.
        """

    def span(self, time: str) -> tuple[dt.datetime, dt.datetime] | None:
        """The first and the last moment in a column (:func:`days_that_were`), or None."""

    def count(
        self,
        scale: Counts,
        roles: Roles,
        labels: Mapping[str, Sequence[str]],
        window_seconds: int | None,
        *,
        is_reference: bool,
    ) -> Parts:
        """Count the rows, as :func:`~lineage.evidence.reading.counting.count` does."""


class EmbeddedRows:
    """Rows that DuckDB reads, inside."""

    def __init__(self, source: Source) -> None:
        self.columns = source.columns
        self.label = source.label
        self._source = source

    def sample(self) -> Sample:
        """A million of them at most."""
        return Embedded(self._source)

    def span(self, time: str) -> tuple[dt.datetime, dt.datetime] | None:
        """The first and the last moment in a column; None where it has none."""
        moment = expressions.time(time, self.columns[time], days_that_were())
        first, last = self._source.connection.execute(
            f"SELECT min({moment}), max({moment}) FROM source"  # nosec B608  # noqa: S608 - names are quoted
        ).fetchall()[0]
        return None if first is None else (first, last)

    def count(
        self,
        scale: Counts,
        roles: Roles,
        labels: Mapping[str, Sequence[str]],
        window_seconds: int | None,
        *,
        is_reference: bool,
    ) -> Parts:
        """Count them, in one pass."""
        return count(self._source, scale, roles, labels, window_seconds, is_reference=is_reference)


@contextmanager
def rows_of(
    data: Any,  # noqa: ANN401 - any frame
    query: str | None = None,
    table: str | None = None,
) -> Iterator[Rows]:
    """The rows of a path or a data frame; or, counted where they are, of an Ibis table.

    Args:
        data: the path, the frame or the table; or the URL of a PostgreSQL.
        query: one SELECT, of a DuckDB file or a PostgreSQL.
        table: the name of a table of a PostgreSQL.

    Raises:
        UsageError: they cannot be read; what is wrong, and what can be.
    """
    is_database = isinstance(data, str) and data.startswith(_DATABASES)
    if table is not None and not is_database:
        raise UsageError(
            "A table is named of a PostgreSQL.",
            remedy="Name its URL, postgresql://HOST/DATABASE, or leave out the table.",
        )
    if is_database:
        _import_ibis()
        from lineage.evidence.reading.engine.postgresql import opened_postgresql

        with opened_postgresql(data, query, table) as rows:
            yield rows
    elif type(data).__module__.partition(".")[0] == "ibis":
        from lineage.evidence.reading.engine.rows import opened_table

        with opened_table(data, query) as rows:
            yield rows
    else:
        with opened(data, query) as source:
            yield EmbeddedRows(source)


def _import_ibis() -> None:
    try:
        import ibis  # noqa: F401
        import psycopg  # noqa: F401
    except ImportError:
        raise UsageError(
            "Counting in a database needs Ibis, which is not installed.",
            remedy="Install it: pip install 'lineage-guard[evidence-ibis]'",
        ) from None
