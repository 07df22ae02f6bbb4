"""A store that is a folder of this machine: plain files, written beside and renamed."""

from __future__ import annotations

import datetime as dt
import os
import tempfile
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from lineage import timestamps
from lineage.hashing.blocks import blake3_of_descriptor, blocks_of
from lineage.weights.any_store import INCOMING, Store
from lineage.weights.placing import sync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.identity.digest import Digest
    from lineage.weights.copies import StoreAddress

_PROTECTED = 0o444
"""As DVC leaves its objects."""


class FolderStore(Store):
    """A folder."""

    is_folder = True

    def __init__(self, address: StoreAddress, root: str) -> None:
        super().__init__(address, root)
        self.incoming = Path(root) / INCOMING
        self._changed: set[Path] = set()

    @override
    def written_at(self, object_id: str) -> str | None:
        try:
            changed = os.stat(self._path(object_id)).st_ctime
        except OSError:
            return None
        return timestamps.written(dt.datetime.fromtimestamp(changed, dt.UTC))

    @override
    def local(self, object_id: str) -> str | None:
        return self._path(object_id)

    @override
    def stream(self, object_id: str, size: int, start: int = 0) -> Iterator[bytes | memoryview]:
        if start >= size:
            return
        with self._asking(), open(self._path(object_id), "rb", 0) as file:  # noqa: PTH123
            file.seek(start)
            for block in blocks_of(file, size - start):
                yield block
                self._require_use()

    @override
    def blake3(self, object_id: str, size: int) -> Digest:
        with self._asking(), open(self._path(object_id), "rb", 0) as file:  # noqa: PTH123
            return blake3_of_descriptor(file.fileno(), None, lambda _: self._require_use())

    @override
    def try_writing(self) -> bool:
        """In a file without a name: whatever ends this process takes it away."""
        root = Path(self._root)
        with self._asking(writing=True):
            there = next(folder for folder in (root, *root.parents) if folder.exists())
            with tempfile.TemporaryFile(dir=there) as file:
                file.write(b"tried")
        return there == root

    @override
    def settle(self) -> None:
        with self._asking(writing=True):
            sync(self._changed, Path(self._root))
        self._changed.clear()

    @override
    def _read_beside(self, name: str, most: int) -> bytes:
        with open(self._beside_objects(name), "rb") as file:  # noqa: PTH123 - of the store's own
            return file.read(most)

    @override
    def _write_beside(self, name: str, data: bytes) -> None:
        """Put a whole file into its place, unless there is one."""
        path = self._beside_objects(name)
        Path(self._root).mkdir(parents=True, exist_ok=True)
        beside = f"{path}.{uuid.uuid4().hex}"
        _write(beside, data)
        try:
            with suppress(FileExistsError):
                os.link(beside, path)
        finally:
            Path(beside).unlink()

    @override
    def _size(self, path: str) -> int:
        return os.stat(path).st_size

    @override
    def _read(self, path: str, start: int, end: int) -> bytes:
        with open(path, "rb") as file:  # noqa: PTH123 - a path of the store's own
            return os.pread(file.fileno(), end - start, start)

    @override
    def _put_bytes(self, path: str, data: bytes) -> None:
        beside = self._beside_objects(f"{INCOMING}/{uuid.uuid4().hex}")
        Path(beside).parent.mkdir(parents=True, exist_ok=True)
        try:
            _write(beside, data)
            self._put_file(path, Path(beside))
        except BaseException:
            with suppress(OSError):
                Path(beside).unlink()
            raise

    @override
    def _put_file(self, path: str, file: Path) -> None:
        place = Path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        file.replace(place)
        self._changed.add(place.parent)
        with suppress(OSError):  # not every file system can
            place.chmod(_PROTECTED)

    @override
    def _remove(self, path: str) -> None:
        Path(path).unlink()


def _write(path: str, data: bytes) -> None:
    with open(path, "xb") as file:  # noqa: PTH123 - a path of the store's own
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
