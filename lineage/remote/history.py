"""The verbs of a remote registry on its history; what a server proves is checked here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lineage.contract import addresses
from lineage.contract.requests import check_limit
from lineage.contract.results import Audit, Head
from lineage.contract.results.records import EventRecord
from lineage.errors import RegistryUnreachable
from lineage.remote.verbs import Verbs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lineage.contract.results.history import ConsistencyProof, InclusionProof
    from lineage.display import Listing
    from lineage.identity.checkpoint import Checkpoint


class RemoteHistory(Verbs):
    """The verbs on the history."""

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
        """The newest events, the newest first; those numbered below ``before``."""
        return self._events(
            "newest", before, limit, subject=subject, model=model, environment=environment,
            who=who, what=what, since=since, until=until,
        )  # fmt: skip

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
        """The events behind a number, the oldest first."""
        return self._events(
            "oldest", after, limit, subject=subject, model=model, environment=environment,
            who=who, what=what, since=since, until=until,
        )  # fmt: skip

    def audit(
        self,
        *,
        against: Sequence[Checkpoint] = (),
        progress: Callable[[int], None] | None = None,
    ) -> Audit:
        """Check the chain where the server is; that it goes on with checkpoints is checked here."""
        found = Audit.from_json(self._http.get(addresses.AUDIT))
        if not against:
            return found
        from lineage.identity.checkpoint import differences

        now = self.checkpoint()
        held = [
            kept.size <= now.size and self.consistency(kept.size).holds_for(kept)
            for kept in against
        ]
        more = tuple(differences(against, held, now.registry, now.size))
        return replace(found, problems=found.problems + more)

    def head(self, *, seen: int | None = None) -> Head:
        """The newest event, and the digest of one that was seen before."""
        return Head.from_json(self._http.get(addresses.HEAD, seen=seen))

    def checkpoint(self) -> Checkpoint:
        """What the history is now, as the server says."""
        from lineage.identity.checkpoint import Checkpoint

        return Checkpoint.from_json(self._http.get(addresses.CHECKPOINT))

    def consistency(self, size: int) -> ConsistencyProof:
        """That the present history goes on with the one of so many events."""
        from lineage.contract.results.history import ConsistencyProof

        document = self._http.get(addresses.CONSISTENCY, size=size)
        try:
            return ConsistencyProof.from_json(document)
        except (KeyError, TypeError, ValueError):
            raise _no_proof() from None

    def prove(self, event: int, *, size: int | None = None) -> InclusionProof:
        """That an event is in the history, as it is or as it was when it had ``size`` events."""
        from lineage.contract.results.history import InclusionProof

        document = self._http.get(addresses.PROOF.format(seq=event), size=size)
        try:
            return InclusionProof.from_json(document).require()
        except (KeyError, TypeError, ValueError):
            raise _no_proof() from None

    def _events(
        self, order: str, after: int | None, limit: int, **which: str | None
    ) -> Listing[EventRecord]:
        check_limit(limit)
        events: list[dict[str, Any]] = []
        while len(events) < limit:
            page = self._http.get(
                addresses.EVENTS,
                order=order,
                after=after,
                limit=min(limit - len(events), 500),
                **which,
            )
            events += page["items"]
            after = page["next"]
            if after is None:
                break
        return EventRecord.listing(events, "events")


def _no_proof() -> RegistryUnreachable:
    return RegistryUnreachable(
        "What the server sent is no proof.",
        remedy="Bring the server up to the version of this program.",
    )
