"""Hashing files and directories at memory speed, reading each byte once.

>>> from pathlib import Path
>>> hash_path(Path("model.pkl"), with_blake3=True)          # doctest: +SKIP
Hashed(xxh3='xxh3:…', blake3='blake3:…', size=81234, files=1)
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lineage.errors import CaptureError
from lineage.hashing.blocks import AT_ONCE, Algorithms, hash_blocks, hash_descriptor
from lineage.hashing.cache import moving
from lineage.hashing.tree import Follow, follow_any, tree_files, unreadable
from lineage.identity.digest import Digest, tree_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from lineage.hashing.blocks import Progress
    from lineage.hashing.cache import StatCache

    Stored = Callable[[str], Iterator[bytes] | None]
    """The blocks that stand for a file by its path, instead of its own; None for its own."""

_OF_WRITING: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)

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


@dataclass(frozen=True)
class HashedFile:
    """A file of what is to be stored: its path in it (``""`` for the file itself), its digests.

    ``copy`` is a copy that was made of the very bytes that were hashed, if one was.
    """

    path: str
    source: str
    size: int
    md5: str
    blake3: Digest
    copy: Path | None = None


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
        return _hash_tree(files, status.st_dev, algorithms, cache, progress, stored)
    blocks = stored(os.fspath(path)) if stored is not None else None
    if blocks is not None:
        digits, size = hash_blocks(blocks, algorithms)
        return _hashed(digits, size, 1)
    digits, size = _hash_known_file(os.fspath(path), algorithms, cache, progress)
    return _hashed(digits, size, 1)


def hash_stream(blocks: Iterable[bytes]) -> Hashed:
    """XXH3 of what comes in blocks."""
    digits, size = hash_blocks(blocks, ("xxh3",))
    return _hashed(digits, size, 1)


def hash_streams(files: Iterable[tuple[str, Iterable[bytes]]]) -> Hashed:
    """XXH3 of the tree encoding of a directory whose files come in blocks."""
    rows: list[tuple[str, int, str]] = []
    for path, blocks in files:
        (digits,), size = hash_blocks(blocks, ("xxh3",))
        rows.append((path, size, digits))
    tree = AT_ONCE["xxh3"](tree_bytes(rows))
    return _hashed([tree], sum(size for _, size, _ in rows), len(rows))


def hash_files(
    path: Path,
    *,
    cache: StatCache | None = None,
    progress: Progress | None = None,
    follow: Follow = follow_any,
    project: Path | None = None,
    copies: Path | None = None,
) -> list[HashedFile]:
    """MD5 and BLAKE3 of a file, or of each file of a directory, sorted by path.

    Args and errors are those of :func:`hash_path`; ``copies`` is a folder for copies of large files
    that have to be read, made in the same read.
    """
    follow(path)
    files = [("", os.fspath(path), 0)]
    if stat.S_ISDIR(_stat(path).st_mode):
        files = sorted(tree_files(path, follow, project))
    found: list[HashedFile] = []
    for relative, full, _ in files:
        copy = copies / str(len(found)) if copies is not None else None
        (md5, strong), size = _hash_known_file(full, ("md5", "blake3"), cache, progress, copy)
        made = copy if copy is not None and copy.exists() else None
        found.append(HashedFile(relative, full, size, md5, Digest(f"blake3:{strong}"), made))
    return found


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


def _hash_known_file(
    path: str,
    algorithms: Algorithms,
    cache: StatCache | None,
    progress: Progress | None,
    copy: Path | None = None,
) -> tuple[list[str], int]:
    """A file's digests in hex and its size, from the cache where it has not changed."""
    if cache is not None:
        status = _stat(path)
        known = [cache.look_up(status, algorithm) for algorithm in algorithms]
        if None not in known:
            if progress is not None:
                progress(status.st_size)
            return [digits for digits in known if digits is not None], status.st_size
    digits, status = _hash_file(path, algorithms, progress, copy)
    if cache is not None:
        _remember(cache, algorithms, [(status, digits)])
    return digits, status.st_size


def _hash_file(
    path: str, algorithms: Algorithms, progress: Progress | None, copy: Path | None = None
) -> tuple[list[str], os.stat_result]:
    """Digests of a file; of a large one, with a copy where one is to be made."""
    descriptor, before = read_regular(path)
    try:
        if before.st_size <= ONE_READ:
            data = os.read(descriptor, before.st_size + 1)
            size = len(data)
            digits = [AT_ONCE[algorithm](data) for algorithm in algorithms]
            if progress is not None:
                progress(size)
        elif copy is not None:
            with copy.open("xb") as target:
                digits, size = hash_descriptor(descriptor, algorithms, progress, target.fileno())
        else:
            digits, size = hash_descriptor(descriptor, algorithms, progress)
        after = os.fstat(descriptor)
    except OSError as error:
        if error.filename is not None or error.errno in _OF_WRITING:
            raise  # of the copy
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
    return digits, after


def _hash_tree(
    files: Sequence[tuple[str, str, int]],
    device: int,
    algorithms: Algorithms,
    cache: StatCache | None,
    progress: Progress | None,
    stored: Stored | None,
) -> Hashed:
    """Digest the tree encoding of each algorithm's file digests."""
    known = [_known(cache, device, files, algorithm) for algorithm in algorithms]
    rows: list[tuple[str, int, list[str]]] = []
    fresh: list[tuple[os.stat_result, list[str]]] = []
    for relative, full, inode in files:
        blocks = stored(full) if stored is not None else None
        remembered = _unchanged(full, inode, known) if inode in known[0] else None
        if blocks is not None:
            digits, size = hash_blocks(blocks, algorithms)
        elif remembered is not None:
            digits, size = remembered
            if progress is not None:
                progress(size)
        else:
            digits, status = _hash_file(full, algorithms, progress)
            size = status.st_size
            fresh.append((status, digits))
        rows.append((relative, size, digits))
    if cache is not None:
        _remember(cache, algorithms, fresh)
    trees = [
        AT_ONCE[algorithm](tree_bytes((path, size, digits[n]) for path, size, digits in rows))
        for n, algorithm in enumerate(algorithms)
    ]
    return _hashed(trees, sum(size for _, size, _ in rows), len(files))


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


def _hashed(digits: Sequence[str], size: int, files: int) -> Hashed:
    strong = Digest(f"blake3:{digits[1]}") if len(digits) > 1 else None
    return Hashed(Digest(f"xxh3:{digits[0]}"), strong, size, files)


def _stat(path: str | Path) -> os.stat_result:
    try:
        return os.stat(path)
    except OSError as error:
        raise unreadable(path, error) from None
