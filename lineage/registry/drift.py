"""Drift of what serves: the recorded windows, held against the profile of its validation.

What serves now is looked at: its windows alone were counted on its own scale. They are added up to
the windows of the reference, days at the least, since the registry keeps no shorter ones for long;
a day that is not over is left out. Whatever is missing for an answer is told with what to do.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from lineage import timestamps
from lineage.acts import act
from lineage.contract.requests import EventFilter
from lineage.contract.results.drift import Drift
from lineage.database import clock, policies, profiles, tables, windows
from lineage.database.deployments import deployment
from lineage.database.slots import slot_side
from lineage.evidence.drift import calibration_of, drift_between, learn
from lineage.evidence.months import of_months, outcome
from lineage.evidence.parts import Part
from lineage.evidence.performance import CANNOT_SEE
from lineage.evidence.told import of_changes
from lineage.registry import changes_here, recorded_days

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from sqlmodel import Session

    from lineage.database.slot_state import SlotSide
    from lineage.evidence.counts import Counts
    from lineage.evidence.profile import Profile
    from lineage.evidence.reference import Reference
    from lineage.evidence.timeline import Change
    from lineage.registry.changes_here import Happened
    from lineage.registry.sight import Sight

    Reading = Callable[[], AbstractContextManager[Sight]]

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

MOST_KEPT: Final = 32
"""References of which is kept what was learned, and answers that are kept."""

_FIRST: Final = str(timestamps.FIRST_YEAR)
"""Windows of the reference before that are of rows with no true time: none is recorded of it."""

_OUTCOMES: Final = {"kind": "outcomes"}
"""In a pair, whose windows of outcomes are meant."""

_NO_GROUPS: Final[dict[str, Any]] = {"groups": {}}
"""Of outcomes whose groups are not asked for: there may be hundreds in each window."""

_learned: dict[str, Reference] = {}
"""What is ordinary for profiles, by their BLAKE3."""

_told: dict[tuple[Any, ...], tuple[Any, dict[str, Any]]] = {}
"""Answers, each with what it was made of: windows and events that are the same say the same."""


class _NotEnough(Exception):
    """Why nobody can tell: a code, what is missing, and what to do."""

    def __init__(self, code: str, what: str, remedy: str) -> None:
        super().__init__(what)
        self.json = {"code": code, "what": what, "remedy": remedy}


@dataclass(frozen=True)
class _Facts:
    """What was read for an answer: all of it, before anything is worked out."""

    profile: tuple[str, Profile]
    """The reference, by its BLAKE3, in windows of ``seconds``."""
    seconds: int
    pair: dict[str, Any]
    recorded: tuple[Any, ...]
    outcomes: tuple[Any, ...]
    events: list[Happened]
    url: str


def drift(reading: Reading, model: str, environment: str, since: str | None) -> Drift:
    """What changed in what production sees of a model, since it serves or since a moment.

    Nothing is worked out in a transaction: on SQLite those who write would wait for it.

    Args:
        reading: gives a transaction that reads, and who asks.
        model: the model's name.
        environment: the environment's name.
        since: the first moment, ISO 8601 or a span; None for all that is kept.

    Raises:
        NotFound: there is no such model or environment.
        UsageError: the moment is none.
    """
    first = EventFilter.written(since=since).since
    told: dict[str, Any] = {
        "model": model,
        "environment": environment,
        "ref": None,
        "pipeline": None,
        "profile": None,
        "state": "unknown",
        "tier": None,
        "missing": None,
        "alarms_per_year": 1.0,
        "window_seconds": None,
        "reference_windows": 0,
        "windows": [],
        "changes": [],
        "validated": None,
        "months": [],
        "cannot_see": CANNOT_SEE,
    }
    try:
        with reading() as sight:
            facts = _read(sight, told, first)
        told |= _worked_out(reading, facts, told["alarms_per_year"])
    except _NotEnough as why:
        told["missing"] = why.json
    return Drift(told)


def _read(sight: Sight, told: dict[str, Any], since: str | None) -> _Facts:
    """What is found; what is known already is told."""
    environment, session = told["environment"], sight.session
    sight.environment(environment)
    model = told["model"] = sight.model(told["model"])
    told["alarms_per_year"] = policies.policy_of(session, environment).alarms_per_year
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
    reference = _by_days(profile, side.ref)
    seconds = reference.window_seconds or timestamps.DAY
    told |= {"window_seconds": seconds, "reference_windows": len(reference.windows)}
    pair |= {"profile_digest": blake3, "until": recorded_days.begin(clock.now(session), seconds)}
    pair["since"] = "" if since is None else recorded_days.begin(since, seconds)
    recorded = windows.summary(session.connection(), pair)
    if not recorded[2]:
        raise _none_recorded(session, pair, side.ref)
    events = changes_here.events(session, model, environment, recorded[1], seconds)
    outcomes = windows.summary(session.connection(), pair | _OUTCOMES)
    url = str(session.connection().engine.url)
    return _Facts((blake3, reference), seconds, pair, recorded, outcomes, events, url)


def _worked_out(reading: Reading, facts: _Facts, alarms: float) -> dict[str, Any]:
    """What the windows say; kept until others come."""
    key = (facts.url, *sorted(facts.pair.items()))
    mark = (facts.recorded, facts.outcomes, alarms, facts.events)
    known = _told.get(key)
    if known is not None and known[0] == mark:
        return known[1]
    blake3, reference = facts.profile
    learned = _learned.get(blake3)
    if learned is None:
        learned = learn(reference)
        _keep(_learned, blake3, learned)
    room = MOST_CELLS // _width(reference) - len(reference.windows)
    with reading() as sight:
        connection = sight.session.connection()
        rows = windows.of_pair(connection, facts.pair, MOST_ROWS)
        came_true = windows.of_pair(connection, facts.pair | _OUTCOMES, MOST_ROWS)
    days = recorded_days.days_of(rows, facts.seconds, max(LEAST_WINDOWS, min(MOST_DAYS, room)))
    if len(rows) == MOST_ROWS and len(days) > 1:
        days.pop(min(days))  # older parts of it were not read
    served = recorded_days.profile_of(days, reference, facts.seconds)
    found = drift_between(
        reference,
        served,
        [one.event for one in facts.events],
        hosts=lambda changes: _hosts(reading, facts, changes),
        alarms_per_year=alarms,
        learned=learned,
    )
    counted = {timestamps.moment(day).timestamp(): one.rows for day, one in served.windows.items()}
    numbers = {one.event: one.seq for one in facts.events}
    answer = of_changes(found, reference, counted, numbers)
    answer |= _by_months(reference, served, facts.seconds, came_true, answer["changes"])
    _keep(_told, key, (mark, answer))
    return answer


def _by_months(
    reference: Profile,
    served: Profile,
    seconds: int,
    came_true: Iterable[tuple[str, bytes]],
    changes: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The AUC at validation, and each month's, as estimated and as realised.

    Outcomes are of the month of the served window that they lie in, which may be a week of two.
    """
    calibration = calibration_of(reference)
    outcomes = (
        (recorded_days.begin(start, seconds), Part.parse(counts | _NO_GROUPS, reference).score)
        for start, counts in recorded_days.as_room_is(came_true)
        if counts is not None
    )
    seen = ((start, one.rows, one.score) for start, one in served.windows.items())
    at_validation = None
    if calibration is not None:
        at_validation = outcome(calibration, calibration.bins, calibration.positives)
    return {
        "validated": at_validation,
        "months": of_months(calibration, seen, outcomes, changes),
    }


def _keep(kept: dict[Any, Any], key: object, value: object) -> None:
    """Keep what was worked out, and forget the oldest of too many."""
    while len(kept) >= MOST_KEPT:
        kept.pop(next(iter(kept)), None)
    kept[key] = value


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
        "kind": "inputs",
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


def _by_days(profile: Profile, ref: str) -> Profile:
    """A profile by windows of a day at least."""
    seconds = max(profile.window_seconds or 0, timestamps.DAY)
    days: dict[str, Counts] = {}
    for start, part in profile.windows.items():
        if not part.rows or start < _FIRST:
            continue
        day = recorded_days.begin(start, seconds)
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
    return replace(profile, windows=days, window_seconds=seconds)


def _none_recorded(session: Session, pair: dict[str, Any], ref: str) -> _NotEnough:
    """Why there is nothing to compare."""
    environment = pair["environment"]
    if windows.summary(session.connection(), pair | {"until": "9999"})[2]:
        return _NotEnough(
            "no-window-over",
            f"What {ref} sees in {environment} is recorded, and no window of it is over yet.",
            "Ask again when it is; windows begin at midnight UTC.",
        )
    return _NotEnough(
        "no-windows",
        f"Nothing is recorded of what {ref} sees in {environment} with its pipeline"
        + (" since then." if pair["since"] else "."),
        "Record what production sees: "
        f"{act('observe', ref.partition('@')[0], env=environment, data='BATCH')}, or let the "
        "service call observe (lineage.follow).",
    )


def _hosts(reading: Reading, facts: _Facts, changes: Iterable[Change]) -> dict[str, Profile]:
    """What hosts counted by themselves of the columns that changed, since the first change."""
    reference = facts.profile[1]
    first = dt.datetime.fromtimestamp(min(change.begins for change in changes), dt.UTC)
    changed = {name for change in changes for name in change.columns}
    like = replace(reference, columns={n: c for n, c in reference.columns.items() if n in changed})
    asked = facts.pair | {"since": windows.start_of(first)}
    with reading() as sight:
        connection = sight.session.connection()
        names = windows.instances(connection, asked)
        some = names[:: -(-len(names) // MOST_HOSTS) or 1]
        rows = {name: windows.of_pair(connection, asked, ROWS_OF_HOST, name) for name in some}
    days = {
        name: recorded_days.days_of(of_it, facts.seconds, MOST_DAYS, like)
        for name, of_it in rows.items()
    }
    return {
        name: recorded_days.profile_of(one, like, facts.seconds)
        for name, one in days.items()
        if one
    }


def _width(profile: Profile) -> int:
    """How many columns are asked about."""
    return len(profile.columns) + (profile.score is not None)
