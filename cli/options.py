"""The options that several commands share, and what they stand for."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.requests import WaiverRequest


class State:
    """What the options before and behind a command said, and the registry that it opened."""

    registry: str | None = None
    opened: str | None = None
    as_json: bool = False
    verbose: bool = False
    form: str = "text"
    words: tuple[str, ...] = ()


def _as_json(value: bool) -> bool:
    State.as_json = State.as_json or value
    return value


Json = Annotated[
    bool,
    typer.Option("--json", help="Print JSON and nothing else on stdout.", callback=_as_json),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="FILE", help="Write it there; default: stdout.", show_default=False
    ),
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
LastKnown = Annotated[
    str | None,
    typer.Option(
        "--last-known",
        metavar="AGE",
        help="Where the registry cannot be reached, take what it last said, at most this old: "
        "30m, 12h, 7d.",
    ),
]
Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="The model's name.", show_default=False)
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Send what was captured before and could not be recorded."),
]
AnotherRegistry = Annotated[
    bool,
    typer.Option(
        "--another-registry",
        help="With --resume: send also what was captured for another registry than this one.",
    ),
]
AsLatest = Annotated[
    bool,
    typer.Option(
        "--as-latest",
        help="With --resume: register also a training that is older than the newest version.",
    ),
]
Reason = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Why; kept in the history.")
]
Expect = Annotated[
    int | None,
    typer.Option(
        "--expect-revision",
        metavar="N",
        help="Move only if the slot is still at this revision (`serving` shows it); else exit 5.",
    ),
]
Revision = Annotated[
    str | None,
    typer.Option("--rev", metavar="REVISION", help="Read a git revision, without checking it out."),
]


Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show the rules that hold, too, each on a line.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Decide and show the plan; change nothing.")
]
Waive = Annotated[
    list[str] | None,
    typer.Option(
        "--waive",
        metavar="CODE",
        help="A rule of the guard that need not hold, e.g. approvals; needs --reason. Recorded. "
        "Repeatable.",
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="TIME",
        help="When the waiver ends, e.g. 2026-11-28T08:00:00Z; default: when the version "
        "serves there no more.",
    ),
]


PipelineVersion = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME[@DIGEST]",
        help="The pipeline as it is here, or a recorded version of it; the name may be left out "
        "where there is only one.",
    ),
]


Command = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="-- COMMAND…",
        help="The training or the evaluation: it is run here, and watched.",
        show_default=False,
    ),
]


def named_before(value: str | None, option: str, instead: str) -> str | None:
    """What an option says that goes with the next version, with a note of how it is said now."""
    if value is not None:
        typer.echo(f"note: {option} goes with the next version: write {instead}.", err=True)
    return value


def pipeline_version(
    version: str | None, digest: str | None, option: str, instead: str = "NAME@DIGEST"
) -> tuple[str | None, str | None]:
    """The pipeline's name and the digest of its version, as far as they are said.

    Args:
        version: ``NAME``, ``NAME@DIGEST`` or a digest.
        digest: what ``option`` says, by which the digest was said before.
        option: see there.
        instead: how it is said now.

    Raises:
        UsageError: the digest is said twice.
    """
    from lineage.errors import UsageError
    from lineage.identity.references import pipeline_named

    name, named = pipeline_named(version) if version is not None else (None, None)
    if digest is not None and named is not None:
        raise UsageError(f"{option} and NAME@DIGEST say the same.", remedy=f"Leave {option} out.")
    said = named_before(digest, option, instead)
    return name, named if said is None else said


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

    with opened() as project, connect(_registry_url(project)) as registry:
        yield project.asking(names_in(registry)), registry
    for now, before in project.described_as.items():
        says = f"note: {project.file.name} describes [models.{before}], which is {now} now."
        typer.echo(says, err=True)


def _registry_url(project: Project) -> str:
    """Where the registry is, with a note where that leaves ``LINEAGE_TOKEN`` unused by a slip."""
    from lineage.registry_url import is_remote

    url = State.opened = project.registry_url(State.registry)
    named = State.registry or os.environ.get("LINEAGE_REGISTRY")
    if os.environ.get("LINEAGE_TOKEN", "").strip() and not named and not is_remote(url):
        typer.echo(
            "note: LINEAGE_TOKEN is not used: the registry here is a database, and "
            "LINEAGE_REGISTRY names no server.",
            err=True,
        )
    return url


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


def require_resumed(resume: bool, *others: object) -> None:
    """Refuse what is only said of what was captured before, where that is not to be sent.

    Raises:
        UsageError: it is said.
    """
    from lineage.errors import UsageError

    if any(others) and not resume:
        raise UsageError(
            "How captures are sent that waited is said with --resume.",
            remedy="Add --resume, or leave it out.",
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
