"""What a batch of production saw: counted on the scale of the validation, and recorded by windows.

What serves names the version and the pipeline; the profile of that version's validation is the
scale. The windows are one stream, which the content of the data names: the same batch counts once.
A window's number is its time, so a batch that was recorded in part goes on where it ended, also
with other rows.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lineage import timestamps
from lineage.acts import act
from lineage.contract.windows import AT_ONCE, EARLY, MOST_WINDOWS, Kind, NewWindow, NewWindows
from lineage.errors import LineageError, NotFound, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lineage.connection import AnyRegistry
    from lineage.contract.results import ServedVersion
    from lineage.evidence.parts import Part
    from lineage.evidence.profile import Profile
    from lineage.evidence.reading.served import Served

INSTANCES: Final[dict[Kind, str]] = {"inputs": "batch", "outcomes": "outcomes"}
"""What batches are called beside the instances of services: names of one kind are not the other's.
"""


@dataclass(frozen=True)
class Batch:
    """Data that production saw, and how it is read.

    ``query`` is one SELECT, where ``data`` is a DuckDB file; ``time``, ``score`` and ``target``
    name columns, by default those of the validation; ``name`` is the batch's, by default the digest
    of its content; ``at`` is the moment whose version served it, by default now.
    """

    data: Path
    query: str | None = None
    time: str | None = None
    score: str | None = None
    target: str | None = None
    name: str | None = None
    at: str | None = None


@dataclass(frozen=True)
class ObservedBatch:
    """What was recorded of a batch: which version it is of, and its windows."""

    ref: str
    environment: str
    pipeline: str
    profile: Profile
    kind: Kind
    served: Served
    windows: tuple[tuple[str, Part], ...]
    """The start of each, and what was counted."""
    recorded: int
    repeated: int

    @property
    def rows(self) -> int:
        """The rows that are in a window."""
        return sum(part.rows for _, part in self.windows)

    @property
    def untimed(self) -> int:
        """The rows whose time is unknown, which are in none."""
        return self.served.whole.rows - self.rows

    @property
    def unscored(self) -> int:
        """Of outcomes, the rows without a score or an outcome, which are in no metric."""
        return self.served.whole.rows - self.served.scored if self.kind == "outcomes" else 0

    def to_json(self) -> dict[str, Any]:
        """JSON of `observe`."""
        return {
            "ref": self.ref,
            "environment": self.environment,
            "pipeline": self.pipeline,
            "profile": str(self.profile.digest),
            "rows": self.rows,
            "untimed": self.untimed,
            "unscored": self.unscored,
            "window_seconds": self.served.seconds,
            "windows": [{"start": start, "rows": part.rows} for start, part in self.windows],
            "recorded": self.recorded,
            "repeated": self.repeated,
            "unknown": list(self.served.unknown),
            "missing": list(self.served.missing),
        }


def observe(
    registry: AnyRegistry,
    model: str,
    environment: str,
    batch: Batch,
    *,
    reference: Profile | None = None,
    kind: Kind = "inputs",
    actor: str,
) -> ObservedBatch:
    """Count a batch on the scale that what serves was validated on, and record it.

    Args:
        registry: where.
        model: the model's name.
        environment: where it was served.
        batch: the data.
        reference: the profile on whose scale it is counted, which the registry has of the version;
            default: that of its newest validation.
        kind: what is counted: the inputs, or what came true of the scores.
        actor: who records it.

    Raises:
        NotFound: nothing serves there, or no validation of it has a profile.
        UsageError: the data cannot be read, or the registry has no such profile of the version.
        LineageError: it cannot be recorded, or not all of it: then the error says which part is,
            and how the rest is recorded.
    """
    from lineage.evidence.reading import served as reading
    from lineage.registry import limits

    version, pipeline = _serving(registry, model, environment, batch.at)
    scale = reference or _profile(registry, version.ref, pipeline)
    read = reading.inputs if kind == "inputs" else reading.outcomes
    named = reading.Named(
        query=batch.query, time=batch.time, score=batch.score, target=batch.target
    )
    served = read(batch.data, scale, named)
    _check_times(batch, served)
    windows = tuple(served.windows.items()) or ((_now(served.seconds), served.whole),)
    stream = batch.name or _stream(batch, scale, kind)
    new = [
        NewWindow(
            version=version.version,
            pipeline=pipeline,
            profile=str(scale.digest),
            start=start,
            seconds=served.seconds,
            counts=part.to_dict(),
            sequence=1 + int(timestamps.moment(start).timestamp()) if served.windows else 1,
            kind=kind,
        )
        for start, part in windows
    ]
    for window in new:
        limits.require_small("counts of a window", window.counts)
    recorded = repeated = 0
    for sent in _together(new):
        windows_of = NewWindows(instance=INSTANCES[kind], stream=stream, windows=sent, batch=True)
        try:
            done = registry.record_windows(model, environment, windows_of, actor=actor)
        except LineageError as error:
            if stand := recorded + repeated:
                _tell_what_stands(error, f"{stand:,} of {len(new):,}", new[stand].start)
                profile = None if reference is None else "PROFILE"
                error.remedy += _again(model, environment, batch, stream, kind, profile)
            raise
        recorded, repeated = recorded + done.recorded, repeated + done.repeated
    return ObservedBatch(
        version.ref, environment, pipeline, scale, kind, served, windows, recorded, repeated
    )


def _serving(
    registry: AnyRegistry, model: str, environment: str, at: str | None
) -> tuple[ServedVersion, str]:
    """What serves, or served, and the digest of the pipeline version that it does so with."""
    if at is not None and timestamps.parse_time(at) > timestamps.now():
        raise UsageError(
            f"What serves at {at[:40]} cannot be known yet.",
            remedy="Name a moment that is over, or leave it out for what serves now.",
        )
    slot = registry.serving(model, environment, at=at)
    pipeline = slot.pipeline["digest"]
    if slot.serving is None or pipeline is None:
        when = f"served in {environment} at {at[:40]}" if at else f"serves in {environment}"
        remedy = f"Promote a version: {act('promote', f'{model}@N', env=environment)}"
        if at is not None:
            remedy = f"See what served when: {act('log', model)}"
        raise NotFound(
            f"Nothing of {model} {when}: nobody can say which version saw the data.",
            remedy=remedy,
        )
    return slot.serving, pipeline


def _profile(registry: AnyRegistry, ref: str, pipeline: str) -> Profile:
    """The profile of a version's validation: with the pipeline that runs, or else with any."""
    try:
        return registry.profile(ref, pipeline=pipeline)
    except NotFound:
        return registry.profile(ref)


def _check_times(batch: Batch, served: Served) -> None:
    """Refuse a batch with rows of a time at which nothing was served, before any of it is sent.

    Raises:
        UsageError: it holds rows of before 2 January 1970, or of a time to come; how many.
    """
    from lineage.evidence.reading.rules import FIRST_DAY

    now = dt.datetime.now(dt.UTC) + EARLY
    wrong = {
        start: part.rows
        for start, part in served.windows.items()
        if start < FIRST_DAY or timestamps.moment(start) > now
    }
    if wrong:
        times = " to ".join(dict.fromkeys((min(wrong), max(wrong))))
        raise UsageError(
            f"{batch.data} has {sum(wrong.values()):,} rows of {served.whole.rows:,} whose time in "
            f"{served.time!r} is one when nothing was served ({times}).",
            remedy="Leave those rows out, or put their time right; a time that is not known is "
            "left empty. Nothing of the batch is recorded.",
        )


def _tell_what_stands(error: LineageError, windows: str, start: str) -> None:
    """Let an error say which part of a batch is recorded."""
    error.args = (f"{error} {windows} windows of the batch are recorded, those before {start}.",)


def _again(
    model: str, environment: str, batch: Batch, stream: str, kind: Kind, reference: str | None
) -> str:
    """What records the rest of a batch, and counts nothing twice."""
    data, query, time, score = str(batch.data), batch.query, batch.time, batch.score
    again = act(
        "observe", model, env=environment, data=data, batch=stream, query=query, time=time,
        score=score, at=batch.at, reference=reference,
    )  # fmt: skip
    if kind == "outcomes":
        again = act(
            "outcomes", model, env=environment, data=data, batch=stream, query=query, time=time,
            score=score, target=batch.target, at=batch.at, reference=reference,
        )  # fmt: skip
    return (
        " Then record the rest, which counts nothing twice, also if rows of the rest were put "
        f"right: {again}"
    )


def _now(seconds: int) -> str:
    """The start of the window that it is now."""
    at = int(dt.datetime.now(dt.UTC).timestamp()) // seconds * seconds
    return f"{dt.datetime.fromtimestamp(at, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def _stream(batch: Batch, scale: Profile, kind: Kind) -> str:
    """A name of the batch by its content: the same data on the same scale is the same batch."""
    from lineage.hashing.files import hash_path
    from lineage.identity.digest import xxh3

    content = hash_path(batch.data).xxh3
    named = (batch.query, batch.time, batch.score, batch.target, batch.at)
    words = "\n".join(map(str, (kind, content, scale.digest, *named)))
    return f"batch-{xxh3(words.encode()).value}"


def _together(new: list[NewWindow]) -> Iterator[tuple[NewWindow, ...]]:
    """Windows in as many as go in one request."""
    some: list[NewWindow] = []
    size = 0
    for window in new:
        own = len(json.dumps(window.counts))
        if some and (len(some) == MOST_WINDOWS or size + own > AT_ONCE):
            yield tuple(some)
            some, size = [], 0
        some.append(window)
        size += own
    yield tuple(some)
