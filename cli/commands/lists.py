"""`models` and `versions`: list what is registered."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from .. import output
from ..cells import cell
from ..options import Json, Model, opened_registry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.contract.results import Registered

Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="N",
        min=1,
        max=100_000,
        help="How many at the most; default: all.",
        show_default=False,
    ),
]
_WIDTH: Final = 60
"""Characters of a description that a table shows."""
_MOST_METRICS: Final = 4
"""Metrics that a table of versions shows where no columns are named."""


def models(
    limit: Limit = None,
    after: Annotated[
        str | None,
        typer.Option(
            "--after", metavar="MODEL", help="Begin after this model, the last one shown."
        ),
    ] = None,
    archived: Annotated[bool, typer.Option("--archived", help="Show archived ones too.")] = False,
    as_json: Json = False,
) -> None:
    """List the models by name, each with its newest version and what serves of it.

    Example: `lineage models`
    """
    wanted = limit + 1 if limit is not None else None
    with opened_registry() as registry:
        found = registry.models(after=after or "", limit=wanted, archived=archived)
    rows = found[:limit]
    following = rows[-1]["name"] if len(found) > len(rows) else None
    if as_json:
        _emit(rows, following, paged=limit is not None or after is not None)
        return
    if not rows:
        output.say("No models.")
        return
    output.table(
        ("model", "newest", "serves", "created", "description"),
        [
            (
                row["name"],
                row["latest"] or "-",
                ", ".join(f"{ref} in {env}" for env, ref in row["serving"].items()) or "-",
                output.moment(row["created_at"]),
                _beginning(row["description"]) + (" (archived)" if row["archived_at"] else ""),
            )
            for row in rows
        ],
    )
    _tell_more(following)


def versions(
    model: Model,
    where: Annotated[
        str | None,
        typer.Option(
            "--where",
            metavar="SEARCH",
            help="Only those for which this holds: \"auc > 0.8 and kind = 'production'\".",
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            "--sort", metavar="FIELD", help="Sort by a field; -FIELD for the greatest first."
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns",
            metavar="FIELDS",
            help="Fields to show, with commas between them. Repeatable.",
        ),
    ] = None,
    limit: Limit = None,
    after: Annotated[
        str | None,
        typer.Option(
            "--after", metavar="CURSOR", help="Begin after the page before, at its cursor."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List a model's versions, the newest first.

    Fields are number, kind, code, data, pipeline, weights, dirty, branch, registered_at,
    registered_by, passed, basis, validated_at, validated_by, description, tag.NAME, and the metrics
    of the newest validation.

    With --limit or --after, --json prints a page: its items, and where the next one begins.

    Example: `lineage versions churn --where "auc > 0.8" --sort -auc`
    """
    from lineage.guard.expression_parser import split_fields

    names = [name for text in columns or () for name in split_fields(text)]
    asked = names if as_json or names else ["passed", "metrics"]
    with opened_registry() as registry:
        rows = registry.versions(
            model, where=where, sort=sort, limit=limit, after=after, columns=asked
        )
    if as_json:
        paged = limit is not None or after is not None
        _emit([row.to_json() for row in rows], rows.next, paged=paged)
        return
    if names:
        _versions_with(rows, names)
    else:
        _versions(rows)
    _tell_more(rows.next)


def _versions(rows: Sequence[Registered]) -> None:
    """A table of versions: what each is, and the metrics that most of them have."""
    from lineage.guard.flat_metrics import tells_no_worth

    found = Counter(
        name for row in rows for name in (row.columns or {})["metrics"] if not tells_no_worth(name)
    )
    metrics = [name for name, _ in found.most_common(_MOST_METRICS)]
    output.table(
        (
            "version",
            "kind",
            "passed",
            *metrics,
            "code",
            "data",
            "pipeline",
            "weights",
            "registered",
        ),
        [
            (
                row.ref,
                row.kind,
                cell((row.columns or {})["passed"]),
                *(cell((row.columns or {})["metrics"].get(name)) for name in metrics),
                (row.code or "-")[:16],
                output.short(row.data),
                output.short(row.pipeline),
                output.short(row.weights),
                output.moment(row.registered_at),
            )
            for row in rows
        ],
    )


def _versions_with(rows: Sequence[Registered], names: Sequence[str]) -> None:
    """A table of versions with the columns that were asked for."""
    cells = [(row.ref, *(cell((row.columns or {})[name]) for name in names)) for row in rows]
    output.table(("version", *names), cells)


def _beginning(text: str | None) -> str:
    """The first line of a text, as far as a table has room for it."""
    line = next(iter((text or "").splitlines()), "-")
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"


def _emit(rows: Sequence[Mapping[str, Any]], following: str | None, *, paged: bool) -> None:
    """Print a list; where a page is asked for, a page."""
    output.emit({"items": rows, "next": following} if paged else rows)


def _tell_more(following: str | None) -> None:
    if following is not None:
        output.note(f"note: there are more: --after {following}")
