"""Opening a store: a folder by itself, an object store through fsspec or obstore, or through DVC.

DVC itself is loaded for what only it reaches (ssh, hdfs, webdav …), and for settings of a later
version: a host that serves goes without.
"""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from lineage.acts import act
from lineage.errors import StoreUnreachable, UsageError
from lineage.installed import HOST, distribution
from lineage.weights import cloud_store, filesystems
from lineage.weights.any_store import asking
from lineage.weights.dvc_remotes import settings_of
from lineage.weights.folder_store import FolderStore
from lineage.weights.remote_store import DvcStore, RemoteStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineage.weights.any_store import Store
    from lineage.weights.copies import StoreAddress

logger = logging.getLogger("lineage.weights")

PATIENCE: Final = {"s3": {"connect_timeout": 5, "read_timeout": 15}, "ssh": {"timeout": 30}}
"""Seconds that a store may take to say anything, where its configuration says nothing."""

S3_ATTEMPTS: Final = 3
"""How often botocore tries (a 503, a broken connection), for each of two times that s3fs does."""


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
        kind = address.url.partition(":")[0]
        settings = PATIENCE.get(kind, {}) | settings_of(address)
        store = _opened(address, kind, settings)
        store.is_over = is_over
        return store


def _opened(address: StoreAddress, kind: str, settings: dict[str, Any]) -> Store:
    if kind == "file":
        _require_no_versions(address, settings)
        return FolderStore(address, unquote(urlsplit(address.url).path))
    known = filesystems.known(kind, settings)
    if known is not None:
        _require_no_versions(address, known)
        return _object_store(address, kind, known)
    from dvc.fs import get_cloud_fs

    cls, config, path = get_cloud_fs({}, **(settings | {"url": address.url}))
    _require_no_versions(address, config)
    if kind == "ssh":
        config["agent_forwarding"] = False  # dvc-ssh would lend the user's keys to the host
    return DvcStore(address, cls(**config), path)


def _object_store(address: StoreAddress, kind: str, settings: dict[str, Any]) -> Store:
    """By fsspec's package of this kind where it is installed, else, on a host, by obstore."""
    try:
        filesystem = filesystems.opened(kind, settings, S3_ATTEMPTS)
    except ImportError as error:
        if distribution()[0] != HOST or find_spec("obstore") is None:
            raise
        logger.debug("%s is read through obstore: %s", address.name, error)
        return cloud_store.opened(address, kind, settings, S3_ATTEMPTS)
    return RemoteStore(address, filesystem, filesystems.root_of(kind, address.url), kind)


def _require_no_versions(address: StoreAddress, settings: dict[str, Any]) -> None:
    if any(
        str(settings.pop(key, False)).lower() == "true" for key in ("version_aware", "worktree")
    ):
        raise UsageError(
            f"Store {address.name} is a DVC remote that is version-aware.",
            remedy="Name another remote: [artifacts] remote in lineage.toml.",
        )
