"""What a check of the history or of the database found, as `audit verify` and `db check` say it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import typer

from .. import output
from ..options import State

SHORT: Final = 20_000
"""Events that are gone through before anybody wonders."""

COMPARE: Final = "Compare it with a backup; all that was found: add --json"
"""What to do about a database that is not whole."""


@contextmanager
def counted(what: str, total: int) -> Iterator[Callable[[int], None] | None]:
    """A bar on stderr while so many are gone through: on a terminal, and for many only."""
    if State.as_json or total < SHORT or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (what, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.update(task, advance=count)


def report(
    what: str,
    good: str,
    facts: dict[str, Any],
    problems: Sequence[str],
    as_json: bool,
    remedy: str = COMPARE,
) -> None:
    """Print what a check found; exit 6 where it found problems."""
    from lineage.errors import IntegrityFailure

    if as_json:
        output.emit({"valid": not problems, **facts, "problems": list(problems)})
        if problems:
            raise typer.Exit(IntegrityFailure.exit_code)
    elif problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise IntegrityFailure(
            f"{what} is not whole: {problems[0]}{more}.",
            remedy=remedy,
        )
    else:
        output.say(good)
