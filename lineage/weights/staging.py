"""Copies beside a folder store's objects, which become some of them by a rename.

A copy is made in the read that hashes. Each block is read back as soon as it was written, and held
against what was written, while another thread takes the slowest digest; the disk takes what there
is meanwhile. What is whole was written through to it.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lineage.errors import StoreUnreachable
from lineage.hashing.blocks import BLOCK
from lineage.weights.any_store import asking
from lineage.weights.placing import written_ahead

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.hashing.blocks import Write
    from lineage.weights.any_store import Store
    from lineage.weights.copies import StoreAddress


class StagedCopy:
    """A file of our own beside a store's objects: each byte of it was read back."""

    def __init__(self, address: StoreAddress, path: Path, descriptor: int, write: Write) -> None:
        self.path = path
        self._address = address
        self._descriptor = descriptor
        self._status = os.fstat(descriptor)
        self._write = write
        self._size = 0
        self._read = bytearray(BLOCK)

    def write(self, data: bytes | memoryview) -> None:
        """Add what was read, and read it back.

        Raises:
            StoreUnreachable: the store does not take it, or gives back something else.
        """
        for start in range(0, len(data), BLOCK):
            block = memoryview(data)[start : start + BLOCK]
            with asking(self._address, writing=True):
                self._write(block)
                count = os.preadv(self._descriptor, [self._read], self._size)
            if (self._read if count == BLOCK else self._read[:count]) != block:
                raise kept_other(self._address, "it gives back other bytes")
            self._size += count

    def require_at(self, final: str | None) -> None:
        """Refuse where something else than this file has the name that it was given.

        Raises:
            StoreUnreachable: something else has.
        """
        with asking(self._address, writing=True):
            now = os.stat(final or "")
        if not os.path.samestat(self._status, now) or now.st_size != self._size:
            raise kept_other(self._address, "another file has its name")


class Staging:
    """Makes copies where a store has a place for them; none where it has not."""

    def __init__(self, address: StoreAddress, folder: Path | None) -> None:
        self._address = address
        self._folder = folder

    @contextmanager
    def copy(self) -> Iterator[StagedCopy | None]:
        """A copy that is written within; it is on the disk once the context has ended.

        Raises:
            StoreUnreachable: the store does not take it.
        """
        if self._folder is None:
            yield None
            return
        with asking(self._address, writing=True):
            descriptor, name = tempfile.mkstemp(dir=self._folder)
        try:
            with written_ahead(descriptor) as write:
                yield StagedCopy(self._address, Path(name), descriptor, write)
            with asking(self._address, writing=True):
                os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def staging(store: Store) -> Iterator[Staging]:
    """Where copies for a store are made; what became no object of it is gone after the block.

    Raises:
        StoreUnreachable: the store does not take any.
    """
    if store.incoming is None:
        yield Staging(store.address, None)
        return
    with asking(store.address, writing=True):
        store.incoming.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(dir=store.incoming, ignore_cleanup_errors=True)
    with folder as name:
        yield Staging(store.address, Path(name))


def kept_other(address: StoreAddress, what: str) -> StoreUnreachable:
    """The error of a store that does not give back what it was given."""
    return StoreUnreachable(
        f"Store {address.name} did not keep what it was given: {what}.",
        remedy="Check the store, then run the same command again.",
    )
