"""The rows of pipeline deployments: finding what runs in an environment, and deploying another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lineage.database import tables, telling

if TYPE_CHECKING:
    from sqlmodel import Session


class Deployments(Protocol):
    """Where it stands what runs: what is known of an environment."""

    def deployment(
        self, session: Session, pipeline: str | None
    ) -> tables.PipelineDeployment | None:
        """The row of a pipeline."""


@dataclass(frozen=True)
class DeployedPipeline:
    """A pipeline, the version of it that runs (by its BLAKE3), and since when it does."""

    pipeline: str
    blake3: str
    since: str


class DeployedPipelines:
    """What runs of each pipeline in an environment.

    Args:
        session: a transaction.
        environment: the environment's name.
        hypothetical: a deployment to decide on, instead of the one that is recorded.
        before: what runs until that deployment; by default what is recorded.
        known: where that stands; by default the database is asked.
    """

    def __init__(
        self,
        session: Session,
        environment: str,
        hypothetical: DeployedPipeline | None = None,
        before: DeployedPipelines | None = None,
        known: Deployments | None = None,
    ) -> None:
        self._session = session
        self._environment = environment
        self._hypothetical = hypothetical
        self._before = before
        self._known = known

    def of(self, pipeline: str | None) -> DeployedPipeline | None:
        """What runs of a pipeline, as far as the decision goes."""
        if self._hypothetical is not None and self._hypothetical.pipeline == pipeline:
            return self._hypothetical
        return self._until_then(pipeline)

    def previous(self, pipeline: str | None) -> str | None:
        """The BLAKE3 of the version that runs until the move is made."""
        runs = self._until_then(pipeline)
        return runs.blake3 if runs is not None else None

    def moves(self, pipeline: str | None) -> bool:
        """Whether the pipeline moves in what is being decided."""
        deployed = self.of(pipeline)
        return deployed is not None and deployed.blake3 != self.previous(pipeline)

    def with_pipeline(self, pipeline: str | None, blake3: str | None, at: str) -> DeployedPipelines:
        """The same once a version of a pipeline runs; these, where it does already."""
        if pipeline is None or blake3 is None or blake3 == self._blake3(pipeline):
            return self
        moved = DeployedPipeline(pipeline, blake3, at)
        return DeployedPipelines(self._session, self._environment, moved, self)

    def _blake3(self, pipeline: str) -> str | None:
        runs = self.of(pipeline)
        return runs.blake3 if runs is not None else None

    def _until_then(self, pipeline: str | None) -> DeployedPipeline | None:
        if self._before is not None:
            return self._before.of(pipeline)
        if self._known is not None:
            row = self._known.deployment(self._session, pipeline)
        else:
            row = deployment(self._session, self._environment, pipeline)
        return DeployedPipeline(row.pipeline, row.blake3, row.deployed_at) if row else None


def deployment(
    session: Session, environment: str, pipeline: str | None
) -> tables.PipelineDeployment | None:
    """The row of a pipeline in an environment."""
    if pipeline is None:
        return None
    return session.get(tables.PipelineDeployment, (environment, pipeline))


def deploy(
    session: Session, environment: str, pipeline: str, blake3: str, at: str, actor: str
) -> tables.PipelineDeployment:
    """Record that a version of a pipeline runs from now on; the row."""
    row = deployment(session, environment, pipeline)
    if row is None:
        row = tables.PipelineDeployment(
            environment=environment,
            pipeline=pipeline,
            blake3=blake3,
            revision=0,
            deployed_at=at,
            deployed_by=actor,
        )
    row.blake3 = blake3
    row.revision += 1
    row.deployed_at, row.deployed_by = at, actor
    telling.tell(session, row)
    return row
