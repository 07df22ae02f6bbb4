"""What data looks like: profiles of files and data frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.contract.requests import listed

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from lineage.evidence.profile import Profile


def profile(
    data: Any,  # noqa: ANN401 - any frame
    *,
    reference: Profile | str | os.PathLike[str] | None = None,
    query: str | None = None,
    table: str | None = None,
    target: str | None = None,
    score: str | None = None,
    time: str | None = None,
    groups: str | Sequence[str] = (),
    private: int | None = None,
) -> Profile:
    """Count what data looks like: for each column its kind, what is missing, how it is distributed.

    Args:
        data: a data frame (pandas, polars, Arrow), or a path: CSV, Parquet, JSON lines, a folder
            of them, or a DuckDB file with a ``query``. An Ibis table, and a table or a ``query``
            of the PostgreSQL at a URL, are counted where they are.
        reference: the profile, or its file, on whose bins and categories it is counted.
        query: one SELECT, where ``data`` is a DuckDB file, or the URL of a PostgreSQL.
        table: a table's name, where ``data`` is the URL of a PostgreSQL.
        target: the column with what is predicted.
        score: the column with what the model answered.
        time: the column by whose hours, days or weeks it is counted too.
        groups: the column by whose values it is counted too; one, or several.
        private: merge what fewer rows than this share.

    Raises:
        UsageError: the data cannot be read, or what is asked does not go together.
    """
    from lineage.evidence.profile import Profile
    from lineage.evidence.reading.profiling import profile_of, read_profile, roles_of

    if reference is not None and not isinstance(reference, Profile):
        reference = read_profile(reference)
    found, _ = profile_of(
        data,
        reference=reference,
        roles=roles_of(score, target, time, listed(groups)),
        query=query,
        table=table,
        private=private,
    )
    return found
