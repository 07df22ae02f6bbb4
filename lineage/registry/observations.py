"""The reports of serving hosts: recording what they loaded, and comparing it with what serves."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlmodel import col, delete, func, select

from lineage import timestamps
from lineage.contract.results import MOST_DIFFERENCES, Side, nothing_observed
from lineage.database import events, slots, tables, versions
from lineage.database.environments import require_environment
from lineage.errors import Conflict, UsageError
from lineage.identity.components import Proof
from lineage.identity.digest import Digest
from lineage.registry.access import check_actor
from lineage.registry.declared import NO_SKEW, STATES, UNKNOWN, Declared, Said

if TYPE_CHECKING:
    from sqlmodel import Session

    from lineage.contract.requests import Observed

MOST: Final = 10_000
"""Instances of a model in an environment that are kept at the most."""

FORGOTTEN_AFTER: Final = dt.timedelta(days=1)
"""How long an instance that reports no more is still listed."""

_MATCHES: Final = (func.coalesce(tables.Observation.skew, "") == NO_SKEW).label("matches")

SHORTEST, LONGEST = 10, 86_400
"""Seconds that a report may hold for."""


def report(
    session: Session,
    environment: str,
    model: str,
    observed: Observed,
    at: str,
    actor: str,
    *,
    proves: bool = True,
) -> dict[str, Any]:
    """Record an instance's report in the place of its last; JSON of it.

    ``proves`` tells that the one who reports may say which weights are intact.

    Raises:
        NotFound: there is no such model or environment.
        UsageError: a digest, a time or the instance's name cannot be read, or it is sealed and
            names no pipeline; or too many packages are named.
        Conflict: too many instances have reported.
    """
    require_environment(session, environment)
    versions.require_model(session, model)
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
    row = session.get(tables.Observation, (environment, model, check_actor(observed.instance)))
    if row is None:
        _make_room(session, environment, model, at)
        row = tables.Observation(
            environment=environment,
            model=model,
            instance=observed.instance,
            weights="",
            loaded_at="",
            reported_at="",
            reported_by="",
        )
    row.weights = Digest(observed.weights)
    row.pipeline = Digest(observed.pipeline) if observed.pipeline is not None else None
    row.proof = observed.proof.value
    row.skew = (
        json.dumps([package.to_json() for package in observed.differing])
        if observed.differing is not None
        else None
    )
    row.loaded_at = timestamps.parse_time(observed.loaded_at)
    row.reported_at, row.reported_by = at, actor
    row.revision, row.proven = observed.revision, proves
    was_alive = (row.expires_at or "") > at
    row.expires_at = timestamps.written(
        timestamps.moment(at) + dt.timedelta(seconds=observed.holds_for)
    )
    declared = Declared.of(session, environment, model)
    held = row.standby if was_alive else None
    row.standby = _standby(session, declared, observed, environment, model)
    if row.standby is not None and row.standby != held:
        _tell_held(session, row, at, actor)
    _tell_lag(session, row, declared, at, actor)
    session.add(row)
    session.flush()
    return _json(row, declared, at)


def listed(session: Session, environment: str, model: str, at: str) -> list[dict[str, Any]]:
    """The newest report of each instance, by its name.

    Raises:
        NotFound: there is no such model or environment.
    """
    require_environment(session, environment)
    versions.require_model(session, model)
    declared = Declared.of(session, environment, model)
    table = tables.Observation
    rows = session.exec(
        select(table)
        .where(table.environment == environment, table.model == model)
        .order_by(table.instance)
    )
    return [_json(row, declared, at) for row in rows.all()]


def summarised(
    session: Session, environment: str | None, model: str | None, at: str
) -> list[dict[str, Any]]:
    """JSON of how many instances of each slot are in which state, by environment and model."""
    table = tables.Observation
    alive = col(table.expires_at) > at
    keys = (
        col(table.environment),
        col(table.model),
        col(table.weights),
        col(table.pipeline),
        col(table.proof),
        _MATCHES,
        col(table.standby),
        alive,
    )
    query = sa.select(*keys, func.count(), func.max(table.reported_at)).group_by(*keys)
    if environment is not None:
        query = query.where(col(table.environment) == environment)
    if model is not None:
        query = query.where(col(table.model) == model)
    summaries: dict[tuple[str, str], _Summary] = {}
    for where, name, weights, pipeline, proof, matches, standby, *counted in session.execute(query):
        key = (where, name)
        if key not in summaries:
            summaries[key] = _Summary(Declared.of(session, where, name))
        said = Said(weights, pipeline, Proof(proof), bool(matches))
        is_alive, count, newest = counted
        summaries[key].add(said, standby, bool(is_alive), count, newest, at)
    return [summaries[key].to_json(*key) for key in sorted(summaries)]


class _Summary:
    """The counts of one slot."""

    def __init__(self, declared: Declared) -> None:
        self._declared = declared
        self._counts: Counter[str] = Counter()
        self._proofs: Counter[Proof] = Counter()
        self._sides: Counter[Side] = Counter()
        self._standby = 0
        self._lag: float | None = None
        self._newest: str | None = None

    def add(
        self, said: Said, standby: str | None, alive: bool, count: int, newest: str, at: str
    ) -> None:
        standing = UNKNOWN
        if alive:
            standing = self._declared.standing(said, at)
            self._proofs[said.proof] += count
            self._standby += count * self._declared.holds_backup(said, standby)
            if standing.side is not None:
                self._sides[standing.side] += count
        self._counts[standing.state] += count
        self._newest = max(self._newest or "", newest)
        if standing.since is not None:
            self._lag = max(self._lag or 0.0, _seconds(standing.since, at))

    def to_json(self, environment: str, model: str) -> dict[str, Any]:
        known = ("foreign", "lagging", "skewed", "rolling", "in-step")
        worst = next((state for state in known if self._counts[state]), "unknown")
        return nothing_observed(environment, model) | {
            "state": worst,
            "instances": self._counts.total(),
            **{state.replace("-", "_"): self._counts[state] for state in STATES},
            **{proof.value: self._proofs[proof] for proof in Proof},
            "sides": {side.value: self._sides[side] for side in Side},
            "standby": self._standby,
            "lag_seconds": self._lag,
            "last_report_at": self._newest,
        }


def _json(row: tables.Observation, declared: Declared, at: str) -> dict[str, Any]:
    """A report, and what the instance is beside what the registry declares."""
    standing, said = UNKNOWN, Said.of(row)
    if (row.expires_at or "") > at:
        standing = declared.standing(said, at)
    return {
        "environment": row.environment,
        "model": row.model,
        "instance": row.instance,
        "weights": row.weights,
        "pipeline": row.pipeline,
        "proof": row.proof,
        "differing": json.loads(row.skew) if row.skew is not None else None,
        "loaded_at": row.loaded_at,
        "reported_at": row.reported_at,
        "reported_by": row.reported_by,
        "expires_at": row.expires_at,
        "state": standing.state,
        "side": standing.side.value if standing.side is not None else None,
        "in_step": standing.state == "in-step",
        "standby": declared.holds_backup(said, row.standby),
        "revision": row.revision,
        "lag_seconds": _seconds(standing.since, at) if standing.since is not None else None,
    }


def _standby(
    session: Session, declared: Declared, observed: Observed, environment: str, model: str
) -> str | None:
    """The weights of the backup that an instance says it holds, as the slot was when it looked."""
    if not observed.standby or observed.revision not in (None, declared.revision):
        return None
    row = session.get(tables.Slot, (environment, model))
    side = slots.slot_side(session, row, Side.BACKUP.value)
    version = session.get(tables.ModelVersion, side.version_id) if side is not None else None
    return version.weights_xxh3 if version is not None else None


def _tell_held(session: Session, row: tables.Observation, at: str, actor: str) -> None:
    """Let the history say that a host holds the backup, where none did until then."""
    table = tables.Observation
    others = select(table.instance).where(
        table.environment == row.environment,
        table.model == row.model,
        table.instance != row.instance,
        table.standby == row.standby,
        col(table.expires_at) > at,
    )
    if session.exec(others.limit(1)).first() is not None:
        return
    _tell(session, row, "backup-held", {"weights": row.standby}, at, actor)


def _tell_lag(
    session: Session, row: tables.Observation, declared: Declared, at: str, actor: str
) -> None:
    """Let the history say, once, that an instance goes on with what served before for too long."""
    standing = declared.standing(Said.of(row), at)
    if not standing.overdue or row.lagged == declared.revision:
        return
    row.lagged = declared.revision
    payload = {"weights": row.weights, "pipeline": row.pipeline, "since": standing.since}
    _tell(session, row, "lagging", payload, at, actor)


def _tell(
    session: Session,
    row: tables.Observation,
    kind: str,
    payload: dict[str, Any],
    at: str,
    actor: str,
) -> None:
    """Append an event about an instance of a slot."""
    events.append(
        session,
        at=at,
        actor=actor,
        kind=kind,
        subject=slots.subject(row.model, row.environment),
        payload={"environment": row.environment, "instance": row.instance, **payload},
        also=[row.model, row.environment],
    )


def _seconds(since: str, at: str) -> float:
    return max(0.0, (timestamps.moment(at) - timestamps.moment(since)).total_seconds())


def _make_room(session: Session, environment: str, model: str, at: str) -> None:
    """Forget instances that report no more; those that are too many are refused."""
    table = tables.Observation
    here = (col(table.environment) == environment, col(table.model) == model)
    forgotten = timestamps.written(timestamps.moment(at) - FORGOTTEN_AFTER)
    session.exec(delete(table).where(*here, col(table.expires_at) < forgotten))
    query = select(func.count()).where(*here)
    if session.exec(query).one() < MOST:
        return
    session.exec(delete(table).where(*here, col(table.expires_at) <= at))
    if session.exec(query).one() >= MOST:
        raise Conflict(
            f"{MOST:,} instances of {model} report from {environment}.",
            remedy="Give the instances names that stay the same over restarts.",
        )
