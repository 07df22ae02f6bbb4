"""The verbs on weights: stores, the copies in them, and what checking these found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.contract.results.stores import CollectableCopy, StoreRecord
from lineage.database import clock
from lineage.display import Listing
from lineage.identity.references import Reference
from lineage.registry.verbs.base import Verbs
from lineage.weights.copies import unknown_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from lineage.contract.requests import RetentionPolicy
    from lineage.identity.references import Reference
    from lineage.weights.copies import Copy, CopyCheck, NewCopy, StoreAddress, StoredWeights


class WeightsVerbs(Verbs):
    """Verbs on weights, the stores that hold copies of them, and the checks of these."""

    def stores(self) -> Listing[StoreRecord]:
        """Every store of weights, by name."""
        with self._read() as session:
            return StoreRecord.listing(self._shown_stores(session), "stores")

    def store_at(self, address: StoreAddress) -> StoreRecord:
        """JSON of the store that a place is recorded as, under whatever name.

        Raises:
            NotFound: it is not recorded.
        """
        from lineage.database import weights as copies

        with self._read() as session:
            place = copies.find_place(session, address)
            if place is None:
                raise unknown_store(address.name)
            rows = copies.stores(session, self._sight(session).models)
            return StoreRecord(next(row for row in rows if row["name"] == place.name))

    def stored(self, reference: str | Reference, *, deleted: bool = False) -> StoredWeights:
        """The weights of a version, and where there are copies of them.

        Args:
            reference: the version.
            deleted: also of one that was deleted: by whom its copies are taken away.

        Raises:
            NotFound: it does not exist, or was registered without weights.
        """
        from lineage.database import stored

        with self._read() as session:
            sight = self._sight(session)
            found = stored.find(session, sight.named(reference))
            if found is not None:
                return found
            version = sight.version(reference, also_deleted=deleted)
            return stored.stored(session, version)  # says what there is not

    def copies_in(self, store: str) -> Listing[StoredWeights]:
        """The weights that a store holds, each with that copy alone, by version.

        Raises:
            NotFound: there is no such store.
        """
        from lineage.database import stored

        with self._read() as session:
            self._sight(session).require_all()
            return Listing(stored.held_by(session, store), f"weights in {store}")

    def copies_of(self, blake3: str) -> tuple[Copy, ...]:
        """The copies of weights, whichever version they were stored for; one for each store.

        None for one who is bound to models: they could be of others.
        """
        from lineage.database import stored

        with self._read() as session:
            if self._sight(session).models is not None:
                return ()
            return stored.of_weights(session, blake3)

    def collectable(self, keeping: RetentionPolicy) -> Listing[CollectableCopy]:
        """Each copy of weights that nothing can need any more.

        Raises:
            UsageError: the policy makes no sense.
        """
        from lineage.registry import retention

        with self._read() as session:
            self._sight(session).require_all()
            return CollectableCopy.listing(
                retention.collectable(session, keeping, clock.now(session)),
                "copies that nothing needs",
            )

    def add_store(self, address: StoreAddress, *, shared: bool | None = None, actor: str) -> bool:
        """Record a store of weights; False where its URL was known already.

        Args:
            address: where it is.
            shared: of a folder, whether every host mounts it; by default it is one host's.
            actor: who records it.

        Raises:
            Conflict: another store has this name.
            UsageError: a store that is no folder is said to be one host's.
            NotPermitted: it is new, or another place or setting than was recorded, and who speaks
                is no ``admin`` who is bound to nothing.
        """
        from lineage.registry.weights import add_store

        marks = self.records_stores
        with self._write() as session:
            if shared is not None:
                self._sight(session).require_all()
            return add_store(
                session, address, clock.stamp(session), actor, shared=shared, marks=marks
            )

    def add_copy(self, reference: str | Reference, copy: NewCopy, *, actor: str) -> StoredWeights:
        """Record that a store holds the weights of a version; they were read back from it.

        Raises:
            NotFound: the version does not exist, or has no weights.
            Conflict: something was removed from that store a moment ago.
        """
        from lineage.database import stored
        from lineage.registry.weights import add_copies

        with self._write() as session:
            version = self._sight(session).version(reference)
            add_copies(session, version, (copy,), clock.stamp(session), actor)
            return stored.stored(session, version)

    def record_checks(
        self,
        reference: str | Reference,
        looks: Sequence[CopyCheck],
        *,
        backup_in: str | Sequence[str] | None = None,
        actor: str,
    ) -> StoredWeights:
        """Record checks of the copies of a version's weights.

        Args:
            reference: the version.
            looks: the checks, one for each store.
            backup_in: the environment, or environments, whose backup was checked by it.
            actor: who checked.

        Raises:
            NotFound: the version does not exist, or a store holds no copy of it.
        """
        from lineage.registry.weights import record_checks

        backups_in = (backup_in,) if isinstance(backup_in, str) else backup_in or ()
        with self._write() as session:
            sight = self._sight(session)
            return record_checks(sight, reference, looks, backups_in, clock.stamp(session), actor)

    def remove_copy(
        self, reference: str | Reference, store: str, keeping: RetentionPolicy, *, actor: str
    ) -> CollectableCopy:
        """Record that the copy of a version in a store is taken away; JSON of it.

        Whoever asks takes the bytes away, within ten minutes.

        Raises:
            NotFound: there is no such copy.
            Conflict: something needs it.
            NotPermitted: who speaks is bound to environments: others may need it.
        """
        from lineage.registry import retention

        with self._write() as session:
            sight = self._sight(session)
            return CollectableCopy(
                retention.remove(sight, reference, store, keeping, clock.stamp(session), actor)
            )

    def record_weights(
        self, reference: str | Reference, state: str, place: str, *, actor: str
    ) -> str:
        """Record what a check of a version's weights found; the version's reference.

        Args:
            reference: the version.
            state: ``intact``, ``missing`` or ``changed``.
            place: where they were checked.
            actor: who checked.

        Raises:
            NotFound: the version does not exist.
        """
        from lineage.registry.weights import record_state

        with self._write() as session:
            return record_state(self._sight(session), reference, state, place, actor)

    def _shown_stores(self, session: Session) -> list[dict[str, Any]]:
        """The stores that are open, with how many copies each holds of models that are.

        To one who is bound to models: all to store in, or those that hold what there is to fetch.
        """
        from lineage.database import weights as copies
        from lineage.registry.access import Scope

        rows = copies.stores(session, self._sight(session).models)
        who = self._principal
        if who is None or who.models is None or who.may(Scope.REGISTER):
            return rows
        return [row for row in rows if row["copies"]]
