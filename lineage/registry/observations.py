"""The reports of serving hosts: reading each of them, and how many of a slot are in which state."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy import func

from lineage import timestamps
from lineage.contract.results import Side, nothing_observed
from lineage.database import reports
from lineage.database.tables.observations import OBSERVATION
from lineage.identity.components import Proof
from lineage.registry import declared
from lineage.registry.declared import NO_SKEW, STATES, UNKNOWN, Declared, Said

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlmodel import Session

_TABLE: Final = OBSERVATION.c
_MATCHES: Final = (func.coalesce(_TABLE.skew, "") == NO_SKEW).label("matches")


def listed(session: Session, environment: str, model: str, at: str) -> list[dict[str, Any]]:
    """The newest report of each instance of a slot, by its name."""
    slot = (environment, model)
    query = (
        sa.select(OBSERVATION)
        .where(_TABLE.environment == environment, _TABLE.model == model)
        .order_by(_TABLE.instance)
    )
    rows = reports.read(session, lambda kept: reports.rows(kept, query)) or []
    declaration = declared.read(session, [slot]).of(slot)
    registered = declared.registered(session, {row["weights"] for row in rows})
    return [to_json(row, declaration, at, registered) for row in rows]


def summarised(
    session: Session, environment: str | None, model: str | None, at: str
) -> list[dict[str, Any]]:
    """JSON of how many instances of each slot are in which state, by environment and model."""
    keys = (
        _TABLE.environment,
        _TABLE.model,
        _TABLE.weights,
        _TABLE.pipeline,
        _TABLE.proof,
        _MATCHES,
        _TABLE.standby,
        _TABLE.expires_at > at,
    )
    query = sa.select(*keys, func.count(), func.max(_TABLE.reported_at)).group_by(*keys)
    if environment is not None:
        query = query.where(_TABLE.environment == environment)
    if model is not None:
        query = query.where(_TABLE.model == model)
    rows = reports.read(session, lambda kept: kept.execute(query).all()) or ()
    declarations = declared.read(session, {(row[0], row[1]) for row in rows})
    registered = declared.registered(session, {row.weights for row in rows})
    summaries: dict[tuple[str, str], _Summary] = {}
    for where, name, weights, pipeline, proof, matches, standby, *counted in rows:
        key = (where, name)
        if key not in summaries:
            summaries[key] = _Summary(declarations.of(key), registered)
        said = Said(weights, pipeline, Proof(proof), bool(matches))
        is_alive, count, newest = counted
        summaries[key].add(said, standby, bool(is_alive), count, newest, at)
    return [summaries[key].to_json(*key) for key in sorted(summaries)]


class _Summary:
    """The counts of one slot."""

    def __init__(self, declaration: Declared, registered: Collection[str]) -> None:
        self._declared = declaration
        self._registered = registered
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
            standing = self._declared.standing(said, at, self._registered)
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


def to_json(
    row: Mapping[str, Any], declaration: Declared, at: str, registered: Collection[str]
) -> dict[str, Any]:
    """A report, and what the instance is beside what the registry declares."""
    standing, said = UNKNOWN, Said.of(row)
    if (row["expires_at"] or "") > at:
        standing = declaration.standing(said, at, registered)
    return {
        "environment": row["environment"],
        "model": row["model"],
        "instance": row["instance"],
        "weights": row["weights"],
        "pipeline": row["pipeline"],
        "proof": row["proof"],
        "differing": json.loads(row["skew"]) if row["skew"] is not None else None,
        "loaded_at": row["loaded_at"],
        "reported_at": row["reported_at"],
        "reported_by": row["reported_by"],
        "expires_at": row["expires_at"],
        "state": standing.state,
        "side": standing.side.value if standing.side is not None else None,
        "in_step": standing.state == "in-step",
        "standby": declaration.holds_backup(said, row["standby"]),
        "revision": row["revision"],
        "lag_seconds": _seconds(standing.since, at) if standing.since is not None else None,
    }


def _seconds(since: str, at: str) -> float:
    return max(0.0, (timestamps.moment(at) - timestamps.moment(since)).total_seconds())
