"""What models of settings share: checks of a value, and the one line that says what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.guard.requirements import Requirement

if TYPE_CHECKING:
    from pydantic import ValidationError


def requirement(text: str) -> str:
    """A requirement as it is written, if it can be read."""
    return Requirement.parse(text).text


def first_problem(error: ValidationError) -> str:
    """Where the first mistake is, and what it is, in one line."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the whole"
    reason = first["msg"].removeprefix("Value error, ")
    known = "" if first["type"] != "extra_forbidden" else " (no such setting)"
    return f"{place}: {reason}{known}"
