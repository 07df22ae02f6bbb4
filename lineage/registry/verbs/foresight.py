"""The verbs that look ahead: what would stand by after a move."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from lineage.database import clock, names
from lineage.database.known import SEEN, Known
from lineage.errors import RegistryUnreachable
from lineage.guard.decision import GuardRefused
from lineage.identity.references import Reference
from lineage.registry.verbs.base import Verbs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from sqlmodel import Session

    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.contract.results import NamedPipeline
    from lineage.registry.slots.foresight import Foresight


class ForesightVerbs(Verbs):
    """Searches for what would stand by, made before a move for which others wait."""

    def foresee_promotion(
        self, reference: str | Reference, environment: str, *, reason: str | None = None
    ) -> Foresight:
        """What would stand by after a promotion: a search that nobody has to wait for.

        A :meth:`Registry.transaction` is given it; other moves ask for themselves.

        Raises:
            NotFound: the version or the environment does not exist.
        """
        from lineage.registry.slots import moves, targets

        with self._read() as session:
            where, version = self._sight(session).to_serve(reference, environment)
            return moves.foresee(session, targets.of_promotion(session, where, version, reason))

    def foresee_rollback(
        self, model: str, environment: str, *, leave: Collection[str] = ()
    ) -> Foresight:
        """What would stand by after a rollback; see :meth:`foresee_promotion`.

        Raises:
            NotFound: the model or the environment does not exist.
        """
        from lineage.registry.slots import moves, targets

        with self._read() as session:
            where, model = self._sight(session).slot(model, environment)
            at = clock.now(session)
            leaving = frozenset(names.present(session, name) for name in leave)
            return moves.foresee(session, targets.of_rollback(session, where, model, at, leaving))

    def foresee_release(
        self,
        environment: str,
        pipeline: CapturedPipelineVersion | NamedPipeline,
        references: Sequence[str | Reference] = (),
        *,
        reason: str | None = None,
    ) -> Foresight:
        """What would stand by after a release; see :meth:`foresee_promotion`.

        Nothing is foreseen of a pipeline version that nobody recorded yet.

        Raises:
            NotFound: a version, the named pipeline version or the environment does not exist.
            UsageError: a model is named twice or rides on another pipeline.
        """
        from lineage.registry.slots import moves, targets
        from lineage.registry.versions import recorded_pipeline

        with self._read() as session:
            sight = self._sight(session)
            parsed = [Reference.parse(reference) for reference in references]
            where, promoted = sight.to_serve_together(parsed, environment)
            target = recorded_pipeline(sight, pipeline)
            if target is None:
                return moves.NOTHING
            at = clock.now(session)
            move = targets.of_release(session, where, target, promoted, reason, at)
            return moves.foresee(session, move)

    def foresee_finish(
        self, environment: str, pipeline: str, *, reason: str | None = None
    ) -> Foresight:
        """What would stand by after a staged release; see :meth:`foresee_promotion`.

        Raises:
            NotFound: nothing is staged on this pipeline, or there is no such environment.
        """
        from lineage.registry.slots import moves, targets

        with self._read() as session:
            sight = self._sight(session)
            where, _ = sight.to_serve_together((), environment)
            sight.pipeline(pipeline)
            at = clock.now(session)
            return moves.foresee(session, targets.of_staged(session, where, pipeline, reason, at))

    def _foreseen(self, ask: Callable[[], Foresight]) -> Foresight:
        """What would stand by: in a transaction as it was given to it, for there it is too late.

        A registry that cannot be read now may be written all the same: the move looks for itself.
        """
        from lineage.registry.slots.foresight import NOTHING

        if self._session is not None:
            return self._foresight or NOTHING
        with suppress(RegistryUnreachable):
            return ask()
        return NOTHING

    @contextmanager
    def _moving(self, foresight: Foresight, who: str | None) -> Iterator[Session]:
        """A write transaction for a move, which knows what was foreseen if nothing came since.

        Webhooks are told where it is refused to somebody (None where it was only to be tried); in a
        transaction of several verbs whoever began that tells them.
        """
        try:
            with self._write() as session:
                Known.adopt(session, foresight.known)
                session.info.setdefault(SEEN, {}).update(foresight.seen)
                yield session
        except GuardRefused as error:
            if who is not None and self._session is None:
                with suppress(RegistryUnreachable):
                    self.outbox.refused(error.decisions, who)
            raise
