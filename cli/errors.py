"""What a person sees of an error: what happened, what to do, and the guard's decisions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lineage.acts import typed
from lineage.masking import masked

from .options import State
from .output import emit, explanation, note, paint_error, raw, say
from .remedies import typed_decision

if TYPE_CHECKING:
    from lineage.errors import LineageError
    from lineage.guard.decision import Decision


def report(error: LineageError) -> int:
    """Print an error, with the guard's decisions where it carries them; its exit code."""
    from lineage.errors import CarryRefused
    from lineage.guard.decision import GuardRefused

    said, remedy = str(error), typed(error.remedy)
    if isinstance(error, GuardRefused):
        _refusal([typed_decision(made) for made in error.decisions])
        if not State.as_json:  # what fails and what to do stands there, once
            said = f"{'; '.join(map(_failing, error.decisions))}."
            rule = next(check.code for made in error.decisions for check in made.failures)
            remedy = f"What to do stands above, below what fails (→). Why: lineage explain {rule}"
    elif State.as_json:
        document = error.to_json()
        document["error"] |= {"message": masked(str(error)), "remedy": masked(remedy)}
        emit(document)
    elif isinstance(error, CarryRefused):
        explanation(error.details)
    if State.form == "github":
        from .reports import github

        raw(github.problem(masked(str(error)), masked(remedy)), commands=True)
    note(f"{paint_error('error:')} {said}")
    note(f"  {remedy}")
    return error.exit_code


def report_missing(error: ModuleNotFoundError) -> int:
    """Print that a command needs what this installation, or operating system, does without."""
    from lineage.installed import missing

    said = missing(error, "This command")
    return report(said) if said is not None else report_unexpected(error)


def report_unexpected(error: Exception) -> int:
    """Print a failure that nobody foresaw; the traceback only where it was asked for.

    It is no defect where the registry's rows hold what the registry never wrote.
    """
    if os.environ.get("LINEAGE_DEBUG"):
        import traceback

        for line in traceback.format_exc().splitlines():
            note(line)
    damage = _damage()
    if damage is not None:
        return report(damage)
    if State.as_json:
        said = masked(str(error))
        emit({"error": {"code": "internal-error", "message": said, "remedy": None}})
    note(f"{paint_error('error:')} {type(error).__name__}: {' '.join(str(error).split())[:300]}")
    note("  This is a defect of lineage-guard: please report it with LINEAGE_DEBUG=1's output.")
    return 1


def _damage() -> LineageError | None:
    """What is wrong with the rows of the registry that the command opened."""
    if State.opened is None:
        return None
    from lineage.database.engine import damage_at
    from lineage.errors import LineageError

    try:
        return damage_at(State.opened)
    except LineageError:  # the registry is gone: what is told stays what happened first
        return None


def report_usage(error: Exception) -> int:
    """Print what is wrong with a command line, and where its usage stands.

    A group of commands that is called without one shows its help.
    """
    said: str = error.format_message()  # type: ignore[attr-defined]
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        print(said)  # noqa: T201 - the help, whose lines stay
    else:
        note(f"{paint_error('error:')} {' '.join(said.split())}")
        note(f"  See how it is used: {context.command_path if context else 'lineage'} --help")
    return int(getattr(error, "exit_code", 2))


def is_usage(error: Exception) -> bool:
    """Whether Typer raised it for a command line; it does so by a class that is nobody's own."""
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def _failing(decision: Decision) -> str:
    """What is refused, and the rules that say so."""
    return f"{decision.sentence}: {', '.join(check.code for check in decision.failures)}"


def _refusal(decisions: list[Decision]) -> None:
    if State.as_json:
        shown = [made.to_json() for made in decisions]
        emit(shown[0] if len(shown) == 1 else {"allowed": False, "decisions": shown})
        return
    from . import decisions as printed

    printed.show(*decisions)
    say()
