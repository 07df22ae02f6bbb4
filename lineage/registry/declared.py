"""What the registry declares of a slot, and what an instance of a service is beside that."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from lineage import timestamps
from lineage.contract.results import Side
from lineage.guard.policy import EnvironmentPolicy
from lineage.identity.components import EnvironmentKind, Proof

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterable, Mapping

    from sqlmodel import Session

Slot = tuple[str, str]
"""An environment and a model."""

STATES: Final = ("in-step", "rolling", "skewed", "lagging", "unknown", "foreign")
"""What an instance can be; ``unknown`` is one that has not reported in time.

``rolling`` is one that has the pair that is staged, or goes on with the backup while the policy's
``rollout`` lets it; ``skewed`` one that has what serves, with other packages than the policy
demands.
"""

NO_SKEW: Final = "[]"


@dataclass(frozen=True)
class Said:
    """What an instance says that it has."""

    weights: str
    pipeline: str | None
    proof: Proof
    matches: bool
    """Whether it compared its packages, and found none that differs."""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Said:
        """What a report holds."""
        return cls(row["weights"], row["pipeline"], Proof(row["proof"]), row["skew"] == NO_SKEW)


@dataclass(frozen=True)
class Standing:
    """What an instance is: its state, the side of the slot that it has, and since when it lags.

    ``overdue`` tells that it lags because the span of a rollout is over.
    """

    state: str
    side: Side | None = None
    since: str | None = None
    overdue: bool = False


UNKNOWN: Final = Standing("unknown")


@dataclass(frozen=True)
class _Pair:
    """A side of the slot by its digests; no pipeline where none is known."""

    side: Side
    weights: frozenset[str]
    pipeline: frozenset[str]
    xxh3: str | None = None
    """That of the weights."""

    def is_said_by(self, said: Said) -> bool:
        """Whether an instance has it, as far as it says."""
        known = said.pipeline is not None and bool(self.pipeline)
        return said.weights in self.weights and (not known or said.pipeline in self.pipeline)


@dataclass(frozen=True)
class Declared:
    """What an instance should have loaded, and since when.

    ``moved_at`` is when the pair came that serves, ``pipeline_since`` when its pipeline did.
    ``sealed_since`` is since when the environment demands that hosts are sealed, None where it does
    not, ``matching`` whether that they have the packages that were validated; ``rollout`` how long
    they may go on with the backup.
    """

    revision: int = 0
    pairs: tuple[_Pair, ...] = ()
    weights_since: str | None = None
    pipeline_since: str | None = None
    sealed_since: str | None = None
    matching: bool = False
    rollout: dt.timedelta | None = None

    @property
    def moved_at(self) -> str | None:
        """Since when the pair serves that does."""
        return max(filter(None, (self.weights_since, self.pipeline_since)), default=None)

    @property
    def backup_weights(self) -> frozenset[str]:
        """The digests of the weights that stand by."""
        found = (pair.weights for pair in self.pairs if pair.side is Side.BACKUP)
        return next(found, frozenset())

    @property
    def backup_xxh3(self) -> str | None:
        """The digest of them that an instance is noted to hold."""
        return next((pair.xxh3 for pair in self.pairs if pair.side is Side.BACKUP), None)

    def holds_backup(self, said: Said, standby: str | None) -> bool:
        """Whether an instance has the weights that stand by, loaded or beside what it loaded."""
        return said.weights in self.backup_weights or standby in self.backup_weights

    def standing(self, said: Said, at: str, registered: Collection[str]) -> Standing:
        """What an instance is that has loaded something.

        ``registered`` are the digests of weights that some version has, of those that instances say
        they have (:func:`registered`).
        """
        pair = next((pair for pair in self.pairs if pair.is_said_by(said)), None)
        if pair is None:
            return self._elsewhere(said, at, registered)
        if self.sealed_since is not None and said.proof is not Proof.SEALED:
            return Standing("lagging", pair.side, self.sealed_since)
        match pair.side:
            case Side.SERVING:
                skewed = self.matching and not said.matches
                return Standing("skewed" if skewed else "in-step", pair.side)
            case Side.STAGED:
                return Standing("rolling", pair.side)
            case Side.BACKUP:
                over = self._is_over(at)
                if over is False:
                    return Standing("rolling", pair.side)
                return Standing("lagging", pair.side, self.moved_at, overdue=bool(over))

    def _is_over(self, at: str) -> bool | None:
        """Whether hosts may no longer serve what served before; None where no span is named."""
        if self.rollout is None or self.moved_at is None:
            return None
        return timestamps.moment(at) >= timestamps.moment(self.moved_at) + self.rollout

    def _elsewhere(self, said: Said, at: str, registered: Collection[str]) -> Standing:
        """What an instance is that has none of the slot's pairs."""
        weights = said.weights
        if any(weights in pair.weights for pair in self.pairs if pair.side is Side.SERVING):
            return Standing("lagging", None, self.pipeline_since, bool(self._is_over(at)))
        if weights not in registered:
            return Standing("foreign")
        return Standing("lagging", None, self.weights_since, bool(self._is_over(at)))


@dataclass(frozen=True)
class Declarations:
    """What the registry declares of some slots: a few statements, however many they are.

    ``environments`` and ``models`` are those that there are, of those that were named.
    """

    environments: frozenset[str]
    models: frozenset[str]
    slots: Mapping[Slot, Declared]

    def of(self, slot: Slot) -> Declared:
        """What is declared of a slot; nothing of one that there is not."""
        return self.slots.get(slot, _NOTHING)


_NOTHING: Final = Declared()


def read(session: Session, named: Iterable[Slot]) -> Declarations:
    """What the registry declares of slots, in one transaction."""
    slots = sorted(set(named))
    if not slots:
        return Declarations(frozenset(), frozenset(), {})
    connection = session.connection()
    names = {environment for environment, _ in slots}
    environments = connection.execute(_ENVIRONMENTS, {"environments": sorted(names)}).all()
    demands = {name: _Demands.of(*row) for name, *row in environments}
    found = connection.execute(_SLOTS, {"slots": slots}).all()
    models = {row.model for row in found}
    others = sorted({model for _, model in slots} - models)
    if others:
        models |= set(connection.execute(_MODELS, {"models": others}).scalars())
    sides: dict[Slot, list[Any]] = {}
    for row in connection.execute(_STANDS, {"slots": slots}):
        sides.setdefault((row.environment, row.model), []).append(row)
    declared = {
        (row.environment, row.model): _declared(
            row, sides.get((row.environment, row.model), []), demands[row.environment]
        )
        for row in found
    }
    return Declarations(frozenset(demands), frozenset(models), declared)


def registered(session: Session, weights: Iterable[str]) -> frozenset[str]:
    """Those of some digests of weights that a registered version has."""
    ask = session.connection().execute
    return frozenset(
        digest
        for digest in sorted(set(weights))
        if ask(_REGISTERED, {"weights": digest}).first() is not None
    )


@dataclass(frozen=True)
class _Demands:
    """What an environment demands of hosts.

    In an experimental environment demands only warn, so there are none.
    """

    sealed_since: str | None
    matching: bool
    rollout: dt.timedelta | None

    @classmethod
    def of(cls, kind: str, document: str | None, applied_at: str | None) -> _Demands:
        if document is None:
            return cls(None, matching=False, rollout=None)
        policy, counts = _policy(document), kind == EnvironmentKind.PRODUCTION
        return cls(
            applied_at if counts and policy.proof is Proof.SEALED else None,
            counts and bool(policy.match_packages),
            timestamps.span(policy.rollout) if policy.rollout is not None else None,
        )


@functools.lru_cache(100)
def _policy(document: str) -> EnvironmentPolicy:
    return EnvironmentPolicy.from_json(json.loads(document))


def _declared(slot: Any, stands: list[Any], demands: _Demands) -> Declared:  # noqa: ANN401 - a row
    sides = {row.side: row for row in stands}
    pairs = tuple(
        _Pair(
            side,
            _known((sides[side].weights_digest, sides[side].weights_blake3)),
            _known((sides[side].digest, sides[side].public_digest)),
            sides[side].weights_digest,
        )
        for side in (Side.SERVING, Side.STAGED, Side.BACKUP)
        if side in sides
    )
    serving = sides.get(Side.SERVING)
    if serving is None:
        return Declared(slot.revision, pairs)
    return Declared(
        slot.revision,
        pairs,
        slot.serving_promoted_at,
        serving.deployed_at,
        demands.sealed_since,
        demands.matching,
        demands.rollout,
    )


def _known(digests: Iterable[str | None]) -> frozenset[str]:
    return frozenset(digest for digest in digests if digest is not None)


def _query(text: str, *several: str) -> sa.TextClause:
    return sa.text(text).bindparams(*(sa.bindparam(name, expanding=True) for name in several))


_ENVIRONMENTS: Final = _query(
    "SELECT e.name, e.kind, p.document, p.applied_at FROM environment e "
    "LEFT JOIN environment_policy p ON p.environment = e.name AND p.revision = "
    "(SELECT max(revision) FROM environment_policy WHERE environment = e.name) "
    "WHERE e.name IN :environments",
    "environments",
)

_MODELS: Final = _query("SELECT name FROM model WHERE name IN :models", "models")

_SLOTS: Final = _query(
    "SELECT environment, model, revision, serving_promoted_at FROM slot "
    "WHERE (environment, model) IN :slots",
    "slots",
)

_SIDE: Final = (
    "SELECT s.environment, s.model, '{0}' AS side, v.weights_digest, v.weights_blake3, "
    "coalesce(s.{0}_pipeline_digest, d.digest) AS digest, p.public_digest, d.deployed_at "
    "FROM slot s JOIN model_version v ON v.id = s.{0}_version_id "
    "LEFT JOIN pipeline_deployment d ON d.environment = s.environment AND d.pipeline = v.pipeline "
    "LEFT JOIN pipeline_version p ON p.pipeline = v.pipeline "
    "AND p.digest = coalesce(s.{0}_pipeline_digest, d.digest) "
    "WHERE (s.environment, s.model) IN :slots"
)

_STANDS: Final = _query(" UNION ALL ".join(_SIDE.format(side.value) for side in Side), "slots")
"""What stands on the sides of slots; what does so without a proof does so on what runs."""

_FIRST_FROM: Final = "(SELECT {0} FROM model_version WHERE {0} >= :weights ORDER BY {0} LIMIT 1)"

_REGISTERED: Final = _query(
    f"SELECT 1 WHERE :weights IN ({_FIRST_FROM.format('weights_digest')}, "
    f"{_FIRST_FROM.format('weights_blake3')})"
)
"""Whether any version has these weights.

The first digest from it on is always found by the index. Where many versions have the same weights
PostgreSQL expects many to be equal, and reads the whole table for one that none has.
"""
