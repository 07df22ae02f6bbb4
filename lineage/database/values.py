"""The values that rows hold, as decisions compare them. Pure: rows in, values out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lineage import timestamps
from lineage.guard.evidence import Basis
from lineage.guard.facts import (
    Approval,
    RecordedRun,
    Root,
    Verdict,
    Waiver,
    WeightsState,
)
from lineage.guard.requirements import Outcome
from lineage.guard.unseen import UnseenCode
from lineage.identity.digest import Digest
from lineage.identity.pipeline import Manifest, PipelineVersion
from lineage.identity.watched import WatchedRun

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from lineage.database import tables


class RecordedVersion(PipelineVersion):
    """A recorded pipeline version: its digests are the row's, its manifest is read on demand."""

    def __init__(self, xxh3: str, blake3: str, manifest: str) -> None:
        known = {"xxh3": Digest(xxh3), "blake3": Digest(blake3), "canonical": manifest.encode()}
        self.__dict__.update(known, stated=None)

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest, parsed."""
        return Manifest.from_json(json.loads(self.canonical))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PipelineVersion) and self.canonical == other.canonical

    def __hash__(self) -> int:
        return hash(self.canonical)


def pipeline_version(row: tables.PipelineVersion) -> PipelineVersion:
    """The value that a row holds."""
    if row.manifest is None:
        return PipelineVersion(None, Digest(row.xxh3))
    return RecordedVersion(row.xxh3, row.blake3, row.manifest)


def unseen_in(row: Any) -> tuple[UnseenCode, ...]:  # noqa: ANN401 - a row that is known, or None
    """What runs in a pipeline version and could not be followed, as its capture said."""
    if row is None or row.unseen is None:
        return ()
    return tuple(UnseenCode.from_json(thing) for thing in json.loads(row.unseen))


@dataclass(frozen=True)
class TakenFrom:
    """Where a pipeline version was captured: at a commit, perhaps with changes beside it."""

    commit: str | None
    dirty: bool

    @property
    def commit_holds(self) -> bool | None:
        """Whether the commit holds the version; None where nobody said what was captured."""
        if self.commit is None and not self.dirty:
            return None
        return not self.dirty


def taken_from(row: Any) -> TakenFrom:  # noqa: ANN401 - a row of a pipeline version that is known
    """The commit that is known to hold a pipeline version; else where it was captured first."""
    if (row.code_commit is None or row.code_dirty) and row.seen_commit is not None:
        return TakenFrom(row.seen_commit, dirty=False)
    return TakenFrom(row.code_commit, bool(row.code_dirty))


def verdict(row: Any, pipeline: Any) -> Verdict:  # noqa: ANN401 - rows that are known
    """A validation as the guard compares it, on its pipeline version."""
    commit, version = taken_from(pipeline).commit, pipeline.version
    return verdict_of(row, version, commit=commit, overturned=overturned(row), root=_root(row))


def verdict_of(
    row: Any,  # noqa: ANN401 - a row, or what is known of it
    pipeline: PipelineVersion,
    *,
    commit: str | None,
    overturned: bool,
    root: Root | None,
) -> Verdict:
    """The value that the row of a validation holds.

    Args:
        row: of the validation.
        pipeline: its pipeline version.
        commit: what is known to hold that pipeline version.
        overturned: whether what it rests on has been replaced by a failure.
        root: what it rests on.
    """
    return Verdict(
        id=row.id,
        pipeline=pipeline,
        passed=row.passed,
        validated_at=row.validated_at,
        validated_by=row.validated_by,
        outcomes=tuple(Outcome.from_json(outcome) for outcome in json.loads(row.outcomes)),
        metrics=metrics_of(row),
        basis=Basis(row.basis),
        rests_on=row.rests_on,
        overturned=overturned,
        commit=commit,
        elsewhere=bool(row.elsewhere),
        root=root,
        person=row.validated_by_person,
        on_word=bool(row.on_word),
    )


def overturned(row: Any) -> bool:  # noqa: ANN401 - a row that is known
    """Whether what a carried validation rests on has been replaced by a failure."""
    return row.root_passes is False


def _root(row: Any) -> Root | None:  # noqa: ANN401 - a row that is known
    """What a carried validation rests on."""
    if row.root_digest is None:
        return None
    return Root(row.root_digest, Basis(row.root_basis), row.root_by, row.root_person)


def metrics_of(row: tables.Validation) -> dict[str, Any]:
    """The metrics of a validation, as requirements read them."""
    return json.loads(row.metrics) if row.metrics is not None else {}


def recorded_run(row: tables.WatchedRun) -> RecordedRun:
    """A watched run as the guard looks at it."""
    document = WatchedRun.from_json(json.loads(row.document))
    return RecordedRun(row.pipeline_blake3, row.recorded_at, row.recorded_by, document)


def weights_state(row: tables.WeightsCheck | None) -> WeightsState | None:
    """What a check of a version's weights found."""
    return WeightsState(row.state, row.place, row.checked_at, row.checked_by) if row else None


def approval(row: tables.Approval, counting: Collection[str | None]) -> Approval:
    """An approval; current where it was given for one of the pipeline versions in ``counting``."""
    return Approval(
        row.approved_by,
        row.approved_at,
        row.pipeline_blake3 in counting,
        row.approved_by_person,
        bool(row.claimed),
    )


def waiver(row: tables.Waiver) -> Waiver:
    """A waiver."""
    at = timestamps.moment(row.waived_at)
    until = timestamps.moment(row.until) if row.until is not None else None
    return Waiver(row.code, row.reason, row.waived_by, at, until, row.waived_by_person)


def waivers_in_force(rows: Iterable[tables.Waiver], at: str) -> tuple[Waiver, ...]:
    """Those of some waivers, the oldest first, that are not over: the newest of each rule."""
    found = {row.code: waiver(row) for row in rows if row.until is None or at < row.until}
    return tuple(found.values())
