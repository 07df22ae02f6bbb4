"""What production saw: recording the windows that hosts and batches count, and reading them.

A window is believed as a report of a host is: it is what whoever may observe says. It is refused
where it could not be compared: counted on another scale than that of a profile of the version,
or named by a version or a pipeline that never served there.
"""

from __future__ import annotations

import datetime as dt
import re
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from lineage import timestamps
from lineage.acts import act
from lineage.contract.windows import EARLY, MOST_WINDOWS, check_seconds
from lineage.database import clock, pipelines, profiles, tables, windows
from lineage.database import streams as stream_rows
from lineage.database.known import SEEN
from lineage.database.slots import slot_side
from lineage.database.tables.windows import MERGED
from lineage.errors import UsageError
from lineage.evidence.parts import Part, added
from lineage.evidence.performance import Calibration
from lineage.evidence.reader import LARGEST_COUNT
from lineage.evidence.realised import realised as metrics_of
from lineage.identity.references import Reference
from lineage.registry import limits, streams
from lineage.registry.access import check_actor
from lineage.registry.streams import LATE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session

    from lineage.contract.windows import NewWindow, NewWindows
    from lineage.database.windows import Row
    from lineage.evidence.counts import Counts
    from lineage.registry.sight import Sight

MOST_READ: Final = 5_000
"""Windows that are read at once, at the most."""

MOST_CHARACTERS: Final = 64 << 20
"""Characters of JSON of the counts that are read at once: ten times as many bytes of memory."""

_STREAM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,99}", re.ASCII)


def prepare(sight: Sight, model: str, environment: str, new: NewWindows) -> list[Row]:
    """Look at windows that were sent, before others have to wait for it; as they are recorded.

    Raises:
        NotFound: there is no such model, environment, version or pipeline version.
        UsageError: a window cannot be compared with what the version was validated on, or its
            counts, its time or a name cannot be read.
    """
    check_actor(new.instance)
    if _STREAM.fullmatch(new.stream) is None:
        raise UsageError(
            "A stream's name is 1 to 100 letters, digits and : . _ -",
            remedy="Give each run of a service, and each batch, a random name.",
        )
    if not 0 < len(new.windows) <= MOST_WINDOWS:
        raise UsageError(
            f"{len(new.windows)} windows came at once.",
            remedy=f"Send 1 to {MOST_WINDOWS} at a time.",
        )
    sight.environment(environment)
    name = sight.model(model)
    at = timestamps.moment(clock.now(sight.session))
    before, rows = 0, []
    for window in new.windows:
        if not before < window.sequence <= LARGEST_COUNT:
            raise UsageError(
                "The parts of a stream are not in order.",
                remedy="Number them from 1, and send them by their numbers.",
            )
        before = window.sequence
        start = _start(window, at, batch=new.batch)
        row = _row(sight, name, environment, window) | {"start": start}
        rows.append(row | {"instance": MERGED if new.batch else new.instance})
    return rows


def record(
    session: Session, model: str, environment: str, new: NewWindows, rows: list[Row], actor: str
) -> tuple[dict[str, Any], int]:
    """Record windows, in a transaction that writes; JSON of how many were new, and what is owed.

    Windows that are due are folded too: of as many as :func:`fold` is to be told still.

    Raises:
        Conflict: too many streams are known of the slot.
        UsageError: a window would count more than it can, or may have come before.
    """
    connection, at = session.connection(), clock.now(session)
    stream: Row = {
        "environment": environment,
        "model": model,
        "instance": new.instance,
        "stream": new.stream,
        "batch": new.batch,
    }
    known, is_batch = stream_rows.last_part(connection, stream) or (0, new.batch)
    if is_batch != new.batch:
        raise UsageError(
            f"The stream {new.stream} of {new.instance} is known, and is "
            + ("a batch." if is_batch else "no batch."),
            remedy="Give each run of a service, and each batch, a name of its own.",
        )
    if not known:
        streams.require_room(connection, stream, at)
        streams.require_known_time(connection, stream, (row["start"] for row in rows))
    fresh = [row for row in rows if row["sequence"] > known]
    sums = _summed(fresh)
    for row in sums:
        if not windows.add(connection, row, at):
            raise UsageError(
                f"The window of {row['start']} would count more than {LARGEST_COUNT:,} rows.",
                remedy="Send what was counted once, as it was counted.",
            )
    if fresh:
        newest = {"sequence": fresh[-1]["sequence"], "recorded_at": at, "recorded_by": actor}
        stream_rows.note_part(connection, stream | newest)
    session.info.pop(SEEN, None)
    answer = {
        "model": model,
        "environment": environment,
        "recorded": len(fresh),
        "repeated": len(rows) - len(fresh),
    }
    return answer, fold(session, windows.FOLDED_FOR_EACH * len(sums))


def fold(session: Session, owed: int) -> int:
    """Fold windows that are due, some of so many, in a transaction that writes; what is owed still.

    Who sends many folds many, and others write in between.
    """
    most = min(owed, windows.AT_ONCE)
    done = windows.fold(session.connection(), clock.now(session), most) if most else 0
    return owed - most if done == most else 0


def listed(
    session: Session,
    model: str,
    environment: str,
    since: str | None,
    until: str | None,
    *,
    by_host: bool,
    kind: str = "",
) -> list[dict[str, Any]]:
    """JSON of windows by their starts, of one kind or of both.

    Raises:
        UsageError: there are too many, or a time cannot be read.
    """
    asked = {
        "environment": environment,
        "model": model,
        "since": _bound(since or "1970-01-01"),
        "until": _bound(until or "9999-01-01"),
        "kind": kind,
    }
    sums = _read(session, asked, by_host=False)
    single = _read(session, asked, by_host=True) if by_host else []
    hosts: dict[tuple[Any, ...], dict[str, Any]] = {
        key: {row["instance"]: row["counts"] for row in rows}
        for key, rows in groupby(single, key=_key)
    }
    return [
        {
            "model": model,
            "environment": environment,
            "version": row["number"],
            "pipeline": row["pipeline"] or row["pipeline_digest"],
            "profile": row["profile"],
            "kind": row["kind"],
            "start": row["start"],
            "seconds": row["seconds"],
            "rows": row["rows"],
            "counts": row["counts"],
            "hosts": hosts.get(_key(row), {}) if by_host else None,
        }
        for row in sums
    ]


def _read(session: Session, asked: dict[str, Any], *, by_host: bool) -> list[Row]:
    """The windows that are asked for.

    Raises:
        UsageError: there are too many, or their counts are too large together.
    """
    found: list[Row] = []
    characters = 0
    rows = windows.read(session.connection(), **asked, by_host=by_host, most=MOST_READ + 1)
    for row in rows:
        characters += row["characters"]
        if len(found) == MOST_READ or characters > MOST_CHARACTERS:
            raise UsageError(
                f"More than {MOST_READ:,} windows of {asked['model']}, or {MOST_CHARACTERS >> 20} "
                "MiB of counts, are kept of that time.",
                remedy="Ask for a shorter time, or not for each host.",
            )
        found.append(row)
    return found


def realised(
    session: Session, model: str, environment: str, since: str | None, until: str | None
) -> list[dict[str, Any]]:
    """JSON of what came true, by windows: the metrics of all rows, and of each group.

    Raises:
        UsageError: there are too many windows, or a time cannot be read.
    """
    found = []
    for row in listed(session, model, environment, since, until, by_host=False, kind="outcomes"):
        like = profiles.known(session, row["profile"])
        score = like.score
        if score is None or score.positives is None:
            continue
        calibration = Calibration(score.bins, score.positives)
        part = Part.parse(row["counts"], like)
        kept = ("model", "environment", "version", "pipeline", "profile", "start", "seconds")
        found.append(
            {name: row[name] for name in kept}
            | {
                "metrics": _metrics(calibration, part),
                "groups": {name: _metrics(calibration, one) for name, one in part.groups.items()},
            }
        )
    return found


def _metrics(calibration: Calibration, counts: Counts) -> dict[str, Any]:
    score = counts.score
    if score is None or score.positives is None:
        return {}
    return metrics_of(calibration, score.bins, score.positives)


_OF: Final = ("start", "seconds", "version_id", "pipeline_digest", "profile_digest", "kind")


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in _OF)


def _bound(text: str) -> str:
    return windows.start_of(timestamps.moment(timestamps.parse_time(text)))


def _row(sight: Sight, model: str, environment: str, window: NewWindow) -> Row:
    """A window as it is recorded, but for its time and its instance."""
    session = sight.session
    version = sight.version(Reference.parse(f"{model}@{window.version}"))
    ref = f"{model}@{version.number}"
    pipeline = pipelines.find_pipeline(session, version.pipeline, window.pipeline)
    if not _served(session, environment, version, pipeline.blake3):
        raise UsageError(
            f"{ref} never served in {environment} with pipeline {pipeline.xxh3}.",
            remedy=f"Name the version and the pipeline that serve: {act('serving', model)}",
        )
    found = profiles.of_version(session, version.id or 0, window.profile)
    if found is None:
        raise UsageError(
            f"No validation of {ref} has the profile {window.profile[:80]}: the rows were counted "
            "on another scale.",
            remedy="Count them on the profile that the registry has: "
            f"{act('profile', 'DATA', reference=ref)}",
        )
    limits.require_small("counts of a window", window.counts)
    like = found[1]
    counts = Part.parse(window.counts, like)
    if unknown := sorted(counts.groups.keys() - like.groups.keys()):
        raise UsageError(
            f"The profile has no group {unknown[0][:80]!r}.",
            remedy="Count the groups that the validation's profile has, by the same names.",
        )
    whole = counts.columns.keys() == like.columns.keys()
    if window.kind == "inputs" and not (whole and (counts.score is None) == (like.score is None)):
        raise UsageError(
            "The window does not count all that the profile does.",
            remedy="Count every column of the profile and its score: what is not there is null.",
        )
    scored = all(
        one.score is not None and one.score.positives is not None
        for one in (counts, *counts.groups.values())
    )
    if window.kind == "outcomes" and not scored:
        raise UsageError(
            "The window, or one of its groups, has no scores beside outcomes.",
            remedy="Count the score and the target: "
            f"{act('outcomes', 'MODEL', env='ENV', data='LABELS')}",
        )
    return {
        "environment": environment,
        "version_id": version.id,
        "pipeline_digest": pipeline.blake3,
        "profile_digest": found[0],
        "kind": window.kind,
        "seconds": window.seconds,
        "sequence": window.sequence,
        "rows": counts.rows,
        "counts": counts.to_dict(),
    }


def _served(session: Session, environment: str, version: tables.ModelVersion, blake3: str) -> bool:
    """Whether a pair serves or served somewhere, or is there to serve."""
    if session.get(tables.ServedPair, (environment, version.id, blake3)) is not None:
        return True
    slot = session.get(tables.Slot, (environment, version.model))
    sides = [slot_side(session, slot, name) for name in ("serving", "backup", "staged")]
    return any(
        side is not None and (side.version_id, side.pipeline_blake3) == (version.id, blake3)
        for side in sides
    )


def _start(window: NewWindow, at: dt.datetime, *, batch: bool) -> str:
    """The start of a window, as it is written.

    Raises:
        UsageError: it is no time, no window begins then, or it is too early or too late.
    """
    check_seconds(window.seconds)
    start = timestamps.moment(timestamps.parse_time(window.start))
    if start.microsecond or start.timestamp() % window.seconds:
        raise UsageError(
            f"No window of {window.seconds} seconds begins at {window.start[:40]}.",
            remedy="Let windows begin at midnight UTC, and one behind the other.",
        )
    if start > at + EARLY:
        raise UsageError(
            f"The window begins at {window.start[:40]}, and here it is {timestamps.written(at)}.",
            remedy="Set the clock of the host.",
        )
    if not batch and start + dt.timedelta(seconds=window.seconds) < at - LATE:
        raise UsageError(
            f"The window of {window.start[:40]} came more than {LATE.days} days late.",
            remedy="Set the clock of the host; what was kept for longer is sent as a batch: "
            f"{act('observe', 'MODEL', env='ENV', data='BATCH')}",
        )
    return windows.start_of(start)


def _summed(rows: Iterable[Row]) -> list[Row]:
    """What is to be added: a row for each window, and for each sum over the hosts."""
    sums: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        for one in {row["instance"], MERGED}:
            key = (*_key(row), one)
            so_far = sums.get(key)
            sums[key] = row | {"instance": one}
            if so_far is not None:
                sums[key]["rows"] += so_far["rows"]
                sums[key]["counts"] = added(so_far["counts"], row["counts"])
    return list(sums.values())
