"""A batch of reports: what was said, held against what the registry declares of its slots."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lineage import timestamps
from lineage.contract.results import MOST_DIFFERENCES
from lineage.database import clock, head, names
from lineage.errors import LineageError, UsageError
from lineage.identity.components import Proof
from lineage.identity.digest import Digest
from lineage.registry import declared
from lineage.registry.access import Scope, check_actor
from lineage.registry.declared import NO_SKEW, Slot
from lineage.registry.sight import Sight

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlmodel import Session

    from lineage.contract.requests import Observed
    from lineage.registry.access import Principal
    from lineage.registry.declared import Declarations, Declared

SHORTEST, LONGEST = 10, 86_400
"""Seconds that a report may hold for."""

Row = dict[str, Any]
"""A report as it is kept, by the columns' names."""


@dataclass(frozen=True)
class Report:
    """What an instance said, of which slot, and who said so."""

    model: str
    environment: str
    observed: Observed
    actor: str
    principal: Principal | None = None

    @property
    def slot(self) -> Slot:
        """What it is about."""
        return self.environment, self.model


@dataclass(frozen=True)
class Batch:
    """Reports that were looked at, as they are to be recorded, beside what their slots declare.

    ``newest`` is the number of the newest event when that was read, at ``at``.
    """

    rows: list[Row | LineageError]
    declarations: Declarations
    registered: frozenset[str]
    at: str
    newest: int


def prepare(session: Session, batch: Sequence[Report]) -> Batch:
    """Look at reports, in a transaction of the registry."""
    at = clock.now(session)
    became = names.renamed(session.connection())
    newest = head.newest(session).seq
    present = [_under_present(report, became) for report in batch]
    declarations = declared.read(session, (report.slot for report in present))
    rows: list[Row | LineageError] = []
    for report in present:
        try:
            _require_slot(Sight(session, report.principal), report, declarations)
            rows.append(_row(report, declarations.of(report.slot), at))
        except LineageError as error:
            rows.append(error)
    said = {row["weights"] for row in rows if isinstance(row, dict)}
    return Batch(rows, declarations, declared.registered(session, said), at, newest)


def _under_present(report: Report, became: Mapping[str, str]) -> Report:
    """A report under the present name of its model; hosts may go on with one that it had."""
    now = became.get(report.model)
    return replace(report, model=now) if now is not None else report


def _require_slot(sight: Sight, report: Report, declarations: Declarations) -> None:
    """Refuse what is not open to who reports, and what there is not."""
    sight.require_environment(report.environment)
    if report.environment not in declarations.environments:
        sight.environment(report.environment)
    sight.require_models(report.model)
    if report.model not in declarations.models:
        sight.model(report.model)


def _row(report: Report, declaration: Declared, at: str) -> Row:
    """A report as it is recorded.

    Raises:
        UsageError: a digest, a time or the instance's name cannot be read, or it is sealed and
            names no pipeline; or too many packages are named.
    """
    observed, principal = report.observed, report.principal
    if not SHORTEST <= observed.holds_for <= LONGEST:
        raise UsageError(
            f"A report cannot hold for {observed.holds_for} seconds.",
            remedy=f"Let it hold for {SHORTEST} to {LONGEST} seconds.",
        )
    if observed.proof is Proof.SEALED and observed.pipeline is None:
        raise UsageError(
            "A report that is sealed names no pipeline.",
            remedy="Give the digest of the sealed pipeline version.",
        )
    if len(observed.differing or ()) > MOST_DIFFERENCES:
        raise UsageError(
            f"A report names more than {MOST_DIFFERENCES} packages that differ.",
            remedy=f"Name the first {MOST_DIFFERENCES}.",
        )
    skew = NO_SKEW if observed.differing is not None else None
    if observed.differing:
        skew = json.dumps([package.to_json() for package in observed.differing])
    ends = timestamps.moment(at) + dt.timedelta(seconds=observed.holds_for)
    return {
        "environment": report.environment,
        "model": report.model,
        "instance": check_actor(observed.instance),
        "weights": Digest(observed.weights),
        "pipeline": Digest(observed.pipeline) if observed.pipeline is not None else None,
        "loaded_at": timestamps.parse_time(observed.loaded_at),
        "reported_at": at,
        "reported_by": report.actor,
        "expires_at": timestamps.written(ends),
        "proof": observed.proof.value,
        "skew": skew,
        "standby": _standby(observed, declaration),
        "revision": observed.revision,
        "proven": principal is None or principal.may(Scope.OBSERVE_WEIGHTS),
    }


def _standby(observed: Observed, declaration: Declared) -> str | None:
    """The weights of the backup that an instance says it holds, as the slot was when it looked."""
    if not observed.standby or observed.revision not in (None, declaration.revision):
        return None
    return declaration.backup_xxh3
