"""Approvals: refusing those that a person may not give, and recording the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lineage.acts import act
from lineage.contract.results import NamedPipeline
from lineage.database import clock, events, policies, tables, telling
from lineage.database.deployments import deployment
from lineage.errors import NotPermitted, UsageError
from lineage.identity.digest import Digest
from lineage.identity.persons import Who, distinct
from lineage.registry import views

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lineage.guard.facts import Approval
    from lineage.guard.policy import EnvironmentPolicy
    from lineage.identity.references import Reference
    from lineage.registry.access import Actor
    from lineage.registry.sight import Sight

_DEPLOYED: Final = "the pipeline that runs there"


def approve(
    sight: Sight,
    reference: str | Reference,
    environment: str,
    actor: Actor,
    pipeline: str | None = None,
) -> dict[str, Any]:
    """Record a person's approval of a version for an environment; JSON of it.

    It is bound to a pipeline version: the one that is named, as ``NAME@DIGEST`` or by its digest,
    else the one that is deployed there now.

    Raises:
        NotFound: the version, the pipeline version or the environment does not exist.
        NotPermitted: the person registered it, has approved it already, or may not approve.
        UsageError: the pipeline version is of another pipeline than the version's.
    """
    session = sight.session
    sight.environment(environment)
    version = sight.version(reference)
    ref = f"{version.model}@{version.number}"
    policy = policies.policy_of(session, environment)
    deployed = deployment(session, environment, version.pipeline)
    runs = deployed.blake3 if deployed else None
    named = _named(sight, version, ref, pipeline) if pipeline is not None else None
    meant = named or deployed
    blake3 = meant.blake3 if meant else None
    given = policies.approvals_of(session, environment, version.id or 0, {blake3})
    which = f"pipeline {named.pipeline}@{Digest(named.xxh3).short}" if named else _DEPLOYED
    _refuse_approval(policy, version, given, ref, environment, actor, which)
    counting = policies.approvals_of(session, environment, version.id or 0, {blake3, runs})
    at = clock.stamp(session)
    row = tables.Approval(
        version_id=version.id or 0,
        environment=environment,
        pipeline=meant.pipeline if meant else None,
        pipeline_blake3=blake3,
        approved_at=at,
        approved_by=actor.name,
        approved_by_person=actor.recorded_person,
        claimed=actor.claimed,
    )
    telling.tell(session, row)
    xxh3 = named.xxh3 if named else views.xxh3_of(session, deployed)
    answer = {
        "model": version.model,
        "version": version.number,
        "ref": ref,
        "environment": environment,
        "pipeline": {"name": version.pipeline, "digest": xxh3},
        "approved_at": at,
        "approved_by": actor.name,
        "person": actor.person,
        "claimed": actor.claimed,
        "approvals": len(distinct([actor.who, *map(_who, counting)])),
        "needed": policy.approvals,
    }
    events.append(
        session,
        at=at,
        actor=actor.name,
        kind="approved",
        subject=ref,
        payload={key: answer[key] for key in ("environment", "pipeline", "person", "claimed")},
        also=[version.model, environment, f"{version.model}@{environment}"],
    )
    return answer


def _named(
    sight: Sight, version: tables.ModelVersion, ref: str, pipeline: str
) -> tables.PipelineVersion:
    """The pipeline version that an approval names, of the version's own pipeline."""
    named = NamedPipeline.parse(pipeline)
    if version.pipeline is None or named.name not in (None, version.pipeline):
        rides = f"rides on pipeline {version.pipeline}" if version.pipeline else "has no pipeline"
        raise UsageError(
            f"{ref} {rides}, so it cannot be approved with {pipeline[:80]}.",
            remedy=f"Name a version of its own: {act('pipeline show', version.pipeline or 'NAME')}",
        )
    return sight.pipeline_version(named, version.pipeline)


def _refuse_approval(
    policy: EnvironmentPolicy,
    version: tables.ModelVersion,
    given: Iterable[Approval],
    ref: str,
    environment: str,
    actor: Actor,
    which: str,
) -> None:
    if actor.who.may_be(Who(version.registered_by, version.registered_by_person)):
        raise NotPermitted(
            f"{actor.person} registered {ref}, and nobody approves their own.",
            remedy="Let somebody else approve it.",
        )
    if not policy.may_approve(actor.who):
        raise NotPermitted(
            f"{actor.person} may not approve for {environment}: its policy says so.",
            remedy="Let somebody else approve it.",
        )
    counts = [a for a in given if actor.claimed or not a.claimed]
    if any(actor.who.may_be(_who(approval)) for approval in counts):
        raise NotPermitted(
            f"{actor.person} has already approved {ref} for {environment} on {which}.",
            remedy="Another approval must come from another person.",
        )


def _who(approval: Approval) -> Who:
    return Who(approval.by, approval.person)
