"""The one way that slots and deployments move: decide, write, append the event.

A promotion moves one model, a deployment the pipeline under the models, a release both at once, a
rollback one model to its backup. All run inside the caller's write transaction, so nobody else
moves between the decision and the commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.contract.results import Moved, Step
from lineage.database import slots, tables
from lineage.database import weights as copies
from lineage.database.environments import require_environment
from lineage.errors import Conflict, NotFound, UsageError
from lineage.guard.evaluate import decide
from lineage.guard.facts import Move
from lineage.registry import views
from lineage.registry.slots import backup_candidates as candidates
from lineage.registry.slots import deployments, events, facts, readiness, waivers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from lineage.guard.decision import Decision
    from lineage.registry.slots.request import Request


def promote(session: Session, request: Request, version: tables.ModelVersion) -> Moved:
    """Move a slot to a version.

    Raises:
        GuardRefused: a rule fails.
        NotPermitted: a waiver was asked for that the environment does not allow.
        Conflict: the slot moved since the caller looked.
    """
    return _Moving(session, request, "promoted").promote([version])


def release(
    session: Session,
    request: Request,
    target: tables.PipelineVersion,
    promoted: Sequence[tables.ModelVersion],
) -> Moved:
    """Move a pipeline and models that ride on it in one step; a deployment moves no model.

    Raises:
        UsageError: a model is named twice, or rides on another pipeline.
        GuardRefused: a rule fails for a model, be it moved or left behind.
        NotPermitted: a waiver was asked for that the environment does not allow.
    """
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
    kind = "released" if promoted else "deployed"
    return _Moving(session, request, kind, target).promote(promoted)


def rollback(session: Session, request: Request, model: str) -> Moved:
    """Move a slot to its backup; the version that failed does not become the backup.

    Raises:
        NotFound: there is no backup.
        GuardRefused: the backup may not serve.
        NotPermitted: a waiver was asked for that the environment does not allow.
        Conflict: the slot moved since the caller looked.
    """
    return _Moving(session, request, "rolled-back").rollback(model)


def stand_by(session: Session, request: Request, version: tables.ModelVersion) -> Moved:
    """Let a version stand by behind what serves, if it could take over at once.

    Raises:
        NotFound: nothing serves there.
        GuardRefused: a rule fails.
        Conflict: the slot moved since the caller looked, or the version serves there itself.
    """
    return _Moving(session, request, "backup-set").stand_by(version)


def retire(session: Session, request: Request, model: str) -> Moved:
    """Empty a slot.

    Raises:
        NotFound: nothing serves there.
        Conflict: the slot moved since the caller looked.
    """
    return _Moving(session, request, "retired").retire(model)


class _Moving:
    """One move in one transaction, from the decision to the event."""

    def __init__(
        self,
        session: Session,
        request: Request,
        kind: str,
        target: tables.PipelineVersion | None = None,
    ) -> None:
        self._session = session
        self._request = request
        self._kind = kind
        self._target = target
        self._environment = require_environment(session, request.environment)
        self._asked = waivers.asked(
            session, request.environment, request.waive, request.actor, request.at
        )
        self._formerly: dict[str, str | None] = {}
        self._running = slots.Running(session, request.environment, formerly=self._formerly)
        self._before: dict[str, Step] = {}
        self._passed_over: dict[str, dict[str, str]] = {}
        self._granted = waivers.Granted()
        self._anew = False

    def promote(self, promoted: Sequence[tables.ModelVersion]) -> Moved:
        found = [self._slot(version.model) for version in promoted]
        for slot in found:
            self._check_revision(slot)
        affected, staying = self._deploy([version.model for version in promoted])
        for slot in (*found, *affected):
            self._before[slots.subject(slot)] = views.step(self._session, slot)
        self._check_plan()
        versions = [*promoted, *staying]
        decisions = facts.decisions(
            self._session, self._environment, versions, self._running, self._asked
        )
        self._refuse_unless_allowed(decisions, len(promoted))
        self._grant(versions, decisions)
        changed = [
            slot
            for slot, version in zip(found, promoted, strict=True)
            if self._put(slot, self._occupant(version, slot))
        ]
        changed += [slot for slot in affected if self._settle(slot)]
        if changed or self._anew or self._granted.rows:
            self._record(changed, promoted)
        return self._moved(found or affected, decisions, bool(changed or self._anew))

    def rollback(self, model: str) -> Moved:
        name = self._environment.name
        slot = self._session.get(tables.Slot, (name, model))
        backup = slots.occupant(slot, "backup")
        if slot is None or backup is None:
            raise NotFound(
                f"{model} has no backup in {name}.",
                remedy=f"See what could stand by: lineage backup candidates {model} --env {name}",
            )
        self._check_revision(slot)
        self._before[slots.subject(slot)] = views.step(self._session, slot)
        version = self._session.get(tables.ModelVersion, backup.version_id)
        assert version is not None  # noqa: S101 - a foreign key holds it
        looked_at = facts.gather(
            self._session,
            self._environment,
            version,
            self._running,
            move=Move.RETURN,
            asked=self._asked,
        )
        decision = decide(looked_at)
        facts.refuse_unless_allowed(
            (decision,), f"The backup {version.model}@{version.number} may not serve"
        )
        self._grant([version], (decision,))
        if slot.serving_version_id is not None:
            copies.mark_rolled_back(
                self._session,
                name,
                slot.serving_version_id,
                self._request.reason,
                self._request.at,
                self._request.actor,
            )
        slots.put(slot, "serving", self._occupant(version, slot))
        slots.put(slot, "backup", None)
        slot.revision += 1
        self._record([slot], [version])
        return self._moved([slot], (decision,))

    def retire(self, model: str) -> Moved:
        name = self._environment.name
        slot = self._session.get(tables.Slot, (name, model))
        if slot is None or slot.serving_version_id is None:
            raise NotFound(
                f"{model} does not serve in {name}.",
                remedy=f"See what serves: lineage serving --env {name}",
            )
        self._check_revision(slot)
        self._before[slots.subject(slot)] = views.step(self._session, slot)
        for side in slots.SIDES:
            slots.put(slot, side, None)
        slot.revision += 1
        self._record([slot], [])
        return self._moved([slot], ())

    def stand_by(self, version: tables.ModelVersion) -> Moved:
        name, ref = self._environment.name, f"{version.model}@{version.number}"
        slot = self._session.get(tables.Slot, (name, version.model))
        if slot is None or slot.serving_version_id is None:
            raise NotFound(
                f"{version.model} does not serve in {name}, so nothing can stand by.",
                remedy=f"Promote a version first: lineage promote {ref} --env {name}",
            )
        self._check_revision(slot)
        if slot.serving_version_id == version.id:
            raise Conflict(
                f"{ref} serves in {name} itself.",
                remedy=f"Name another: lineage backup candidates {version.model} --env {name}",
            )
        self._before[slots.subject(slot)] = views.step(self._session, slot)
        decision = decide(
            facts.gather(
                self._session, self._environment, version, self._running, move=Move.STAND_BY
            )
        )
        facts.refuse_unless_allowed((decision,), f"{ref} may not stand by in {name}")
        before = slots.occupant(slot, "backup")
        same = before is not None and before.version_id == version.id
        since = (before.promoted_at, before.promoted_by) if same and before else None
        at, by = since or (self._request.at, self._request.actor)
        deployed = self._running.of(version.pipeline)
        new = slots.proven(self._session, version, deployed, at, by)
        if new != before:
            slots.put(slot, "backup", new)
            slot.revision += 1
            self._record([slot], [version])
        return self._moved([slot], (decision,), new != before)

    def _slot(self, model: str) -> tables.Slot:
        environment = self._environment
        slot = self._session.get(tables.Slot, (environment.name, model))
        return slot or tables.Slot(
            environment=environment.name,
            model=model,
            environment_kind=environment.kind,
            revision=0,
        )

    def _check_revision(self, slot: tables.Slot) -> None:
        expected = self._request.expect_revision
        if expected is not None and slot.revision != expected:
            raise Conflict(
                f"{slots.subject(slot)} is at revision {slot.revision}, not {expected}.",
                remedy=f"Look at what serves now (lineage serving {slot.model} --env "
                f"{slot.environment}) and decide again.",
            )

    def _check_plan(self) -> None:
        """Refuse to go on with a plan that no longer is what would happen."""
        seen = self._request.seen
        if seen is not None and seen != {s.model: s.revision for s in self._before.values()}:
            raise Conflict(
                f"The slots of {self._environment.name} moved after the plan was made.",
                remedy="Look at the new plan (--dry-run) and decide again.",
            )

    def _deploy(
        self, promoted: Sequence[str]
    ) -> tuple[list[tables.Slot], list[tables.ModelVersion]]:
        """Let the pipeline run; the slots and the versions that it moves under.

        Those of the models that are promoted are not among them.
        """
        request, target = self._request, self._target
        if target is None:
            return [], []
        former = deployments.deploy(
            self._session, request.environment, target, request.at, request.actor
        )
        self._formerly[target.pipeline] = former
        self._anew = former != target.digest
        if not self._anew:
            return [], []
        affected = deployments.riders(self._session, request.environment, target, promoted)
        return affected, deployments.staying(self._session, affected, target)

    def _refuse_unless_allowed(self, decisions: tuple[Decision, ...], promoted: int) -> None:
        """Raise :class:`GuardRefused`; the refusal names the models that would be left behind."""
        left = [made for made in decisions[promoted:] if not made.allowed]
        environment = self._environment.name
        if self._kind == "promoted" or self._target is None:
            sentence = f"The promotion into {environment} is refused"
        else:
            what = "deployment" if self._kind == "deployed" else "release"
            sentence = f"The {what} of pipeline {self._target.pipeline} to {environment} is refused"
        if left:
            names = ", ".join(made.ref for made in left)
            sentence += f" and would leave behind {names}"
        facts.refuse_unless_allowed(decisions, sentence)

    def _grant(
        self, versions: Sequence[tables.ModelVersion], decisions: tuple[Decision, ...]
    ) -> None:
        decided = zip(versions, decisions, strict=True)
        self._granted = waivers.grant(self._session, decided, self._asked, self._running)

    def _occupant(self, version: tables.ModelVersion, slot: tables.Slot) -> slots.Occupant:
        """A version as it is to stand: with its proof, or the waiver in its place.

        What serves already keeps the time since when it does.
        """
        deployed = self._running.of(version.pipeline)
        former = slots.occupant(slot, "serving")
        same = former is not None and former.version_id == version.id
        since = (former.promoted_at, former.promoted_by) if same and former else None
        at, by = since or (self._request.at, self._request.actor)
        new = slots.proven(self._session, version, deployed, at, by)
        if slots.may_stand(new, self._environment.kind):
            return new
        waiver = self._granted.standing_in(version.id)
        if waiver is None:
            return former if same and former else new
        return slots.waived(new, deployed, waiver)

    def _put(self, slot: tables.Slot, new: slots.Occupant) -> bool:
        """Put a version into a slot, what served before behind it; whether anything changed."""
        before = slots.occupant(slot, "serving"), slots.occupant(slot, "backup")
        behind, considered = facts.standing_by(
            self._session, self._environment, slot, new.version_id, self._running
        )
        self._passed_over[slots.subject(slot)] = {
            one.ref: one.reason for one in considered if one.reason is not None
        }
        after = new, behind
        if after == before or (new == before[0] and not self._anew):
            return False
        for side, occupant in zip(slots.SIDES, after, strict=True):
            slots.put(slot, side, occupant)
        slot.revision += 1
        self._session.add(slot)
        self._session.flush()
        return True

    def _settle(self, slot: tables.Slot) -> bool:
        """Renew the proofs of a slot after its pipeline moved; whether anything changed."""
        serving = slots.occupant(slot, "serving")
        assert serving is not None  # noqa: S101 - a slot that rides on a pipeline serves
        version = self._session.get(tables.ModelVersion, serving.version_id)
        assert version is not None  # noqa: S101 - a foreign key holds it
        if self._target is not None and deployments.rests_on(slot, version, self._target):
            serving = self._occupant(version, slot)
        return self._put(slot, serving)

    def _record(self, changed: Sequence[tables.Slot], moved: Sequence[tables.ModelVersion]) -> None:
        events.append(
            self._session,
            self._request,
            self._kind,
            events.Touched(
                changed,
                [f"{version.model}@{version.number}" for version in moved],
                self._target,
                self._emptied(changed),
                self._granted.rows,
            ),
        )

    def _steps(self) -> tuple[Step, ...]:
        """What the move does to each slot that it touches."""
        steps = []
        for name, before in self._before.items():
            slot = self._session.get(tables.Slot, (before.environment, before.model))
            after = views.step(self._session, slot) if slot is not None else before
            steps.append(before.then(after, self._passed_over.get(name, {})))
        return tuple(steps)

    def _emptied(self, changed: Sequence[tables.Slot]) -> tuple[str, ...]:
        names = {slots.subject(slot) for slot in changed if slot.backup_version_id is None}
        if self._kind in ("rolled-back", "retired"):
            return ()
        return tuple(
            name for name, step in self._before.items() if name in names and step.backup_before
        )

    def _moved(
        self, shown: Sequence[tables.Slot], decisions: tuple[Decision, ...], changed: bool = True
    ) -> Moved:
        target = self._target
        touched = [slot for slot in shown if slot.revision]
        emptied = self._emptied(touched)
        lost = [s for s in touched if self._kind == "rolled-back" or slots.subject(s) in emptied]
        return Moved(
            environment=self._request.environment,
            changed=changed,
            slots=tuple(
                readiness.serving(self._session, slot.environment, slot.model) for slot in shown
            ),
            decisions=decisions,
            emptied_backups=emptied,
            pipeline={"name": target.pipeline, "digest": target.public_digest} if target else {},
            steps=self._steps(),
            unused_waivers=self._granted.unused,
            proposed=candidates.proposed(self._session, lost),
        )
