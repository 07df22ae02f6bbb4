"""Data that production saw, and what came true of it, by windows on the validation's scale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from lineage.acts import act
from lineage.errors import UsageError
from lineage.evidence.profile import Roles
from lineage.evidence.reading.counting import count_windows
from lineage.evidence.reading.source import opened

if TYPE_CHECKING:
    from lineage.evidence.parts import Part
    from lineage.evidence.profile import Profile
    from lineage.evidence.reading.source import Source

DAY: Final = 86_400

MOST_WINDOWS: Final = 10_000
"""Windows of one batch."""


@dataclass(frozen=True)
class Served:
    """What was counted of data: the whole, and each window by its start.

    ``seconds`` is the length of a window. Rows whose time is unknown are in the whole alone, and
    all are where there is no time. ``unknown`` are columns that the reference does not have.
    """

    whole: Part
    windows: dict[str, Part]
    seconds: int
    unknown: tuple[str, ...] = ()


def inputs(
    data: Any,  # noqa: ANN401 - any frame
    reference: Profile,
    *,
    query: str | None = None,
    time: str | None = None,
    score: str | None = None,
) -> Served:
    """Count what was served: every column of the reference, and the score.

    Args:
        data: a path or a data frame, as :func:`~lineage.evidence.reading.source.opened` takes it.
        reference: the profile on whose scale it is counted.
        query: one SELECT, where ``data`` is a DuckDB file.
        time: the column of the time; default: the reference's, where the data has it.
        score: the column of the score; likewise.

    Raises:
        UsageError: the data cannot be read, has not a column that is named, or none of the
            reference's; or it is of too many windows.
    """
    with opened(data, query) as source:
        _require(source, time, score)
        roles = Roles(
            time=_there(source, time or reference.roles.time),
            score=score or reference.roles.score,
        )
        if reference.columns and not source.columns.keys() & reference.columns.keys():
            raise UsageError(
                f"{source.label} has none of the columns that the validation's data had.",
                remedy=f"Give data with its columns: {', '.join(list(reference.columns)[:20])}.",
            )
        found = _by_windows(source, replace(reference, target=None), roles, {})
    known = {*reference.columns, reference.roles.target, roles.score, reference.roles.score}
    return replace(found, unknown=tuple(name for name in source.columns if name not in known))


def outcomes(
    data: Any,  # noqa: ANN401 - any frame
    reference: Profile,
    *,
    query: str | None = None,
    time: str | None = None,
    score: str | None = None,
    target: str | None = None,
) -> Served:
    """Count what came true: the score beside the target, and both for each of the groups.

    Args:
        data: a path or a data frame, as :func:`~lineage.evidence.reading.source.opened` takes it.
        reference: the profile on whose scale it is counted.
        query: one SELECT, where ``data`` is a DuckDB file.
        time: the column of the time; default: the reference's, where the data has it.
        score: the column of the score; default: the reference's.
        target: the column of what came true; default: the reference's.

    Raises:
        UsageError: the data cannot be read, has no score or no target, or the reference has none.
    """
    if reference.score is None or reference.score.positives is None:
        raise UsageError(
            "The validation's profile has no score beside a target of two outcomes.",
            remedy="Name the score and the target under [models.NAME.evidence], and validate: "
            + act("validate", "REF", "--", "COMMAND"),
        )
    with opened(data, query) as source:
        roles = Roles(
            time=_there(source, time or reference.roles.time),
            score=score or reference.roles.score,
            target=target or reference.roles.target,
        )
        _require(source, time, roles.score, roles.target)
        scale = replace(reference, columns={})
        labels = {
            name: [
                group.removeprefix(f"{name}=")
                for group in reference.groups
                if group.startswith(f"{name}=")
            ]
            for name in reference.roles.groups
            if name in source.columns
        }
        return _by_windows(source, scale, roles, labels)


def _by_windows(
    source: Source, scale: Profile, roles: Roles, labels: dict[str, list[str]]
) -> Served:
    seconds = min(scale.window_seconds or DAY, DAY)
    windowed = None if roles.time is None else seconds
    whole, windows = count_windows(source, scale, roles, labels, windowed)
    if not whole.rows:
        raise UsageError(f"{source.label} has no rows.", remedy="Give data that was served.")
    if len(windows) > MOST_WINDOWS:
        raise UsageError(
            f"{source.label} is of {len(windows):,} windows of {seconds} seconds; at most "
            f"{MOST_WINDOWS:,} are recorded at a time.",
            remedy="Give a shorter time, or name another column as the time.",
        )
    return Served(whole, dict(sorted(windows.items())), seconds)


def _there(source: Source, name: str | None) -> str | None:
    return name if name in source.columns else None


def _require(source: Source, *names: str | None) -> None:
    for name in names:
        if name is not None and name not in source.columns:
            raise UsageError(
                f"{source.label} has no column {name!r}.",
                remedy=f"Name one of its columns: {', '.join(list(source.columns)[:20])}.",
            )
