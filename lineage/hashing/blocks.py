"""Hashing what comes in blocks, or lies behind a descriptor, by several algorithms in one read."""

from __future__ import annotations

import os
import queue
import sys
import threading
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

import xxhash
from blake3 import blake3

from lineage.identity.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Progress = Callable[[int], None]

    Write = Callable[[memoryview], object]
    """Takes each block on its way: it holds until this returns."""

BLOCK: Final = 1 << 20
BLOCKS: Final = 4

Algorithms = tuple[str, ...]
"""``("xxh3",)``, ``("xxh3", "blake3")``, those and MD5 for what a store is to hold, or SHA-256 with
BLAKE3 for what is signed; the slowest stands first: it has a thread of its own."""


class _Hasher(Protocol):
    def update(self, data: memoryview, /) -> object: ...
    def hexdigest(self) -> str: ...


def _md5() -> _Hasher:
    """MD5 as DVC takes it, which names objects by it."""
    from dvc_data.hashfile.hash import get_hasher

    hasher: _Hasher = get_hasher("md5")
    return hasher


class _Sha256:
    """SHA-256, for what other programs verify."""

    def __init__(self) -> None:
        from cryptography.hazmat.primitives import hashes

        self._hash = hashes.Hash(hashes.SHA256())

    def update(self, data: memoryview, /) -> None:
        self._hash.update(data)

    def hexdigest(self) -> str:
        return self._hash.finalize().hex()


def _md5_at_once(data: bytes) -> str:
    hasher = _md5()
    hasher.update(memoryview(data))
    return hasher.hexdigest()


def _sha256_at_once(data: bytes) -> str:
    hasher = _Sha256()
    hasher.update(memoryview(data))
    return hasher.hexdigest()


AT_ONCE: Final[dict[str, Callable[[bytes], str]]] = {
    "xxh3": xxhash.xxh3_128_hexdigest,
    "blake3": lambda data: blake3(data).hexdigest(),
    "md5": _md5_at_once,
    "sha256": _sha256_at_once,
}
_BY_BLOCK: Final[dict[str, Callable[[], _Hasher]]] = {
    "xxh3": xxhash.xxh3_128,
    "blake3": lambda: blake3(max_threads=blake3.AUTO),
    "md5": _md5,
    "sha256": _Sha256,
}


def blocks_of(file: BinaryIO, most: int | None = None) -> Iterator[bytes]:
    """A file's bytes, from where it stands, in blocks; at most so many."""
    left = sys.maxsize if most is None else most
    while block := file.read(min(BLOCK, left)):
        left -= len(block)
        yield block


def read_block(descriptor: int, block: memoryview) -> int:
    """Read into a block: how many bytes came, 0 at the end. Whole files are read through here."""
    return os.readv(descriptor, [block])


def write_block(descriptor: int, block: memoryview) -> None:
    """Write all of a block."""
    while block:
        block = block[os.write(descriptor, block) :]


def blake3_of_descriptor(
    source: int, write: Write | None = None, progress: Progress | None = None
) -> Digest:
    """BLAKE3 of the rest of a file, each byte read once, and given to ``write`` on its way.

    One thread after the other is as quick as several: the memory is what there is to wait for.
    """
    hasher = blake3(max_threads=blake3.AUTO)
    block = memoryview(bytearray(BLOCK))
    while count := read_block(source, block):
        hasher.update(block[:count])
        if write is not None:
            write(block[:count])
        if progress is not None:
            progress(count)
    return Digest(f"blake3:{hasher.hexdigest()}")


def blake3_through(
    blocks: Iterable[bytes | memoryview],
    write: Callable[[bytes | memoryview], object] | None = None,
) -> Digest:
    """BLAKE3 of blocks, which are given to ``write`` on their way."""
    hasher = blake3(max_threads=blake3.AUTO)
    for block in blocks:
        hasher.update(block)
        if write is not None:
            write(block)
    return Digest(f"blake3:{hasher.hexdigest()}")


def hash_blocks(blocks: Iterable[bytes], algorithms: Algorithms) -> tuple[list[str], int]:
    """The digests in hex of what comes in blocks, and its size."""
    hashers = [_BY_BLOCK[algorithm]() for algorithm in algorithms]
    size = 0
    for block in blocks:
        for hasher in hashers:
            hasher.update(memoryview(block))
        size += len(block)
    return [hasher.hexdigest() for hasher in hashers], size


def hash_descriptor(
    descriptor: int,
    algorithms: Algorithms,
    progress: Progress | None,
    write: Write | None = None,
) -> tuple[list[str], int]:
    """Hash block by block; a second thread reads ahead, and takes the first of several digests.

    The blocks are given to ``write`` on their way.
    """
    hashers = [_BY_BLOCK[algorithm]() for algorithm in algorithms]
    ahead = hashers[: len(hashers) > 1]
    size = 0
    for block in _read_ahead(descriptor, ahead):
        for hasher in hashers[len(ahead) :]:
            hasher.update(block)
        if write is not None:
            write(block)
        size += len(block)
        if progress is not None:
            progress(len(block))
    return [hasher.hexdigest() for hasher in hashers], size


def _read_ahead(descriptor: int, hashers: Sequence[_Hasher]) -> Iterator[memoryview]:
    """The file's blocks, read (and given to ``hashers``) by another thread."""
    free: queue.SimpleQueue[memoryview | None] = queue.SimpleQueue()
    full: queue.SimpleQueue[tuple[memoryview, int] | Exception] = queue.SimpleQueue()
    for _ in range(BLOCKS):
        free.put(memoryview(bytearray(BLOCK)))

    def read() -> None:
        try:
            while (block := free.get()) is not None:
                count = read_block(descriptor, block)
                for hasher in hashers:
                    hasher.update(block[:count])
                full.put((block, count))
                if count == 0:
                    return
        except OSError as error:
            full.put(error)

    reader = threading.Thread(target=read, name="lineage-read-ahead", daemon=True)
    reader.start()
    try:
        while True:
            item = full.get()
            if isinstance(item, Exception):
                raise item
            block, count = item
            if count == 0:
                return
            yield block[:count]
            free.put(block)
    finally:
        free.put(None)
        reader.join()
