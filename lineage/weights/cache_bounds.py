"""How much the cache of weights holds, and what is taken away when that is too much.

What was used longest ago goes first; weights that a running process uses stay, whatever they take
(:mod:`lineage.weights.leases`). A host sets the bounds: ``LINEAGE_CACHE_SIZE`` and
``LINEAGE_CACHE_AGE`` count after every pull.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import stat
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lineage import timestamps
from lineage.errors import IntegrityFailure, UsageError
from lineage.identity.digest import Digest
from lineage.weights.leases import unused
from lineage.weights.listing import read_listing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.weights.cache import WeightsCache

SIZE: Final = "LINEAGE_CACHE_SIZE"
AGE: Final = "LINEAGE_CACHE_AGE"

ARRIVING: Final = 3600.0
"""Seconds for which a file that belongs to no weights is left alone: they may be on their way."""

_SIZE: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,3})?) ?([KMGT]?)(?:i?B)?", re.ASCII | re.I)
_UNITS: Final = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}
_HEX: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


def size_of(text: str) -> int:
    """A number of bytes: ``500M``, ``20 GiB``; units are of 1024.

    Raises:
        UsageError: it is none.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{text[:40]!r} is no size.", remedy="Give one such as 500M or 20G.")
    return int(float(found[1]) * (1 << _UNITS[found[2].upper()]))


@dataclass(frozen=True)
class Bounds:
    """What may stay in a cache: bytes at most, and what was used lately enough."""

    at_most: int | None = None
    older_than: dt.timedelta | None = None

    @classmethod
    def said(cls, at_most: str | None, older_than: str | None) -> Bounds:
        """Bounds as somebody writes them: ``20G``, ``30d``.

        Raises:
            UsageError: one is none.
        """
        return cls(
            size_of(at_most) if at_most else None,
            timestamps.span(older_than) if older_than else None,
        )

    @classmethod
    def of_host(cls) -> Bounds:
        """What this host allows, by ``LINEAGE_CACHE_SIZE`` and ``LINEAGE_CACHE_AGE``.

        Raises:
            UsageError: one is none.
        """
        return cls.said(os.environ.get(SIZE), os.environ.get(AGE))

    def __bool__(self) -> bool:
        return self.at_most is not None or self.older_than is not None

    def __str__(self) -> str:
        size = f"{self.at_most:,} bytes" if self.at_most is not None else ""
        age = f"{self.older_than} unused" if self.older_than is not None else ""
        return ", ".join(filter(None, (size, age)))


@dataclass
class _Held:
    """Weights in the cache, or a file that belongs to none: when it was used, and its files."""

    used: float
    paths: list[Path] = field(default_factory=list)
    objects: frozenset[str] = frozenset()
    digits: str | None = None
    lock: Path | None = None


@dataclass(frozen=True)
class CacheUsage:
    """What the cache holds: ``size`` in bytes, what several weights share counted once."""

    folder: Path
    size: int
    files: int
    weights: int
    in_use: int
    oldest: str | None

    def to_json(self) -> dict[str, Any]:
        """JSON of `lineage cache`."""
        return {
            "folder": str(self.folder),
            "size": self.size,
            "files": self.files,
            "weights": self.weights,
            "in_use": self.in_use,
            "oldest": self.oldest,
            "at_most": os.environ.get(SIZE) or None,
            "older_than": os.environ.get(AGE) or None,
        }


@dataclass(frozen=True)
class Cleaned:
    """What was taken away: bytes that are free now, weights and single files; what is in use."""

    freed: int
    removed: int
    in_use: int
    size: int

    def to_json(self) -> dict[str, Any]:
        """JSON of `lineage cache clean`."""
        return {
            "freed": self.freed,
            "removed": self.removed,
            "in_use": self.in_use,
            "size": self.size,
        }


def usage(cache: WeightsCache) -> CacheUsage:
    """What the cache holds."""
    contents = _Contents(cache)
    weights = [held for held in contents.held if held.digits is not None]
    in_use = sum(map(_is_used, weights))
    oldest = min((held.used for held in contents.held), default=None)
    return CacheUsage(
        cache.folder,
        contents.size,
        len(contents.links),
        len(weights),
        in_use,
        timestamps.written(dt.datetime.fromtimestamp(oldest, dt.UTC)) if oldest else None,
    )


def clean(cache: WeightsCache, bounds: Bounds) -> Cleaned:
    """Take away what was not used lately, or so much that the rest is not too large.

    Args:
        cache: where.
        bounds: what may stay; what was used longest ago goes first. Without any, all goes but what
            is in use.

    Returns:
        what went.
    """
    older_than, at_most = bounds.older_than, bounds.at_most
    before = time.time() - older_than.total_seconds() if older_than is not None else None
    everything = not bounds
    with _alone(cache):
        contents = _Contents(cache)
        size, removed, in_use = contents.size, 0, 0
        for held in sorted(contents.held, key=lambda held: held.used):
            old = everything or (before is not None and held.used < before)
            if not (old or (at_most is not None and contents.size > at_most)):
                continue
            if held.lock is None:
                removed += contents.remove(held)
                continue
            with unused(held.lock) as free:
                removed += contents.remove(held) if free else 0
                in_use += not free
        return Cleaned(size - contents.size, removed, in_use, contents.size)


def keep_within(cache: WeightsCache, bounds: Bounds) -> None:
    """Keep the cache within what this host allows it; not being able to is no reason to fail."""
    if bounds:
        with suppress(OSError):
            clean(cache, bounds)


@contextmanager
def _alone(cache: WeightsCache) -> Iterator[None]:
    """One process at a time takes away; the lock ends with it."""
    import fcntl

    cache.folder.mkdir(parents=True, exist_ok=True)
    with (cache.folder / "cleaning.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_used(held: _Held) -> bool:
    if held.lock is None or not held.lock.exists():
        return False
    with unused(held.lock) as free:
        return not free


def _last_use(cache: WeightsCache, digits: str) -> float:
    try:
        return cache.lease_file(digits).stat().st_mtime
    except OSError:
        return 0.0


class _Contents:
    """The cache's files as they are now: whose each is, and what taking one away makes free."""

    def __init__(self, cache: WeightsCache) -> None:
        self._cache = cache
        self.size = 0
        self.links: Counter[tuple[int, int]] = Counter()
        self._files = {path.parent.name + path.name: path for path in self._counted("files")}
        self.held = [*self._weights(), *self._parts()]
        self._users = Counter(name for held in self.held for name in held.objects)
        self.held += self._others()

    def remove(self, held: _Held) -> int:
        """Take away what belongs to one; 1 where something did."""
        for path in held.paths:
            self._remove(path)
        for name in held.objects:
            self._users[name] -= 1
            if self._users[name] == 0 and name in self._files:
                self._remove(self._files[name])
        if held.digits is not None and held.lock is not None:
            shutil.rmtree(self._cache.folder / "whole" / held.digits, ignore_errors=True)
            held.lock.unlink(missing_ok=True)
        return 1

    def _remove(self, path: Path) -> None:
        with suppress(OSError):
            status = path.lstat()
            path.unlink()
            inode = status.st_dev, status.st_ino
            self.links[inode] -= 1
            if self.links[inode] == 0:
                self.size -= status.st_size

    def _counted(self, name: str) -> Iterator[Path]:
        """Every file below a folder, its bytes counted once whatever its names."""
        for path in sorted((self._cache.folder / name).rglob("*")):
            with suppress(OSError):
                status = path.lstat()
                if stat.S_ISDIR(status.st_mode) or path.suffix == ".lock":
                    continue
                inode = status.st_dev, status.st_ino
                self.size += status.st_size if inode not in self.links else 0
                self.links[inode] += 1
                yield path

    def _weights(self) -> Iterator[_Held]:
        """Weights that somebody pulled, whole here or only passed on."""
        whole: dict[str, list[Path]] = {}
        for path in self._counted("whole"):
            whole.setdefault(path.relative_to(self._cache.folder / "whole").parts[0], []).append(
                path
            )
        leases = {path.name for path in (self._cache.folder / "leases").glob("*")}
        for digits in sorted({*whole, *leases}):
            if _HEX.fullmatch(digits) is None:
                continue
            paths = whole.get(digits, [])
            objects = self._objects(digits)
            used = _last_use(self._cache, digits) or _newest(paths)
            yield _Held(used, paths, objects, digits, self._cache.lease_file(digits))

    def _objects(self, digits: str) -> frozenset[str]:
        """The files that weights are made of: one, or those that their listing names."""
        found = {digits}
        with suppress(OSError, IntegrityFailure, KeyError):
            if self._files[digits].stat().st_size <= LARGEST_LISTING:
                text = self._files[digits].read_bytes()
                found |= {
                    e.blake3.value for e in read_listing(text, Digest(f"blake3:{digits}"), "")
                }
        return frozenset(found)

    def _parts(self) -> Iterator[_Held]:
        """Beginnings of large files, which nobody goes on with."""
        for path in self._counted("partial"):
            yield _Held(_newest([path]), [path], lock=Path(f"{path}.lock"))

    def _others(self) -> Iterator[_Held]:
        """Files that no weights are known to be made of."""
        for name, path in self._files.items():
            used = _newest([path])
            if name not in self._users and time.time() - used > ARRIVING:
                yield _Held(used, [path])


LARGEST_LISTING: Final = 64 << 20
"""Bytes of a file that may be the list of a folder's files."""


def _newest(paths: list[Path]) -> float:
    found = []
    for path in paths:
        with suppress(OSError):
            found.append(path.lstat().st_mtime)
    return max(found, default=0.0)
