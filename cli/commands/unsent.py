"""`unsent list / drop`: what was captured behind a command and waits to be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .. import output
from ..options import Json

if TYPE_CHECKING:
    from lineage.capture.project import Project

unsent = typer.Typer(
    help="Registrations and validations that could not be sent yet.", no_args_is_help=True
)

_VERDICTS = {None: "", True: " (passed)", False: " (failed)"}


def note_waiting(project: Project) -> None:
    """Say that something was captured before and waits to be sent."""
    from lineage.workflows import unsent as waiting

    if waiting.count(project):
        output.note("note: what was captured before waits to be sent: lineage unsent list")


@unsent.command("list")
def listed(as_json: Json = False) -> None:
    """List what waits here, the oldest first; `--resume` of its verb sends it.

    Example: `lineage unsent list`
    """
    from lineage.capture.project import opened
    from lineage.workflows import unsent as waiting

    with opened() as project:
        rows = [one.to_json() for one in waiting.listed(project)]
    if as_json:
        output.emit(rows)
        return
    if not rows:
        output.say("Nothing waits to be sent.")
        return
    output.table(
        ("id", "to", "of", "captured", "command"),
        [
            (
                row["id"],
                row["verb"],
                row["about"] + _VERDICTS[row["passed"]],
                output.moment(row["captured_at"]),
                " ".join(row["command"] or ()),
            )
            if row["problem"] is None
            else (row["id"], "-", "-", "-", f"is not sent: it {row['problem']}")
            for row in rows
        ],
    )


@unsent.command()
def drop(
    identity: Annotated[
        str,
        typer.Argument(metavar="ID", help="The id that `unsent list` shows.", show_default=False),
    ],
    as_json: Json = False,
) -> None:
    """Drop one without sending it: nothing of it is recorded, ever.

    Example: `lineage unsent drop 20261127101500-3f1c9a`
    """
    from lineage.capture.project import opened
    from lineage.workflows import unsent as waiting

    with opened() as project:
        dropped = waiting.drop(project, identity)
    if isinstance(dropped, waiting.Unsent) and dropped.passed is False:
        output.note(f"note: that {dropped.about} failed is recorded nowhere now.")
    if as_json:
        output.emit({"dropped": identity})
    else:
        output.say(f"{identity} is dropped")
