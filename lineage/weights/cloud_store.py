"""S3, GCS and Azure through obstore, one wheel for the three: how a serving host reads them.

A host has it in the place of fsspec's packages, which bring thirty more each (decision 39). Where
those are installed they are taken, as wherever something is written.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Never

from typing_extensions import override

from lineage.errors import UsageError
from lineage.weights.any_store import Store
from lineage.weights.cloud_settings import MADE
from lineage.weights.remote_store import RemoteStore

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from lineage.weights.copies import StoreAddress


def opened(
    address: StoreAddress, kind: str, settings: Mapping[str, Any], attempts: int
) -> CloudStore:
    """Open a store.

    Args:
        address: where it is.
        kind: one of :data:`lineage.weights.cloud_settings.MADE`.
        settings: what DVC's configuration says of it.
        attempts: how often a request is made that fails on the way.

    Raises:
        ImportError: obstore is not installed.
        ValueError: a setting is none that obstore can follow.
    """
    from obstore import store

    made = {"s3": store.S3Store, "gs": store.GCSStore, "azure": store.AzureStore}[kind]
    bucket, _, root = address.url.partition("://")[2].partition("/")
    retries = {"max_retries": attempts - 1, "retry_timeout": timedelta(seconds=60)}
    return CloudStore(address, made(bucket, retry_config=retries, **MADE[kind](settings)), root)


class CloudStore(RemoteStore):
    """An object store that is read."""

    def __init__(self, address: StoreAddress, store: Any, root: str) -> None:  # noqa: ANN401
        super().__init__(address, store, root.rstrip("/"), kind="")

    @override
    def perhaps(self, object_ids: Collection[str]) -> set[str]:
        return Store.perhaps(self, object_ids)

    @override
    def _path(self, object_id: str) -> str:
        return super()._path(object_id).lstrip("/")

    @override
    def _beside_objects(self, name: str) -> str:
        return super()._beside_objects(name).lstrip("/")

    @override
    def _size(self, path: str) -> int:
        from obstore import head

        try:
            return int(head(self._fs, path)["size"])
        except Exception as error:
            raise _plain(error) from None

    @override
    def _read(self, path: str, start: int, end: int) -> bytes:
        from obstore import get_range

        try:
            return bytes(get_range(self._fs, path, start=start, end=end))
        except FileNotFoundError:
            raise
        except Exception as error:
            if self._size(path) <= start:
                return b""  # there is no such range: the object ends before
            raise _plain(error) from None

    @override
    def try_writing(self) -> bool:
        self._not_written()

    @override
    def _write_beside(self, name: str, data: bytes) -> None:
        self._not_written()

    @override
    def _put_bytes(self, path: str, data: bytes) -> None:
        self._not_written()

    @override
    def _put_file(self, path: str, file: Path) -> None:
        self._not_written()

    @override
    def _remove(self, path: str) -> None:
        self._not_written()

    def _not_written(self) -> Never:
        raise UsageError(
            f"Store {self.address.name} is only read here: lineage-guard writes to it, and "
            "lineage-guard-host does not.",
            remedy="Run it where lineage-guard is installed.",
        )


def _plain(error: Exception) -> Exception:
    """What the library says, without the insides that it prints behind it."""
    if isinstance(error, FileNotFoundError):
        return error
    said = str(error).partition("\n\nDebug source")[0]
    return OSError(" ".join(said.split()))
