"""Drift of what serves: the recorded windows, held against the profile of its validation.

What serves now is looked at: its windows alone were counted on its own scale. They are added up to
the windows of the reference, days at the least, since the registry keeps no shorter ones for long;
a day that is not over is left out. Whatever is missing for an answer is told with what to do.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from lineage import timestamps
from lineage.acts import act
from lineage.contract.requests import EventFilter
from lineage.contract.results.drift import Drift
from lineage.database import clock, policies, profiles, tables, windows
from lineage.database.deployments import deployment
from lineage.database.slots import slot_side
from lineage.evidence.drift import drift_between, learn
from lineage.evidence.parts import Part, added
from lineage.evidence.performance import CANNOT_SEE
from lineage.evidence.profile import Profile
from lineage.evidence.told import of_changes
from lineage.registry import changes_here

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlmodel import Session

    from lineage.database.slot_state import SlotSide
    from lineage.evidence.counts import Counts
    from lineage.evidence.reference import Reference
    from lineage.evidence.timeline import Change
    from lineage.registry.sight import Sight

LEAST_WINDOWS: Final = 7
"""Windows of a reference: with fewer, nobody can tell what is ordinary."""

MOST_DAYS: Final = 400
"""Windows that are compared at the most, the newest."""

MOST_ROWS: Final = 5_000
"""Recorded windows that are read for them."""

MOST_CELLS: Final = 40_000
"""Columns times windows, the reference's among them: seconds of work."""

MOST_HOSTS: Final = 100
"""Hosts that are looked at by themselves, evenly among all by their names."""

ROWS_OF_HOST: Final = 150
"""Recorded windows that are read of each: its days of five weeks, and the hours of the last."""

MOST_LEARNED: Final = 16
"""References of which is kept what was learned."""

_MONDAY: Final = 4 * windows.DAY
"""The first Monday after 1970, in seconds: windows of weeks begin with one."""

_learned: dict[str, tuple[Profile, Reference]] = {}


class _NotEnough(Exception):
    """Why nobody can tell: a code, what is missing, and what to do."""

    def __init__(self, code: str, what: str, remedy: str) -> None:
        super().__init__(what)
        self.json = {"code": code, "what": what, "remedy": remedy}


def drift(sight: Sight, model: str, environment: str, since: str | None) -> Drift:
    """What changed in what production sees of a model, since it serves or since a moment.

    Args:
        sight: a transaction, and who asks.
        model: the model's name.
        environment: the environment's name.
        since: the first moment, ISO 8601 or a span; None for all that is kept.

    Raises:
        NotFound: there is no such model or environment.
        UsageError: the moment is none.
    """
    first = EventFilter.written(since=since).since
    sight.environment(environment)
    name, session = sight.model(model), sight.session
    told: dict[str, Any] = {
        "model": name,
        "environment": environment,
        "ref": None,
        "pipeline": None,
        "profile": None,
        "state": "unknown",
        "tier": None,
        "missing": None,
        "alarms_per_year": policies.policy_of(session, environment).alarms_per_year,
        "window_seconds": None,
        "reference_windows": 0,
        "windows": [],
        "changes": [],
        "cannot_see": CANNOT_SEE,
    }
    try:
        _look(session, told, first)
    except _NotEnough as why:
        told["missing"] = why.json
    return Drift(told)


def _look(session: Session, told: dict[str, Any], since: str | None) -> None:
    """Fill in what is found, as far as it is known."""
    model, environment = told["model"], told["environment"]
    slot = session.get(tables.Slot, (environment, model))
    side = slot_side(session, slot, "serving")
    if side is None:
        raise _NotEnough(
            "nothing-serves",
            f"Nothing of {model} serves in {environment}.",
            f"Promote a version: {act('promote', f'{model}@N', env=environment)}",
        )
    told["ref"] = side.ref
    pair = _pair(session, environment, side, told)
    scale = next(iter(windows.scales(session.connection(), pair)), None)
    blake3, profile = _reference(session, side, told["pipeline"], scale)
    told["profile"] = str(profile.digest)
    reference, learned = _learn(blake3, profile, side.ref)
    seconds = reference.window_seconds or windows.DAY
    told |= {"window_seconds": seconds, "reference_windows": len(reference.windows)}
    pair |= {"profile_digest": blake3, "since": "" if since is None else _begin(since, seconds)}
    served = _served(session, pair, reference, seconds, side.ref)
    events = changes_here.events(session, model, environment, min(served.windows), seconds)

    def hosts(changes: Sequence[Change]) -> dict[str, Profile]:
        return _hosts(session, pair, reference, seconds, changes)

    found = drift_between(
        reference,
        served,
        [one.event for one in events],
        hosts=hosts,
        alarms_per_year=told["alarms_per_year"],
        learned=learned,
    )
    rows = {timestamps.moment(s).timestamp(): part.rows for s, part in served.windows.items()}
    told |= of_changes(found, reference, rows, {one.event: one.seq for one in events})


def _pair(
    session: Session, environment: str, side: SlotSide, told: dict[str, Any]
) -> dict[str, Any]:
    """The names by which the windows of what serves are found; whose pipeline is told."""
    version = session.get(tables.ModelVersion, side.version_id)
    pipeline = version.pipeline if version is not None else side.pipeline
    blake3 = side.pipeline_blake3
    if blake3 is None and (runs := deployment(session, environment, pipeline)) is not None:
        blake3 = runs.blake3  # what stands without a proof does so on what runs
    row = session.get(tables.PipelineVersion, (pipeline, blake3)) if pipeline and blake3 else None
    told["pipeline"] = row.xxh3 if row is not None else blake3
    return {
        "environment": environment,
        "version_id": side.version_id,
        "pipeline_digest": blake3 or "",
        "since": "",
        "until": "9999",
    }


def _reference(
    session: Session, side: SlotSide, pipeline: str | None, scale: str | None
) -> tuple[str, Profile]:
    """The profile, with its BLAKE3, on whose scale what serves is counted; else the newest."""
    if scale is None:
        newest = profiles.newest(session, side.version_id, pipeline)
        newest = newest or profiles.newest(session, side.version_id)
        scale = str(newest.digest) if newest is not None else ""
    found = profiles.of_version(session, side.version_id, scale)
    if found is None:
        raise _NotEnough(
            "no-profile",
            f"No validation of {side.ref} tells what its data looked like.",
            f"Validate it with a profile: {act('validate', side.ref, profile='DATA')}",
        )
    if found[1].window_seconds is None:
        raise _NotEnough(
            "no-times",
            f"The profile of {side.ref} has no windows: nobody can tell what is ordinary.",
            "Name the column that tells when each row was, with the validation's profile: "
            f"{act('profile', 'DATA', time='COLUMN', out='PROFILE')}, then "
            f"{act('validate', side.ref, profile='PROFILE')}",
        )
    return found


def _learn(blake3: str, profile: Profile, ref: str) -> tuple[Profile, Reference]:
    """A profile by windows of a day at least, and what is ordinary there; it is kept."""
    kept = _learned.get(blake3)
    if kept is not None:
        return kept
    seconds = max(profile.window_seconds or 0, windows.DAY)
    days: dict[str, Counts] = {}
    for start, part in profile.windows.items():
        day = _begin(start, seconds)
        days[day] = days[day].merge(part) if day in days else part
    if len(days) < LEAST_WINDOWS:
        many = f"{len(days)} days" if len(days) > 1 else "one day"
        raise _NotEnough(
            "few-windows",
            f"The data that {ref} was validated on is of {many}, and {LEAST_WINDOWS} are the least "
            "to learn from what is ordinary; six weeks are better.",
            f"Validate it with a profile of a longer time: {act('validate', ref, profile='DATA')}",
        )
    if _width(profile) * len(days) > MOST_CELLS:
        raise _NotEnough(
            "too-much",
            f"The profile of {ref} has {_width(profile):,} columns in {len(days)} windows: that is "
            f"more than {MOST_CELLS:,} together.",
            f"Validate it with a profile of fewer columns: {act('validate', ref, profile='DATA')}",
        )
    reference = replace(profile, windows=days, window_seconds=seconds)
    while len(_learned) >= MOST_LEARNED:
        _learned.pop(next(iter(_learned)), None)
    _learned[blake3] = found = reference, learn(reference)
    return found


def _served(
    session: Session, pair: dict[str, Any], reference: Profile, seconds: int, ref: str
) -> Profile:
    """What was served, by windows that are over."""
    room = MOST_CELLS // _width(reference) - len(reference.windows)
    most = max(LEAST_WINDOWS, min(MOST_DAYS, room))
    over = timestamps.moment(clock.now(session)) - dt.timedelta(seconds=seconds)
    parts = _days(windows.of_pair(session.connection(), pair, MOST_ROWS), seconds, most)
    whole = {day: part for day, part in parts.items() if timestamps.moment(day) <= over}
    if whole:
        return _profile(whole, reference, seconds)
    environment = pair["environment"]
    if parts:
        raise _NotEnough(
            "no-window-over",
            f"What {ref} sees in {environment} is recorded, and no window of it is over yet.",
            "Ask again when it is; windows begin at midnight UTC.",
        )
    raise _NotEnough(
        "no-windows",
        f"Nothing is recorded of what {ref} sees in {environment} with its pipeline"
        + (" since then." if pair["since"] else "."),
        "Record what production sees: "
        f"{act('observe', ref.partition('@')[0], env=environment, data='BATCH')}, or let the "
        "service call observe (lineage.follow).",
    )


def _hosts(
    session: Session,
    pair: dict[str, Any],
    reference: Profile,
    seconds: int,
    changes: Iterable[Change],
) -> dict[str, Profile]:
    """What hosts counted by themselves of the columns that changed, since the first change."""
    connection = session.connection()
    first = dt.datetime.fromtimestamp(min(change.begins for change in changes), dt.UTC)
    changed = {name for change in changes for name in change.columns}
    like = replace(reference, columns={n: c for n, c in reference.columns.items() if n in changed})
    asked = pair | {"since": windows.start_of(first)}
    names = windows.instances(connection, asked)
    found = {}
    for name in names[:: -(-len(names) // MOST_HOSTS) or 1]:
        rows = (
            (start, counts | {"columns": {n: counts["columns"][n] for n in like.columns}})
            for start, counts in windows.of_pair(connection, asked, ROWS_OF_HOST, name)
        )
        if days := _days(rows, seconds, MOST_DAYS):
            found[name] = _profile(days, like, seconds)
    return found


def _days(rows: Iterable[tuple[str, Any]], seconds: int, most: int) -> dict[str, Any]:
    """Windows, the newest first, added up to longer ones; so many of them at the most."""
    days: dict[str, Any] = {}
    for start, counts in rows:
        day = _begin(start, seconds)
        if day not in days and len(days) == most:
            break
        days[day] = added(days[day], counts) if day in days else counts
    return days


def _profile(days: Mapping[str, Any], reference: Profile, seconds: int) -> Profile:
    parts = {day: Part.parse(counts, reference) for day, counts in sorted(days.items())}
    first = next(iter(parts.values()))
    score = next((part.score for part in parts.values() if part.score is not None), None)
    return Profile(
        rows=sum(part.rows for part in parts.values()),
        columns=first.columns,
        score=score,
        windows=parts,
        window_seconds=seconds,
    )


def _width(profile: Profile) -> int:
    """How many columns are asked about."""
    return len(profile.columns) + (profile.score is not None)


def _begin(start: str, seconds: int) -> str:
    """The start of the longer window that one lies in."""
    at = int(timestamps.moment(start).timestamp()) - _MONDAY
    begins = at // seconds * seconds + _MONDAY
    return windows.start_of(dt.datetime.fromtimestamp(begins, dt.UTC))
