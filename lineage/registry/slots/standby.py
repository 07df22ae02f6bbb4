"""Which pair stands by behind what is to serve, as the registry finds it.

A search may look at many pairs, so it is made before anybody has to wait for a move; inside the
move only what it found is judged again (:class:`~lineage.registry.slots.foresight.Foreseen`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lineage.database import clock, pairs
from lineage.database.known import Known
from lineage.guard.facts import Transition
from lineage.guard.policy import SAME_PIPELINE
from lineage.registry.slots import gather
from lineage.registry.slots.readiness import (
    BackupChoice,
    BackupFacts,
    Contender,
    Pair,
    choose_backup,
    contenders,
    reasons_against,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlmodel import Session

    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.database import tables
    from lineage.database.deployments import DeployedPipelines
    from lineage.database.slots import SlotState
    from lineage.guard.facts import Facts
    from lineage.registry.slots.facts import VersionFacts
    from lineage.registry.slots.foresight import Foreseen

MOST_CONTENDERS: Final = 20
"""Pairs that served last and are looked at for a backup, besides what stands in the slot."""


def backup_choice(
    session: Session,
    environment: tables.Environment,
    state: SlotState,
    version: tables.ModelVersion,
    deployed_pipelines: DeployedPipelines,
    *,
    takes_back: bool = False,
    foreseen: Foreseen | None = None,
) -> BackupChoice:
    """What could stand by behind a version that is to serve (:func:`contenders`).

    ``takes_back`` tells that what serves until then is rolled back by it. What was foreseen is
    judged again, and nothing else is looked for while it holds.
    """
    runs = deployed_pipelines.of(version.pipeline)
    blake3 = runs.blake3 if runs is not None else None

    def consider(contender: Contender) -> BackupFacts:
        return considered(session, environment, contender, deployed_pipelines)

    if foreseen is not None and foreseen.revision == state.revision:
        held = _judged_again(foreseen.choice, consider)
        if held is not None:
            return held
    found = contenders(
        state,
        Pair(version.id or 0, blake3),
        blake3,
        _served(session, environment.name, state.model),
        takes_back=takes_back,
    )
    if Known.of(session, environment.name).policy(session).backup == SAME_PIPELINE:
        found = iter(sorted(found, key=lambda contender: contender.pair.blake3 != blake3))
    return choose_backup(found, consider)


def _judged_again(
    choice: BackupChoice, consider: Callable[[Contender], BackupFacts]
) -> BackupChoice | None:
    """A choice whose best is judged anew; None where it does not hold any more."""
    if choice.best is None:
        return choice
    now = consider(choice.best.contender)
    if not now.stands:
        return None
    considered = (now if backup is choice.best else backup for backup in choice.considered)
    return BackupChoice(tuple(considered))


def _served(session: Session, environment: str, model: str) -> Iterator[Contender]:
    """The pairs that served in a slot last; looked for, all at once, when they are asked for."""
    served = pairs.last_served(session, environment, model, MOST_CONTENDERS)
    Known.of(session, environment).load(session, versions=[pair.version_id for pair in served])
    for pair in served:
        yield Contender(Pair(pair.version_id, pair.blake3), pair.at, pair.by, Transition.STAND_BY)


def considered(
    session: Session,
    environment: tables.Environment,
    contender: Contender,
    deployed_pipelines: DeployedPipelines,
) -> BackupFacts:
    """A contender as the guard sees it on its own pipeline version."""
    facts, moves = facts_of(session, environment, contender, deployed_pipelines)
    return BackupFacts(
        contender,
        facts.side(contender.since, contender.by),
        environment.kind,
        reasons_against(facts.guard),
        barred=facts.guard.barred,
        moves_pipeline=moves,
    )


def facts_of(
    session: Session,
    environment: tables.Environment,
    contender: Contender,
    deployed_pipelines: DeployedPipelines,
) -> tuple[VersionFacts, bool]:
    """What the guard sees of a contender, and whether another pipeline version has to run."""
    version_id, blake3 = contender.pair
    known = Known.of(session, environment.name)
    version = known.version(session, version_id)
    on_its_own = deployed_pipelines.with_pipeline(version.pipeline, blake3, clock.now(session))
    move = contender.transition
    if known.returns(session, version_id, blake3):
        move = Transition.RETURN
    facts = gather.version_facts(session, environment, version, on_its_own, move=move)
    return facts, on_its_own is not deployed_pipelines


def entering(
    session: Session,
    environment: tables.Environment,
    version: tables.ModelVersion,
    deployed_pipelines: DeployedPipelines,
    *,
    running: CapturedPipelineVersion | None = None,
) -> Facts:
    """The guard's facts of a version that is to serve, with what stands by behind it."""
    state = Known.of(session, environment.name).slot_state(session, version.model)
    facts = gather.guard_facts(session, environment, version, deployed_pipelines, running=running)
    backups = backup_choice(session, environment, state, version, deployed_pipelines)
    return replace(facts, standby=backups.standby)
