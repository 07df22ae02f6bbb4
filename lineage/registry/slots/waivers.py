"""Waivers: who may ask for one, and what is recorded of those that were needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineage.database import policies, tables
from lineage.errors import NotPermitted
from lineage.guard.decision import Decision, Status
from lineage.guard.facts import Waiver
from lineage.guard.policy import PROOF, WAIVABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlmodel import Session

    from lineage.contract.requests import WaiverRequest
    from lineage.database.slots import Running


def asked(
    session: Session, environment: str, request: WaiverRequest | None, actor: str, at: str
) -> tuple[Waiver, ...]:
    """The waivers of a request, if the environment lets this person waive these rules.

    Raises:
        NotPermitted: it does not.
    """
    if request is None:
        return ()
    policy = policies.policy_of(session, environment)
    for code in request.codes:
        people = policy.waive.get(code, ())
        if code not in WAIVABLE:
            raise NotPermitted(
                f"The rule {code} may never be waived.",
                remedy=f"See what it asks for: docs/rules/{code}.md",
            )
        if not people:
            raise NotPermitted(
                f"{environment} lets nobody waive {code}.",
                remedy="Its policy may name people who may: lineage env apply",
            )
        if not policy.may_waive(code, actor):
            raise NotPermitted(
                f"{actor} may not waive {code} in {environment}.",
                remedy=f"Ask one who may: {', '.join(people)}.",
            )
    return tuple(Waiver(code, request.reason, actor, at, request.until) for code in request.codes)


@dataclass(frozen=True)
class Granted:
    """The waivers that decisions needed and that were recorded; those that none needed."""

    rows: tuple[tables.Waiver, ...] = ()
    unused: tuple[str, ...] = ()

    def standing_in(self, version_id: int | None) -> tables.Waiver | None:
        """The one that stands in for a version's proof, if it needs one."""
        return next(
            (row for row in self.rows if row.version_id == version_id and row.code in PROOF), None
        )


def grant(
    session: Session,
    decided: Iterable[tuple[tables.ModelVersion, Decision]],
    wanted: Sequence[Waiver],
    running: Running,
) -> Granted:
    """Record the waivers that the decisions needed."""
    rows: list[tables.Waiver] = []
    for version, decision in decided:
        waived = {check.code for check in decision.checks if check.status is Status.WAIVED}
        rows += [
            _row(decision.environment, version, waiver, running)
            for waiver in wanted
            if waiver.code in waived
        ]
    session.add_all(rows)
    session.flush()
    used = {row.code for row in rows}
    unused = tuple(waiver.code for waiver in wanted if waiver.code not in used)
    return Granted(tuple(rows), unused)


def _row(
    environment: str, version: tables.ModelVersion, waiver: Waiver, running: Running
) -> tables.Waiver:
    assert version.id is not None  # noqa: S101 - it was read from the table
    deployed = running.of(version.pipeline)
    return tables.Waiver(
        environment=environment,
        version_id=version.id,
        code=waiver.code,
        pipeline=deployed.pipeline if deployed else None,
        pipeline_digest=deployed.digest if deployed else None,
        reason=waiver.reason,
        until=waiver.until,
        waived_at=waiver.at,
        waived_by=waiver.by,
    )
