"""Environments, pipeline deployments and slots: reading them, and moving them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlmodel import and_, col, or_, select

from lineage.database import tables
from lineage.database.validations import newest_verdict
from lineage.identity.components import EnvironmentKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlmodel import Session

SIDES = ("serving", "backup")
_COLUMNS = (
    "version_id",
    "version_kind",
    "pipeline",
    "pipeline_digest",
    "validation_id",
    "passed",
    "promoted_at",
    "promoted_by",
    "waiver_id",
    "waiver_code",
)


@dataclass(frozen=True)
class Occupant:
    """One side of a slot: a version, and the proof (or the waiver) that it may stand there."""

    version_id: int
    version_kind: str
    pipeline: str | None
    pipeline_digest: str | None
    validation_id: int | None
    passed: bool | None
    promoted_at: str
    promoted_by: str
    waiver_id: int | None = None
    waiver_code: str | None = None


@dataclass(frozen=True)
class Runs:
    """A pipeline, the version of it that runs (by its identity), and since when it does."""

    pipeline: str
    digest: str
    since: str


class Running:
    """What runs of each pipeline in an environment.

    Args:
        session: a transaction.
        environment: the environment's name.
        supposed: a deployment to suppose instead of what is recorded.
        formerly: what ran before the present transaction moved it, by the pipeline's name.
    """

    def __init__(
        self,
        session: Session,
        environment: str,
        supposed: Runs | None = None,
        formerly: Mapping[str, str | None] | None = None,
    ) -> None:
        self._session = session
        self._environment = environment
        self._supposed = supposed
        self._formerly = {} if formerly is None else formerly

    def of(self, pipeline: str | None) -> Runs | None:
        """What runs of a pipeline, as far as the decision goes."""
        if self._supposed is not None and self._supposed.pipeline == pipeline:
            return self._supposed
        row = deployment(self._session, self._environment, pipeline)
        return Runs(row.pipeline, row.digest, row.deployed_at) if row is not None else None

    def before(self, pipeline: str | None) -> str | None:
        """The pipeline version that ran before the move that is being decided."""
        if pipeline is not None and pipeline in self._formerly:
            return self._formerly[pipeline]
        row = deployment(self._session, self._environment, pipeline)
        return row.digest if row else None

    def moves(self, pipeline: str | None) -> bool:
        """Whether the pipeline moves in what is being decided."""
        row = self.of(pipeline)
        return row is not None and row.digest != self.before(pipeline)


def deployment(
    session: Session, environment: str, pipeline: str | None
) -> tables.PipelineDeployment | None:
    """What runs of a pipeline in an environment."""
    if pipeline is None:
        return None
    return session.get(tables.PipelineDeployment, (environment, pipeline))


def occupant(slot: tables.Slot | None, side: str) -> Occupant | None:
    """What stands on one side of a slot."""
    if slot is None or getattr(slot, f"{side}_version_id") is None:
        return None
    return Occupant(**{column: getattr(slot, f"{side}_{column}", None) for column in _COLUMNS})  # type: ignore[arg-type]


def put(slot: tables.Slot, side: str, occupant: Occupant | None) -> None:
    """Set one side of a slot."""
    for column in _COLUMNS:
        if side == "serving" or not column.startswith("waiver"):
            setattr(slot, f"{side}_{column}", getattr(occupant, column) if occupant else None)


def riding_on(session: Session, environment: str, pipeline: str) -> list[tables.Slot]:
    """The slots of an environment whose serving version or backup rides on a pipeline."""
    table, version = tables.Slot, tables.ModelVersion
    return list(
        session.exec(
            select(table)
            .outerjoin(version, col(version.id) == col(table.serving_version_id))
            .where(
                table.environment == environment,
                or_(
                    col(table.serving_pipeline) == pipeline,
                    col(table.backup_pipeline) == pipeline,
                    and_(col(table.serving_waiver_id).is_not(None), version.pipeline == pipeline),
                ),
            )
            .order_by(table.model)
        )
    )


def proven(
    session: Session,
    version: tables.ModelVersion,
    deployed: Runs | None,
    at: str,
    actor: str,
) -> Occupant:
    """A version as it would stand in a slot, with its proof where it has one.

    The proof is the newest verdict with the deployed pipeline version, if that is a pass.
    """
    assert version.id is not None  # noqa: S101 - it was read from the table
    newest = newest_verdict(session, version.id, deployed.digest) if deployed is not None else None
    proof = newest if newest is not None and newest.passed else None
    return Occupant(
        version.id,
        version.kind,
        deployed.pipeline if proof is not None and deployed is not None else None,
        proof.pipeline_digest if proof is not None else None,
        proof.id if proof is not None else None,
        True if proof is not None else None,
        at,
        actor,
    )


def renew(session: Session, running: Running, occupant: Occupant) -> Occupant:
    """An occupant with the proof that the running pipeline and the newest verdicts give it."""
    version = session.get(tables.ModelVersion, occupant.version_id)
    assert version is not None  # noqa: S101 - a foreign key holds it
    deployed = running.of(version.pipeline)
    return proven(session, version, deployed, occupant.promoted_at, occupant.promoted_by)


def waived(occupant: Occupant, deployed: Runs | None, waiver: tables.Waiver) -> Occupant:
    """A version that stands on a waiver, tied to the pipeline version that it was given for."""
    return replace(
        occupant,
        pipeline=deployed.pipeline if deployed else None,
        pipeline_digest=deployed.digest if deployed else None,
        waiver_id=waiver.id,
        waiver_code=waiver.code,
    )


def may_stand(occupant: Occupant, kind: str) -> bool:
    """Whether a version has the proof that an environment of this kind demands."""
    return occupant.validation_id is not None or kind == EnvironmentKind.EXPERIMENTAL


def contradicted(session: Session, occupant: Occupant | None) -> bool:
    """Whether a newer verdict than the occupant's proof fails it."""
    if occupant is None or occupant.pipeline_digest is None:
        return False
    newest = newest_verdict(session, occupant.version_id, occupant.pipeline_digest)
    return newest is not None and not newest.passed


def event_state(session: Session, slot: tables.Slot) -> dict[str, Any]:
    """A slot as events write it: enough to tell the state from the history alone."""
    return {"revision": slot.revision} | {
        side: _event_side(session, occupant(slot, side)) for side in SIDES
    }


def event_states(session: Session, slots: Iterable[tables.Slot]) -> dict[str, Any]:
    """The slots of an event by their subject, ``MODEL@ENVIRONMENT``."""
    return {subject(slot): event_state(session, slot) for slot in slots}


def subject(slot: tables.Slot) -> str:
    """A slot as references and the history name it."""
    return f"{slot.model}@{slot.environment}"


def _event_side(session: Session, occupant: Occupant | None) -> dict[str, Any] | None:
    if occupant is None:
        return None
    version = session.get(tables.ModelVersion, occupant.version_id)
    return {
        "version": version.number if version else None,
        "pipeline": occupant.pipeline,
        "pipeline_digest": occupant.pipeline_digest,
        "validation": occupant.validation_id,
        "promoted_at": occupant.promoted_at,
        "promoted_by": occupant.promoted_by,
    } | ({"waiver": occupant.waiver_id} if occupant.waiver_id is not None else {})
