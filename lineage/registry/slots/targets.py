"""What a move is to bring into which slot, before anybody decides on it.

A pipeline that moves brings every slot that rides on it along: in a deployment or a release what
serves there stays, in a rollback each goes back to a pair that served on the version that comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineage.acts import act
from lineage.database import pairs, slots
from lineage.database.deployments import DeployedPipelines
from lineage.database.known import Known
from lineage.errors import NotFound, UsageError
from lineage.guard.facts import Transition
from lineage.registry.slots import gather, standby
from lineage.registry.slots.facts import PipelineMove
from lineage.registry.slots.foresight import NOTHING, Foreseen, Foresight
from lineage.registry.slots.readiness import Contender, Pair, choose_backup

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlmodel import Session

    from lineage.database import tables
    from lineage.database.known_rows import PipelineRow
    from lineage.database.slots import SlotState


@dataclass(frozen=True)
class Target:
    """A slot and the version that is to serve in it; None where a rollback finds none for it.

    ``named`` tells that the one who moves named the version, ``move`` what the version does, and
    ``takes_back`` that what serves until then is rolled back by it.
    """

    state: SlotState
    version: tables.ModelVersion | None
    move: Transition
    named: bool = False
    takes_back: bool = False


@dataclass(frozen=True)
class Targets:
    """All that a move touches, and what is to run then; ``pipeline`` is what it moves, if any."""

    environment: tables.Environment
    runs: DeployedPipelines
    slots: tuple[Target, ...]
    pipeline: PipelineMove | None = None


def of_promotion(
    session: Session,
    environment: tables.Environment,
    version: tables.ModelVersion,
    reason: str | None,
) -> Targets:
    """A version comes to serve on what runs; ``reason`` is the move's."""
    runs = running(session, environment)
    target = _entering(session, environment, version, runs, back=reason is not None)
    return Targets(environment, runs, (target,))


def of_release(
    session: Session,
    environment: tables.Environment,
    target: tables.PipelineVersion | PipelineRow,
    promoted: Sequence[tables.ModelVersion],
    reason: str | None,
    at: str,
) -> Targets:
    """A pipeline version comes to run, versions that are named to serve on it, the others stay.

    Raises:
        UsageError: a model is named twice, or rides on another pipeline.
    """
    _check_named(target, promoted)
    recorded = running(session, environment)
    pipeline = PipelineMove(
        target.pipeline, target.blake3, target.xxh3, recorded.previous(target.pipeline)
    )
    runs = recorded.with_pipeline(pipeline.pipeline, pipeline.blake3, at)
    back = pipeline.moves or reason is not None
    named = [_entering(session, environment, version, runs, back=back) for version in promoted]
    models = {version.model for version in promoted}
    stays = [
        _entering(session, environment, version, runs, named=False, back=back)
        for state, version in _riding(session, environment, pipeline)
        if state.model not in models
    ]
    return Targets(environment, runs, (*named, *stays), pipeline)


def staged(
    session: Session, environment: tables.Environment, pipeline: str
) -> tuple[list[SlotState], PipelineRow]:
    """The slots in which a version is staged on a pipeline, and the version of that.

    Raises:
        NotFound: nothing is.
    """
    states = staged_on(session, environment, pipeline)
    side = states[0].staged if states else None
    if side is None:
        raise NotFound(
            f"No release of pipeline {pipeline} is staged in {environment.name}.",
            remedy="Stage one: "
            + act("release", env=environment.name, pipeline=pipeline, model="REF", stage=True),
        )
    return states, _recorded(session, environment, side)


def of_staged(
    session: Session, environment: tables.Environment, pipeline: str, reason: str | None, at: str
) -> Targets:
    """What is staged on a pipeline comes to serve.

    Raises:
        NotFound: nothing is.
    """
    states, target = staged(session, environment, pipeline)
    sides = [state.staged for state in states if state.staged is not None]
    known = Known.of(session, environment.name)
    promoted = [known.version(session, side.version_id) for side in sides]
    return of_release(session, environment, target, promoted, reason, at)


def of_rollback(
    session: Session,
    environment: tables.Environment,
    model: str,
    at: str,
    leave: frozenset[str] = frozenset(),
    foresight: Foresight = NOTHING,
) -> Targets:
    """The backup comes to serve, its pipeline version to run, and what rides on that goes along.

    What was foreseen to come back for a model is judged again, before others are looked for.
    """
    known = Known.of(session, environment.name)
    state = known.slot_state(session, model)
    recorded = running(session, environment)
    backup = state.backup
    if backup is None:
        return Targets(environment, recorded, (Target(state, None, Transition.RETURN),))
    runs = recorded.with_pipeline(backup.pipeline, backup.pipeline_blake3, at)
    version = known.version(session, backup.version_id)
    own = Target(state, version, Transition.RETURN, named=True, takes_back=True)
    if runs is recorded:
        return Targets(environment, runs, (own,))
    row = _recorded(session, environment, backup)
    pipeline = PipelineMove(row.pipeline, row.blake3, row.xxh3, recorded.previous(row.pipeline))
    others = [
        Target(
            other,
            None
            if other.model in leave
            else _way_back(session, environment, other, runs, pipeline, foresight.get(other.model)),
            Transition.RETURN,
            takes_back=True,
        )
        for other, _ in _riding(session, environment, pipeline)
        if other.model != model
    ]
    return Targets(environment, runs, (own, *others), pipeline)


def _entering(
    session: Session,
    environment: tables.Environment,
    version: tables.ModelVersion,
    runs: DeployedPipelines,
    *,
    named: bool = True,
    back: bool,
) -> Target:
    """A version that comes to serve, or stays; ``back`` tells that a return takes back.

    One that returns without a reason, on the pipeline that runs, may only take its turn.
    """
    state = Known.of(session, environment.name).slot_state(session, version.model)
    move = gather.transition(session, environment, version, runs)
    return Target(state, version, move, named, takes_back=back and move is Transition.RETURN)


def running(session: Session, environment: tables.Environment) -> DeployedPipelines:
    """What runs in an environment, as it is known."""
    known = Known.of(session, environment.name)
    return DeployedPipelines(session, environment.name, known=known)


def staged_on(session: Session, environment: tables.Environment, pipeline: str) -> list[SlotState]:
    """The slots in which a version is staged on a pipeline, by model."""
    models = slots.staged_on(session, environment.name, pipeline)
    known = Known.of(session, environment.name).load(session, models=models)
    return [known.slot_state(session, model) for model in models]


def _recorded(
    session: Session, environment: tables.Environment, side: slots.SlotSide
) -> PipelineRow:
    """The pipeline version that a side of a slot stands with."""
    known = Known.of(session, environment.name)
    row = known.pipeline(session, side.pipeline or "", side.pipeline_blake3 or "")
    assert row is not None  # nosec B101 # noqa: S101 - a foreign key holds it
    return row


def _riding(
    session: Session, environment: tables.Environment, pipeline: PipelineMove
) -> Iterator[tuple[SlotState, tables.ModelVersion]]:
    """The slots that a pipeline moves under, with what serves in them, by model."""
    if not pipeline.moves:
        return
    models = slots.riding_on(session, environment.name, pipeline.pipeline)
    known = Known.of(session, environment.name).load(session, models=models)
    for model in models:
        state = known.slot_state(session, model)
        assert state.serving is not None  # nosec B101 # noqa: S101 - that is what rides
        yield state, known.version(session, state.serving.version_id)


def _way_back(
    session: Session,
    environment: tables.Environment,
    state: SlotState,
    runs: DeployedPipelines,
    pipeline: PipelineMove,
    foreseen: Foreseen | None,
) -> tables.ModelVersion | None:
    """The version that a model goes back to on a pipeline version: the first that is ready.

    Where none is, the first that was there, for the guard to say what speaks against it.
    """
    holds = foreseen is not None and foreseen.revision == state.revision
    first = foreseen.version_id if foreseen is not None and holds else None

    known = Known.of(session, environment.name)

    def on_it() -> Iterator[Contender]:
        pairs_on_it = pairs.served_on(session, environment.name, state.model, pipeline.blake3)
        known.load(session, versions=[served.version_id for served in pairs_on_it])
        for served in pairs_on_it:
            yield Contender(Pair(served.version_id, served.blake3), served.at, served.by)
        for side in (state.backup, state.serving):
            if side is not None and _validated(session, known, side.version_id, pipeline.blake3):
                pair = Pair(side.version_id, pipeline.blake3)
                yield Contender(pair, side.promoted_at, side.promoted_by)

    found_first = sorted(on_it(), key=lambda one: one.pair.version_id != first)
    choice = choose_backup(
        found_first, lambda one: standby.considered(session, environment, one, runs)
    )
    found = choice.best or next(iter(choice.considered), None)
    return known.version(session, found.side.version_id) if found is not None else None


def _validated(session: Session, known: Known, version_id: int, blake3: str) -> bool:
    newest = known.newest_validation(session, version_id, blake3)
    return newest is not None and newest.passed


def _check_named(
    target: tables.PipelineVersion | PipelineRow, promoted: Sequence[tables.ModelVersion]
) -> None:
    """Refuse a model that is named twice, or that the pipeline does not carry."""
    seen: set[str] = set()
    for version in promoted:
        if version.model in seen:
            raise UsageError(
                f"{version.model} is named twice.", remedy="Name one version of each model."
            )
        if version.pipeline != target.pipeline:
            raise UsageError(
                f"{version.model}@{version.number} rides on pipeline {version.pipeline}, not on "
                f"{target.pipeline}.",
                remedy=f"Release only models of pipeline {target.pipeline}.",
            )
        seen.add(version.model)
