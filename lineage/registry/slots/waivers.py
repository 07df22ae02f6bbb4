"""Waivers: refusing those that a person may not ask for, and recording those that a move needed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lineage import timestamps
from lineage.acts import act
from lineage.contract import moments
from lineage.database import tables, telling
from lineage.database.known import Known
from lineage.errors import NotPermitted
from lineage.guard.facts import Waiver
from lineage.guard.policy import WAIVABLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session

    from lineage.registry.slots.move_plan import WaiverGrant
    from lineage.registry.slots.request import Request


def asked(session: Session, request: Request) -> tuple[Waiver, ...]:
    """The waivers that a move asks for, if the environment lets this person waive these rules.

    Raises:
        NotPermitted: it does not.
    """
    wanted, environment = request.waive, request.environment
    if wanted is None:
        return ()
    person = request.person or request.actor
    policy = Known.of(session, environment).policy(session)
    for code in wanted.codes:
        people = policy.waive.get(code, ())
        if code not in WAIVABLE:
            raise NotPermitted(
                f"The rule {code} may never be waived.",
                remedy=f"See what it asks for on the page '{code}' of the documentation.",
            )
        if not people:
            raise NotPermitted(
                f"{environment} lets nobody waive {code}.",
                remedy=f"Its policy may name people who may: {act('env apply', 'FILE')}",
            )
        if not policy.may_waive(code, person):
            raise NotPermitted(
                f"{person} may not waive {code} in {environment}.",
                remedy=f"Ask one who may: {', '.join(people)}.",
            )
    at, until = timestamps.moment(request.at), moments.read(wanted.until)
    return tuple(
        Waiver(code, wanted.reason, request.actor, at, until, person) for code in wanted.codes
    )


def record(
    session: Session, environment: str, grants: Iterable[WaiverGrant]
) -> tuple[WaiverGrant, ...]:
    """Record the waivers that a move needed; each with its id."""
    rows = [(grant, _row(environment, grant)) for grant in grants]
    if rows:
        telling.tell(session, *(row for _, row in rows))
    return tuple(replace(grant, id=row.id) for grant, row in rows)


def _row(environment: str, grant: WaiverGrant) -> tables.Waiver:
    waiver, deployed = grant.waiver, grant.deployed
    return tables.Waiver(
        environment=environment,
        version_id=grant.version_id,
        code=waiver.code,
        pipeline=deployed.pipeline if deployed else None,
        pipeline_blake3=deployed.blake3 if deployed else None,
        reason=waiver.reason,
        until=moments.written(waiver.until),
        waived_at=timestamps.written(waiver.at),
        waived_by=waiver.by,
        waived_by_person=waiver.person,
    )
