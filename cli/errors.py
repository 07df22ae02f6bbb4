"""What a person sees of an error: what happened, what to do, and the guard's decisions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .options import State

if TYPE_CHECKING:
    from lineage.errors import LineageError
from .output import decision, emit, explanation, note, paint_error, raw, say


def report(error: LineageError) -> int:
    """Print an error, with the guard's decisions where it carries them; its exit code."""
    from lineage.errors import CarryRefused
    from lineage.guard.decision import GuardRefused

    if isinstance(error, GuardRefused):
        _refusal(error)
    elif State.as_json:
        emit(error.to_json())
    elif isinstance(error, CarryRefused):
        explanation(error.details)
    if State.form == "github":
        from .reports import github

        raw(github.problem(str(error), error.remedy))
    note(f"{paint_error('error:')} {error}")
    note(f"  {error.remedy}")
    return error.exit_code


def report_unexpected(error: Exception) -> int:
    """Print a failure that nobody foresaw; the traceback only where it was asked for."""
    if os.environ.get("LINEAGE_DEBUG"):
        import traceback

        traceback.print_exc()
    if State.as_json:
        emit({"error": {"code": "internal-error", "message": str(error), "remedy": None}})
    note(f"{paint_error('error:')} {type(error).__name__}: {' '.join(str(error).split())[:300]}")
    note("  This is a defect of lineage-guard: please report it with LINEAGE_DEBUG=1's output.")
    return 1


def _refusal(error: Any) -> None:  # noqa: ANN401 - GuardRefused, imported where it is raised
    decisions = [made.to_json() for made in error.decisions]
    if State.as_json:
        emit(decisions[0] if len(decisions) == 1 else {"allowed": False, "decisions": decisions})
        return
    for made in error.decisions:
        decision(made)
    say()
