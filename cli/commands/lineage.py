"""`trace`, `impact` and `leak`: what made a version, what something reaches, what leaked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .. import output
from ..options import Json, Ref, opened_registry

if TYPE_CHECKING:
    from lineage.contract.results.graph import Impact

_FORMATS = ("text", "dot", "mermaid")


def trace(
    reference: Ref,
    fmt: Annotated[
        str,
        typer.Option("--format", metavar="FORMAT", help="text, dot (Graphviz) or mermaid."),
    ] = "text",
    limit: Annotated[
        int,
        typer.Option("--limit", metavar="N", min=1, max=10_000, help="Nodes at the most."),
    ] = 1_000,
    as_json: Json = False,
) -> None:
    """Show all that made a version, back to where its data came from.

    The runs of DVC's stages that led to the weights, with the files, code and parameters that each
    used; imports from other repositories; parents; below the pipeline, files that are only
    imported. "checked": the bytes were here and had this
    digest when it was registered; "stated": only DVC's lock says so.

    Example: `lineage trace churn@7`
    """
    from lineage.contract.requests import MOST_NODES
    from lineage.errors import UsageError

    if fmt not in _FORMATS:
        raise UsageError(
            f"{fmt[:40]!r} is no format of a trace.", remedy="Choose text, dot or mermaid."
        )
    with opened_registry() as registry:
        found = registry.trace(reference, limit=limit)
    if as_json:
        output.emit(found.to_json())
        return
    from ..reports import graph

    if fmt != "text":
        output.raw(graph.dot(found) if fmt == "dot" else graph.mermaid(found))
        return
    for line in graph.tree(found):
        output.say(line, hang=len(line) - len(line.lstrip("│├└─ ")))
    for gap in found.gaps:
        output.note(f"note: {gap}")
    if found.more:
        output.note(
            "note: There is more than was asked for: raise --limit."
            if limit < MOST_NODES
            else f"note: More than {limit:,} nodes made it, and a trace shows no more."
        )


def impact(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="A path, a digest or the beginning of one, a commit, NAME@DIGEST of a pipeline, "
            "package==version, or a version.",
        ),
    ],
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=500, help="Versions at the most.")
    ] = 100,
    after: Annotated[
        str | None,
        typer.Option("--after", metavar="CURSOR", help="Go on where the page before ended."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show which versions something reaches, and where they serve.

    Those made of it, those made of what was made of it, and those whose parent (--parent) is one of
    these; the newest first.

    Example: `lineage impact data/raw.csv`
    """
    with opened_registry() as registry:
        found = registry.impact(subject, limit=limit, after=after)
    if as_json:
        output.emit(found.to_json())
        return
    _show_impact(found)


def _show_impact(found: Impact) -> None:
    if not found.versions:
        output.say("No version.")
        return
    output.table(
        ("version", "kind", "by", "registered", "holds it now"),
        [
            (
                version.ref,
                version.kind,
                version.how,
                output.moment(version.registered_at),
                ", ".join(
                    f"{side.side} in {side.environment}"
                    + (f" since {output.moment(side.since)}" if side.since else "")
                    for side in version.held
                )
                or "-",
            )
            for version in found.versions
        ],
    )
    if found.next is not None:
        output.note(f"note: There are more: --after {found.next}")
    if found.more:
        output.note("note: Not everything was walked to: there may be versions besides.")


def leak(reference: Ref, as_json: Json = False) -> None:
    """Show what a version was both trained on and validated on.

    Contents are compared by their digests, a directory as a whole. What could not be compared, or
    is not known, is said. Single rows are looked for in the data itself, by `lineage leakage`. Exit
    code 0 also where something is found: `--json` says it to programs.

    Example: `lineage leak churn@7`
    """
    with opened_registry() as registry:
        found = registry.leak(reference)
    if as_json:
        output.emit(found.to_json())
        return
    for sentence in found.unknown:
        output.note(f"note: {sentence}")
    if not found:
        output.say(found.sentence)
    else:
        output.table(
            ("content", "trained on as", "validated on as"),
            [
                (one.digest, ", ".join(one.training), ", ".join(one.validation))
                for one in found.leaked
            ],
        )
