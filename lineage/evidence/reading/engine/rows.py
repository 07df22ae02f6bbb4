"""The rows of an Ibis table, counted where they are."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import ibis

from lineage.errors import UsageError
from lineage.evidence.reading.engine.counting import count
from lineage.evidence.reading.engine.sample import EngineSample
from lineage.evidence.reading.engine.table import EXPORT, EngineTable

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping, Sequence

    from lineage.evidence.counts import Counts
    from lineage.evidence.profile import Roles
    from lineage.evidence.reading.rules import Parts
    from lineage.evidence.reading.scales import Sample


@contextmanager
def opened_table(table: Any, query: str | None) -> Iterator[EngineRows]:  # noqa: ANN401 - Ibis's own
    """Open an Ibis table for counting.

    Raises:
        UsageError: it is none, its engine cannot read it or tell what is to be counted.
    """
    if query is not None:
        raise UsageError(
            "A query is asked of a DuckDB file, not of an Ibis table.",
            remedy="Select the rows by the table's own methods.",
        )
    if not isinstance(table, ibis.Table):
        raise UsageError(
            f"An Ibis {type(table).__name__} is no table.",
            remedy="Give a table: column.as_table().",
        )
    try:
        backend = ibis.get_backend(table)
        yield EngineRows(table, backend)
    except UsageError:
        raise
    except Exception as error:
        raise refused(error, f"Put the table right, or name another. {EXPORT}") from None


def refused(error: BaseException, remedy: str) -> UsageError:
    """The error for what an engine says: the first of its own errors, each has types of its own."""
    said, before = error, error.__context__
    while before is not None:  # closing what failed fails too
        said = said if type(before).__module__ == "builtins" else before
        before = before.__context__
    first = next((line for line in str(said).splitlines() if line.strip()), type(said).__name__)
    return UsageError(f"The engine cannot count the rows: {first[:300]}", remedy=remedy)


class EngineRows(EngineTable):
    """The rows of an Ibis table, in its engine."""

    def sample(self) -> Sample:
        """All of them: an engine has no order of rows by which to take a part."""
        return EngineSample(self)

    def span(self, time: str) -> tuple[dt.datetime, dt.datetime] | None:
        """The first and the last moment in a column; None where it has none."""
        moment = self.time(time)
        if moment is None:
            return None
        (found,) = self.run(self.table.aggregate(first=moment.min(), last=moment.max()))
        return None if found["first"] is None else (found["first"], found["last"])

    def count(
        self,
        scale: Counts,
        roles: Roles,
        labels: Mapping[str, Sequence[str]],
        window_seconds: int | None,
        *,
        is_reference: bool,
    ) -> Parts:
        """Count them, in the engine."""
        return count(self, scale, roles, labels, window_seconds, is_reference=is_reference)
