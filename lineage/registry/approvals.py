"""Approvals: refusing those that a person may not give, and recording the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.database import clock, events, policies, tables, telling
from lineage.database.deployments import deployment
from lineage.errors import NotPermitted
from lineage.identity.persons import Who, distinct
from lineage.registry import views

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lineage.guard.facts import Approval
    from lineage.guard.policy import EnvironmentPolicy
    from lineage.identity.references import Reference
    from lineage.registry.access import Actor
    from lineage.registry.sight import Sight


def approve(
    sight: Sight, reference: str | Reference, environment: str, actor: Actor
) -> dict[str, Any]:
    """Record a person's approval of a version for an environment; JSON of it.

    It is bound to the pipeline version that is deployed there now.

    Raises:
        NotFound: the version or the environment does not exist.
        NotPermitted: the person registered it, has approved it already, or may not approve.
    """
    session = sight.session
    sight.environment(environment)
    version = sight.version(reference)
    ref = f"{version.model}@{version.number}"
    policy = policies.policy_of(session, environment)
    deployed = deployment(session, environment, version.pipeline)
    blake3 = deployed.blake3 if deployed else None
    given = policies.approvals_of(session, environment, version.id or 0, blake3)
    _refuse_approval(policy, version, given, ref, environment, actor)
    at = clock.stamp(session)
    row = tables.Approval(
        version_id=version.id or 0,
        environment=environment,
        pipeline=deployed.pipeline if deployed else None,
        pipeline_blake3=blake3,
        approved_at=at,
        approved_by=actor.name,
        approved_by_person=actor.recorded_person,
        claimed=actor.claimed,
    )
    telling.tell(session, row)
    xxh3 = views.xxh3_of(session, deployed)
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
        "approvals": len(distinct([actor.who, *(_who(a) for a in given if a.current)])),
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


def _refuse_approval(
    policy: EnvironmentPolicy,
    version: tables.ModelVersion,
    given: Iterable[Approval],
    ref: str,
    environment: str,
    actor: Actor,
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
    counts = [a for a in given if a.current and (actor.claimed or not a.claimed)]
    if any(actor.who.may_be(_who(approval)) for approval in counts):
        raise NotPermitted(
            f"{actor.person} has already approved {ref} for {environment} on the pipeline that "
            "runs there.",
            remedy="Another approval must come from another person.",
        )


def _who(approval: Approval) -> Who:
    return Who(approval.by, approval.person)
