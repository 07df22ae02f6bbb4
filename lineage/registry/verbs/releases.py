"""The verbs on releases: moving a pipeline and the models on it at once, or staged first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.contract.requests import listed
from lineage.database import clock
from lineage.identity.references import Reference
from lineage.registry.slots.request import Request
from lineage.registry.verbs.slots import SlotVerbs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.contract.requests import WaiverRequest
    from lineage.contract.results import MoveResult, NamedPipeline


class ReleaseVerbs(SlotVerbs):
    """Verbs on releases; without models one is a deployment."""

    def release(
        self,
        environment: str,
        pipeline: CapturedPipelineVersion | NamedPipeline,
        references: str | Reference | Sequence[str | Reference] = (),
        *,
        reason: str | None = None,
        waive: WaiverRequest | None = None,
        seen: Mapping[str, int] | None = None,
        stage: bool = False,
        dry_run: bool = False,
        actor: str,
    ) -> MoveResult:
        """Move a pipeline and models that ride on it in one step; without models, deploy it.

        Args:
            environment: the environment's name.
            pipeline: the pipeline version, captured or named.
            references: the versions that move with it; one, or several.
            reason: why; kept in the history.
            waive: rules to waive.
            seen: the revisions of the slots that the plan showed, by their model.
            stage: declare it alone: hosts with that pipeline may load it, and nothing serves by it
                until :meth:`finish_release`.
            dry_run: decide and tell the plan, change nothing.
            actor: who moves.

        Raises:
            NotPermitted: the environment does not let this person waive this.
            GuardRefused: a model, moved or left behind, would serve without a passing validation.
            NotFound: a version, the pipeline version or the environment does not exist.
            UsageError: a model is named twice or rides on another pipeline.
            Conflict: the slots are not those of the plan that was seen, or a release is staged.
        """
        from lineage.registry.slots import moves
        from lineage.registry.versions import pipeline_row

        parsed = [Reference.parse(reference) for reference in listed(references)]
        found = self._foreseen(
            lambda: self.foresee_release(environment, pipeline, parsed, reason=reason)
        )
        with self._moving(found, None if dry_run else actor) as session:
            sight = self._sight(session)
            _, promoted = sight.to_serve_together(parsed, environment)
            request = Request(
                environment,
                actor,
                clock.stamp(session),
                reason,
                waive=waive,
                seen=seen,
                person=self._actor(actor).person,
                models=sight.models,
                pipelines=sight.pipelines,
            )
            target = pipeline_row(sight, pipeline, None, request.at, actor)
            plan = moves.release(session, request, target, promoted, found, stage=stage)
            moved = self._made(session, plan, dry_run=dry_run)
        return moved if dry_run else self._answered(moved)

    def finish_release(
        self,
        environment: str,
        pipeline: str,
        *,
        reason: str | None = None,
        waive: WaiverRequest | None = None,
        seen: Mapping[str, int] | None = None,
        dry_run: bool = False,
        actor: str,
    ) -> MoveResult:
        """Make a staged release serve; the guard decides once more.

        Args:
            environment: the environment's name.
            pipeline: the pipeline's name.
            reason: why; kept in the history.
            waive: rules to waive; what was waived as it was staged counts for that alone.
            seen: the revisions of the slots that the plan showed, by their model.
            dry_run: decide and tell the plan, change nothing.
            actor: who moves.

        Raises:
            NotFound: nothing is staged on this pipeline, or there is no such environment.
            NotPermitted: the environment does not let this person waive this.
            GuardRefused: a model, moved or left behind, would serve without a passing validation.
            Conflict: the slots are not those of the plan that was seen.
        """
        from lineage.registry.slots import moves

        found = self._foreseen(lambda: self.foresee_finish(environment, pipeline, reason=reason))
        with self._moving(found, None if dry_run else actor) as session:
            sight = self._sight(session)
            sight.to_serve_together((), environment)
            sight.pipeline(pipeline)
            request = Request(
                environment,
                actor,
                clock.stamp(session),
                reason,
                waive=waive,
                seen=seen,
                person=self._actor(actor).person,
                models=sight.models,
                pipelines=sight.pipelines,
            )
            plan = moves.finish(session, request, pipeline, found)
            moved = self._made(session, plan, dry_run=dry_run)
        return moved if dry_run else self._answered(moved)

    def abort_release(
        self, environment: str, pipeline: str, *, reason: str | None = None, actor: str
    ) -> MoveResult:
        """Withdraw a staged release.

        Raises:
            NotFound: nothing is staged on this pipeline, or there is no such environment.
        """
        from lineage.registry.slots import moves, results

        with self._write() as session:
            sight = self._sight(session)
            sight.environment(environment)
            sight.pipeline(pipeline)
            request = Request(environment, actor, clock.stamp(session), reason, models=sight.models)
            moved = results.moved(session, moves.withdraw(session, request, pipeline))
        return self._answered(moved)
