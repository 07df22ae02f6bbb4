"""`export`: a version in the formats of other programs."""

from __future__ import annotations

from typing import Annotated

import typer

from ..documents import put
from ..options import Json, Out, Ref, opened_registry


def export(
    ref: Ref,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="openlineage (events, one a line), cyclonedx (1.6 with a model card), prov "
            "(PROV-JSON) or card (Markdown).",
        ),
    ],
    env: Annotated[
        list[str] | None,
        typer.Option(
            "--env",
            metavar="ENVIRONMENT",
            help="Tell also what the guard says of it there now. Repeatable.",
            show_default=False,
        ),
    ] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Export a version for other programs: what made it, and what was measured.

    Example: `lineage export churn@7 --format cyclonedx -o churn-7.cdx.json`
    """
    from lineage.export.formats import export as exported

    with opened_registry() as registry:
        done = exported(registry, ref, form, env or ())
    put(done.text, done.to_json(), out, as_json)
