"""The rows of pipeline deployments: finding what runs in an environment, and deploying another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineage.database import tables

if TYPE_CHECKING:
    from sqlmodel import Session


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
    """

    def __init__(
        self, session: Session, environment: str, hypothetical: DeployedPipeline | None = None
    ) -> None:
        self._session = session
        self._environment = environment
        self._hypothetical = hypothetical

    def of(self, pipeline: str | None) -> DeployedPipeline | None:
        """What runs of a pipeline, as far as the decision goes."""
        if self._hypothetical is not None and self._hypothetical.pipeline == pipeline:
            return self._hypothetical
        row = deployment(self._session, self._environment, pipeline)
        return DeployedPipeline(row.pipeline, row.blake3, row.deployed_at) if row else None

    def previous(self, pipeline: str | None) -> str | None:
        """The BLAKE3 of the version that is recorded: it runs until the move is made."""
        row = deployment(self._session, self._environment, pipeline)
        return row.blake3 if row else None

    def moves(self, pipeline: str | None) -> bool:
        """Whether the pipeline moves in what is being decided."""
        deployed = self.of(pipeline)
        return deployed is not None and deployed.blake3 != self.previous(pipeline)


def deployment(
    session: Session, environment: str, pipeline: str | None
) -> tables.PipelineDeployment | None:
    """The row of a pipeline in an environment."""
    if pipeline is None:
        return None
    return session.get(tables.PipelineDeployment, (environment, pipeline))


def deploy(
    session: Session, environment: str, pipeline: str, blake3: str, at: str, actor: str
) -> None:
    """Record that a version of a pipeline runs from now on."""
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
        session.add(row)
    row.blake3 = blake3
    row.revision += 1
    row.deployed_at, row.deployed_by = at, actor
    session.flush()
