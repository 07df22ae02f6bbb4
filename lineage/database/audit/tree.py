"""The Merkle tree over the events: its root, proofs about it, and what checkpoints saw of it.

A leaf is the canonical bytes of a whole event (:meth:`.entries.Entry.leaf`). Nothing of the tree is
stored: a proof takes one pass over the events that it is about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from lineage.acts import act
from lineage.contract.results import Head
from lineage.contract.results.history import ConsistencyProof, InclusionProof
from lineage.database.audit import entries
from lineage.database.audit.chain import Links
from lineage.errors import IntegrityFailure, NotFound
from lineage.identity import merkle
from lineage.identity.checkpoint import Checkpoint, differences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlmodel import Session

    from lineage.database.audit.entries import Entry


class Tree:
    """A tree over the events up to some number, which goes on as they become more."""

    def __init__(self) -> None:
        self._tree = merkle.Frontier()
        self._links = Links()

    @property
    def head(self) -> str | None:
        """The newest event's digest."""
        return self._links.head or None

    @property
    def size(self) -> int:
        """How many events it is over."""
        return self._tree.size

    def add(self, entry: Entry) -> None:
        """Take in the next event.

        Raises:
            IntegrityFailure: it is not the next one, or was changed: nobody vouches for that.
        """
        for problem in self._links.see(entry):
            raise IntegrityFailure(
                f"The history is not whole: {problem}.", remedy=f"Check it: {act('audit verify')}"
            )
        self._tree.append(merkle.leaf_hash(entry.leaf))

    def root(self) -> bytes:
        """Its root."""
        return self._tree.root()

    def go_on(self, session: Session, until: int | None = None) -> None:
        """Take in the events that came since (up to a number)."""
        bound = {} if until is None else {"until": until}
        for entry in entries.stream(session, after=self.size, **bound):
            self.add(entry)

    def require_there(self, session: Session) -> None:
        """Refuse a history that no longer holds the newest event that was taken in.

        Raises:
            IntegrityFailure: it does not.
        """
        if self.size == 0:
            return
        row = session.connection().execute(_THEN, {"seq": self.size}).first()
        if row is None or row[0] != self.head:
            raise IntegrityFailure(
                f"Event {self.size} of the history is gone, or another one: an older state was put "
                "back, or the history was written anew.",
                remedy=f"Compare it with a checkpoint: {act('audit verify', against='FILE')}",
            )

    def checkpoint(self, registry: str, at: str | None) -> Checkpoint:
        """What the history is up to here."""
        return Checkpoint(registry, self.size, self.root(), self.head, at)


class Continues:
    """Checks that the history goes on with what checkpoints saw of it."""

    def __init__(self, session: Session, against: Sequence[Checkpoint]) -> None:
        self._against = against
        self._registry = entries.registry_id(session) if against else None
        self._wanted = {checkpoint.size for checkpoint in against}
        self._tree = merkle.Frontier()
        self._roots: dict[int, bytes] = {0: self._tree.root()}
        self._count = 0

    def see(self, entry: Entry) -> Iterator[str]:
        """Note the root where a checkpoint has one."""
        self._count += 1
        if self._wanted:
            self._tree.append(merkle.leaf_hash(entry.leaf))
            if self._tree.size in self._wanted:
                self._roots[self._tree.size] = self._tree.root()
        yield from ()

    def end(self) -> Iterator[str]:
        """From which event on the history is another one than a checkpoint saw."""
        same = [self._roots.get(kept.size) == kept.root for kept in self._against]
        yield from differences(self._against, same, self._registry, self._count)


def present(session: Session, at: str, size: int | None = None) -> Checkpoint:
    """What the history is now, or was when it had so many events.

    Raises:
        NotFound: there is no event yet, or not so many.
    """
    registry = entries.registry_id(session)
    tree = Tree()
    tree.go_on(session, size)
    if registry is None or (size is not None and tree.size != size):
        raise _none(tree.size)
    return tree.checkpoint(registry, at)


def inclusion(session: Session, seq: int, at: str, size: int | None = None) -> InclusionProof:
    """That an event is in the history (as it was when it had so many events).

    Raises:
        NotFound: there is no such event, or the history has not so many.
    """
    checkpoint = present(session, at, size)
    if not 1 <= seq <= checkpoint.size:
        raise NotFound(
            f"The history has no event {seq}; it has {checkpoint.size} events.",
            remedy=f"List them: {act('log')}",
        )
    (entry,) = entries.stream(session, after=seq - 1, until=seq)
    ranges = merkle.inclusion_ranges(seq - 1, checkpoint.size)
    hashes = merkle.roots_of(ranges, _leaves(session, checkpoint.size))
    return InclusionProof(entry.leaf.decode(), seq, tuple(hashes), checkpoint)


def consistency(session: Session, size: int, at: str) -> ConsistencyProof:
    """That the present history goes on with the one of so many events.

    Raises:
        NotFound: there is no event yet.
    """
    checkpoint = present(session, at)
    if size > checkpoint.size:
        return ConsistencyProof(size, (), checkpoint)
    ranges = merkle.consistency_ranges(size, checkpoint.size)
    hashes = merkle.roots_of(ranges, _leaves(session, checkpoint.size))
    return ConsistencyProof(size, tuple(hashes), checkpoint)


def _leaves(session: Session, size: int) -> Iterator[bytes]:
    for entry in entries.stream(session, until=size):
        yield merkle.leaf_hash(entry.leaf)


def _none(size: int) -> NotFound:
    if size == 0:
        return NotFound(
            "The registry has no history yet.",
            remedy=f"Begin with an environment: {act('env create', 'NAME')}",
        )
    return NotFound(
        f"The history has only {size} events.", remedy=f"Check it: {act('audit verify')}"
    )


def head(session: Session, seen: int | None) -> Head:
    """The newest event, and the digest of one that was seen before."""
    newest = session.connection().execute(_HEAD).first()
    then = session.connection().execute(_THEN, {"seq": seen}).first() if seen else None
    if newest is None:
        return Head(None, 0, None)
    return Head(entries.registry_id(session), newest[0], newest[1], then[0] if then else None)


_HEAD: Final = text("SELECT seq, digest FROM event ORDER BY seq DESC LIMIT 1")
_THEN: Final = text("SELECT digest FROM event WHERE seq = :seq")
