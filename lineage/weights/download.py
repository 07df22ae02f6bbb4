"""Weights out of a store: verified byte by byte, and visible under their name only when whole."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from blake3 import blake3

from lineage.acts import act
from lineage.errors import (
    Conflict,
    IntegrityFailure,
    LineageError,
    NotFound,
    UsageError,
)
from lineage.hashing.files import hash_path
from lineage.weights import cache_bounds
from lineage.weights.cache import WeightsCache
from lineage.weights.check import folder_of, recorded
from lineage.weights.fetcher import Fetcher, Target
from lineage.weights.listing import Entry, read_listing
from lineage.weights.parallel import each_by_size
from lineage.weights.placing import put_in_place, write_through

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lineage.hashing.blocks import Progress
    from lineage.weights.any_store import Store
    from lineage.weights.copies import Copy, StoredWeights
    from lineage.weights.leases import Lease


def pull(
    stored: StoredWeights,
    out: Path | None = None,
    *,
    cache: WeightsCache | None = None,
    progress: Progress | None = None,
    force: bool = False,
    verify: bool = False,
) -> Path:
    """Fetch the weights of a version, from whichever store has them.

    Each file is read once on its way. What is in the cache already was read when it came in, and
    is believed while it has not changed since; a copy of it is read as it is made (decision 32).

    Args:
        stored: what was registered, and where there are copies.
        out: the folder that they are to appear in; None for the cache itself, read-only.
        cache: what was fetched before.
        progress: called with the number of bytes that are done.
        force: replace a folder that was not pulled.
        verify: read every byte again of what was fetched before.

    Returns:
        The file or folder: it is what was registered. Every byte of it was read since this machine
        started, and nobody wrote to it since, as the file system tells; with ``verify`` just now.

    Raises:
        NotFound: the registry knows of no copy.
        IntegrityFailure: no store has the bytes that were registered; nothing was left behind.
        StoreUnreachable: no store that could have them can be used.
        Conflict: a folder that was not pulled stands in the way.
        UsageError: the target cannot be written.
    """
    if not stored.copies:
        raise _nowhere(stored.ref)
    cache = cache or WeightsCache.default()
    bounds = cache_bounds.Bounds.of_host()
    try:
        with cache.lease(recorded(stored)):
            pulling = _Pulling(stored, cache, progress, verify=verify)
            try:
                path = pulling.to_cache() if out is None else pulling.to(out, force=force)
            finally:
                pulling.close()
            cache_bounds.keep_within(cache, bounds)
            return path
    except OSError as error:
        raise UsageError(
            f"The weights cannot be written: {error.filename}: {(error.strerror or '').lower()}.",
            remedy="Make room, or name another folder, or another cache (LINEAGE_CACHE).",
        ) from None


_in_use: dict[str, Lease] = {}


def pull_for_good(stored: StoredWeights, *, verify: bool = False) -> Path:
    """Fetch weights into the cache, where they stay at least until this process ends.

    Args and errors are those of :func:`pull`.
    """
    if stored.blake3 is not None:
        _in_use[stored.blake3] = WeightsCache.default().lease(stored.blake3)
    return pull(stored, verify=verify)


def _nowhere(ref: str) -> NotFound:
    return NotFound(
        f"The registry knows no store that has the weights of {ref}.",
        remedy=f"Store them from wherever they are: {act('store put', ref, 'PATH')}",
    )


class _Pulling:
    """One pull, from the stores to the cache, and from the cache to the place."""

    def __init__(
        self,
        stored: StoredWeights,
        cache: WeightsCache,
        progress: Progress | None,
        *,
        verify: bool,
    ) -> None:
        self._stored = stored
        self._cache = cache
        self._blake3 = recorded(stored)
        self._name = stored.name
        self._verified = cache.verified(again=verify)
        self._fetcher = Fetcher(stored, cache, self._verified, progress)
        self._used: set[str] = set()

    def close(self) -> None:
        """Remember which files are right."""
        self._verified.keep(_statuses(self._used))
        self._verified.close()

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
        with self._assembled(target.parent, self._entries(), link=False) as whole:
            write_through(whole.parent)
            note.parent.mkdir(parents=True, exist_ok=True)
            note.touch()
            put_in_place(whole, target)
        return target

    def to_cache(self) -> Path:
        """Put the weights into the cache under their name, and check what is there already."""
        target = self._cache.whole(self._blake3) / self._name
        if not (os.path.lexists(target) and self._is_whole(target)):
            with self._assembled(target.parent, self._entries(), link=True) as whole:
                descriptor = os.open(whole, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    with self._verified.own_move(descriptor):
                        put_in_place(whole, target)
                finally:
                    os.close(descriptor)
        return target

    @contextmanager
    def _assembled(self, folder: Path, entries: tuple[Entry, ...], *, link: bool) -> Iterator[Path]:
        """The weights as a whole beside where they are to be, each file right."""
        folder.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=folder, prefix=f".{self._name[:100]}-"))
        try:
            whole = beside / self._name
            targets = [Target(whole / e.path if e.path else whole, e) for e in entries]
            for needed in {target.path.parent for target in targets}:
                needed.mkdir(parents=True, exist_ok=True)
            kept = {os.fspath(self._cache.path(entry)) for entry in entries}
            self._used |= kept
            self._verified.load(_statuses(kept))
            each_by_size(
                lambda target: self._fetcher.place(target, link=link),
                targets,
                lambda t: t.entry.size,
            )
            yield whole
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _entries(self) -> tuple[Entry, ...]:
        """The files: a single one, or those that the listing of a folder names."""
        kept = self._kept_entries()
        if kept is not None:
            return kept

        def fetch(store: Store, copy: Copy) -> tuple[Entry, ...]:
            text, rows = folder_of(store, self._stored, copy)
            self._cache.add_bytes(Entry("", len(text), self._blake3), text)
            return tuple(entry for entry, _ in rows)

        return self._fetcher.from_a_store(fetch)

    def _kept_entries(self) -> tuple[Entry, ...] | None:
        """The same without asking a store; None where that is needed."""
        if all(copy.listing is None for copy in self._stored.copies):
            return (Entry("", self._stored.size, self._blake3),)
        with suppress(OSError, IntegrityFailure):
            text = self._cache.path(Entry("", 0, self._blake3)).read_bytes()
            return read_listing(text, self._blake3, self._stored.ref)
        return None

    def _is_whole(self, target: Path) -> bool:
        """Whether what was put into the cache before is still what was registered."""
        entries = self._kept_entries()
        if entries is None:
            return self._reads_as_registered(target)
        files = {os.fspath(target / e.path) if e.path else os.fspath(target): e for e in entries}
        try:
            found = dict(_files(os.fspath(target)))
        except OSError:
            return False
        if found.keys() != files.keys():
            return False
        self._used |= found.keys()
        self._verified.load(found.values())
        return all(
            found[path].st_size == entry.size and self._is_sound(path, entry)
            for path, entry in files.items()
        )

    def _is_sound(self, path: str, entry: Entry) -> bool:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            return self._fetcher.is_right(descriptor, entry)
        finally:
            os.close(descriptor)

    def _reads_as_registered(self, target: Path) -> bool:
        try:
            return hash_path(target, with_blake3=True).blake3 == self._blake3
        except LineageError:
            return False


def _files(top: str) -> Iterator[tuple[str, os.stat_result]]:
    """The files of a file or folder with their own status: a link, or a pipe, is none.

    Raises:
        OSError: something is neither a file nor a folder, or cannot be looked at.
    """
    status = os.lstat(top)
    if stat.S_ISREG(status.st_mode):
        yield top, status
        return
    pending = [top]
    while pending:
        with os.scandir(pending.pop()) as found:
            for entry in found:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    yield entry.path, entry.stat(follow_symlinks=False)
                else:
                    raise NotADirectoryError(entry.path)


def _statuses(paths: Iterable[str]) -> list[os.stat_result]:
    """The status of each file that is there."""
    found = []
    for path in paths:
        with suppress(OSError):
            found.append(os.stat(path))
    return found
