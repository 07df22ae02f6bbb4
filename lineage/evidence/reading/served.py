"""Data that production saw, and what came true of it, by windows on the validation's scale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from lineage.acts import act
from lineage.errors import UsageError
from lineage.evidence.profile import Roles
from lineage.evidence.reading.counting import count_windows
from lineage.evidence.reading.source import opened
from lineage.timestamps import DAY

if TYPE_CHECKING:
    from lineage.evidence.parts import Part
    from lineage.evidence.profile import Profile
    from lineage.evidence.reading.source import Source


MOST_WINDOWS: Final = 10_000
"""Windows of one batch."""


@dataclass(frozen=True)
class Served:
    """What was counted of data: the whole, and each window by its start.

    ``seconds`` is the length of a window, ``time`` the column that they are of. Rows whose time is
    unknown are in the whole alone, and all are where there is no time. ``unknown`` are columns that
    the reference does not have, ``missing`` those that the data does not: no row has a value there.
    """

    whole: Part
    windows: dict[str, Part]
    seconds: int
    time: str | None
    unknown: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def scored(self) -> int:
        """The rows with a score; of outcomes those that have an outcome too."""
        return sum(self.whole.score.bins) if self.whole.score is not None else 0


@dataclass(frozen=True, kw_only=True)
class Named:
    """How data that was served is read: a query of a DuckDB file, and columns by what they are.

    A column that is not named is the reference's; its time is passed over where the data has none.
    """

    query: str | None = None
    time: str | None = None
    score: str | None = None
    target: str | None = None


AS_THE_REFERENCE: Final = Named()
"""Every column is called as the reference calls it."""


def inputs(
    data: Any,  # noqa: ANN401 - any frame
    reference: Profile,
    named: Named = AS_THE_REFERENCE,
) -> Served:
    """Count what was served: every column of the reference, and the score.

    Args:
        data: a path or a data frame, as :func:`~lineage.evidence.reading.source.opened` takes it.
        reference: the profile on whose scale it is counted.
        named: how it is read; it has no target yet.

    Raises:
        UsageError: the data cannot be read, has not a column that is named, or none of the
            reference's; or it is of too many windows.
    """
    with opened(data, named.query) as source:
        _require(source, named.time, named.score)
        if reference.columns and not source.columns.keys() & reference.columns.keys():
            raise UsageError(
                f"{source.label} has none of the columns that the validation's data had.",
                remedy=f"Give data with its columns: {', '.join(list(reference.columns)[:20])}.",
            )
        roles = replace(_roles(source, reference, named), target=None)
        found = _by_windows(source, replace(reference, target=None), roles, {})
    known = {*reference.columns, reference.roles.target, roles.score, reference.roles.score}
    counted = [*reference.columns, *([roles.score] if reference.score is not None else [])]
    return replace(
        found,
        unknown=tuple(name for name in source.columns if name not in known),
        missing=tuple(name for name in counted if name and name not in source.columns),
    )


def outcomes(
    data: Any,  # noqa: ANN401 - any frame
    reference: Profile,
    named: Named = AS_THE_REFERENCE,
) -> Served:
    """Count what came true: the score beside the target, and both for each of the groups.

    Args: as :func:`inputs` takes them; a group is one of the reference's.

    Raises:
        UsageError: the data cannot be read, has no score or no target, or the reference has none.
    """
    if reference.score is None or reference.score.positives is None:
        raise UsageError(
            "The validation's profile has no score beside a target of two outcomes.",
            remedy="Name the score and the target under [models.NAME.evidence], and validate: "
            + act("validate", "REF", "--", "COMMAND"),
        )
    with opened(data, named.query) as source:
        roles = _roles(source, reference, named)
        _require(source, named.time, roles.score, roles.target)
        labels = {
            name: [
                group.removeprefix(f"{name}=")
                for group in reference.groups
                if group.startswith(f"{name}=")
            ]
            for name in reference.roles.groups
            if name in source.columns
        }
        found = _by_windows(source, replace(reference, columns={}), roles, labels)
        if not found.scored:
            raise UsageError(
                f"No row of {source.label} has a score in {roles.score!r} and an outcome (0 or 1) "
                f"in {roles.target!r}.",
                remedy="Name the columns that have them, and write outcomes as 0 and 1, or true "
                "and false.",
            )
        return found


def _roles(source: Source, reference: Profile, named: Named) -> Roles:
    """The columns as they are named, or else the reference's."""
    time = named.time or reference.roles.time
    return Roles(
        time=time if time in source.columns else None,
        score=named.score or reference.roles.score,
        target=named.target or reference.roles.target,
    )


def _by_windows(
    source: Source, scale: Profile, roles: Roles, labels: dict[str, list[str]]
) -> Served:
    seconds = min(scale.window_seconds or DAY, DAY)
    windowed = None if roles.time is None else seconds
    whole, windows = count_windows(source, scale, roles, labels, windowed)
    if not whole.rows:
        raise UsageError(f"{source.label} has no rows.", remedy="Give data that was served.")
    if roles.time is not None and not windows:
        raise UsageError(
            f"No row of {source.label} has a time in {roles.time!r}.",
            remedy="Write times as 2026-11-21 08:00:00, name the column that has them, or leave "
            "out the column: then all rows are of the window that it is now.",
        )
    if len(windows) > MOST_WINDOWS:
        raise UsageError(
            f"{source.label} is of {len(windows):,} windows of {seconds} seconds; at most "
            f"{MOST_WINDOWS:,} are recorded at a time.",
            remedy="Give a shorter time, or name another column as the time.",
        )
    return Served(whole, dict(sorted(windows.items())), seconds, roles.time)


def _require(source: Source, *names: str | None) -> None:
    for name in names:
        if name is not None and name not in source.columns:
            raise UsageError(
                f"{source.label} has no column {name!r}.",
                remedy=f"Name one of its columns: {', '.join(list(source.columns)[:20])}.",
            )
