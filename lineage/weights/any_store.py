"""What every store can do: hold objects as DVC lays them out, and say in one sentence what failed.

Objects lie where DVC keeps its own, under their MD5: what `dvc push` put there is not put twice,
and `dvc pull` finds what we put. MD5 is only the name: what is read counts when its BLAKE3 does.
"""

from __future__ import annotations

import errno
import json
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from lineage.errors import LineageError, StoreUnreachable
from lineage.hashing.blocks import blake3_through
from lineage.weights.copies import MARKER_ID
from lineage.weights.dvc_remotes import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from lineage.identity.digest import Digest
    from lineage.weights.copies import StoreAddress

INCOMING: Final = ".lineage-incoming"

MARKER: Final = "lineage-store.json"
"""What a store is known by, under any URL: it lies beside the objects."""

LARGEST_MARKER: Final = 4096
"""Bytes of a marker that are read."""


class Store:
    """A store that is open. Its methods raise StoreUnreachable where it cannot be used."""

    is_folder = False
    """Whether it is a folder of this machine."""

    incoming: Path | None = None
    """Where a file can wait beside the objects, to be renamed into its place."""

    is_over: Callable[[], bool] | None = None
    """Asked before each request: whether whoever uses it stops."""

    def __init__(self, address: StoreAddress, root: str) -> None:
        self.address = address
        self._root = root

    def marker(self) -> str | None:
        """The id that lies in the place itself; None where there is none.

        Raises:
            StoreUnreachable: the store does not say.
        """
        try:
            with self._asking():
                text = self._read_beside(MARKER, LARGEST_MARKER)
        except FileNotFoundError:
            return None
        with suppress(ValueError, KeyError, TypeError):
            found = str(json.loads(text)["id"])
            return found if MARKER_ID.fullmatch(found) else None
        return None

    def mark(self) -> str | None:
        """The id that lies in the place, put there if it has none; None where that is not allowed.

        A place that is recorded keeps its id.

        Raises:
            StoreUnreachable: the store does not say.
        """
        found = self.marker()
        if found is not None:
            return found
        text = json.dumps({"id": self.address.marker or uuid.uuid4().hex}).encode()
        with suppress(StoreUnreachable), self._asking(writing=True):
            self._write_beside(MARKER, text)
        return self.marker()

    def try_writing(self) -> bool:
        """Write something small and take it away again, so that nothing is left of it.

        Returns:
            whether the place is there; what could be told of one that is not, was.

        Raises:
            StoreUnreachable: the store does not take it, or does not let it go.
        """
        name = f"{INCOMING}-{uuid.uuid4().hex}"
        with self._asking(writing=True):
            self._write_beside(name, b"tried")
            self._remove(self._beside_objects(name))
        return True

    def size(self, object_id: str) -> int | None:
        """An object's size in bytes; None where it is not there.

        Raises:
            StoreUnreachable: the store does not say.
        """
        with self._asking():
            try:
                return self._size(self._path(object_id))
            except FileNotFoundError:
                return None

    def written_at(self, object_id: str) -> str | None:
        """When an object of a folder was last written to; None where no file says so."""
        del object_id
        return None

    def local(self, object_id: str) -> str | None:
        """The file of this machine that an object is; None where it is elsewhere."""
        del object_id
        return None

    def perhaps(self, object_ids: Collection[str]) -> set[str]:
        """Those of some objects that may be there: a store that is asked in one go knows which.

        Raises:
            StoreUnreachable: the store does not say.
        """
        return set(object_ids)

    def read(self, object_id: str, start: int, end: int) -> bytes:
        """Some bytes of an object; fewer where it ends before.

        Raises:
            FileNotFoundError: it is not there.
            StoreUnreachable: the store does not give them.
        """
        with self._asking():
            return self._read(self._path(object_id), start, end)

    def stream(self, object_id: str, size: int, start: int = 0) -> Iterator[bytes | memoryview]:
        """An object's bytes in order, up to a size. A block holds until the next one is asked for.

        Raises:
            FileNotFoundError: it is not there.
            StoreUnreachable: the store does not give them.
        """
        raise NotImplementedError

    def blake3(self, object_id: str, size: int) -> Digest:
        """BLAKE3 of an object of a size: every byte is read.

        Raises:
            FileNotFoundError: it is not there.
            StoreUnreachable: the store does not give them.
        """
        return blake3_through(self.stream(object_id, size))

    def put_bytes(self, object_id: str, data: bytes) -> None:
        """Put a small object into its place, whole or not at all.

        Raises:
            StoreUnreachable: the store does not take it.
        """
        with self._asking(writing=True):
            self._put_bytes(self._path(object_id), data)

    def put_file(self, object_id: str, file: Path) -> None:
        """Put a file, which nobody changes meanwhile, into its place, whole or not at all.

        A file in :attr:`incoming` is moved there.

        Raises:
            StoreUnreachable: the store does not take it.
        """
        with self._asking(writing=True):
            self._put_file(self._path(object_id), file)

    @property
    def takes_streams(self) -> bool:
        """Whether :meth:`put_stream` can be used."""
        return False

    def put_stream(self, object_id: str, size: int, blocks: Iterator[bytes | memoryview]) -> None:
        """Put what comes in blocks into its place: nothing of it where they end in an error.

        Raises:
            StoreUnreachable: the store does not take it.
        """
        raise NotImplementedError

    def settle(self) -> None:
        """Let what was put survive a loss of power; what is elsewhere does when it was put.

        Raises:
            StoreUnreachable: the store does not say that it does.
        """

    def remove(self, object_id: str) -> bool:
        """Remove an object; whether it was there.

        Raises:
            StoreUnreachable: the store does not let it go.
        """
        with self._asking():
            try:
                self._remove(self._path(object_id))
            except FileNotFoundError:
                return False
            return True

    def _path(self, object_id: str) -> str:
        return f"{self._root.rstrip('/')}/files/md5/{object_id[:2]}/{object_id[2:]}"

    def _beside_objects(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def _read_beside(self, name: str, most: int) -> bytes:
        raise NotImplementedError

    def _write_beside(self, name: str, data: bytes) -> None:
        raise NotImplementedError

    def _size(self, path: str) -> int:
        raise NotImplementedError

    def _read(self, path: str, start: int, end: int) -> bytes:
        raise NotImplementedError

    def _put_bytes(self, path: str, data: bytes) -> None:
        raise NotImplementedError

    def _put_file(self, path: str, file: Path) -> None:
        raise NotImplementedError

    def _remove(self, path: str) -> None:
        raise NotImplementedError

    @contextmanager
    def _asking(self, *, writing: bool = False) -> Iterator[None]:
        self._require_use()
        with asking(self.address, writing=writing):
            yield

    def _require_use(self) -> None:
        if self.is_over is not None and self.is_over():
            raise StoreUnreachable(
                f"Store {self.address.name} was not asked: the program stops.",
                remedy="Start it again.",
            )


@contextmanager
def asking(address: StoreAddress, *, writing: bool = False) -> Iterator[None]:
    """Turn whatever a store's own library raises into one sentence.

    What is missing is :class:`FileNotFoundError` to who reads; to who writes it is the store.

    Raises:
        StoreUnreachable: it cannot be used now.
    """
    try:
        yield
    except LineageError:
        raise
    except Exception as error:
        if isinstance(error, FileNotFoundError) and not writing:
            raise
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENOMEM):
            raise
        raise StoreUnreachable(
            f"Store {address.name} ({address.url}) cannot be used: {reason_of(error)}.",
            remedy=_remedy(address, error),
        ) from None


def _remedy(address: StoreAddress, error: BaseException) -> str:
    missing = isinstance(error, ImportError) or type(error).__name__ == "RemoteMissingDepsError"
    if missing or "requires" in str(error):
        from lineage.installed import plugin

        return f"Install its plugin: pip install '{plugin(address.url.partition(':')[0])}'"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Make room in it, then run the same command again: what is there already stays."
    return (
        "Check that this host reaches it and has its credentials (dvc remote modify --global, or "
        "the environment), then run the same command again."
    )
