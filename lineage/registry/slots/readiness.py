"""Whether a pair could take over at once, and which one stands by. Pure: no session.

A pair (a version with the pipeline version that it was validated with) is ready when a rollback to
it would be allowed and a store holds its weights. Behind what comes to serve stands, if it is
ready, the pair that served before it; else the same version on the pipeline that is to run; else
the present backup; else what served before those, the latest first. What is rolled back does not.
In an experimental environment whatever served does. Where what serves stays, its backup does too:
it is not the slot's move that makes it less ready.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from lineage.guard.decision import Status
from lineage.guard.evaluate import decide
from lineage.guard.facts import Standby, Transition
from lineage.identity.components import EnvironmentKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from lineage.database.slots import SlotSide, SlotState
    from lineage.guard.facts import Facts


def reasons_against(facts: Facts) -> tuple[str, ...]:
    """Why a backup could not take over at once, or a version not stand by; nothing where it could.

    Args:
        facts: what the guard sees of it: a pair that served were to return, any other to stand by.
    """
    decision = decide(facts)
    reasons = [check.summary for check in decision.failures]
    weights = decision.check("weights-intact")
    if facts.transition is Transition.RETURN and weights.status not in (Status.PASS, Status.FAIL):
        reasons.append(weights.summary)
    return tuple(reasons)


def may_stand(side: SlotSide, environment_kind: str) -> bool:
    """Whether a version has the proof that an environment of this kind demands."""
    return side.proven or environment_kind == EnvironmentKind.EXPERIMENTAL


class Pair(NamedTuple):
    """A version and a pipeline version, by the keys of their rows; None where none runs."""

    version_id: int
    blake3: str | None


@dataclass(frozen=True)
class Contender:
    """A pair that could stand by, since when it served and by whom.

    ``transition`` is how it would come back, unless the registry holds that it returns. ``stays``
    tells that it is the backup already, and what serves stays too.
    """

    pair: Pair
    since: str
    by: str
    transition: Transition = Transition.RETURN
    stays: bool = False


@dataclass(frozen=True)
class BackupFacts:
    """A contender as it would stand, and why it could not take over at once.

    ``barred`` tells that a rollback keeps it out, ``moves_pipeline`` that it is on another pipeline
    version than the one that is to run.
    """

    contender: Contender
    side: SlotSide
    environment_kind: str
    reasons: tuple[str, ...] = ()
    barred: bool = False
    moves_pipeline: bool = False

    @property
    def stands(self) -> bool:
        """Whether it stands by: ready, or wherever it is experimental."""
        lenient = self.environment_kind == EnvironmentKind.EXPERIMENTAL
        allowed = self.contender.stays or not self.reasons or (lenient and not self.barred)
        return allowed and may_stand(self.side, self.environment_kind)

    @property
    def standby(self) -> Standby:
        """The pair as the guard sees it."""
        return Standby(self.side.ref, next(iter(self.reasons), None), self.moves_pipeline)


@dataclass(frozen=True)
class BackupChoice:
    """What could stand by behind a version, the preferred first; nothing behind one that does."""

    considered: tuple[BackupFacts, ...] = ()

    @property
    def best(self) -> BackupFacts | None:
        """What stands by."""
        return next((backup for backup in self.considered if backup.stands), None)

    @property
    def chosen(self) -> SlotSide | None:
        """What stands by, as it does."""
        return self.best.side if self.best is not None else None

    @property
    def standby(self) -> Standby | None:
        """What the guard sees: what stands by, or the first that could not."""
        if not self.considered:
            return None
        return (self.best or self.considered[0]).standby

    @property
    def passed_over(self) -> dict[str, str]:
        """What speaks against each that was considered, by its reference."""
        told: dict[str, str] = {}
        for backup in self.considered:
            if backup.reasons and backup is not self.best:
                told.setdefault(backup.side.ref, backup.reasons[0])
        return told


def contenders(
    state: SlotState,
    after: Pair,
    runs: str | None,
    served: Iterable[Contender],
    *,
    takes_back: bool = False,
) -> Iterator[Contender]:
    """What could stand by behind a pair that is to serve, the preferred first, each once.

    Args:
        state: the slot, before the move.
        after: what serves after it.
        runs: the pipeline version that is to run.
        served: what served in the slot before, the latest first; asked for no more than it takes.
        takes_back: whether what serves now is rolled back.
    """
    before = _pair(state.serving, runs)
    out = before if takes_back and before != after else None
    told = {after}
    for contender in _all(state, before == after, runs, served):
        pair = contender.pair
        if pair not in told and not _goes(pair, out, after):
            told.add(pair)
            yield contender


def _goes(pair: Pair, out: Pair | None, after: Pair) -> bool:
    """Whether a pair is what is rolled back; where its version goes too, all its pairs are."""
    if out is None or pair.version_id != out.version_id:
        return False
    return pair == out or out.version_id != after.version_id


def _all(
    state: SlotState, stays: bool, runs: str | None, served: Iterable[Contender]
) -> Iterator[Contender]:
    for side in (state.serving, state.backup):
        pair = _pair(side, runs)
        if side is None or pair is None:
            continue
        own = Contender(
            pair, side.promoted_at, side.promoted_by, stays=stays and side is state.backup
        )
        yield own
        if pair.blake3 != runs:
            yield Contender(Pair(pair.version_id, runs), own.since, own.by, Transition.STAND_BY)
    yield from served


def _pair(side: SlotSide | None, runs: str | None) -> Pair | None:
    """The pair of a side; what stands without a proof does so on what runs."""
    return Pair(side.version_id, side.pipeline_blake3 or runs) if side is not None else None


def choose_backup(
    found: Iterable[Contender], consider: Callable[[Contender], BackupFacts]
) -> BackupChoice:
    """What stands by, of what could; asked of no more than it takes to find one that does."""
    considered: list[BackupFacts] = []
    for contender in found:
        considered.append(consider(contender))
        if considered[-1].stands:
            break
    return BackupChoice(tuple(considered))
