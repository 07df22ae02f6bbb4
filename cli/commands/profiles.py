"""`profile`: what data looks like, in counts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import output
from ..documents import put
from ..options import Json, opened_registry

if TYPE_CHECKING:
    from lineage.evidence.profile import Profile


def profile(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A file (CSV, Parquet, JSON lines), a folder of them, or a DuckDB file with "
            "--query; or postgresql://HOST/DATABASE with --table or --query, counted there.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write the profile there."),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            metavar="PROFILE",
            help="Count on the bins and categories of this profile, or of what a version was "
            "validated on: churn@7.",
        ),
    ] = None,
    query: Annotated[
        str | None,
        typer.Option("--query", metavar="SELECT", help="The rows, where DATA is a database."),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option("--table", metavar="NAME", help="The rows, where DATA is a PostgreSQL."),
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", metavar="COLUMN", help="What is predicted.")
    ] = None,
    score: Annotated[
        str | None, typer.Option("--score", metavar="COLUMN", help="What the model answered.")
    ] = None,
    time: Annotated[
        str | None,
        typer.Option("--time", metavar="COLUMN", help="Count by hour, day or week of it too."),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option("--group", metavar="COLUMN", help="Count by its values too. Repeatable."),
    ] = None,
    private: Annotated[
        int | None,
        typer.Option("--private", metavar="K", help="Merge what fewer than K rows share."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Count what data looks like: what is missing, and how its values are distributed.

    Numbers are counted in 32 bins of the data's own quantiles, the 64 most frequent categories by
    name, texts by length, times by the hour of the week. With --reference they are counted on the
    bins of another profile, so that both compare and add. No value leaves the data but edges of
    bins and frequent categories.

    Example: `lineage profile data/validation.csv --target churned --score score -o profile.json`
    """
    from lineage.evidence.reading.profiling import profile_of, roles_of
    from lineage.workflows.data_profile import untimed

    found, unknown = profile_of(
        data,
        reference=None if reference is None else named_profile(reference),
        roles=roles_of(score, target, time, group or ()),
        query=query,
        table=table,
        private=private,
    )
    for name in unknown:
        output.note(f"note: the reference has no column {name!r}; it is not counted.")
    if (said := untimed(found)) is not None:
        output.note(f"note: {said}.")
    if out is not None or as_json:
        put(f"{found.canonical.decode()}\n", found.to_dict(), out, as_json)
        return
    show(found)


def named_profile(named: str) -> Profile:
    """A profile that is named: a file, or else a version of the registry."""
    from lineage.evidence.reading.profiling import read_profile

    if "@" not in named or Path(named).exists():
        return read_profile(named)
    with opened_registry() as registry:
        return registry.profile(named)


def show(profile: Profile) -> None:
    """Print a profile as a table."""
    from lineage.evidence import summary

    output.say(f"rows     {profile.rows:,}")
    output.say(f"digest   {profile.digest}")
    output.table(summary.HEADINGS, list(summary.rows(profile)))
    if profile.windows:
        first, last = min(profile.windows), max(profile.windows)
        output.say(f"windows  {len(profile.windows)}, {first} to {last}")
    if profile.groups:
        output.say(f"groups   {', '.join(profile.groups)}")
