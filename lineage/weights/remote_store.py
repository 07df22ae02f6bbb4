"""Stores elsewhere: object stores through fsspec, and through DVC what only it reaches."""

from __future__ import annotations

import logging
import os
import posixpath
import time
import uuid
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from lineage.errors import LineageError
from lineage.weights.any_store import INCOMING, Store
from lineage.weights.parallel import THREADS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from lineage.weights.copies import StoreAddress

logger = logging.getLogger("lineage.weights")

CHUNK: Final = 16 << 20
"""Bytes that are read or written in one request."""

PIECE: Final = 4 << 20
"""Bytes of an answer that are handed on at once."""

AHEAD: Final = 4
"""Requests that are under way at once; with CHUNK, what moving a file takes of memory."""

MOST_PARTS: Final = 10_000
"""Of which S3 makes one object."""

QUICK: Final = 100 << 20
"""Bytes a second from which one request is as good as several."""

ENOUGH_TO_TELL: Final = 32 << 20
"""Bytes after which it is known how quick one request is."""

_PAGE: Final = 1000
"""Names that a listing gives in one request."""

OBJECT_STORES: Final = ("s3", "gs", "azure", "oss")
"""Where an object appears whole or not at all."""


class RemoteStore(Store):
    """An object store, by an fsspec file system."""

    def __init__(self, address: StoreAddress, filesystem: Any, root: str, kind: str) -> None:  # noqa: ANN401
        super().__init__(address, root)
        self._fs = filesystem
        self._io = filesystem
        self._kind = kind

    @property
    @override
    def takes_streams(self) -> bool:
        return self._kind == "s3"

    @override
    def try_writing(self) -> bool:
        """Of S3 by an upload that is begun and given up: not even a version is left."""
        if not self.takes_streams:
            return super().try_writing()
        with suppress(_GivenUp):
            self.put_stream(uuid.uuid4().hex, 1, _given_up())
        return True

    @override
    def perhaps(self, object_ids: Collection[str]) -> set[str]:
        wanted = set(object_ids)
        if len(wanted) < THREADS:
            return wanted
        prefixes = sorted({name[:2] for name in wanted})
        with self._asking(), ThreadPoolExecutor(THREADS, "lineage-list") as pool:
            self._io.invalidate_cache()
            first = self._listed(prefixes[0])
            if (1 + len(first) // _PAGE) * len(prefixes) > len(wanted):
                there = pool.map(self._has, wanted)
                return {name for name, has in zip(wanted, there, strict=True) if has}
            return wanted & first.union(*pool.map(self._listed, prefixes[1:]))

    def _has(self, name: str) -> bool:
        try:
            self._size(self._path(name))
        except FileNotFoundError:
            return False
        return True

    def _listed(self, prefix: str) -> set[str]:
        folder = self._path(prefix).rstrip("/")
        try:
            found = self._io.ls(folder, detail=False)
        except FileNotFoundError:
            return set()
        return {prefix + posixpath.basename(path) for path in found}

    @override
    def stream(self, object_id: str, size: int, start: int = 0) -> Iterator[bytes | memoryview]:
        if start >= size:
            return
        if size - start <= CHUNK:
            yield self.read(object_id, start, size)
            return
        if self._kind == "s3":
            for block in self._one_answer(self._path(object_id), size, start):
                start += len(block)
                yield block
        yield from self._ranges(object_id, size, start)

    def _ranges(self, object_id: str, size: int, start: int) -> Iterator[bytes]:
        """An object's bytes in order, several requests ahead of the reader."""
        with ThreadPoolExecutor(AHEAD, "lineage-read") as pool:
            waiting: deque[Future[bytes]] = deque()
            try:
                for begin in range(start, size, CHUNK):
                    end = min(begin + CHUNK, size)
                    waiting.append(pool.submit(self.read, object_id, begin, end))
                    if len(waiting) == AHEAD:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _one_answer(self, path: str, size: int, start: int) -> Iterator[bytes]:
        """What one request gives, as long as that is as quick as several would be.

        A store far away gives a connection its share, so several are quicker; one that is near
        gives all it has to one, and each request costs it. Whatever breaks, the rest is asked for
        anew.
        """
        from asyncio import run_coroutine_threadsafe

        bucket, key, _ = self._io.split_path(path)
        wanted = {"Bucket": bucket, "Key": key, "Range": f"bytes={start}-{size - 1}"}
        with self._asking():
            body = self._io.call_s3("get_object", **wanted)["Body"]
        waited, count = 0.0, 0
        coming = run_coroutine_threadsafe(_piece(body), self._io.loop)
        try:
            while count < ENOUGH_TO_TELL or count >= QUICK * waited:
                self._require_use()
                began = time.monotonic()
                block = coming.result()
                waited += time.monotonic() - began
                if not block:
                    return
                count += len(block)
                coming = run_coroutine_threadsafe(_piece(body), self._io.loop)
                yield block
        except LineageError:
            raise
        except Exception as error:
            logger.info("%s: the rest is asked for anew: %s", path, type(error).__name__)
        finally:
            coming.cancel()
            body.close()

    @override
    def put_stream(self, object_id: str, size: int, blocks: Iterator[bytes | memoryview]) -> None:
        bucket, key, _ = self._io.split_path(self._path(object_id))
        place = {"Bucket": bucket, "Key": key}
        with self._asking(writing=True):
            upload = {"UploadId": self._io.call_s3("create_multipart_upload", **place)["UploadId"]}
        try:
            parts = self._put_parts(_pieces(blocks, size), place | upload)
            with self._asking(writing=True):
                self._io.call_s3(
                    "complete_multipart_upload", **place, **upload, MultipartUpload={"Parts": parts}
                )
        except BaseException:
            with suppress(Exception):
                self._io.call_s3("abort_multipart_upload", **place, **upload)
            raise

    def _put_parts(self, pieces: Iterable[bytes], place: dict[str, str]) -> list[dict[str, Any]]:
        """Put the parts of an object, several at once, as they come."""

        def put(number: int, piece: bytes) -> dict[str, Any]:
            with self._asking(writing=True):
                said = self._io.call_s3("upload_part", **place, PartNumber=number, Body=piece)
            return {"PartNumber": number, "ETag": said["ETag"]}

        parts: list[dict[str, Any]] = []
        with ThreadPoolExecutor(AHEAD, "lineage-write") as pool:
            waiting: deque[Future[dict[str, Any]]] = deque()
            try:
                for number, piece in enumerate(pieces, 1):
                    waiting.append(pool.submit(put, number, piece))
                    if len(waiting) == AHEAD:
                        parts.append(waiting.popleft().result())
                while waiting:
                    parts.append(waiting.popleft().result())
            finally:
                pool.shutdown(cancel_futures=True)
        return parts

    @override
    def _read_beside(self, name: str, most: int) -> bytes:
        return self._read(self._beside_objects(name), 0, most)

    @override
    def _write_beside(self, name: str, data: bytes) -> None:
        self._io.pipe_file(self._beside_objects(name), data)

    @override
    def _size(self, path: str) -> int:
        return int(self._fs.info(path, refresh=True)["size"])

    @override
    def _read(self, path: str, start: int, end: int) -> bytes:
        try:
            return bytes(self._io.cat_file(path, start=start, end=end))
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            if "range" in str(error).lower() and self._fs.info(path)["size"] <= start:
                return b""  # there is no such range: the object ends before
            raise

    @override
    def _put_bytes(self, path: str, data: bytes) -> None:
        self._io.pipe_file(path, data)

    @override
    def _put_file(self, path: str, file: Path) -> None:
        more = {"overwrite": True} if self._kind == "azure" else {}
        self._io.put_file(os.fspath(file), path, **more)

    @override
    def _remove(self, path: str) -> None:
        self._fs.rm_file(path)


class _GivenUp(Exception):
    """An upload that was only tried."""


def _given_up() -> Iterator[bytes]:
    """The blocks of an upload that is given up before the first."""
    raise _GivenUp
    yield b""


class DvcStore(RemoteStore):
    """A store that DVC opened: what it reaches by its own plugins."""

    def __init__(self, address: StoreAddress, filesystem: Any, root: str) -> None:  # noqa: ANN401
        from dvc_data.hashfile.db import get_odb

        super().__init__(address, filesystem, root, str(filesystem.protocol))
        self._io = filesystem.fs
        self._odb = get_odb(filesystem, filesystem.join(root, "files", "md5"), hash_name="md5")
        self._made: set[str] = set()

    @property
    @override
    def takes_streams(self) -> bool:
        return False

    @override
    def perhaps(self, object_ids: Collection[str]) -> set[str]:
        if len(object_ids) < THREADS:
            return set(object_ids)
        with self._asking():
            return set(self._odb.oids_exist(list(object_ids)))

    @override
    def try_writing(self) -> bool:
        with self._asking():
            is_there = bool(self._fs.exists(self._root))
        return is_there and super().try_writing()

    @override
    def _path(self, object_id: str) -> str:
        return str(self._odb.oid_to_path(object_id))

    @override
    def _beside_objects(self, name: str) -> str:
        return str(self._fs.join(self._root, name))

    @override
    def _write_beside(self, name: str, data: bytes) -> None:
        self._make(self._beside_objects(name))
        super()._write_beside(name, data)

    @override
    def _put_bytes(self, path: str, data: bytes) -> None:
        with self._whole(path) as beside:
            self._io.pipe_file(beside, data)

    @override
    def _put_file(self, path: str, file: Path) -> None:
        from dvc_objects.fs import generic, localfs

        with self._whole(path) as beside:
            generic.copy(localfs, os.fspath(file), self._fs, beside)

    def _make(self, path: str) -> None:
        """The folder that a path lies in."""
        folder = self._fs.parent(path)
        if folder not in self._made:
            self._fs.makedirs(folder, exist_ok=True)
            self._made.add(folder)

    @contextmanager
    def _whole(self, final: str) -> Iterator[str]:
        """A name to write under, which becomes the object's where nothing fails."""
        if self._kind in OBJECT_STORES:
            yield final
            return
        beside = self._fs.join(self._root, INCOMING, uuid.uuid4().hex)
        self._make(beside)
        self._make(final)
        try:
            yield beside
            self._fs.mv(beside, final)
        except BaseException:
            with suppress(Exception):
                self._fs.rm_file(beside)
            raise


async def _piece(body: Any) -> bytes:  # noqa: ANN401 - the body of an answer, as aiobotocore has it
    """The next bytes of an answer, some at once; none at its end."""
    piece = bytearray()
    while len(piece) < PIECE and (part := await body.read(PIECE - len(piece))):
        piece += part
    return bytes(piece)


def _pieces(blocks: Iterable[bytes | memoryview], size: int) -> Iterator[bytes]:
    """What comes in blocks, in the pieces that are written in one request each."""
    length = max(CHUNK, -(-size // MOST_PARTS))
    piece = bytearray()
    for block in blocks:
        if not piece and len(block) == length:
            yield bytes(block)
            continue
        piece += block
        if len(piece) >= length:
            yield bytes(memoryview(piece)[:length])
            piece = piece[length:]
    if piece:
        yield bytes(piece)
