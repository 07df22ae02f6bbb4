"""Weights that were fetched before, by the BLAKE3 of each file: shared by versions and processes.

A file comes in under its name when every byte of it was read and is what the name says. Later it
is believed while it did not change since (:mod:`lineage.weights.verified`), else read anew, and
dropped where it is something else. All of it can be deleted at any time; what is taken away by
itself is in :mod:`lineage.weights.cache_bounds`.
"""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from blake3 import blake3

from lineage.hashing.blocks import blake3_of_descriptor, blocks_of, write_block
from lineage.weights.leases import Lease
from lineage.weights.placing import clone
from lineage.weights.verified import Seen, Verified

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lineage.hashing.blocks import Progress
    from lineage.identity.digest import Digest
    from lineage.weights.listing import Entry

FORGOTTEN_AFTER: Final = 86_400.0
"""Seconds after which what a killed process left behind is taken away."""


class WeightsCache:
    """A folder of files by their BLAKE3."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def default(cls) -> WeightsCache:
        """``LINEAGE_CACHE``, else ``lineage-guard/weights`` in ``XDG_CACHE_HOME`` or ~/.cache."""
        named = os.environ.get("LINEAGE_CACHE")
        if named:
            return cls(Path(named))
        home = os.environ.get("XDG_CACHE_HOME")
        return cls((Path(home) if home else Path.home() / ".cache") / "lineage-guard" / "weights")

    def verified(self, *, again: bool = False) -> Verified:
        """What is known of the files here; with ``again`` each is read before it is believed."""
        return Verified(self.folder, again=again)

    def lease(self, blake3: Digest) -> Lease:
        """Keep weights from being taken away, until they are released or this process ends."""
        return Lease(self.lease_file(blake3.value))

    def lease_file(self, digits: str) -> Path:
        """What is locked by who uses weights; its time is when they were last used."""
        return self.folder / "leases" / digits

    def whole(self, blake3: Digest) -> Path:
        """The folder in which weights lie whole, under their name."""
        return self.folder / "whole" / blake3.value

    @property
    def incoming(self) -> Path:
        """Where files of our own wait; what was forgotten there is taken away."""
        place = self.folder / "incoming"
        with suppress(OSError):
            for left in place.iterdir():
                if time.time() - left.stat().st_mtime > FORGOTTEN_AFTER:
                    left.unlink()
        return place

    def path(self, entry: Entry) -> Path:
        """Where a file is, if it is here."""
        digits = entry.blake3.value
        return self.folder / "files" / digits[:2] / digits[2:]

    def has(self, entry: Entry) -> bool:
        """Whether a file of this name and size is here."""
        try:
            return self.path(entry).stat().st_size == entry.size
        except OSError:
            return False

    def drop(self, entry: Entry) -> None:
        """Remove a file that is not what its name says."""
        self.path(entry).unlink(missing_ok=True)

    def add_bytes(self, entry: Entry, data: bytes) -> Seen | None:
        """Keep a small file; None where it is not what its name says."""
        if blake3(data).hexdigest() != entry.blake3.value:
            return None
        with self._own_file() as (descriptor, path):
            os.write(descriptor, data)
            return self._keep(path, entry)

    def add_local(self, entry: Entry, source: int, progress: Progress | None) -> Seen | None:
        """Keep a file of this machine, which is open for reading; None where it is another."""
        with self._own_file() as (descriptor, path):
            if clone(source, descriptor):
                found = blake3_of_descriptor(descriptor, progress=progress)
            else:
                write = partial(write_block, descriptor)
                found = blake3_of_descriptor(source, write, progress)
            return self._keep(path, entry) if found == entry.blake3 else None

    @contextmanager
    def _own_file(self) -> Iterator[tuple[int, Path]]:
        """A new file of our own, gone after the block if it was not kept."""
        self.incoming.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self.folder / "incoming")
        try:
            yield descriptor, Path(name)
        finally:
            os.close(descriptor)
            Path(name).unlink(missing_ok=True)

    def part(self, entry: Entry) -> Path:
        """Where the beginning of a large file waits for its rest."""
        return self.folder / "partial" / entry.blake3.value

    def add_stream(
        self,
        entry: Entry,
        blocks: Iterable[bytes | memoryview],
        start: int,
        progress: Progress | None,
    ) -> Seen | None:
        """Keep a large file whose first ``start`` bytes are here already.

        What has arrived stays for the next try if this one is cut off. None where the whole is
        not what its name says: nothing of it is kept then.
        """
        part = self.part(entry)
        hasher = blake3(max_threads=blake3.AUTO)
        with part.open("r+b" if start else "w+b") as file:
            for arrived in blocks_of(file, start):
                hasher.update(arrived)
            file.truncate(start)
            for block in blocks:
                hasher.update(block)
                file.write(block)
                if progress is not None:
                    progress(len(block))
        if hasher.hexdigest() != entry.blake3.value:
            part.unlink()
            return None
        return self._keep(part, entry)

    @contextmanager
    def locked(self, entry: Entry) -> Iterator[None]:
        """One process at a time fetches a large file; the lock ends with the process."""
        import fcntl

        part = self.part(entry)
        part.parent.mkdir(parents=True, exist_ok=True)
        with Path(f"{part}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _keep(self, file: Path, entry: Entry) -> Seen:
        """Let a file that was just read appear under its name."""
        final = self.path(entry)
        final.parent.mkdir(parents=True, exist_ok=True)
        file.chmod(0o444)
        seen = Seen.of(file.stat())
        file.replace(final)
        return seen.moved(final.stat())
