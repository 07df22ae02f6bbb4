"""Rendering: JSON for machines, tables for people, errors for both."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from lineage.inert import inert, inert_json, inert_lines
from lineage.masking import masked
from lineage.timestamps import written

from .options import State
from .wrapping import columns_of, wrapped

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import TextIO

    from rich.console import Console

    from lineage.contract.results import MoveResult, Readiness, ServedVersion, Serving, SlotChange
    from lineage.contract.results.records import SignedStatement
    from lineage.guard.facts import Waiver
    from lineage.identity.watched import WatchedRun

_SIDES: Final = {
    "serving": "serving",
    "backup": "standing by",
    "staged": "staged",
}
_MOST_CHANGES: Final = 20
_NARROWEST: Final = 24
"""Characters that the last column of a table needs at the least, where it is longer."""
_MOST_LINES: Final = 40
"""Lines of one file's diff that a terminal shows; --json has more."""
_ESCAPE: Final = f"\x1b<{os.urandom(8).hex()}>"
"""How a colour of our own begins until it is printed: no text of other people holds it."""


def emit(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Print a JSON document on stdout."""
    print(inert_json(value, indent=2))  # noqa: T201


def raw(text: str, *, commands: bool = False) -> None:
    """Print a document for other programs on stdout: its lines stay, what would act does not."""
    sys.stdout.flush()
    sys.stdout.buffer.write(f"{inert_lines(text, commands=commands)}\n".encode())
    sys.stdout.buffer.flush()


def say(text: str = "", hang: int | None = None) -> None:
    """Print a line for people on stdout, on a terminal as wide as that is.

    Args:
        text: the line.
        hang: where it goes on below itself; see :func:`~lineage.cli.wrapping.wrapped`.
    """
    _print(_safe(text), sys.stdout, hang)


def note(text: str) -> None:
    """Print a line for people on stderr: never in the way of what a program reads.

    What libraries and others say of a failure ends here: a secret in it does not.
    """
    sys.stdout.flush()
    _print(_safe(masked(text)), sys.stderr)


def bold(text: str) -> str:
    """The text, bold where stdout is a terminal."""
    return paint(text, "1")


def dim(text: str) -> str:
    """The text, dim where stdout is a terminal."""
    return paint(text, "2")


def paint(text: str, colour: str) -> str:
    """The text in a colour, where stdout is a terminal that may be coloured."""
    return f"{_ESCAPE}[{colour}m{text}{_ESCAPE}[0m" if _coloured(sys.stdout.isatty()) else text


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print an aligned table; where a terminal is too narrow for one, a paragraph for each row."""
    lines = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headers, *lines, strict=True)]
    last = sum(widths[:-1]) + 2 * len(widths[:-1])
    columns = columns_of(sys.stdout)
    longest = max((len(word) for line in lines for word in line[-1].split()), default=0)
    if columns is not None and last + min(widths[-1], max(_NARROWEST, longest)) > columns:
        _paragraphs(headers, lines)
        return
    say(dim(_row([header.upper() for header in headers], widths)))
    for line in lines:
        say(_row(line, widths), last)


def short(digest: str | None) -> str:
    """A digest as a table shows it."""
    if digest is None:
        return "-"
    from lineage.identity.digest import Digest

    return Digest(digest).short


def pipeline(name: str | None, digest: str | None) -> str:
    """A pipeline version as a person reads it and may write it: ``churn@xxh3:9ca2b501c2f2``."""
    return f"{name}@{short(digest)}" if name is not None and digest is not None else short(digest)


def moment(time: str | dt.datetime) -> str:
    """A time as a table shows it."""
    text = time if isinstance(time, str) else written(time)
    return text[:19].replace("T", " ")


def line(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Print a JSON document on one line of stdout, at once."""
    print(inert_json(value), flush=True)  # noqa: T201


def labels(row: Mapping[str, Any]) -> None:
    """Print the description and the tags of a model or a version."""
    if row["description"]:
        say(f"  about     {row['description']}")
    for name, value in row["tags"].items():
        say(f"  tag       {name}={value}")


def signed(one: SignedStatement) -> tuple[str, str]:
    """What a signed statement is on; by whom and when, and what it says besides the weights."""
    about = f"validation {one.validation}" if one.validation is not None else one.about
    from lineage.identity.signers import is_identity

    held = f": {one.says}" if one.about != "weights" else ""
    if one.verified is None:
        held = ": not checked, for sigstore or a root of trust is missing where the registry is"
    elif not one.verified and is_identity(one.signed_by):
        held = ": it does not hold by the root of trust where the registry is"
    elif not one.verified:
        held = ": it does not hold any more"
    when = f"recorded by {one.recorded_by} at {moment(one.recorded_at)}"
    return about, f"signed by {one.signed_by}, {when}{held}"


def serving(slot: Serving, observed: Mapping[str, Any] | None = None) -> None:
    """Print one slot, and what is observed of it."""
    say(paint(f"{slot.model} in {slot.environment}", "1") + f"  revision {slot.revision}")
    if slot.age is not None:
        known = f"last known: the registry cannot be reached, and said this {slot.age:,.0f} s ago"
        say(paint(f"  {known}", "1;31"))
    _side("serving", slot.serving)
    _side("backup", slot.backup)
    if slot.backup is not None and slot.moves_pipeline:
        say(f"            with pipeline {short(slot.backup.pipeline)}, which a rollback moves back")
    if slot.readiness is not None:
        _readiness(slot.readiness)
    _staged(slot)
    if slot.pipeline["name"] is not None:
        say(f"  pipeline  {pipeline(slot.pipeline['name'], slot.pipeline['digest'])}")
    if slot.waiver is not None:
        _waiver(slot.waiver, slot.waiver_ended)
    for waiver in slot.further_waivers:
        _waiver(waiver, False)
    if slot.contradicted:
        what = "serves or is staged" if slot.staged is not None else "serves"
        why = f"the newest verdict on what {what} is a failure, or rests on one"
        say(paint(f"  contradicted: {why}", "1;31"))
    if observed is not None and observed["instances"]:
        _observed(observed)


def plan(done: MoveResult) -> None:
    """Print what a release, a deployment or a rollback is about to do."""
    if State.as_json:
        return
    named = done.pipeline
    staged = any(step.staged_after is not None for step in done.steps)
    if named and staged:
        say(f"plan: {pipeline(named['name'], named['digest'])} is staged in {done.environment}")
    elif named:
        say(f"plan: {pipeline(named['name'], named['digest'])} runs in {done.environment}")
    else:
        say(f"plan: no pipeline moves in {done.environment}")
    wide = max([12, *(len(step.model) for step in done.steps)])
    for step in done.steps:
        say(
            f"  {step.model.ljust(wide)}  serving {_arrow(step.serving_before, step.serving_after)}"
        )
        backup = _arrow(step.backup_before, step.backup_after)
        moves = ", with its pipeline" if step.moves_pipeline else ""
        say(f"  {''.ljust(wide)}  backup  {backup}{moves}")
        if step.staged_before != step.staged_after:
            say(f"  {''.ljust(wide)}  staged  {_arrow(step.staged_before, step.staged_after)}")
        passed_over(step)
    if not done.steps:
        say("  no model is touched")


def passed_over(step: SlotChange) -> None:
    """Print what could have stood by and does not."""
    for ref, why in step.passed_over.items():
        say(paint(f"  {ref} does not stand by: {why}", "33"))


def explanation(found: dict[str, Any], indent: str = "  ") -> None:
    """Print how changed files are reached, the commits and the diffs behind changes."""
    for way in found.get("reached", []):
        say(f"{indent}reached: {way}")
    if found.get("commits"):
        say(f"{indent}commits in between:")
    for commit in found.get("commits", []):
        when = f"{commit['at'][:10]}  {commit['author']}"
        say(f"{indent}  {commit['commit'][:12]}  {when}  {commit['subject']}")
    if found.get("more_commits"):
        say(f"{indent}  and {found['more_commits']} more")
    for diff in found.get("diffs", []):
        for line in diff["lines"][:_MOST_LINES]:
            say(f"{indent}{_diff_line(line)}")
        left_out = diff["left_out"] + max(0, len(diff["lines"]) - _MOST_LINES)
        if left_out:
            say(dim(f"{indent}({left_out} more lines of {diff['path']})"))


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None] | None]:
    """A progress bar on stderr while bytes are moved: on a terminal, and for long work only."""
    if State.as_json or total < 256 << 20 or not sys.stderr.isatty():
        yield None
        return
    from rich.markup import escape
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    columns = (escape(inert(what)), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_console(), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda count: bar.update(task, advance=count)


def diff(text: str) -> None:
    """A unified diff, whole."""
    for line_ in text.splitlines():
        say(_diff_line(line_))


def watched_notes(runs: Iterable[WatchedRun]) -> None:
    """Say on stderr what a person should hear of watched runs at once."""
    from lineage.workflows.watched_runs import notes

    for sentence in notes(runs):
        note(f"note: {sentence}.")


def watched_run(what: str, run: WatchedRun, indent: str = "") -> None:
    """A watched run: the command, its interpreters, and what it read that nothing declares."""
    pythons = ", ".join(
        f"{one.implementation} {one.version} ({one.platform})" for one in run.interpreters
    )
    say(f"{indent}watched   {what}  {' '.join(run.run['command'])}")
    say(
        f"{indent}          {pythons or 'no Python'}; {len(run.distributions)} distributions, "
        f"{len(run.modules)} modules of the repository"
    )
    for file in run.undeclared:
        tracked = "" if file.is_tracked else ", untracked"
        say(f"{indent}          read {file.path} ({file.role}{tracked}), which nothing declares")
    for gap in run.gaps:
        say(f"{indent}          unobserved: {gap}")


def environment_lines(found: dict[str, Any], indent: str) -> None:
    """What differs between the environments that two verdicts were reached in, a line each."""
    named = found["explanation"]
    for line in named[:_MOST_CHANGES]:
        say(f"{indent}{line}")
    more = found["more"] + len(named[_MOST_CHANGES:])
    if more:
        say(f"{indent}and {more} more (see --json)")


def _side(name: str, version: ServedVersion | None) -> None:
    if version is None:
        say(f"  {name.ljust(8)}  -")
        return
    say(
        f"  {name.ljust(8)}  {version.ref.ljust(12)}  weights {short(version.weights)}  "
        f"since {moment(version.promoted_at)} by {version.promoted_by}"
    )
    if version.made is not None:
        say(f"            the weights {version.made.sentence}")


def _staged(slot: Serving) -> None:
    """What is to serve, and which side of the slot was asked for."""
    if slot.staged is not None:
        _side("staged", slot.staged)
        say(f"            with pipeline {short(slot.staged.pipeline)}, once it is finished")
    if slot.side is not None:
        say(f"  asked     that pipeline goes with what is {_SIDES[slot.side.value]}")


def _observed(found: Mapping[str, Any]) -> None:
    counts = [
        f"{found[state.replace('-', '_')]} {state.replace('-', ' ')}"
        for state in ("in-step", "rolling", "skewed", "lagging", "unknown", "foreign")
        if found[state.replace("-", "_")]
    ]
    lag = f", for {found['lag_seconds']:,.0f} s" if found["lag_seconds"] is not None else ""
    proofs = [f"{found[proof]} {proof}" for proof in ("sealed", "claimed") if found.get(proof)]
    known = f"; {', '.join(proofs)}" if proofs else ""
    text = f"  observed  {', '.join(counts)} of {found['instances']} instances{lag}{known}"
    say(text if found["state"] in ("in-step", "rolling") else paint(text, "1;31"))
    running = [
        f"{count} on what is {_SIDES[side]}" for side, count in found["sides"].items() if count
    ]
    if running[1:] or (running and not found["sides"]["serving"]):
        say(f"            {', '.join(running)}")
    if found["standby"]:
        say(f"            {found['standby']} hold the weights of the backup")


def _readiness(found: Readiness) -> None:
    when = f"looked at {moment(found.checked_at)}" if found.checked_at else "never looked at"
    where = ", ".join(copy.store for copy in found.copies if copy.intact) or "no store"
    if found.ready:
        sampled = next((f" ({copy.sample})" for copy in found.copies if copy.sample), "")
        say(f"            ready: in {where}, {when}{sampled}")
        return
    say(paint(f"            not ready ({when})", "1;31"))
    for reason in found.reasons:
        say(paint(f"              {reason}", "31"))


def _arrow(before: str | None, after: str | None) -> str:
    if before == after:
        return f"{before or '-'} (stays)"
    return f"{before or '-'} → {after or '-'}"


def _diff_line(line: str) -> str:
    colour = {"+": "32", "-": "31", "@": "36"}.get(line[:1])
    return paint(line, colour) if colour else line


def _waiver(waiver: Waiver, ended: bool) -> None:
    until = f" until {moment(waiver.until)}" if waiver.until else ""
    word = "waiver ended" if ended else "waived"
    colour = "1;31" if ended else "33"
    who = f"{waiver.code} by {waiver.by} on {moment(waiver.at)}{until}"
    say(paint(f"  {word.ljust(8)}  {who}: {waiver.reason}", colour))


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _paragraphs(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Each row of a table with its cells below one another."""
    width = max(map(len, headers[1:]))
    for first, *others in rows:
        say(bold(first))
        for header, cell in zip(headers[1:], others, strict=True):
            if cell:
                say(f"  {header.ljust(width)}  {cell}", width + 4)


def _print(text: str, stream: TextIO, hang: int | None = None) -> None:
    columns = columns_of(stream)
    for line in [text] if columns is None else wrapped(text, columns, hang):
        print(line, file=stream)


def _safe(text: str) -> str:
    """The text, inert (names may hold anything), but for our colours."""
    return "\x1b".join(map(inert, text.split(_ESCAPE)))


def paint_error(text: str) -> str:
    """Red, where stderr is a terminal that may be coloured."""
    return f"{_ESCAPE}[1;31m{text}{_ESCAPE}[0m" if _coloured(sys.stderr.isatty()) else text


def _coloured(terminal: bool) -> bool:
    return terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True)
