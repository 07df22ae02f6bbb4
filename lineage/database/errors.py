"""A database's own errors: translating them into the registry's, whichever database it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.acts import act
from lineage.errors import Conflict, RegistryUnreachable, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

LOCKED = (
    "is locked by another process",
    "Wait for the other process to finish and try again.",
)
FULL = ("has no room: the disk is full", "Free space and try again.")


def inconsistent(said: str) -> Conflict:
    """A key, a check or a trigger refused the change."""
    return Conflict(
        f"The registry refused an inconsistent change: {said}.",
        remedy=f"Look at the present state ({act('serving')}) and try again.",
    )


def not_text(said: str) -> UsageError:
    """A text holds what no database keeps: a null character, half a surrogate pair."""
    return UsageError(
        f"A text holds a character that cannot be recorded: {said}.",
        remedy="Use text without null characters and unpaired surrogates.",
    )


def busy() -> RegistryUnreachable:
    """Every connection is in use."""
    return RegistryUnreachable(
        "The registry is busy: all its connections are in use.",
        remedy="Try again in a moment.",
        public="The registry is busy: all its connections are in use.",
    )


def unreachable(
    where: str,
    code: str,
    said: str,
    known: Sequence[tuple[str, tuple[str, str]]],
    hint: str,
    *,
    what: str = "registry",
) -> RegistryUnreachable:
    """The registry cannot be used now.

    Args:
        where: the registry as it may be shown.
        code: the database's own code for the error.
        said: what it said.
        known: beginnings of codes, each with a sentence about the registry and what to do.
        hint: what to do about any other.
        what: what it is, where it is not the registry itself.
    """
    for prefix, (sentence, remedy) in known:
        if code.startswith(prefix):
            return RegistryUnreachable(
                f"The {what} {where} {sentence}.",
                remedy=remedy,
                public=f"The {what} {sentence}.",
            )
    return RegistryUnreachable(f"The {what} {where} cannot be used: {said}.", remedy=hint)
