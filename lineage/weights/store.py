"""Opening a store, and moving bytes in and out of it: DVC's remotes, through dvc-data and fsspec.

Objects lie where DVC keeps its own, under their MD5: what `dvc push` put there is not put twice,
and `dvc pull` finds what we put. MD5 is only the name: what is read counts when its BLAKE3 does.
"""

from __future__ import annotations

import datetime as dt
import errno
import json
import os
import uuid
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from lineage import timestamps
from lineage.acts import act
from lineage.errors import LineageError, StoreUnreachable, UsageError
from lineage.weights.copies import MARKER_ID
from lineage.weights.dvc_remotes import reason_of, settings_of
from lineage.weights.parallel import THREADS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from lineage.weights.copies import StoreAddress

CHUNK: Final = 16 << 20
"""Bytes that are read in one request."""

AHEAD: Final = 4
"""Requests that are under way at once; with CHUNK, what reading a file takes of memory."""


OBJECT_STORES: Final = ("s3", "gs", "azure", "oss")
"""Where an object appears whole or not at all."""

PATIENCE: Final = {"s3": {"connect_timeout": 5, "read_timeout": 15}, "ssh": {"timeout": 30}}
"""Seconds that a store may take to say anything, where its configuration says nothing."""

S3_ATTEMPTS: Final = 3
"""How often botocore tries (a 503, a broken connection), for each of two times that s3fs does."""


INCOMING: Final = ".lineage-incoming"

MARKER: Final = "lineage-store.json"
"""What a store is known by, under any URL: it lies beside the objects."""

LARGEST_MARKER: Final = 4096
"""Bytes of a marker that are read."""


class Store:
    """A store that is open."""

    is_over: Callable[[], bool] | None = None
    """Asked before each request: whether whoever uses it stops."""

    def __init__(self, address: StoreAddress, filesystem: Any, root: str) -> None:  # noqa: ANN401
        from dvc_data.hashfile.db import get_odb

        self.address = address
        self._fs = filesystem
        self._root = root
        self._odb = get_odb(filesystem, filesystem.join(root, "files", "md5"), hash_name="md5")
        self._made: set[str] = set()

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of this machine."""
        return bool(self._fs.protocol == "local")

    @property
    def incoming(self) -> Path | None:
        """Where a file can wait beside the objects, to be renamed into its place."""
        return Path(self._root) / INCOMING if self.is_folder else None

    def marker(self) -> str | None:
        """The id that lies in the place itself; None where there is none.

        Raises:
            StoreUnreachable: the store does not say.
        """
        path = self._fs.join(self._root, MARKER)
        try:
            with self._asking():
                if self.is_folder:
                    with open(path, "rb") as file:  # noqa: PTH123 - a path of the store's own
                        text = file.read(LARGEST_MARKER)
                else:
                    text = self._read_range(path, 0, LARGEST_MARKER)
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
        path = self._fs.join(self._root, MARKER)
        with suppress(StoreUnreachable), self._asking(writing=True):
            self._make(path)
            if self.is_folder:
                _write_once(path, text)
            else:
                self._fs.fs.pipe_file(path, text)
        return self.marker()

    def size(self, object_id: str) -> int | None:
        """An object's size in bytes; None where it is not there.

        Raises:
            StoreUnreachable: the store does not say.
        """
        with self._asking():
            try:
                return int(self._fs.info(self._path(object_id), refresh=True)["size"])
            except FileNotFoundError:
                return None

    def written_at(self, object_id: str) -> str | None:
        """When an object of a folder was last written to; None where no file says so."""
        if not self.is_folder:
            return None
        try:
            changed = Path(self._path(object_id)).stat().st_ctime
        except OSError:
            return None
        return timestamps.written(dt.datetime.fromtimestamp(changed, dt.UTC))

    def perhaps(self, object_ids: Collection[str]) -> set[str]:
        """Those of some objects that may be there: a store that is asked in one go knows which.

        Raises:
            StoreUnreachable: the store does not say.
        """
        if self.is_folder or len(object_ids) < THREADS:
            return set(object_ids)
        with self._asking():
            return set(self._odb.oids_exist(list(object_ids)))

    def read(self, object_id: str, start: int, end: int) -> bytes:
        """Some bytes of an object; fewer where it ends before.

        Raises:
            FileNotFoundError: it is not there.
            StoreUnreachable: the store does not give them.
        """
        path = self._path(object_id)
        with self._asking():
            if not self.is_folder:
                return self._read_range(path, start, end)
            with open(path, "rb") as file:  # noqa: PTH123 - a path of the store's own
                return os.pread(file.fileno(), end - start, start)

    def _read_range(self, path: str, start: int, end: int) -> bytes:
        try:
            return bytes(self._fs.fs.cat_file(path, start=start, end=end))
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            if "range" in str(error).lower() and self._fs.info(path)["size"] <= start:
                return b""  # there is no such range: the object ends before
            raise

    def stream(self, object_id: str, size: int, start: int = 0) -> Iterator[bytes]:
        """An object's bytes in order, up to a size, several requests ahead of the reader.

        Raises:
            FileNotFoundError: it is not there.
            StoreUnreachable: the store does not give them.
        """
        if start >= size:
            return
        if size - start <= CHUNK:
            yield self.read(object_id, start, size)
            return
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

    def put_bytes(self, object_id: str, data: bytes) -> None:
        """Put a small object into its place, whole or not at all.

        Raises:
            StoreUnreachable: the store does not take it.
        """
        with self._asking(writing=True):
            if self._fs.protocol in OBJECT_STORES:
                self._fs.fs.pipe_file(self._path(object_id), data)
                return
            with self._beside(object_id) as beside:
                self._fs.fs.pipe_file(beside, data) if not self.is_folder else _write(beside, data)

    def put_file(self, object_id: str, file: Path) -> None:
        """Put a file, which nobody changes meanwhile, into its place, whole or not at all.

        A file in :attr:`incoming` is moved there.

        Raises:
            StoreUnreachable: the store does not take it.
        """
        from dvc_objects.fs import generic, localfs

        source = os.fspath(file)
        with self._asking(writing=True):
            if self._fs.protocol in OBJECT_STORES:
                generic.copy(localfs, source, self._fs, self._path(object_id))
            elif self.is_folder:
                self._make(self._path(object_id))
                Path(source).replace(self._path(object_id))
                self._odb.protect(self._path(object_id))
            else:
                with self._beside(object_id) as beside:
                    generic.copy(localfs, source, self._fs, beside)

    def remove(self, object_id: str) -> bool:
        """Remove an object; whether it was there.

        Raises:
            StoreUnreachable: the store does not let it go.
        """
        with self._asking():
            try:
                self._fs.rm_file(self._path(object_id))
            except FileNotFoundError:
                return False
            return True

    def _path(self, object_id: str) -> str:
        return str(self._odb.oid_to_path(object_id))

    def _make(self, path: str) -> None:
        """The folder that a path lies in."""
        folder = self._fs.parent(path)
        if folder not in self._made:
            self._fs.makedirs(folder, exist_ok=True)
            self._made.add(folder)

    @contextmanager
    def _beside(self, object_id: str) -> Iterator[str]:
        """A name to write under, which becomes the object's where nothing fails."""
        final = self._path(object_id)
        beside = self._fs.join(self._root, INCOMING, uuid.uuid4().hex)
        self._make(beside)
        self._make(final)
        try:
            yield beside
            if self.is_folder:
                Path(beside).replace(final)
                self._odb.protect(final)
            else:
                self._fs.mv(beside, final)
        except BaseException:
            with suppress(Exception):
                self._fs.rm_file(beside)
            raise

    @contextmanager
    def _asking(self, *, writing: bool = False) -> Iterator[None]:
        if self.is_over is not None and self.is_over():
            raise StoreUnreachable(
                f"Store {self.address.name} was not asked: the program stops.",
                remedy="Start it again.",
            )
        with asking(self.address, writing=writing):
            yield


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


def open_store(address: StoreAddress, *, is_over: Callable[[], bool] | None = None) -> Store:
    """Open a store, with what DVC's own configuration on this host knows of its URL.

    Where the host's credentials go is the host's word alone (:mod:`lineage.weights.dvc_trust`).

    Args:
        address: where it is.
        is_over: asked before each request to it: whether whoever uses it stops.

    Raises:
        StoreUnreachable: its plugin is not installed, its configuration is not valid or leads
            elsewhere without this host's word, or nobody who administers the registry said where
            it is.
    """
    if not address.approved:
        raise StoreUnreachable(
            f"Store {address.name} has settings that no administrator of the registry approved, so "
            "it is not opened with this host's credentials.",
            remedy="Look where it leads, and have it recorded by an admin who is bound to nothing: "
            f"{act('store add', address.name, address.url)}",
        )
    with asking(address):
        from dvc.fs import get_cloud_fs

        kind = address.url.partition(":")[0]
        settings = PATIENCE.get(kind, {}) | settings_of(address)
        url = unquote(urlsplit(address.url).path) if address.is_folder else address.url
        cls, config, path = get_cloud_fs({}, **(settings | {"url": url}))
        if config.pop("version_aware", False) or config.pop("worktree", False):
            raise UsageError(
                f"Store {address.name} is a DVC remote that is version-aware.",
                remedy="Name another remote: [artifacts] remote in lineage.toml.",
            )
        if kind == "ssh":
            config["agent_forwarding"] = False  # dvc-ssh would lend the user's keys to the host
        filesystem = cls(**config)
        if kind == "s3":
            patience = {"total_max_attempts": S3_ATTEMPTS, "mode": "standard"}
            filesystem.fs_args.setdefault("config_kwargs", {}).setdefault("retries", patience)
            filesystem.fs.retries = 2
        store = Store(address, filesystem, path)
        store.is_over = is_over
        return store


def _write_once(path: str, data: bytes) -> None:
    """Put a whole file into its place, unless there is one."""
    beside = f"{path}.{uuid.uuid4().hex}"
    _write(beside, data)
    try:
        with suppress(FileExistsError):
            os.link(beside, path)
    finally:
        Path(beside).unlink()


def _write(path: str, data: bytes) -> None:
    with open(path, "xb") as file:  # noqa: PTH123 - a path of the store's own
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _remedy(address: StoreAddress, error: BaseException) -> str:
    from dvc_objects.fs.errors import RemoteMissingDepsError

    if isinstance(error, RemoteMissingDepsError) or "requires" in str(error):
        return f"Install its plugin: pip install 'dvc[{address.url.partition(':')[0]}]'"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "Make room in it, then run the same command again: what is there already stays."
    return (
        "Check that this host reaches it and has its credentials (dvc remote modify --global, or "
        "the environment), then run the same command again."
    )
