"""Opening a store, and moving bytes in and out of it: DVC's remotes, through dvc-data and fsspec.

Objects lie where DVC keeps its own, under their MD5: what `dvc push` put there is not put twice,
and `dvc pull` finds what we put. MD5 is only the name: what is read counts when its BLAKE3 does.
"""

from __future__ import annotations

import errno
import os
import re
import uuid
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

from lineage.errors import LineageError, StoreUnreachable, UsageError
from lineage.weights.copies import PUBLIC, StoreAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

CHUNK: Final = 16 << 20
"""Bytes that are read in one request."""

AHEAD: Final = 4
"""Requests that are under way at once; with CHUNK, what reading a file takes of memory."""

SMALL: Final = 4 << 20
"""Objects up to this size are moved in one piece, from memory, THREADS at once."""

THREADS: Final = 16
"""Small objects that are moved at once."""

OBJECT_STORES: Final = ("s3", "gs", "azure", "oss")
"""Where an object appears whole or not at all."""

PATIENCE: Final = {"s3": {"connect_timeout": 5, "read_timeout": 15}, "ssh": {"timeout": 30}}
"""Seconds that a store may take to say anything, where its configuration says nothing."""

S3_ATTEMPTS: Final = 3
"""How often botocore tries (a 503, a broken connection), for each of two times that s3fs does."""

RUN_BY_OTHERS: Final = ("configpath", "credentialpath")
"""Settings that name files which may name programs: never taken from a repository's own config."""

INCOMING: Final = ".lineage-incoming"

T = TypeVar("T")


class Store:
    """A store that is open."""

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
        """Take an object away; whether it was there.

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
            f"Store {address.name} ({address.url}) cannot be used: {_reason(error)}.",
            remedy=_remedy(address, error),
        ) from None


def open_store(address: StoreAddress) -> Store:
    """Open a store, with what DVC's own configuration on this host knows of its URL.

    Args:
        address: where it is.

    Raises:
        StoreUnreachable: its plugin is not installed, or its configuration is not valid.
    """
    with asking(address):
        from dvc.fs import get_cloud_fs

        kind = address.url.partition(":")[0]
        settings = PATIENCE.get(kind, {}) | dict(address.config) | _settings(address.url)
        url = unquote(urlsplit(address.url).path) if address.is_folder else address.url
        cls, config, path = get_cloud_fs({}, **(settings | {"url": url}))
        if config.pop("version_aware", False) or config.pop("worktree", False):
            raise UsageError(
                f"Store {address.name} is a DVC remote that is version-aware.",
                remedy="Name another remote: [artifacts] remote in lineage.toml.",
            )
        filesystem = cls(**config)
        if kind == "s3":
            patience = {"total_max_attempts": S3_ATTEMPTS, "mode": "standard"}
            filesystem.fs_args.setdefault("config_kwargs", {}).setdefault("retries", patience)
            filesystem.fs.retries = 2
        return Store(address, filesystem, path)


def remote_of(folder: Path, name: str | None) -> StoreAddress | None:
    """A DVC remote as a store: the named one, else the default one, None where there is none.

    Args:
        folder: a folder of a DVC repository.
        name: the remote's name.

    Raises:
        UsageError: there is no remote of this name, or it cannot be a store.
        StoreUnreachable: its plugin is not installed, or what it stands on is not there.
    """
    remotes, default = _remotes(folder)
    chosen = name or default
    if chosen is None:
        return None
    if "url" not in remotes.get(chosen.lower(), {}):
        raise UsageError(
            f"DVC knows no remote {chosen[:60]!r}.",
            remedy="See them (dvc remote list), and name one: [artifacts] remote in lineage.toml.",
        )
    try:
        settings = _resolved(remotes, chosen)
    except Exception as error:
        raise StoreUnreachable(
            f"The DVC remote {chosen} cannot be used: {_reason(error)}.",
            remedy="Install its plugin (pip install 'dvc[…]'), or mend it: dvc remote modify.",
        ) from None
    known = {key: settings[key] for key in sorted(PUBLIC & set(settings))}
    return StoreAddress(_store_name(chosen), settings["url"], known)


def _settings(url: str) -> dict[str, Any]:
    """What DVC's configuration says of the remotes of a URL."""
    remotes, _ = _remotes(Path.cwd())
    found: dict[str, Any] = {}
    for name in remotes:
        with suppress(Exception):
            settings = _resolved(remotes, name)
            if settings.pop("url") == url.rstrip("/"):
                found |= settings
    return found


def _remotes(folder: Path) -> tuple[dict[str, dict[str, Any]], str | None]:
    """Every remote that DVC knows from a folder, and its default one; the nearest file counts."""
    remotes: dict[str, dict[str, Any]] = {}
    default = None
    for kind, level in _levels(folder):
        default = (level.get("core") or {}).get("remote", default)
        for key, remote in (level.get("remote") or {}).items():
            own = {k: v for k, v in remote.items() if kind != "repo" or k not in RUN_BY_OTHERS}
            remotes.setdefault(key.lower(), {}).update(own)
    return remotes, default


def _resolved(remotes: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    """A remote's settings, with those of the remote that it stands on, and a whole URL."""
    from dvc.fs import get_fs_config

    settings = dict(get_fs_config({"remote": remotes}, name=name))
    url = str(settings["url"]).rstrip("/")
    settings["url"] = url if "://" in url else Path(url).absolute().as_uri()
    return settings


def _levels(folder: Path) -> list[tuple[str, Any]]:
    """DVC's configuration files by their level, from the system's to the checkout's own."""
    from dvc.config import Config, ConfigError

    here = folder.resolve()
    found = (place / ".dvc" for place in (here, *here.parents))
    dvc = next((os.fspath(place) for place in found if place.is_dir()), None)
    levels = ("system", "global", *(("repo", "local") if dvc is not None else ()))
    config = Config(dvc_dir=dvc, validate=False)
    try:
        return [(level, config.load_one(level)) for level in levels]
    except (ConfigError, OSError, ValueError) as error:
        raise UsageError(
            f"DVC's configuration cannot be read: {_reason(error)}.",
            remedy="Mend it: `dvc config --list` shows the same problem.",
        ) from None


def _store_name(remote: str) -> str:
    """A remote's name as a store may be called."""
    return re.sub(r"[^a-z0-9._-]", "-", remote.lower())[:100].lstrip("._-") or "remote"


def each_by_size(work: Callable[[T], None], items: Collection[T], size: Callable[[T], int]) -> None:
    """Do some work on small things at once, then on large ones, each of which is many requests."""
    each(work, (item for item in items if size(item) <= SMALL))
    for item in items:
        if size(item) > SMALL:
            work(item)


def each(work: Callable[[T], None], items: Iterable[T]) -> None:
    """Do some work on many small things at once; the first failure stops the rest."""
    with ThreadPoolExecutor(THREADS, "lineage-store") as pool:
        running = deque[Future[None]]()
        try:
            for item in items:
                running.append(pool.submit(work, item))
                if len(running) >= 4 * THREADS:
                    running.popleft().result()
            while running:
                running.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _write(path: str, data: bytes) -> None:
    with open(path, "xb") as file:  # noqa: PTH123 - a path of the store's own
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _reason(error: BaseException) -> str:
    """What a library said, in one line without its own wrappings."""
    root: BaseException = error
    while not str(root) and root.__cause__ is not None:
        root = root.__cause__
    if isinstance(root, OSError) and root.strerror:
        return root.strerror.lower()
    return (" ".join(str(root).split()) or type(root).__name__)[:300].rstrip(".")


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
