"""What served in a slot at a past moment, the side of it that a caller runs, and what is ready.

What serves now is read at once, by :mod:`lineage.registry.slots.shown`. What only the readiness of
a backup needs is imported for it: a look-up must start quickly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage import timestamps
from lineage.acts import act
from lineage.contract.results import NamedPipeline, Readiness, ServedVersion, Serving, Side
from lineage.database import clock, events, policies, slots, tables, versions
from lineage.database.deployments import DeployedPipelines, deployment
from lineage.database.sql import col, select
from lineage.errors import NotFound, PipelineMismatch, UsageError
from lineage.identity.origin import OriginState
from lineage.identity.references import Reference

if TYPE_CHECKING:
    from sqlmodel import Session


def side_with(session: Session, answer: Serving, pipeline: str) -> Side:
    """The side of a slot whose pair has a pipeline version: what serves first.

    Args:
        session: a transaction.
        answer: the slot.
        pipeline: ``NAME@DIGEST`` or a digest of the pipeline version, or a unique beginning of one.

    Raises:
        PipelineMismatch: none has it.
        UsageError: the text is neither, or names a pipeline on which the model does not ride.
        Conflict: several recorded versions begin so.
    """
    named, rides_on = NamedPipeline.parse(pipeline), answer.pipeline["name"]
    if named.name is not None and rides_on not in (None, named.name):
        raise UsageError(
            f"{answer.model} rides on pipeline {rides_on} in {answer.environment}, not on "
            f"{named.name}.",
            remedy=f"Name a version of that: {rides_on}@DIGEST",
        )
    row = session.get(tables.Slot, (answer.environment, answer.model))
    for side in (Side.SERVING, Side.STAGED, Side.BACKUP):
        stands = slots.slot_side(session, row, side.value)
        if stands is None:
            continue
        name, blake3 = stands.pipeline, stands.pipeline_blake3
        if blake3 is None:  # what stands without a proof does so on what runs
            name = rides_on
            runs = deployment(session, answer.environment, name)
            blake3 = runs.blake3 if runs is not None else None
        if blake3 is not None and _names(session, named.digest, name, blake3):
            return side
    none = f"No pair of {answer.model} in {answer.environment} is on pipeline {named.digest[:80]}"
    if answer.serving is None:
        raise PipelineMismatch(
            f"{none}: nothing serves there.",
            remedy="Promote a version: "
            f"{act('promote', f'{answer.model}@N', env=answer.environment)}",
        )
    raise PipelineMismatch(
        f"{none}: it declares {answer.pipeline['digest'] or 'none'}.",
        remedy="Deploy the service with the declared pipeline, or release the pipeline of the "
        f"service: {act('release', env=answer.environment, pipeline='NAME', model='REF')}",
    )


def _names(session: Session, text: str, pipeline: str | None, blake3: str) -> bool:
    """Whether a digest, or the beginning of one, names a recorded pipeline version."""
    from lineage.database.pipelines import find_pipeline

    try:
        return find_pipeline(session, pipeline, text).blake3 == blake3
    except NotFound:
        return False


def readiness(session: Session, answer: Serving) -> Readiness | None:
    """Whether the backup of an answer could take over at once; None where there is none."""
    from lineage.database.environments import require_environment
    from lineage.guard import looks
    from lineage.guard.facts import Transition
    from lineage.registry.slots.gather import guard_facts
    from lineage.registry.slots.readiness import reasons_against

    if answer.backup is None:
        return None
    where = require_environment(session, answer.environment)
    row = versions.find_version(session, Reference(answer.model, number=answer.backup.version))
    runs = DeployedPipelines(session, where.name)
    if answer.moves_pipeline and answer.backup.pipeline is not None:
        blake3 = _blake3_of(session, answer.environment, row, answer.backup.pipeline)
        runs = runs.with_pipeline(row.pipeline, blake3, clock.now(session))
    facts = guard_facts(session, where, row, runs, move=Transition.RETURN)
    reasons = reasons_against(facts)
    checked_at = max((copy.at for copy in facts.copies), default=None)
    return Readiness(
        not reasons, checked_at, reasons, facts.copies, facts.held, looks.changes_at(facts)
    )


def _blake3_of(
    session: Session, environment: str, version: tables.ModelVersion, xxh3: str
) -> str | None:
    """The pipeline version of a backup, by the digest that its answer shows.

    XXH3 can be made to collide: while the slot holds that backup, it says which one is meant.
    """
    slot = session.get(tables.Slot, (environment, version.model))
    if slot is not None and slot.backup_version_id == version.id:
        return slot.backup_pipeline_blake3
    table = tables.PipelineVersion
    return session.exec(
        select(table.blake3).where(table.pipeline == version.pipeline, table.xxh3 == xxh3).limit(1)
    ).first()


def at(session: Session, environment: str, model: str, moment: str) -> Serving:
    """What served at a past moment, from the history."""
    state = events.slot_at(session, f"{model}@{environment}", moment) or {"revision": 0}
    sides = {name: _side_of_event(session, model, state.get(name)) for name in slots.SIDES}
    proof = state.get("serving") or {}
    key = (proof.get("pipeline"), proof.get("pipeline_digest"))
    row = session.get(tables.PipelineVersion, key) if all(key) else None
    waiver = policies.waiver_by_id(session, proof.get("waiver"))
    in_force = waiver is not None and (
        waiver.until is None or timestamps.moment(moment) < waiver.until
    )
    return Serving(
        environment=environment,
        model=model,
        revision=state["revision"],
        pipeline={"name": key[0], "digest": row.xxh3 if row else None},
        serving=sides["serving"],
        backup=sides["backup"],
        staged=sides["staged"],
        waivers=(waiver,) if waiver is not None and in_force else (),
        rests_on=waiver,
    )


def _side_of_event(
    session: Session, model: str, side: dict[str, Any] | None
) -> ServedVersion | None:
    if side is None:
        return None
    row = versions.find_version(session, Reference(model, number=side["version"]))
    pair = side["pipeline"], side["pipeline_digest"]
    return served_version(session, row, pair, side["promoted_at"], side["promoted_by"])


def served_version(
    session: Session,
    row: tables.ModelVersion,
    pair: tuple[str | None, str | None],
    since: str,
    by: str,
) -> ServedVersion:
    """A version with the pipeline version that it stands there with, by the proof's name of it."""
    pipeline = session.get(tables.PipelineVersion, pair) if all(pair) else None
    shown = versions.shown_digests(session, row)
    if pipeline is not None:
        shown |= {"pipeline": pipeline.xxh3}
    origin = versions.origin_of(row)
    return ServedVersion(
        model=row.model,
        version=row.number,
        tuple=row.tuple_xxh3,
        promoted_at=timestamps.moment(since),
        promoted_by=by,
        made=origin if origin is not None and origin.state is OriginState.STALE else None,
        **shown,
    )


def newest_pipeline(session: Session, model: str) -> str | None:
    """The pipeline that the newest version of a model with one was registered with."""
    table = tables.ModelVersion
    return session.exec(
        select(table.pipeline)
        .where(table.model == model, col(table.pipeline).is_not(None))
        .order_by(col(table.number).desc())
        .limit(1)
    ).first()
