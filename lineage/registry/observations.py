"""The reports of serving hosts: recording what they loaded, and comparing it with what serves."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlmodel import col, delete, func, or_, select

from lineage import timestamps
from lineage.contract.results import MOST_DIFFERENCES, nothing_observed
from lineage.database import policies, tables, versions
from lineage.database.deployments import deployment
from lineage.database.environments import require_environment
from lineage.errors import Conflict, UsageError
from lineage.identity.components import EnvironmentKind, Proof
from lineage.identity.digest import Digest
from lineage.registry.access import check_actor

if TYPE_CHECKING:
    from sqlmodel import Session

    from lineage.contract.requests import Observed

MOST: Final = 10_000
"""Instances of a model in an environment that are kept at the most."""

STATES: Final = ("in-step", "skewed", "lagging", "unknown", "foreign")
"""What an instance can be; ``unknown`` is one that has not reported in time.

``skewed`` is one that has what is declared, with other packages than the policy demands.
"""

FORGOTTEN_AFTER: Final = dt.timedelta(days=1)
"""How long an instance that reports no more is still listed."""

_NOTHING: Final = "[]"
_MATCHES: Final = (func.coalesce(tables.Observation.skew, "") == _NOTHING).label("matches")

SHORTEST, LONGEST = 10, 86_400
"""Seconds that a report may hold for."""


def report(
    session: Session, environment: str, model: str, observed: Observed, at: str, actor: str
) -> dict[str, Any]:
    """Record an instance's report in the place of its last; JSON of it.

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
    row.expires_at = timestamps.written(
        timestamps.moment(at) + dt.timedelta(seconds=observed.holds_for)
    )
    session.add(row)
    session.flush()
    return _json(row, _Declared.of(session, environment, model), at)


def listed(session: Session, environment: str, model: str, at: str) -> list[dict[str, Any]]:
    """The newest report of each instance, by its name.

    Raises:
        NotFound: there is no such model or environment.
    """
    require_environment(session, environment)
    versions.require_model(session, model)
    declared = _Declared.of(session, environment, model)
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
        alive,
    )
    query = sa.select(*keys, func.count(), func.max(table.reported_at)).group_by(*keys)
    if environment is not None:
        query = query.where(col(table.environment) == environment)
    if model is not None:
        query = query.where(col(table.model) == model)
    summaries: dict[tuple[str, str], _Summary] = {}
    for where, name, weights, pipeline, proof, matches, is_alive, count, newest in session.execute(
        query
    ):
        key = (where, name)
        if key not in summaries:
            summaries[key] = _Summary(_Declared.of(session, where, name))
        said = _Said(weights, pipeline, Proof(proof), bool(matches))
        summaries[key].add(said, bool(is_alive), count, newest, at)
    return [summaries[key].to_json(*key) for key in sorted(summaries)]


@dataclass(frozen=True)
class _Said:
    """What an instance says that it has."""

    weights: str
    pipeline: str | None
    proof: Proof
    matches: bool
    """Whether it compared its packages, and found none that differs."""

    @classmethod
    def of(cls, row: tables.Observation) -> _Said:
        """What a report holds."""
        return cls(row.weights, row.pipeline, Proof(row.proof), row.skew == _NOTHING)


@dataclass(frozen=True)
class _Declared:
    """What an instance should have loaded, and since when."""

    session: Session
    weights: frozenset[str]
    weights_since: str | None
    pipeline: frozenset[str]
    pipeline_since: str | None
    sealed_since: str | None
    """Since when the environment demands that hosts are sealed; None where it does not."""
    matching: bool
    """Whether it demands that hosts have the packages that were validated."""

    @classmethod
    def of(cls, session: Session, environment: str, model: str) -> _Declared:
        """What the registry declares for a slot."""
        slot = session.get(tables.Slot, (environment, model))
        row = (
            session.get(tables.ModelVersion, slot.serving_version_id)
            if slot is not None and slot.serving_version_id is not None
            else None
        )
        if slot is None or row is None:
            return cls(session, frozenset(), None, frozenset(), None, None, False)
        deployed = deployment(session, environment, row.pipeline)
        digests: set[str | None] = set()
        if deployed is not None:
            key = (deployed.pipeline, deployed.blake3)
            pipeline = session.get(tables.PipelineVersion, key)
            digests = {deployed.blake3, pipeline.xxh3 if pipeline else None}
        return cls(
            session,
            frozenset(d for d in (row.weights_xxh3, row.weights_blake3) if d is not None),
            slot.serving_promoted_at,
            frozenset(d for d in digests if d is not None),
            deployed.deployed_at if deployed is not None else None,
            *_demands(session, environment),
        )

    def state(self, said: _Said) -> tuple[str, str | None]:
        """What an instance is that has loaded something, and since when it lags."""
        weights = said.weights
        if weights in self.weights:
            known = said.pipeline is not None and bool(self.pipeline)
            if known and said.pipeline not in self.pipeline:
                return "lagging", self.pipeline_since
            unproven = self.sealed_since is not None and said.proof is not Proof.SEALED
            if unproven:
                return "lagging", self.sealed_since
            return ("skewed" if self.matching and not said.matches else "in-step"), None
        table = tables.ModelVersion
        registered = self.session.exec(
            select(table.id)
            .where(or_(table.weights_xxh3 == weights, table.weights_blake3 == weights))
            .limit(1)
        ).first()
        return ("lagging", self.weights_since) if registered is not None else ("foreign", None)


class _Summary:
    """The counts of one slot."""

    def __init__(self, declared: _Declared) -> None:
        self._declared = declared
        self._counts: Counter[str] = Counter()
        self._proofs: Counter[Proof] = Counter()
        self._lag: float | None = None
        self._newest: str | None = None

    def add(self, said: _Said, alive: bool, count: int, newest: str, at: str) -> None:
        state, since = "unknown", None
        if alive:
            state, since = self._declared.state(said)
            self._proofs[said.proof] += count
        self._counts[state] += count
        self._newest = max(self._newest or "", newest)
        if since is not None:
            self._lag = max(self._lag or 0.0, _seconds(since, at))

    def to_json(self, environment: str, model: str) -> dict[str, Any]:
        known = ("foreign", "lagging", "skewed", "in-step")
        worst = next((state for state in known if self._counts[state]), "unknown")
        return nothing_observed(environment, model) | {
            "state": worst,
            "instances": self._counts.total(),
            **{state.replace("-", "_"): self._counts[state] for state in STATES},
            **{proof.value: self._proofs[proof] for proof in Proof},
            "lag_seconds": self._lag,
            "last_report_at": self._newest,
        }


def _json(row: tables.Observation, declared: _Declared, at: str) -> dict[str, Any]:
    """A report, and what the instance is beside what the registry declares."""
    state, since = "unknown", None
    if (row.expires_at or "") > at:
        state, since = declared.state(_Said.of(row))
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
        "state": state,
        "in_step": state == "in-step",
        "lag_seconds": _seconds(since, at) if since is not None else None,
    }


def _demands(session: Session, environment: str) -> tuple[str | None, bool]:
    """Since when hosts must be sealed, and whether their packages must match.

    In an experimental environment demands only warn, so there are none.
    """
    row = policies.policy_row(session, environment)
    kind = require_environment(session, environment).kind
    if row is None or kind != EnvironmentKind.PRODUCTION:
        return None, False
    policy = policies.policy_of(session, environment)
    return (
        row.applied_at if policy.proof is Proof.SEALED else None,
        bool(policy.match_packages),
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
