"""Validating: what is said of a version with a pipeline version, and carrying that over."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from lineage.acts import act
from lineage.database import (
    clock,
    events,
    profiles,
    slots,
    tables,
    telling,
    validations,
    version_metrics,
    versions,
)
from lineage.database import watched_runs as watched_rows
from lineage.errors import Conflict, NotFound, UsageError
from lineage.guard.evidence import Basis
from lineage.identity.digest import canonical_bytes
from lineage.registry import limits, views, watched_runs
from lineage.registry.versions import pipeline_row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.contract.results import NamedPipeline
    from lineage.evidence.profile import Profile
    from lineage.guard.requirements import Outcome
    from lineage.identity.components import DataVersion
    from lineage.identity.references import Reference
    from lineage.identity.watched import WatchedRun
    from lineage.registry.access import Actor
    from lineage.registry.sight import Sight


_ONLY_SAID: Final = (
    "the verdict counts as stated, and what was run is kept for information only: a token with the "
    "scope validate:run makes it a run"
)


@dataclass(frozen=True)
class NewValidation:
    """What a validation came to, and what it rests on.

    ``run`` is JSON of the command that was run for it, ``data`` the data that it was made on,
    ``watched`` what was observed of runs that it rests on; ``elsewhere`` tells that it was made
    where nobody could hold the weights and the pipeline against the version; ``profile`` is what
    the data looked like.
    """

    passed: bool
    metrics: Mapping[str, Any] | None = None
    outcomes: tuple[Outcome, ...] = ()
    run: dict[str, Any] | None = None
    data: DataVersion | None = None
    watched: tuple[WatchedRun, ...] = ()
    elsewhere: bool = False
    profile: Profile | None = None

    @cached_property
    def written_metrics(self) -> str | None:
        """The metrics as they are kept.

        Raises:
            UsageError: they are more than every decision can read again.
        """
        if self.metrics is None:
            return None
        limits.require_small("metrics", self.metrics)
        return canonical_bytes(self.metrics).decode()

    @cached_property
    def written_outcomes(self) -> str:
        """What the requirements came to, as it is kept."""
        return json.dumps([outcome.to_json() for outcome in self.outcomes])

    def prepare(self) -> None:
        """Work out what is kept before others have to wait for it.

        Raises:
            UsageError: it cannot be kept.
        """
        limits.prepare(self.run, self.watched)
        _ = self.written_metrics, self.written_outcomes
        if self.data is not None:
            _ = self.data.xxh3, self.data.blake3
        if self.profile is not None:
            limits.require_small_profile(self.profile)


def validate(
    sight: Sight,
    reference: str | Reference,
    pipeline: CapturedPipelineVersion | NamedPipeline,
    new: NewValidation,
    who: Actor,
) -> dict[str, Any]:
    """Record a validation of a version with a pipeline version; JSON of it.

    Raises:
        NotFound: the version or the named pipeline version does not exist.
        UsageError: the pipeline is not the one that the version was registered with.
    """
    session = sight.session
    at = clock.stamp(session)
    version, target = _pair(sight, reference, pipeline, at, who.name)
    run = new.run
    only_said = (run is not None or len(new.watched) > 0) and not who.runs_count
    row = tables.Validation(
        version_id=version.id or 0,
        pipeline=target.pipeline,
        pipeline_blake3=target.blake3,
        passed=new.passed,
        metrics=new.written_metrics,
        outcomes=new.written_outcomes,
        basis=Basis.RUN if run is not None and who.runs_count else Basis.STATED,
        run=json.dumps(run) if run is not None else None,
        data_blake3=versions.add_data(session, new.data) if new.data else None,
        elsewhere=new.elsewhere,
        validated_at=at,
        validated_by=who.name,
        validated_by_person=who.recorded_person,
        on_word=only_said,
    )
    answer = _record(session, version, row, target, new.watched, new.profile)
    return answer | ({"notes": [_ONLY_SAID]} if only_said and run is not None else {})


def carry_over(
    sight: Sight,
    reference: str | Reference,
    pipeline: CapturedPipelineVersion | NamedPipeline,
    rests_on: int,
    difference: str,
    who: Actor,
) -> dict[str, Any]:
    """Record that a passing validation also holds for a pipeline that behaves alike; JSON of it.

    Raises:
        NotFound: the version, its validation or the named pipeline version does not exist.
        Conflict: the validation is no longer a pass that counts, or carried itself.
    """
    session = sight.session
    at = clock.stamp(session)
    version, target = _pair(sight, reference, pipeline, at, who.name)
    ref = f"{version.model}@{version.number}"
    root = session.get(tables.Validation, rests_on)
    if root is None or root.version_id != version.id:
        raise NotFound(
            f"{ref} has no validation {rests_on}.",
            remedy=f"See its validations: {act('show', ref)}",
        )
    newest = validations.newest_validation(session, root.version_id, root.pipeline_blake3)
    if not root.passed or root.rests_on is not None or newest is None or newest.id != root.id:
        raise Conflict(
            f"Validation {rests_on} of {ref} is not a pass that counts.",
            remedy=f"Validate it anew: {act('validate', ref)}",
        )
    row = tables.Validation(
        version_id=root.version_id,
        pipeline=target.pipeline,
        pipeline_blake3=target.blake3,
        passed=True,
        metrics=root.metrics,
        outcomes=root.outcomes,
        basis=Basis.CARRIED,
        rests_on=root.id,
        difference=difference,
        data_blake3=root.data_blake3,
        elsewhere=root.elsewhere,
        validated_at=at,
        validated_by=who.name,
        validated_by_person=who.recorded_person,
        on_word=not who.runs_count,
    )
    return _record(session, version, row, target)


def profile(
    session: Session, version: tables.ModelVersion, pipeline: str | None, digest: str | None
) -> Profile:
    """The profile of the newest validation of a version that has one, or the one of a digest.

    Raises:
        NotFound: none has.
    """
    ref = f"{version.model}@{version.number}"
    if digest is not None:
        kept = profiles.of_version(session, version.id or 0, digest)
        if kept is None:
            raise NotFound(
                f"No validation of {ref} has the profile {digest[:80]}.",
                remedy=f"See its validations: {act('show', ref)}",
            )
        return kept[1]
    found = profiles.newest(session, version.id or 0, pipeline)
    if found is None:
        raise NotFound(
            f"{ref} has no validation that tells what its data looked like.",
            remedy=f"Validate it with a profile: {act('validate', ref, profile='DATA')}",
        )
    return found


def _pair(
    sight: Sight,
    reference: str | Reference,
    pipeline: CapturedPipelineVersion | NamedPipeline,
    at: str,
    actor: str,
) -> tuple[tables.ModelVersion, tables.PipelineVersion]:
    """The version and the pipeline version that a validation is about."""
    version = sight.version(reference)
    target = pipeline_row(sight, pipeline, version.pipeline, at, actor)
    if version.pipeline not in (None, target.pipeline):
        raise UsageError(
            f"{version.model}@{version.number} rides on pipeline {version.pipeline}, not on "
            f"{target.pipeline}.",
            remedy=f"Validate it with a version of pipeline {version.pipeline}.",
        )
    return version, target


def _record(
    session: Session,
    version: tables.ModelVersion,
    row: tables.Validation,
    pipeline: tables.PipelineVersion,
    watched: tuple[WatchedRun, ...] = (),
    profile: Profile | None = None,
) -> dict[str, Any]:
    """Add a validation, its event and what was observed for it; JSON of it."""
    telling.tell(session, row)
    seen = profiles.record(session, row, profile)
    version_metrics.note(session, version, row.metrics)
    ref = f"{version.model}@{version.number}"
    contradicted = [] if row.passed else _contradicted(session, version)
    payload: dict[str, Any] = {
        "validation": row.id,
        "passed": row.passed,
        "basis": row.basis,
        "pipeline": {"name": pipeline.pipeline, "digest": pipeline.xxh3},
    }
    if row.rests_on is not None:
        payload |= {"rests_on": row.rests_on, "difference": row.difference}
    if row.elsewhere:
        payload["elsewhere"] = True
    if row.on_word:
        payload["on_word"] = True
    if seen is not None:
        payload["profile"] = seen
    if contradicted:
        payload["contradicted"] = contradicted
    events.append(
        session,
        at=row.validated_at,
        actor=row.validated_by,
        kind="validated",
        subject=ref,
        payload=payload,
        also=[version.model, pipeline.pipeline, *contradicted],
    )
    watched_runs.record(session, version, watched, row.validated_at, row.validated_by, row)
    answer = views.validation(session, row, pipeline.xxh3)
    shown = watched_rows.shown(session, version.id or 0) if watched else {}
    return (
        {"model": version.model, "version": version.number, "ref": ref}
        | answer
        | views.with_environment(row, shown.get(row.id, []))
        | {"profile": seen}
    )


def _contradicted(session: Session, version: tables.ModelVersion) -> list[str]:
    """The slots in which a version serves, or is to, on a verdict that a failure has overturned."""
    return [
        slots.subject(slot.model, slot.environment)
        for slot in slots.held_by(session, version.id)
        if any(
            side is not None and side.version_id == version.id and slots.contradicted(session, side)
            for side in (slots.slot_side(session, slot, name) for name in ("serving", "staged"))
        )
    ]
