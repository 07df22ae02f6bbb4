"""Hashing files and directories at memory speed, reading each byte once.

>>> from pathlib import Path
>>> hash_path(Path("model.pkl"), with_blake3=True)          # doctest: +SKIP
Hashed(xxh3='xxh3:…', blake3='blake3:…', size=81234, files=1)
"""

from __future__ import annotations

import os
import stat
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from lineage.errors import CaptureError
from lineage.hashing.blocks import AT_ONCE, Algorithms, hash_blocks, hash_descriptor
from lineage.hashing.cache import moving
from lineage.hashing.tree import Follow, follow_any, tree_files, unreadable
from lineage.identity.digest import Digest, tree_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from lineage.hashing.blocks import Progress
    from lineage.hashing.cache import StatCache

    Stored = Callable[[str], Iterator[bytes] | None]
    """The blocks that stand for a file by its path, instead of its own; None for its own."""

TO_STORE: Final = ("md5", "xxh3", "blake3")
"""What is taken of weights that are to be stored, in one read: MD5 is the slowest."""

ONE_READ: Final = 1 << 20
"""Files up to this size are read in one call; larger ones by a thread that reads ahead."""


@dataclass(frozen=True)
class Hashed:
    """What reading a file or a directory gave.

    ``size`` is the sum of the files' sizes in bytes; ``blake3`` is there where it was asked for.
    """

    xxh3: Digest
    blake3: Digest | None
    size: int
    files: int


class Copy(Protocol):
    """A copy of a file that is made while the file is read."""

    def write(self, block: memoryview, /) -> object:
        """Add what was read."""


class Copies(Protocol):
    """Makes copies of large files that have to be read, in the same read."""

    def copy(self) -> AbstractContextManager[Copy | None]:
        """A new one, which is whole once the context has ended without an error; None for none."""


@dataclass(frozen=True)
class HashedFile:
    """A file of what is to be stored: its path in it (``""`` for the file itself), its digests.

    ``copy`` is a copy that was made of the very bytes that were hashed, if one was.
    """

    path: str
    source: str
    size: int
    md5: str
    xxh3: str
    blake3: Digest
    copy: Copy | None = None


def hash_path(
    path: Path,
    *,
    with_blake3: bool = False,
    cache: StatCache | None = None,
    progress: Progress | None = None,
    follow: Follow = follow_any,
    project: Path | None = None,
    without: Collection[str] = (),
    stored: Stored | None = None,
) -> Hashed:
    """Digest a file's bytes, or a directory's tree encoding (docs/reference/digests.md).

    Args:
        path: a regular file or a directory.
        with_blake3: also take BLAKE3, in the same read.
        cache: digests of files that have not changed since they were last read.
        progress: called with the number of bytes just done.
        follow: asked about the path itself, and before a symbolic link in it is read.
        project: the project's folder, whose ``.lineageignore`` counts too.
        without: paths in a directory that are no part of it.
        stored: asked for each file whether other bytes stand for it.

    Raises:
        CaptureError: missing, unreadable, not a file or directory, or changed while being read.
    """
    follow(path)
    status = _stat(path)
    algorithms = ("xxh3", "blake3") if with_blake3 else ("xxh3",)
    if stat.S_ISDIR(status.st_mode):
        files = list(tree_files(path, follow, project, without))
    else:
        files = [("", os.fspath(path), status.st_ino)]
    rows = _hash_all(files, status.st_dev, algorithms, cache, progress, stored)
    return _as_one(rows, algorithms)


def hash_stream(blocks: Iterable[bytes]) -> Hashed:
    """XXH3 of what comes in blocks."""
    digits, size = hash_blocks(blocks, ("xxh3",))
    return _as_one([_Row("", "", size, digits)], ("xxh3",))


def hash_streams(files: Iterable[tuple[str, Iterable[bytes]]]) -> Hashed:
    """XXH3 of the tree encoding of a directory whose files come in blocks."""
    rows = []
    for path, blocks in files:
        digits, size = hash_blocks(blocks, ("xxh3",))
        rows.append(_Row(path, "", size, digits))
    return _as_one(rows, ("xxh3",))


def hash_files(
    path: Path,
    *,
    cache: StatCache | None = None,
    progress: Progress | None = None,
    follow: Follow = follow_any,
    project: Path | None = None,
    without: Collection[str] = (),
    copies: Copies | None = None,
) -> list[HashedFile]:
    """XXH3, MD5 and BLAKE3 of a file, or of each file of a directory, sorted by path.

    Args and errors are those of :func:`hash_path`; ``copies`` makes copies of large files that have
    to be read, in the same read.
    """
    follow(path)
    status = _stat(path)
    files = [("", os.fspath(path), status.st_ino)]
    if stat.S_ISDIR(status.st_mode):
        files = sorted(tree_files(path, follow, project, without))
    rows = _hash_all(files, status.st_dev, TO_STORE, cache, progress, copies=copies)
    return [
        HashedFile(row.path, row.source, row.size, md5, xxh3, Digest(f"blake3:{blake3}"), row.copy)
        for row in rows
        for md5, xxh3, blake3 in (row.digits,)
    ]


def hash_file(path: str | Path, algorithms: Algorithms) -> tuple[list[str], int]:
    """The digests in hex of one file by several algorithms, in one read, and its size in bytes.

    Raises:
        CaptureError: it is no regular file, unreadable, or changed while being read.
    """
    digits, status, _ = _hash_file(os.fspath(path), algorithms, None, None)
    return digits, status.st_size


def as_one(files: Sequence[HashedFile]) -> Hashed:
    """What :func:`hash_path` says of what :func:`hash_files` read."""
    rows = [_Row(f.path, f.source, f.size, [f.xxh3, f.blake3.value]) for f in files]
    return _as_one(rows, ("xxh3", "blake3"))


def total_size(path: Path) -> int:
    """The bytes that :func:`hash_path` is going to read; 0 where it is going to fail."""
    try:
        if path.is_dir():
            return sum(os.stat(full).st_size for _, full, _ in tree_files(path))
        return path.stat().st_size
    except (OSError, CaptureError):
        return 0


def read_regular(path: str) -> tuple[int, os.stat_result]:
    """Open a regular file for reading; a descriptor and its status.

    Raises:
        CaptureError: it cannot be opened or is no regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise unreadable(path, error) from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise CaptureError(
            f"{path} is neither a file nor a directory.",
            remedy="Name a regular file or a directory.",
        )
    return descriptor, status


@dataclass(frozen=True)
class _Row:
    """A file that was hashed: its path in the directory (``""`` alone), and its digests in hex."""

    path: str
    source: str
    size: int
    digits: list[str]
    copy: Copy | None = None


def _hash_all(
    files: Sequence[tuple[str, str, int]],
    device: int,
    algorithms: Algorithms,
    cache: StatCache | None,
    progress: Progress | None,
    stored: Stored | None = None,
    copies: Copies | None = None,
) -> list[_Row]:
    """Digest each of some files, from the cache where it has not changed."""
    known = [_known(cache, device, files, algorithm) for algorithm in algorithms]
    rows: list[_Row] = []
    fresh: list[tuple[os.stat_result, list[str]]] = []
    for relative, full, inode in files:
        blocks = stored(full) if stored is not None else None
        remembered = _unchanged(full, inode, known) if inode in known[0] else None
        if blocks is not None:
            digits, size = hash_blocks(blocks, algorithms)
            rows.append(_Row(relative, full, size, digits))
        elif remembered is not None:
            rows.append(_Row(relative, full, remembered[1], remembered[0]))
            if progress is not None:
                progress(remembered[1])
        else:
            digits, status, copy = _hash_file(full, algorithms, progress, copies)
            rows.append(_Row(relative, full, status.st_size, digits, copy))
            fresh.append((status, digits))
    if cache is not None:
        _remember(cache, algorithms, fresh)
    return rows


def _hash_file(
    path: str, algorithms: Algorithms, progress: Progress | None, copies: Copies | None
) -> tuple[list[str], os.stat_result, Copy | None]:
    """Digests of a file; of a large one, with a copy where one is to be made."""
    descriptor, before = read_regular(path)
    copy: Copy | None = None
    try:
        if before.st_size <= ONE_READ:
            data = os.read(descriptor, before.st_size + 1)
            size = len(data)
            digits = [AT_ONCE[algorithm](data) for algorithm in algorithms]
            if progress is not None:
                progress(size)
        else:
            with copies.copy() if copies is not None else nullcontext() as copy:
                write = copy.write if copy is not None else None
                digits, size = hash_descriptor(descriptor, algorithms, progress, write)
        after = os.fstat(descriptor)
    except OSError as error:
        raise unreadable(path, error) from None
    finally:
        os.close(descriptor)
    if not size == before.st_size == after.st_size or not (
        before.st_ctime_ns == after.st_ctime_ns and before.st_mtime_ns == after.st_mtime_ns
    ):
        raise CaptureError(
            f"{path} changed while it was read.",
            remedy="Wait until nothing writes to it and try again.",
        )
    return digits, after, copy


def _remember(
    cache: StatCache, algorithms: Algorithms, fresh: Sequence[tuple[os.stat_result, list[str]]]
) -> None:
    for n, algorithm in enumerate(algorithms):
        cache.remember(algorithm, [(status, digits[n]) for status, digits in fresh])


def _known(
    cache: StatCache | None, device: int, files: Sequence[tuple[str, str, int]], algorithm: str
) -> dict[int, tuple[tuple[int, int, int], str]]:
    if cache is None:
        return {}
    return cache.known(device, [inode for _, _, inode in files if inode], algorithm)


def _unchanged(
    path: str, inode: int, known: Sequence[dict[int, tuple[tuple[int, int, int], str]]]
) -> tuple[list[str], int] | None:
    """The remembered digests of a file, if a look at its status shows that they still hold."""
    entries = [remembered.get(inode) for remembered in known]
    if None in entries:
        return None
    status = _stat(path)
    now = moving(status)
    digits = [entry[1] for entry in entries if entry is not None and entry[0] == now]
    same = len(digits) == len(entries) and status.st_ino == inode
    return (digits, status.st_size) if same else None


def _as_one(rows: Sequence[_Row], algorithms: Algorithms) -> Hashed:
    """The file itself, or the tree encoding of each algorithm's digests of a directory's files."""
    size = sum(row.size for row in rows)
    if len(rows) == 1 and not rows[0].path:
        digits = rows[0].digits
    else:
        digits = [
            AT_ONCE[algorithm](tree_bytes((row.path, row.size, row.digits[n]) for row in rows))
            for n, algorithm in enumerate(algorithms)
        ]
    strong = Digest(f"blake3:{digits[1]}") if len(digits) > 1 else None
    return Hashed(Digest(f"xxh3:{digits[0]}"), strong, size, len(rows))


def _stat(path: str | Path) -> os.stat_result:
    try:
        return os.stat(path)
    except OSError as error:
        raise unreadable(path, error) from None
