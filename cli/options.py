"""The options that several commands share, and what they stand for."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.requests import WaiverRequest


class State:
    """What the options before and behind a command said."""

    registry: str | None = None
    as_json: bool = False
    form: str = "text"
    words: tuple[str, ...] = ()


def _as_json(value: bool) -> bool:
    State.as_json = State.as_json or value
    return value


Json = Annotated[
    bool,
    typer.Option("--json", help="Print JSON and nothing else on stdout.", callback=_as_json),
]
Env = Annotated[
    str, typer.Option("--env", metavar="ENVIRONMENT", help="The environment.", show_default=False)
]
Ref = Annotated[
    str,
    typer.Argument(
        metavar="REF",
        help="A version: churn@7, churn@latest, churn@production, churn@production/backup.",
        show_default=False,
    ),
]
Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="The model's name.", show_default=False)
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Send what was captured before and could not be recorded."),
]
Reason = Annotated[str | None, typer.Option("--reason", help="Why; kept in the history.")]
Expect = Annotated[
    int | None,
    typer.Option(
        "--expect-revision",
        metavar="N",
        help="Move only if the slot is still at this revision; else exit 5.",
    ),
]
Revision = Annotated[
    str | None,
    typer.Option("--rev", metavar="REVISION", help="A git revision, without a checkout."),
]


DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Decide and show the plan; change nothing.")
]
Waive = Annotated[
    list[str] | None,
    typer.Option(
        "--waive", metavar="CODE", help="Waive a rule; needs --reason. Recorded. Repeatable."
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="TIME",
        help="When the waiver ends, e.g. 2026-11-28T08:00:00Z; default: when the version leaves.",
    ),
]


Command = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[-- COMMAND…]", help="A command to run between two captures.", show_default=False
    ),
]


@contextmanager
def opened_registry() -> Iterator[AnyRegistry]:
    """The registry that the flag, the environment or the project's configuration names."""
    with project_and_registry() as (_, registry):
        yield registry


@contextmanager
def project_and_registry() -> Iterator[tuple[Project, AnyRegistry]]:
    """The project here, and its registry."""
    from lineage.capture.project import opened
    from lineage.connection import connect, names_in

    with opened() as project, connect(project.registry_url(State.registry)) as registry:
        yield project.asking(names_in(registry)), registry
    for now, before in project.described_as.items():
        says = f"note: {project.file.name} describes [models.{before}], which is {now} now."
        typer.echo(says, err=True)


def behind_dashes(command: list[str] | None) -> list[str]:
    """A command to run, which must stand behind ``--``: a stray word is never run.

    Raises:
        UsageError: it does not.
    """
    from lineage.errors import UsageError

    if command and "--" not in State.words:
        raise UsageError(
            f"{command[0][:60]!r} is one argument too many.",
            remedy="A command to run stands behind --: lineage validate churn@7 -- python eval.py",
        )
    return command or []


def require_alone(*others: object) -> None:
    """Refuse to say more of what was captured before, where that is to be sent.

    Raises:
        UsageError: more is said.
    """
    from lineage.errors import UsageError

    if any(others):
        raise UsageError(
            "With --resume, what was captured before is sent as it is.",
            remedy="Leave everything else out, but for what it is of.",
        )


def required(named: str | None, what: str, example: str) -> str:
    """What a command is about: only what is sent again needs not be named.

    Raises:
        UsageError: it is not.
    """
    from lineage.errors import UsageError

    if named is None:
        raise UsageError(f"The {what} is missing.", remedy=f"Name it, for example {example}.")
    return named


def waivers(codes: list[str] | None, reason: str | None, until: str | None) -> WaiverRequest | None:
    """What `--waive`, `--reason` and `--until` ask for."""
    from lineage.contract.requests import WaiverRequest
    from lineage.timestamps import now, parse_time

    end = parse_time(until) if until is not None else None
    return WaiverRequest.checked(codes or (), reason, end, now())
