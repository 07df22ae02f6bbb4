"""What a move is refused for before anything is planned: a slot that moved, others that would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.acts import act
from lineage.errors import Conflict, NotPermitted, OthersMove, ReleaseStaged
from lineage.guard.decision import GuardRefused
from lineage.guard.policy import WAIVABLE
from lineage.registry.slots.facts import MoveKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lineage.database.slots import SlotState
    from lineage.guard.decision import Decision
    from lineage.registry.slots.facts import MoveFacts, PipelineMove, SlotFacts
    from lineage.registry.slots.request import Request


def check_open(
    request: Request, states: Iterable[SlotState], pipeline: PipelineMove | None = None
) -> None:
    """Refuse to move slots of models, or a pipeline, that are not open; name none of them.

    This comes before anything is decided, so that no other refusal tells of them.

    Raises:
        NotPermitted: a slot is of another model, or the pipeline of none that is open.
    """
    opened, of_them = request.models, request.pipelines or frozenset()
    if opened is None:
        return
    moved = {pipeline.pipeline} if pipeline is not None and pipeline.moves else set()
    if not {state.model for state in states} <= opened or not moved <= of_them:
        raise NotPermitted(
            f"{request.actor} is bound to some models, and this concerns others too.",
            remedy="Use a token that is open to every model on the pipeline.",
        )


def check_revision(request: Request, state: SlotState) -> None:
    """Refuse to move a slot that moved since the caller saw it.

    Raises:
        Conflict: it did.
    """
    expected = request.expect_revision
    if expected is not None and state.revision != expected:
        raise Conflict(
            f"{state.subject} is at revision {state.revision}, not {expected}.",
            remedy="Look at what serves now "
            f"({act('serving', state.model, env=state.environment)}) and decide again.",
        )


def check_seen(facts: MoveFacts) -> None:
    """Refuse to go on with a plan that no longer is what would happen."""
    seen = facts.request.seen
    states = [slot.state for slot in facts.slots]
    if facts.kind is MoveKind.ROLLED_BACK:  # which withdraws what is staged besides
        states += [one for one in facts.staged if one not in states]
    if seen is not None and seen != {state.model: state.revision for state in states}:
        raise Conflict(
            f"The slots of {facts.request.environment} moved after the plan was made.",
            remedy="Look at the plan as it is now and decide again.",
        )


def check_others(facts: MoveFacts, state: SlotState, others: Sequence[SlotFacts]) -> None:
    """Refuse to move models that nobody spoke of, or to move one to nothing."""
    request = facts.request
    names = tuple(slot.state.model for slot in others)
    unknown = sorted(request.leave - {*names})
    if unknown:
        raise Conflict(
            f"{unknown[0]} does not move when {state.subject} is rolled back.",
            remedy="Leave only models that do; see the plan: "
            f"{act('rollback', state.model, env=state.environment, dry_run=True)}",
        )
    lost = tuple(
        slot.state.model
        for slot in others
        if slot.version is None and slot.state.model not in request.leave
    )
    pipeline = facts.pipeline.pipeline if facts.pipeline is not None else None
    if lost:
        raise OthersMove(
            f"{' and '.join(lost)} would have nothing to go back to: the backup of {state.subject} "
            f"needs another version of pipeline {pipeline}.",
            remedy="Validate a version of it with that one, or leave it, and it is retired: "
            + act(
                "rollback", state.model, env=state.environment, with_pipeline=True, leave=lost[0]
            ),
            models=lost,
        )
    if names and not request.with_pipeline:
        raise OthersMove(
            f"The backup of {state.subject} needs another version of pipeline {pipeline}, on which "
            f"{' and '.join(names)} {'serves' if len(names) == 1 else 'serve'} too.",
            remedy="Move them back together: "
            f"{act('rollback', state.model, env=state.environment, with_pipeline=True)}",
            models=names,
        )


def refuse_another_stage(facts: MoveFacts) -> None:
    """Refuse to finish a release in slots in which one of another pipeline version is staged.

    Raises:
        ReleaseStaged: there is such a slot.
    """
    blake3 = facts.pipeline.blake3 if facts.pipeline is not None else None
    states = [slot.state for slot in facts.slots]
    others = [one for one in states if one.staged and one.staged.pipeline_blake3 != blake3]
    refuse_while_staged(facts, others)


def refuse_while_staged(facts: MoveFacts, states: Sequence[SlotState]) -> None:
    """Refuse a move that is planned while another is staged: one of them would be forgotten."""
    staged = next((state for state in states if state.staged is not None), None)
    if staged is None or staged.staged is None:
        return
    side, environment = staged.staged, facts.request.environment
    pipeline = side.pipeline or ""
    raise ReleaseStaged(
        f"A release of pipeline {pipeline} is staged in {environment} since {side.promoted_at[:16]}"
        f" by {side.promoted_by}: {side.ref} is to serve.",
        remedy=f"Finish it ({act('release', env=environment, pipeline=pipeline, finish=True)}) or "
        f"withdraw it ({act('release', env=environment, pipeline=pipeline, abort=True)}) first.",
        models=(staged.model,),
    )


def sentence(facts: MoveFacts, decided: Iterable[tuple[SlotFacts, Decision]]) -> str:
    """What is refused, with the models that would be left behind."""
    environment = facts.request.environment
    told = f"The promotion into {environment} is refused"
    if facts.pipeline is not None:
        what = "deployment" if facts.kind is MoveKind.DEPLOYED else "release"
        told = f"The {what} of pipeline {facts.pipeline.pipeline} to {environment} is refused"
    left = [decision.ref for slot, decision in decided if not slot.named and not decision.allowed]
    return f"{told} and would leave behind {', '.join(left)}" if left else told


def refuse_unless_allowed(decisions: tuple[Decision, ...], sentence: str) -> None:
    """Raise :class:`GuardRefused` with the decisions that say no, if any does."""
    refused = tuple(decision for decision in decisions if not decision.allowed)
    if refused:
        failures = refused[0].failures
        final = (check for check in failures if check.code not in WAIVABLE)
        first = next(final, failures[0])  # what no validation and no waiver can mend
        raise GuardRefused(
            f"{sentence}: {first.summary}.",
            remedy=first.remedy or "See the checks that fail.",
            decisions=refused,
        )
