"""The verbs on slots: what serves, what may, and every move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage import timestamps
from lineage.contract.requests import check_present, listed
from lineage.database import clock, names, slots
from lineage.display import Listing
from lineage.errors import PipelineMismatch, RegistryUnreachable, UsageError
from lineage.identity.references import Reference
from lineage.registry.slots import serving as slots_serving
from lineage.registry.slots.request import Request
from lineage.registry.verbs.foresight import ForesightVerbs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlmodel import Session

    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.contract.requests import WaiverRequest
    from lineage.contract.results import (
        Candidate,
        DemandedPackages,
        MoveResult,
        Serving,
    )
    from lineage.database.touched import Thing
    from lineage.guard.decision import Decision
    from lineage.registry.slots.move_plan import MovePlan


class SlotVerbs(ForesightVerbs):
    """Verbs on slots: looking them up, asking the guard, and moving them."""

    def guard(
        self,
        reference: str | Reference,
        environment: str,
        *,
        running: CapturedPipelineVersion | None = None,
    ) -> Decision:
        """Decide whether a version may serve in an environment; change nothing.

        Args:
            reference: the version.
            environment: the environment's name.
            running: decide as if this pipeline ran there as captured, instead of what is deployed.

        Raises:
            NotFound: the version or the environment does not exist.
        """
        from lineage.guard.evaluate import decide
        from lineage.registry.slots import standby, targets

        with self._read() as session:
            sight = self._sight(session)
            where, version = sight.to_serve(reference, environment)
            if running is not None:
                sight.named_pipeline(running)
            runs = targets.running(session, where)
            if running is not None:
                blake3 = running.version.blake3
                runs = runs.with_pipeline(version.pipeline, blake3, clock.now(session))
            return decide(standby.entering(session, where, version, runs, running=running))

    def serving(
        self,
        model: str,
        environment: str,
        *,
        at: str | None = None,
        pipeline: str | None = None,
    ) -> Serving:
        """What serves for a model in an environment, now or at a past moment.

        Args:
            model: the model's name.
            environment: the environment's name.
            at: an ISO 8601 time; without a zone it is UTC.
            pipeline: the pipeline version that the caller runs, ``NAME@DIGEST`` or its digest, as
                short as is unique: the answer's ``side`` tells which pair goes with it, now.

        Raises:
            NotFound: there is no such model or environment.
            PipelineMismatch: no pair of the slot is on this pipeline version.
            UsageError: the time or the digest cannot be read.
        """
        check_present(at, pipeline)
        moment = timestamps.parse_time(at) if at is not None else None
        with self._read() as session:
            _, model = self._sight(session).slot(model, environment)
            if moment is not None:
                return slots_serving.at(session, environment, model, moment)
            from lineage.registry.slots import shown

            return shown.now(session, environment, model, pipeline)

    def serving_on_grounds(
        self, model: str, environment: str, *, pipeline: str | None = None
    ) -> tuple[Serving | PipelineMismatch, frozenset[Thing]]:
        """What serves in a slot now, or why nothing does for a pipeline version; what ends that.

        Raises:
            NotFound: there is no such model or environment.
            UsageError: the digest cannot be read.
        """
        from lineage.registry.slots import grounds

        check_present(None, pipeline)
        with self._read() as session:
            sight = self._sight(session)
            sight.environment(environment)
            present = sight.model(model, for_all=True)
            answer, rests_on = grounds.now(session, environment, present, pipeline)
            return answer, rests_on | {("model", model)}

    def all_serving(self, environment: str | None = None) -> Listing[Serving]:
        """Every slot (of an environment), by environment and model.

        Raises:
            NotFound: there is no such environment.
        """
        from lineage.registry.slots import shown

        with self._read() as session:
            sight = self._sight(session)
            if environment is not None:
                sight.require_environment(environment)
            named = slots.names(session, environment)
            if environment is not None and not named:
                sight.environment(environment)
            open_to = [(where, model) for where, model in named if sight.sees(model, where)]
            shown.read_together(session, open_to)
            return Listing(
                tuple(shown.now(session, where, model) for where, model in open_to), "slots"
            )

    def demanded_packages(self, reference: str | Reference, environment: str) -> DemandedPackages:
        """What the hosts of a version must have installed, as an environment's policy demands.

        Raises:
            NotFound: the version or the environment does not exist.
        """
        from lineage.registry import packages

        with self._read() as session:
            where, version = self._sight(session).to_serve(reference, environment)
            return packages.demanded(session, where, version)

    def backup_candidates(self, model: str, environment: str) -> Listing[Candidate]:
        """Every version that could stand by behind what serves, the best first.

        Raises:
            NotFound: there is no such model or environment.
        """
        from lineage.registry.slots import backup_candidates

        with self._read() as session:
            sight = self._sight(session)
            sight.environment(environment)
            model = sight.model(model)
            return Listing(
                backup_candidates.listed(session, environment, model),
                f"candidates for {model} in {environment}",
            )

    def promote(
        self,
        reference: str | Reference,
        environment: str,
        *,
        expect_revision: int | None = None,
        reason: str | None = None,
        waive: WaiverRequest | None = None,
        actor: str,
    ) -> MoveResult:
        """Move a slot to a version; what served before becomes the backup.

        Raises:
            GuardRefused: a rule fails.
            NotPermitted: the environment does not let this person waive this.
            NotFound: the version or the environment does not exist.
            Conflict: the slot's revision is not ``expect_revision``.
        """
        from lineage.registry.slots import moves, results

        parsed = Reference.parse(reference)
        found = self._foreseen(lambda: self.foresee_promotion(parsed, environment, reason=reason))
        with self._moving(found, actor) as session:
            sight = self._sight(session)
            _, version = sight.to_serve(parsed, environment)
            request = Request(
                environment,
                actor,
                clock.stamp(session),
                reason,
                expect_revision,
                waive,
                person=self._actor(actor).person,
                models=sight.models,
                pipelines=sight.pipelines,
            )
            plan = moves.promote(session, request, version, found)
            moved = results.moved(session, plan)
        return self._answered(moved)

    def rollback(
        self,
        model: str,
        environment: str,
        *,
        with_pipeline: bool = False,
        leave: str | Sequence[str] = (),
        reason: str | None = None,
        expect_revision: int | None = None,
        waive: WaiverRequest | None = None,
        seen: Mapping[str, int] | None = None,
        dry_run: bool = False,
        actor: str,
    ) -> MoveResult:
        """Move a slot to its backup, and the pipeline with it where that needs another version.

        Args:
            model: the model's name.
            environment: the environment's name.
            with_pipeline: let other models that ride on the pipeline go back with it.
            leave: those of them that have nothing to go back to: they are retired.
            reason: why; kept in the history.
            expect_revision: the slot's revision as it was seen.
            waive: rules to waive.
            seen: the revisions of the slots that the plan showed, by their model.
            dry_run: decide and tell the plan, change nothing.
            actor: who moves.

        Raises:
            NotFound: there is no backup.
            OthersMove: other models move too, and ``with_pipeline`` is not set, or one of them has
                nothing to go back to.
            GuardRefused: the backup may not serve, or another model may not go back.
            NotPermitted: the environment does not let this person waive this.
            Conflict: a slot moved since the caller saw it, or while this was prepared.
        """
        from lineage.registry.slots import moves

        leaving = frozenset(listed(leave))
        found = self._foreseen(lambda: self.foresee_rollback(model, environment, leave=leaving))
        with self._moving(found, None if dry_run else actor) as session:
            sight = self._sight(session)
            sight.to_serve_together((), environment)
            sight.require_models(*leaving)
            _, model = sight.slot(model, environment)
            request = Request(
                environment,
                actor,
                clock.stamp(session),
                reason,
                expect_revision,
                waive,
                seen,
                with_pipeline=with_pipeline,
                leave=frozenset(names.present(session, name) for name in leaving),
                person=self._actor(actor).person,
                models=sight.models,
                pipelines=sight.pipelines,
            )
            plan = moves.rollback(session, request, model, found)
            moved = self._made(session, plan, dry_run=dry_run)
        return moved if dry_run else self._answered(moved)

    def set_backup(
        self,
        reference: str | Reference,
        environment: str,
        *,
        pipeline: str | None = None,
        expect_revision: int | None = None,
        reason: str | None = None,
        actor: str,
    ) -> MoveResult:
        """Make a version the backup of what serves, if it could take over at once.

        ``pipeline`` is the pipeline version that it is to stand by with, ``NAME@DIGEST`` or a
        digest alone; by default the one that runs.

        Raises:
            NotFound: the version, its pipeline version or the environment does not exist, or
                nothing serves there.
            GuardRefused: a rule fails.
            Conflict: the slot's revision is not ``expect_revision``, or the version serves there.
        """
        from lineage.contract.results import NamedPipeline
        from lineage.registry.slots import moves, results

        with self._moving(moves.NOTHING, actor) as session:
            sight = self._sight(session)
            _, version = sight.to_serve(reference, environment)
            request = Request(
                environment,
                actor,
                clock.stamp(session),
                reason,
                expect_revision,
                models=sight.models,
            )
            target = None
            if pipeline:
                named = NamedPipeline.parse(pipeline)
                target = sight.pipeline_version(named, version.pipeline)
                if target.pipeline != version.pipeline:
                    raise UsageError(
                        f"{version.model}@{version.number} rides on pipeline {version.pipeline}, "
                        f"not on {target.pipeline}.",
                        remedy=f"Name a version of pipeline {version.pipeline}.",
                    )
            plan = moves.set_backup(session, request, version, target)
            moved = results.moved(session, plan)
        return self._answered(moved)

    def retire(
        self,
        model: str,
        environment: str,
        *,
        reason: str | None = None,
        expect_revision: int | None = None,
        waive: WaiverRequest | None = None,
        actor: str,
    ) -> MoveResult:
        """Empty a slot, where its environment demands no backup or that is waived.

        Raises:
            NotFound: nothing serves there.
            GuardRefused: the environment demands a backup.
            NotPermitted: the environment does not let this person waive that.
            Conflict: the slot's revision is not ``expect_revision``.
        """
        from lineage.registry.slots import moves, results

        with self._write() as session:
            sight = self._sight(session)
            _, model = sight.slot(model, environment)
            request = Request(
                environment,
                actor,
                clock.stamp(session),
                reason,
                expect_revision,
                waive,
                person=self._actor(actor).person,
                models=sight.models,
            )
            plan = moves.retire(session, request, model)
            moved = results.moved(session, plan)
        return self._answered(moved)

    def with_hints(self, moved: MoveResult) -> MoveResult:
        """The answer of a move with what is only shown: read when no writer waits for it.

        Every move's answer has it, except in a :meth:`Registry.transaction`, which would hold the
        write lock for it; there it is asked for after the commit. The move is made, so a registry
        that cannot be read any more leaves out the rest.
        """
        from lineage.registry.slots import results

        hinted = results.hinted(moved)
        if hinted is not None:
            return hinted
        try:
            with self._read() as session:
                return results.with_hints(session, moved)
        except RegistryUnreachable:
            return moved

    def _made(self, session: Session, plan: MovePlan, *, dry_run: bool) -> MoveResult:
        """What a move did; what was only to be tried is shown whole, and taken back."""
        from lineage.registry.slots import results

        moved: MoveResult = results.moved(session, plan)
        if dry_run:
            moved = results.with_hints(session, moved)
            session.rollback()
        return moved

    def _answered(self, moved: MoveResult) -> MoveResult:
        return moved if self._session is not None else self.with_hints(moved)
