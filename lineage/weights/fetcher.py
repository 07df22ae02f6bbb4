"""One file of weights to its place: out of the cache, or out of whichever store has it."""

from __future__ import annotations

import errno
import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from lineage.errors import IntegrityFailure, LineageError, StoreUnreachable
from lineage.hashing.blocks import blake3_of_descriptor
from lineage.weights.any_store import asking
from lineage.weights.check import differs, folder_of, gone
from lineage.weights.copies import CopyState, StoredWeights
from lineage.weights.parallel import SMALL
from lineage.weights.placing import clone, written_ahead
from lineage.weights.store import open_store
from lineage.weights.verified import Seen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lineage.hashing.blocks import Progress
    from lineage.weights.any_store import Store
    from lineage.weights.cache import WeightsCache
    from lineage.weights.copies import Copy
    from lineage.weights.listing import Entry
    from lineage.weights.verified import Verified

T = TypeVar("T")

_OF_READING: Final = (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN)

logger = logging.getLogger("lineage.weights")


@dataclass(frozen=True)
class Target:
    """Where a file is to go, and the file."""

    path: Path
    entry: Entry


class Fetcher:
    """Puts files of one version into their places, each read once on its way.

    Args:
        stored: the weights, and where there are copies of them.
        cache: what was fetched before.
        verified: which files of the cache are known to be right.
        progress: called with the number of bytes that came from a store.
    """

    def __init__(
        self,
        stored: StoredWeights,
        cache: WeightsCache,
        verified: Verified,
        progress: Progress | None,
    ) -> None:
        self._stored = stored
        self._cache = cache
        self._verified = verified
        self._progress = progress
        self._open: dict[str, Store] = {}
        self._objects: dict[str, dict[str, str]] = {}

    def place(self, target: Target, *, link: bool) -> None:
        """Put a file into its place, and be sure of it; a bad cache is asked once."""
        for _ in range(2):
            if not self._cache.has(target.entry) and self._fetch(target, link=link):
                return
            if self._take(self._cache.path(target.entry), target, link=link):
                return
            self._cache.drop(target.entry)
        raise IntegrityFailure(
            f"The weights of {self._stored.ref} do not stay what they are on this disk.",
            remedy="Check the disk of the cache, or name another: LINEAGE_CACHE.",
        )

    def _take(self, source: Path, target: Target, *, link: bool) -> bool:
        """Link, clone or copy a file; whether it is what it should be."""
        target.path.unlink(missing_ok=True)
        try:
            descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            if link:
                self._verified.holds(os.fstat(descriptor), target.entry.blake3)  # remembered so far
                with suppress(OSError):  # a file system without links, or with no more of this one
                    with self._verified.own_move(descriptor):
                        target.path.hardlink_to(source)
                    return self.is_right(descriptor, target.entry)
            return self._copy(descriptor, target)
        finally:
            os.close(descriptor)

    def is_right(self, descriptor: int, entry: Entry) -> bool:
        """Whether a file is what it should be: it was read before, or is read now."""
        before = Seen.of(os.fstat(descriptor))
        if self._verified.holds(os.fstat(descriptor), entry.blake3):
            return True
        right = blake3_of_descriptor(descriptor) == entry.blake3
        if right and Seen.of(os.fstat(descriptor)) == before:
            self._verified.was_read(before, entry.blake3)
        return right

    def _copy(self, source: int, target: Target, progress: Progress | None = None) -> bool:
        """Copy a file, reading it on the way; or clone it, if it is right."""
        before = Seen.of(os.fstat(source))
        copy = os.open(target.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            if clone(source, copy):
                known = self._verified.holds(os.fstat(source), target.entry.blake3)
                right = known or blake3_of_descriptor(copy, None, progress) == target.entry.blake3
            else:
                with written_ahead(copy) as write:
                    right = blake3_of_descriptor(source, write, progress) == target.entry.blake3
        finally:
            os.close(copy)
        if right and Seen.of(os.fstat(source)) == before:
            self._verified.was_read(before, target.entry.blake3)
        return right

    def _fetch(self, target: Target, *, link: bool) -> bool:
        """Bring a file into the cache; or, where it lies on the same disk, into its place at once.

        Returns:
            Whether it is in its place.
        """
        entry = target.entry

        def fetch(store: Store, copy: Copy) -> bool:
            if self._is_beside(store, copy, entry):
                return self._fetch_beside(store, copy, target, link=link)
            if entry.size <= SMALL:
                self._fetch_small(store, copy, entry)
            else:
                with self._cache.locked(entry):
                    if not self._cache.has(entry):
                        self._fetch_large(store, copy, entry)
            return False

        return self.from_a_store(fetch)

    def _is_beside(self, store: Store, copy: Copy, entry: Entry) -> bool:
        """Whether an object lies on the same disk as the cache, which it is then not copied to."""
        path = store.local(self._object(store, copy, entry)) if store.is_folder else None
        return path is not None and on_same_disk(path, self._cache.folder)

    def _fetch_beside(self, store: Store, copy: Copy, target: Target, *, link: bool) -> bool:
        path = store.local(self._object(store, copy, target.entry)) or ""
        try:
            with asking(store.address):
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise gone(store, self._stored.ref) from None
        try:
            if os.fstat(descriptor).st_size != target.entry.size:
                raise differs(store, self._stored.ref)
            if link:
                seen = self._cache.add_local(target.entry, descriptor, self._progress)
                self._kept(store, seen, target.entry)
                return False
            if not self._copy(descriptor, target, self._progress):
                target.path.unlink()
                raise differs(store, self._stored.ref)
            return True
        except OSError as error:
            if error.errno not in _OF_READING:
                raise  # of the place that is written to
            with asking(store.address):
                raise
        finally:
            os.close(descriptor)

    def _fetch_small(self, store: Store, copy: Copy, entry: Entry) -> None:
        try:
            name = self._object(store, copy, entry)
            data = store.read(name, 0, entry.size + 1) if entry.size else b""
        except FileNotFoundError:
            raise gone(store, self._stored.ref) from None
        self._kept(store, self._cache.add_bytes(entry, data), entry)
        if self._progress is not None:
            self._progress(entry.size)

    def _fetch_large(self, store: Store, copy: Copy, entry: Entry) -> None:
        """Go on behind what has arrived before; begin anew where that was something else."""
        name = self._object(store, copy, entry)
        size = store.size(name)
        if size is None:
            raise gone(store, self._stored.ref)
        if size != entry.size:
            raise differs(store, self._stored.ref)
        part = self._cache.part(entry)
        start = min(part.stat().st_size, entry.size) if part.exists() else 0
        for begin in (start, 0) if start else (0,):
            try:
                blocks = store.stream(name, entry.size, begin)
                seen = self._cache.add_stream(entry, blocks, begin, self._progress)
                if seen is not None:
                    self._verified.was_read(seen, entry.blake3)
                    return
            except FileNotFoundError:
                raise gone(store, self._stored.ref) from None
        raise differs(store, self._stored.ref)

    def _kept(self, store: Store, seen: Seen | None, entry: Entry) -> None:
        """Note a file that came into the cache.

        Raises:
            IntegrityFailure: it did not, for it was another.
        """
        if seen is None:
            raise differs(store, self._stored.ref)
        self._verified.was_read(seen, entry.blake3)

    def _object(self, store: Store, copy: Copy, entry: Entry) -> str:
        if copy.listing is None:
            return copy.object
        known = self._objects.get(copy.store.name)
        if known is None:
            rows = folder_of(store, self._stored, copy)[1]
            known = self._objects[copy.store.name] = {e.path: name for e, name in rows}
        return known[entry.path]

    def from_a_store(self, fetch: Callable[[Store, Copy], T]) -> T:
        """Ask one store after the other, those that were intact first."""
        failed: list[LineageError] = []
        for copy in self._copies():
            try:
                if copy.store.name not in self._open:
                    self._open[copy.store.name] = open_store(copy.store)
                return fetch(self._open[copy.store.name], copy)
            except (StoreUnreachable, IntegrityFailure) as error:
                logger.warning("%s", error)
                failed.append(error)
        raise next((e for e in failed if isinstance(e, IntegrityFailure)), failed[0])

    def _copies(self) -> list[Copy]:
        """Those that were intact when somebody looked, and folders of this machine, first."""
        return sorted(
            self._stored.copies,
            key=lambda c: (c.state is not CopyState.INTACT, not c.store.is_folder),
        )


def on_same_disk(path: str, folder: Path) -> bool:
    """Whether a file lies where a folder does, or is to be."""
    try:
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        return os.stat(path).st_dev == os.stat(there).st_dev
    except (OSError, StopIteration):
        return False
