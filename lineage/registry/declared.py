"""What the registry declares of a slot, and what an instance of a service is beside that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlmodel import or_, select

from lineage import timestamps
from lineage.contract.results import Side
from lineage.database import policies, slots, tables
from lineage.database.deployments import deployment
from lineage.database.environments import require_environment
from lineage.identity.components import EnvironmentKind, Proof

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from sqlmodel import Session

    from lineage.guard.policy import EnvironmentPolicy

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
    def of(cls, row: tables.Observation) -> Said:
        """What a report holds."""
        return cls(row.weights, row.pipeline, Proof(row.proof), row.skew == NO_SKEW)


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

    session: Session
    revision: int = 0
    pairs: tuple[_Pair, ...] = ()
    weights_since: str | None = None
    pipeline_since: str | None = None
    sealed_since: str | None = None
    matching: bool = False
    rollout: dt.timedelta | None = None

    @classmethod
    def of(cls, session: Session, environment: str, model: str) -> Declared:
        """What the registry declares for a slot."""
        slot = session.get(tables.Slot, (environment, model))
        if slot is None:
            return cls(session)
        found = [_pair(session, slot, side) for side in (Side.SERVING, Side.STAGED, Side.BACKUP)]
        pairs = tuple(pair for pair in found if pair is not None)
        if slot.serving_version_id is None:
            return cls(session, slot.revision, pairs)
        deployed = deployment(session, environment, _pipeline_of(session, slot))
        policy = policies.policy_of(session, environment)
        sealed_since, matching = _demands(session, environment, policy)
        rollout = policy.rollout
        return cls(
            session,
            slot.revision,
            pairs,
            slot.serving_promoted_at,
            deployed.deployed_at if deployed is not None else None,
            sealed_since,
            matching,
            timestamps.span(rollout) if rollout is not None else None,
        )

    @property
    def moved_at(self) -> str | None:
        """Since when the pair serves that does."""
        return max(filter(None, (self.weights_since, self.pipeline_since)), default=None)

    @property
    def backup_weights(self) -> frozenset[str]:
        """The digests of the weights that stand by."""
        found = (pair.weights for pair in self.pairs if pair.side is Side.BACKUP)
        return next(found, frozenset())

    def holds_backup(self, said: Said, standby: str | None) -> bool:
        """Whether an instance has the weights that stand by, loaded or beside what it loaded."""
        return said.weights in self.backup_weights or standby in self.backup_weights

    def standing(self, said: Said, at: str) -> Standing:
        """What an instance is that has loaded something."""
        pair = next((pair for pair in self.pairs if pair.is_said_by(said)), None)
        if pair is None:
            return self._elsewhere(said, at)
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

    def _elsewhere(self, said: Said, at: str) -> Standing:
        """What an instance is that has none of the slot's pairs."""
        weights = said.weights
        if any(weights in pair.weights for pair in self.pairs if pair.side is Side.SERVING):
            return Standing("lagging", None, self.pipeline_since, bool(self._is_over(at)))
        table = tables.ModelVersion
        registered = self.session.exec(
            select(table.id)
            .where(or_(table.weights_xxh3 == weights, table.weights_blake3 == weights))
            .limit(1)
        ).first()
        if registered is None:
            return Standing("foreign")
        return Standing("lagging", None, self.weights_since, bool(self._is_over(at)))


def _pair(session: Session, slot: tables.Slot, side: Side) -> _Pair | None:
    """What stands on a side; what does so without a proof does so on what runs."""
    stands = slots.slot_side(session, slot, side.value)
    if stands is None:
        return None
    version = session.get(tables.ModelVersion, stands.version_id)
    pipeline, blake3 = stands.pipeline, stands.pipeline_blake3
    if blake3 is None and version is not None and version.pipeline is not None:
        runs = deployment(session, slot.environment, version.pipeline)
        pipeline, blake3 = version.pipeline, runs.blake3 if runs is not None else None
    row = session.get(tables.PipelineVersion, (pipeline, blake3)) if blake3 is not None else None
    return _Pair(
        side,
        _known((version.weights_xxh3, version.weights_blake3) if version is not None else ()),
        _known((blake3, row.xxh3 if row is not None else None)),
    )


def _known(digests: Iterable[str | None]) -> frozenset[str]:
    return frozenset(digest for digest in digests if digest is not None)


def _pipeline_of(session: Session, slot: tables.Slot) -> str | None:
    row = session.get(tables.ModelVersion, slot.serving_version_id)
    return row.pipeline if row is not None else None


def _demands(
    session: Session, environment: str, policy: EnvironmentPolicy
) -> tuple[str | None, bool]:
    """Since when hosts must be sealed, and whether their packages must match.

    In an experimental environment demands only warn, so there are none.
    """
    row = policies.policy_row(session, environment)
    kind = require_environment(session, environment).kind
    if row is None or kind != EnvironmentKind.PRODUCTION:
        return None, False
    return (
        row.applied_at if policy.proof is Proof.SEALED else None,
        bool(policy.match_packages),
    )
