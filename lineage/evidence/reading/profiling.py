"""Data to profiles: a reference of its own, or counts on the scale of another."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lineage import bounded_file
from lineage.errors import UsageError
from lineage.evidence.private import merged_below
from lineage.evidence.profile import MOST_BYTES, MOST_WINDOWS, Profile, Roles
from lineage.evidence.reader import WRITE
from lineage.evidence.reading.rows import rows_of
from lineage.evidence.reading.scales import frequent, scale_of
from lineage.timestamps import DAY, HOUR, WEEK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.evidence.reading.rows import Rows


def profile_of(
    data: Any,  # noqa: ANN401 - any frame
    *,
    reference: Profile | None = None,
    roles: Roles | None = None,
    query: str | None = None,
    table: str | None = None,
    private: int | None = None,
) -> tuple[Profile, tuple[str, ...]]:
    """Count data: on a scale of its own, or on that of a reference.

    Args:
        data: a path, a data frame or an Ibis table, as
            :func:`~lineage.evidence.reading.rows.rows_of` takes it.
        reference: the profile on whose scale it is counted.
        roles: which columns are what; default: as the reference has it.
        query: one SELECT, where ``data`` is a DuckDB file, or the URL of a PostgreSQL.
        table: a table's name, where ``data`` is the URL of a PostgreSQL.
        private: merge what fewer rows than this share.

    Returns:
        The profile, and the columns of the data that the reference does not have.

    Raises:
        UsageError: the data cannot be read, a role names no column, or ``private`` does not go
            with what else is asked.
    """
    _check_private(reference, roles, private)
    with rows_of(data, query, table) as source:
        if reference is None:
            chosen = roles or Roles()
            _require_columns(source, chosen)
            return _reference(source, chosen, private), ()
        chosen = _without_missing(source, roles or reference.roles)
        if roles is not None:
            _require_columns(source, roles)
        profile = _window(source, reference, chosen)
    known = {*reference.columns, reference.roles.score, reference.roles.target}
    apart = {chosen.score, chosen.target}
    return profile, tuple(name for name in source.columns if name not in known | apart)


def roles_of(
    score: str | None, target: str | None, time: str | None, groups: Sequence[str]
) -> Roles | None:
    """Roles as a person says them; None where none is said."""
    roles = Roles(score=score, target=target, time=time, groups=tuple(dict.fromkeys(groups)))
    return None if roles == Roles() else roles


def read_profile(path: str | os.PathLike[str]) -> Profile:
    """Read a profile from its file.

    Raises:
        UsageError: there is none, or it is not valid.
    """
    try:
        data = bounded_file.read(path, MOST_BYTES)
    except bounded_file.Unfit as error:
        raise UsageError(
            f"{os.fspath(path)} {error}.", remedy=f"Name a profile that was written: {WRITE}"
        ) from None
    return Profile.from_bytes(data, os.fspath(path))


def _reference(source: Rows, roles: Roles, private: int | None) -> Profile:
    sample = source.sample()
    scale = scale_of(sample, roles)
    labels = {name: frequent(sample, name) for name in roles.groups}
    seconds = None if roles.time is None else _window_seconds(source, roles.time)
    whole, groups, windows = source.count(scale, roles, labels, seconds, is_reference=True)
    profile = Profile(
        rows=whole.rows, columns=whole.columns, score=whole.score, target=whole.target,
        groups=groups, windows=windows, window_seconds=seconds if windows else None, roles=roles,
    )  # fmt: skip
    return profile if private is None else merged_below(profile, private)


def _window(source: Rows, reference: Profile, roles: Roles) -> Profile:
    labels: dict[str, list[str]] = {name: [] for name in roles.groups}
    for group in reference.groups:
        for name in labels:
            if group.startswith(f"{name}="):
                labels[name].append(group.removeprefix(f"{name}="))
    seconds = None
    if roles.time is not None:
        seconds = reference.window_seconds or _window_seconds(source, roles.time)
    scale = replace(
        reference,
        score=reference.score if roles.score else None,
        target=reference.target if roles.target else None,
    )
    whole, groups, windows = source.count(scale, roles, labels, seconds, is_reference=False)
    if len(windows) > MOST_WINDOWS:
        raise UsageError(
            f"{source.label} is of {len(windows):,} windows of {seconds} seconds, as the reference "
            f"has them; at most {MOST_WINDOWS} are kept.",
            remedy="Count fewer days at a time.",
        )
    return Profile(
        rows=whole.rows, columns=whole.columns, score=whole.score, target=whole.target,
        groups=groups, windows=windows, window_seconds=seconds if windows else None, roles=roles,
    )  # fmt: skip


def _window_seconds(source: Rows, time: str) -> int | None:
    """An hour, a day, or weeks: the shortest in which there are at most 366 windows."""
    if (moments := source.span(time)) is None:
        return None
    span = (moments[1] - moments[0]) // dt.timedelta(seconds=1)
    seconds = HOUR if span < (MOST_WINDOWS - 1) * HOUR else DAY
    if span >= (MOST_WINDOWS - 1) * DAY:
        seconds = WEEK
    while span >= (MOST_WINDOWS - 1) * seconds:
        seconds *= 2
    return seconds


def _require_columns(source: Rows, roles: Roles) -> None:
    named = (roles.score, roles.target, roles.time, *roles.groups)
    for name in named:
        if name is not None and name not in source.columns:
            raise UsageError(
                f"{source.label} has no column {name!r}.",
                remedy=f"Name one of its columns: {', '.join(list(source.columns)[:20])}.",
            )
    apart = [one for one in (roles.score, roles.target) if one is not None]
    if len({*apart, *roles.groups}) < len(apart) + len(roles.groups):
        raise UsageError(
            "One column is named twice among score, target and groups.",
            remedy="Give each another column.",
        )


def _without_missing(source: Rows, roles: Roles) -> Roles:
    """The roles of a reference that the data has columns for: production has no target yet."""
    return Roles(
        **{
            name: value if value in source.columns else None
            for name in ("score", "target", "time")
            for value in [getattr(roles, name)]
        },
        groups=tuple(name for name in roles.groups if name in source.columns),
    )


def _check_private(reference: Profile | None, roles: Roles | None, private: int | None) -> None:
    if private is None:
        return
    if private < 2:
        raise UsageError(
            f"{private} is no number of rows that share something.", remedy="Say 2 or more."
        )
    if reference is not None:
        raise UsageError(
            "What is counted on a reference's scale cannot be merged further.",
            remedy="Make the reference private, and count against that.",
        )
    if roles is not None and (roles.groups or roles.time):
        raise UsageError(
            "A private profile has no groups and no windows: few rows may be in one.",
            remedy="Leave out the time and the groups.",
        )
