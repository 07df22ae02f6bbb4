"""How much of what a client brings is kept: it is read again while others wait."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from lineage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.evidence.profile import Profile
    from lineage.identity.watched import WatchedRun

LARGEST: Final = 1 << 20
"""Characters of JSON of the metrics of a validation, and of what is told of a run."""

LARGEST_PROFILE: Final = 4 << 20
"""Bytes of JSON of the profile of a validation's data."""


def require_small(what: str, value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Refuse JSON that is too large, before it is written canonically, which takes much longer.

    Raises:
        UsageError: it is.
    """
    size = len(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str))
    if size > LARGEST:
        raise UsageError(
            f"The {what} take {size:,} characters, and {LARGEST:,} are kept.",
            remedy="Record what decides, and leave the rest in its file.",
        )


def require_small_profile(profile: Profile) -> None:
    """Refuse a profile that is too large to be kept with each validation.

    Raises:
        UsageError: it is.
    """
    if len(profile.canonical) > LARGEST_PROFILE:
        raise UsageError(
            f"The profile takes {len(profile.canonical):,} bytes, and {LARGEST_PROFILE:,} are "
            "kept.",
            remedy="Profile the data without its time, or without some of its groups.",
        )


def prepare(run: dict[str, Any] | None, watched: Sequence[WatchedRun]) -> None:
    """Work out what is kept of runs before others have to wait for it.

    Raises:
        UsageError: the words of the run are too many.
    """
    require_small("words of the run", run)
    for one in watched:
        _ = one.blake3
