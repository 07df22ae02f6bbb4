"""Weights out of a store: verified byte by byte, and visible under their name only when whole."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from blake3 import blake3

from lineage.acts import act
from lineage.errors import (
    Conflict,
    IntegrityFailure,
    LineageError,
    NotFound,
    StoreUnreachable,
    UsageError,
)
from lineage.hashing.blocks import blake3_through, blocks_of
from lineage.hashing.files import hash_path
from lineage.weights.cache import WeightsCache
from lineage.weights.check import differs, folder_of, gone, recorded
from lineage.weights.copies import CopyState, StoredWeights
from lineage.weights.listing import Entry, read_listing
from lineage.weights.parallel import SMALL, each_by_size
from lineage.weights.store import Store, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lineage.hashing.blocks import Progress
    from lineage.weights.copies import Copy

AT_ONCE: Final = 50
"""How often somebody else may put the same folder in place before us."""

_MOVED_MEANWHILE: Final = (
    errno.ENOTEMPTY,
    errno.EEXIST,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EPERM,
)

MOST_SYNCED: Final = 100
"""Files that are written through to the disk one by one; more of them all at once."""

T = TypeVar("T")

logger = logging.getLogger("lineage.weights")


def pull(
    stored: StoredWeights,
    out: Path | None = None,
    *,
    cache: WeightsCache | None = None,
    progress: Progress | None = None,
    force: bool = False,
) -> Path:
    """Fetch the weights of a version, from whichever store has them.

    Args:
        stored: what was registered, and where there are copies.
        out: the folder that they are to appear in; None for the cache itself, read-only.
        cache: what was fetched before.
        progress: called with the number of bytes that are done.
        force: replace a folder that was not pulled.

    Returns:
        The file or folder: every byte of it was just read, and is what was registered.

    Raises:
        NotFound: the registry knows of no copy.
        IntegrityFailure: no store has the bytes that were registered; nothing was left behind.
        StoreUnreachable: no store that could have them can be used.
        Conflict: a folder that was not pulled stands in the way.
        UsageError: the target cannot be written.
    """
    if not stored.copies:
        raise _nowhere(stored.ref)
    pulling = _Pulling(stored, cache or WeightsCache.default(), progress)
    try:
        return pulling.to_cache() if out is None else pulling.to(out, force=force)
    except OSError as error:
        raise UsageError(
            f"The weights cannot be written: {error.filename}: {(error.strerror or '').lower()}.",
            remedy="Make room, or name another folder, or another cache (LINEAGE_CACHE).",
        ) from None


def _nowhere(ref: str) -> NotFound:
    return NotFound(
        f"The registry knows no store that has the weights of {ref}.",
        remedy=f"Store them from wherever they are: {act('store put', ref, 'PATH')}",
    )


@dataclass(frozen=True)
class _Target:
    """Where a file is to go, and the file."""

    path: Path
    entry: Entry


class _Pulling:
    """One pull, from the stores to the cache, and from the cache to the place."""

    def __init__(
        self, stored: StoredWeights, cache: WeightsCache, progress: Progress | None
    ) -> None:
        self._stored = stored
        self._cache = cache
        self._progress = progress
        self._blake3 = recorded(stored)
        self._name = stored.name
        self._open: dict[str, Store] = {}
        self._objects: dict[str, dict[str, str]] = {}

    def to(self, out: Path, *, force: bool) -> Path:
        """Put the weights into a folder under their name."""
        target = Path(os.path.abspath(out)) / self._name  # noqa: PTH100 - links are kept
        note = self._cache.folder / "pulled" / blake3(os.fsencode(target)).hexdigest()
        if target.is_dir() and not target.is_symlink() and not (force or note.exists()):
            raise Conflict(
                f"{target} is a folder that was not pulled, so it is not replaced.",
                remedy="Name another folder, move this one away, or have it replaced: "
                + act("pull", self._stored.ref, out=str(out), force=True),
            )
        with self._assembled(target.parent, link=False) as whole:
            _write_through(whole.parent)
            note.parent.mkdir(parents=True, exist_ok=True)
            note.touch()
            _put_in_place(whole, target)
        return target

    def to_cache(self) -> Path:
        """Put the weights into the cache under their name, and check what is there already."""
        target = self._cache.folder / "whole" / self._blake3.value / self._name
        if not (target.exists() and self._is_whole(target)):
            with self._assembled(target.parent, link=True) as whole:
                _put_in_place(whole, target)
        return target

    @contextmanager
    def _assembled(self, folder: Path, *, link: bool) -> Iterator[Path]:
        """The weights as a whole beside where they are to be, each byte read and right."""
        folder.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=folder, prefix=f".{self._name[:100]}-"))
        try:
            whole = beside / self._name
            targets = [_Target(whole / e.path if e.path else whole, e) for e in self._entries()]
            for needed in {target.path.parent for target in targets}:
                needed.mkdir(parents=True, exist_ok=True)
            each_by_size(
                lambda target: self._place(target, link=link), targets, lambda t: t.entry.size
            )
            yield whole
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _entries(self) -> tuple[Entry, ...]:
        """The files: a single one, or those that the listing of a folder names."""
        folder = next((copy for copy in self._stored.copies if copy.listing is not None), None)
        if folder is None:
            return (Entry("", self._stored.size, self._blake3),)
        listing = Entry("", 0, self._blake3)
        with suppress(OSError, IntegrityFailure):
            text = self._cache.path(listing).read_bytes()
            return read_listing(text, self._blake3, self._stored.ref)

        def fetch(store: Store, copy: Copy) -> tuple[Entry, ...]:
            text, rows = folder_of(store, self._stored, copy)
            self._cache.add_bytes(listing, text)
            return tuple(entry for entry, _ in rows)

        return self._from_a_store(fetch)

    def _place(self, target: _Target, *, link: bool) -> None:
        """Write a file into its place, and check what is written; a bad cache is asked once."""
        for _ in range(2):
            if not self._cache.has(target.entry):
                self._fetch(target.entry)
            if _copy(self._cache.path(target.entry), target, link=link):
                return
            self._cache.drop(target.entry)
        raise IntegrityFailure(
            f"The weights of {self._stored.ref} do not stay what they are on this disk.",
            remedy="Check the disk of the cache, or name another: LINEAGE_CACHE.",
        )

    def _fetch(self, entry: Entry) -> None:
        """Bring a file into the cache."""
        if entry.size <= SMALL:
            self._from_a_store(lambda store, copy: self._fetch_small(store, copy, entry))
            return
        with self._cache.locked(entry):
            if not self._cache.has(entry):
                self._from_a_store(lambda store, copy: self._fetch_large(store, copy, entry))

    def _fetch_small(self, store: Store, copy: Copy, entry: Entry) -> None:
        try:
            name = self._object(store, copy, entry)
            data = store.read(name, 0, entry.size + 1) if entry.size else b""
        except FileNotFoundError:
            raise gone(store, self._stored.ref) from None
        if not self._cache.add_bytes(entry, data):
            raise differs(store, self._stored.ref)
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
                if self._cache.add_stream(entry, blocks, begin, self._progress):
                    return
            except FileNotFoundError:
                raise gone(store, self._stored.ref) from None
        raise differs(store, self._stored.ref)

    def _object(self, store: Store, copy: Copy, entry: Entry) -> str:
        if copy.listing is None:
            return copy.object
        known = self._objects.get(copy.store.name)
        if known is None:
            rows = folder_of(store, self._stored, copy)[1]
            known = self._objects[copy.store.name] = {e.path: name for e, name in rows}
        return known[entry.path]

    def _from_a_store(self, fetch: Callable[[Store, Copy], T]) -> T:
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

    def _is_whole(self, target: Path) -> bool:
        """Whether what was put into the cache before is still what was registered."""
        try:
            return hash_path(target, with_blake3=True).blake3 == self._blake3
        except LineageError:
            return False


def _copy(source: Path, target: _Target, *, link: bool) -> bool:
    """Copy a file (inside the cache, link it) and read it; whether it is what it should be."""
    if link:
        target.path.unlink(missing_ok=True)
        with suppress(OSError):
            target.path.hardlink_to(source)
            with target.path.open("rb") as file:
                return blake3_through(blocks_of(file)) == target.entry.blake3
    try:
        with source.open("rb") as reading, target.path.open("wb") as writing:
            return blake3_through(blocks_of(reading), writing) == target.entry.blake3
    except FileNotFoundError:
        return False


def _write_through(folder: Path) -> None:
    """Let what was written survive a loss of power before it is seen."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    if len(files) > MOST_SYNCED:
        os.sync()
        return
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _put_in_place(whole: Path, target: Path) -> None:
    """Let a whole file or folder appear under its name; others may be doing the same."""
    for number in range(AT_ONCE):
        try:
            if target.is_dir() and not target.is_symlink():
                target.rename(whole.with_name(f".former-{number}"))
            elif whole.is_dir():
                target.unlink(missing_ok=True)
            whole.replace(target)
            break
        except OSError as error:
            if error.errno not in _MOVED_MEANWHILE or number == AT_ONCE - 1:
                raise
    descriptor = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
