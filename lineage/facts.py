"""What the guard looks at, gathered from the registry, and its word on several versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.components import EnvironmentKind, Kind
from lineage.errors import GuardRefused
from lineage.guard import Decision, Facts, decide
from lineage.store import slots, tables, verdicts, versions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from lineage.pipeline import PipelineVersion


def gather(
    session: Session,
    environment: tables.Environment,
    version: tables.ModelVersion,
    deployed: tables.PipelineDeployment | None,
    *,
    staying: bool = False,
    running: PipelineVersion | None = None,
) -> Facts:
    """What the guard looks at for a version, with ``deployed`` as the pipeline that runs.

    ``running`` is one that nobody deployed yet, in its place.
    """
    assert version.id is not None  # noqa: S101 - it was read from the table
    row = None
    if deployed is not None:
        row = session.get(tables.PipelineVersion, (deployed.pipeline, deployed.digest))
    return Facts(
        model=version.model,
        version=version.number,
        kind=Kind(version.kind),
        missing=versions.missing_components(version),
        dirty=version.code_dirty,
        environment=environment.name,
        environment_kind=EnvironmentKind(environment.kind),
        pipeline=version.pipeline,
        deployed=running or (verdicts.pipeline_version(row) if row else None),
        verdicts=verdicts.newest_verdicts(session, version.id),
        staying=staying or running is not None,
        recorded=running is None,
    )


def decisions(
    session: Session,
    environment: tables.Environment,
    candidates: Sequence[tables.ModelVersion],
    *,
    staying: bool = False,
) -> tuple[Decision, ...]:
    """A decision for each version that is to serve on what is deployed now."""
    return tuple(
        decide(
            gather(
                session,
                environment,
                version,
                slots.deployment(session, environment.name, version.pipeline),
                staying=staying,
            )
        )
        for version in candidates
    )


def refuse_unless_allowed(made: tuple[Decision, ...], sentence: str) -> None:
    """Raise :class:`GuardRefused` with the decisions that say no, if any does."""
    refused = tuple(decision for decision in made if not decision.allowed)
    if refused:
        first = refused[0].failures[0]
        raise GuardRefused(
            f"{sentence}: {first.summary}.",
            remedy=first.remedy or "See the checks that fail.",
            decisions=refused,
        )
