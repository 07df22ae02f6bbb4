"""The verbs on the history: list it, check it, and prove to others what it says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lineage.contract.requests import EventFilter, check_limit
from lineage.contract.results.records import EventRecord
from lineage.database import clock, events, schema
from lineage.registry import views
from lineage.registry.verbs.base import Verbs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlmodel import Session

    from lineage.contract.results import Audit, Head
    from lineage.contract.results.history import ConsistencyProof, InclusionProof
    from lineage.database.audit.tree import Tree
    from lineage.display import Listing
    from lineage.identity.checkpoint import Checkpoint


def _require_known(session: Session, which: EventFilter) -> None:
    from lineage.database.event_filters import require_known  # only where nothing was found

    require_known(session, which)


class HistoryVerbs(Verbs):
    """Verbs on the history. What proves it is loaded by them: a look-up must start quickly."""

    def history(
        self,
        subject: str | None = None,
        *,
        limit: int = 50,
        before: int | None = None,
        model: str | None = None,
        environment: str | None = None,
        who: str | None = None,
        what: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> Listing[EventRecord]:
        """The newest events, the newest first; those numbered below ``before``.

        Args:
            subject: what they concern: a model, a version, a slot, an environment, a pipeline.
            limit: how many at the most.
            before: the number of the last event of the page before.
            model: a model that they concern besides.
            environment: an environment that they concern besides.
            who: the actor.
            what: the kind: ``promoted``, ``validated``.
            since: ISO 8601 (UTC without a zone), or a span such as ``7d``: that long ago.
            until: likewise.

        Raises:
            UsageError: a time, the kind or the limit is none.
            NotFound: what it names never was; what was renamed or deleted still has its events.
        """
        which = EventFilter.written(
            subject=subject, model=model, environment=environment, who=who, what=what,
            since=since, until=until,
        )  # fmt: skip
        check_limit(limit)
        with self._read() as session:
            self._sight(session).require_all()
            newest = events.history(session, which, limit, before)
            if not newest:
                _require_known(session, which)
            return EventRecord.listing((views.event_json(event) for event in newest), "events")

    def events(
        self,
        *,
        after: int = 0,
        subject: str | None = None,
        limit: int = 100,
        model: str | None = None,
        environment: str | None = None,
        who: str | None = None,
        what: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> Listing[EventRecord]:
        """The events behind a number, the oldest first; which, as :meth:`history` has it."""
        which = EventFilter.written(
            subject=subject, model=model, environment=environment, who=who, what=what,
            since=since, until=until,
        )  # fmt: skip
        check_limit(limit)
        with self._read() as session:
            self._sight(session).require_all()
            following = events.following(session, which, after, limit)
            if not following:
                _require_known(session, which)
            return EventRecord.listing((views.event_json(event) for event in following), "events")

    def audit(
        self,
        *,
        against: Sequence[Checkpoint] = (),
        progress: Callable[[int], None] | None = None,
    ) -> Audit:
        """Check that the history is whole, goes on with checkpoints, and tells every table's rows.

        And that nothing stands in the database that could make it tell something else.

        Args:
            against: what the history was at moments before.
            progress: told now and then how many more events were checked.
        """
        from lineage.database.audit import audit

        with self._read() as session:
            self._sight(session).require_all()
            found = audit(session, against, progress)
        damage = schema.check(self._engine).problems
        return replace(found, problems=tuple(dict.fromkeys(found.problems + damage)))

    def head(self, *, seen: int | None = None) -> Head:
        """The newest event, and the digest of one that was seen before."""
        from lineage.database.audit import tree

        with self._read() as session:
            return tree.head(session, seen)

    def checkpoint(self) -> Checkpoint:
        """What the history is now, for somebody to keep.

        Raises:
            NotFound: there is no event yet.
            IntegrityFailure: the history is not whole.
        """
        from lineage.database.audit import tree

        with self._read() as session:
            self._sight(session).require_all()
            return tree.present(session, clock.now(session))

    def consistency(self, size: int) -> ConsistencyProof:
        """That the present history goes on with the one of so many events.

        Raises:
            NotFound: there is no event yet.
            IntegrityFailure: the history is not whole.
        """
        from lineage.database.audit import tree

        with self._read() as session:
            self._sight(session).require_all()
            return tree.consistency(session, size, clock.now(session))

    def prove(self, event: int, *, size: int | None = None) -> InclusionProof:
        """That an event is in the history, as it is or as it was when it had ``size`` events.

        Raises:
            NotFound: there is no such event, or the history has not so many.
            IntegrityFailure: the history is not whole.
        """
        from lineage.database.audit import tree

        with self._read() as session:
            self._sight(session).require_all()
            return tree.inclusion(session, event, clock.now(session), size)

    def grow(self, tree: Tree, until: int) -> str | None:
        """Take the events that came since into a tree, up to a number; the registry's id.

        Raises:
            IntegrityFailure: what it is over is no longer there, or what follows is not whole.
        """
        from lineage.database.audit import entries

        with self._read() as session:
            tree.require_there(session)
            tree.go_on(session, until)
            return entries.registry_id(session)
