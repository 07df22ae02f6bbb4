"""Weights that were fetched before, by the BLAKE3 of each file: shared by versions and processes.

Nothing in it is believed: whoever uses a file reads it, and drops one that is not what its name
says. It can be deleted at any time.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from blake3 import blake3

from lineage.hashing.blocks import blocks_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lineage.hashing.blocks import Progress
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

    def add_bytes(self, entry: Entry, data: bytes) -> bool:
        """Keep a small file; False where it is not what its name says."""
        if blake3(data).hexdigest() != entry.blake3.value:
            return False
        self.incoming.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self.folder / "incoming")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        self._keep(Path(name), entry)
        return True

    def part(self, entry: Entry) -> Path:
        """Where the beginning of a large file waits for its rest."""
        return self.folder / "partial" / entry.blake3.value

    def add_stream(
        self, entry: Entry, blocks: Iterable[bytes], start: int, progress: Progress | None
    ) -> bool:
        """Keep a large file whose first ``start`` bytes are here already.

        What has arrived stays for the next try if this one is cut off. False where the whole is
        not what its name says: nothing of it is kept then.
        """
        part = self.part(entry)
        hasher = blake3(max_threads=blake3.AUTO)
        with part.open("r+b" if start else "w+b") as file:
            for block in blocks_of(file, start):
                hasher.update(block)
            file.truncate(start)
            for block in blocks:
                hasher.update(block)
                file.write(block)
                if progress is not None:
                    progress(len(block))
        if hasher.hexdigest() != entry.blake3.value:
            part.unlink()
            return False
        self._keep(part, entry)
        return True

    @contextmanager
    def locked(self, entry: Entry) -> Iterator[None]:
        """One process at a time fetches a large file; the lock ends with the process."""
        part = self.part(entry)
        part.parent.mkdir(parents=True, exist_ok=True)
        with Path(f"{part}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _keep(self, file: Path, entry: Entry) -> None:
        final = self.path(entry)
        final.parent.mkdir(parents=True, exist_ok=True)
        file.chmod(0o444)
        file.replace(final)
