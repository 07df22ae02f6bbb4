"""The stores of a project and of its registry: which there are, and recording one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lineage.acts import act
from lineage.errors import NotPermitted, UsageError
from lineage.identity.references import check_name
from lineage.weights.copies import StoreAddress, unknown_store
from lineage.weights.dvc_remotes import remote_of
from lineage.weights.store import open_store

if TYPE_CHECKING:
    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.results.stores import StoreRecord

LOCAL: Final = "local"
"""What the store of a project without a DVC remote is called."""


def store_of(project: Project) -> StoreAddress:
    """Where the weights of a project are stored.

    The DVC remote that ``[artifacts] remote`` names, else DVC's default one; where there is none,
    ``.lineage/store``.

    Raises:
        UsageError: DVC knows no remote of this name, or it cannot be a store.
    """
    remote = dvc_remote_of(project)
    if remote is not None:
        return remote
    project.own_folder()
    return local_store_of(project)


def dvc_remote_of(project: Project) -> StoreAddress | None:
    """The DVC remote that a project's weights are stored in; None where there is none.

    Raises:
        UsageError: DVC knows no remote of the configured name, or it cannot be a store.
    """
    named = project.config.artifacts.remote
    return remote_of(project.root, named) if named is not False else None


def local_store_of(project: Project) -> StoreAddress:
    """Where the weights of a project without a DVC remote are stored, be it there or not."""
    return StoreAddress(LOCAL, (project.root / ".lineage" / "store").resolve().as_uri())


def require_reachable(project: Project, registry: AnyRegistry) -> None:
    """Refuse to store weights where no other host can fetch them, before anything is done.

    Raises:
        UsageError: several hosts use the registry, and the store is a folder of this one.
        NotPermitted: the registry does not know the store, and who registers may not record it.
    """
    require_reachable_at(store_of(project), registry)


def require_reachable_at(address: StoreAddress, registry: AnyRegistry) -> None:
    """Refuse a store that no other host could fetch from; see :func:`require_reachable`."""
    if not registry.shared:
        return
    if not address.is_folder:
        _require_recorded(registry, address)
        return
    known = _row_of(registry, replace(address, marker=open_store(address).marker()))
    if known is not None and known.get("shared", True):
        return
    raise UsageError(
        f"The weights would be stored in {address.url}, a folder of this host, and the registry "
        "is a server's: no other host could fetch them.",
        remedy="Name a DVC remote that every host reaches: dvc remote add --default main "
        "s3://BUCKET/PATH; or, where every host mounts this folder, say so: "
        f"{act('store add', address.name, address.url, shared=True)}",
    )


def _require_recorded(registry: AnyRegistry, address: StoreAddress) -> None:
    """Refuse a store that the registry would not record for the one who speaks.

    It may be known under another URL by its marker, which is asked for where it matters alone.
    """
    if registry.records_stores or _row_of(registry, address) is not None:
        return
    if _row_of(registry, replace(address, marker=open_store(address).marker())) is not None:
        return
    url = address.url if not address.config else None  # its settings come from the checkout
    raise NotPermitted(
        f"The weights would be stored in {address.url}, which is no store of this registry, and "
        "only an admin who is bound to nothing records one.",
        remedy="Have it recorded from such a checkout, by such a token or where the database is: "
        + act("store add", address.name, *([url] if url else [])),
    )


def named_store(registry: AnyRegistry, name: str) -> StoreAddress:
    """A store that the registry knows.

    Raises:
        NotFound: there is none of this name.
    """
    check_name("store", name)
    for row in registry.stores():
        if row["name"] == name:
            return StoreAddress.from_json(row)
    raise unknown_store(name)


def add_store(
    project: Project,
    registry: AnyRegistry,
    name: str,
    url: str | None,
    settings: dict[str, Any],
    *,
    shared: bool | None = None,
    actor: str,
) -> tuple[StoreRecord, bool]:
    """Record a store: a URL, a folder, or the DVC remote of this name.

    Args:
        project: whose DVC configuration names remotes.
        registry: where it is recorded.
        name: what it is to be called.
        url: where it is; by default where the DVC remote of this name is.
        settings: those of the DVC remote that are no secret.
        shared: of a folder, whether every host mounts it.
        actor: who records it.

    Returns:
        The store, and whether it is new. A place that was known is the store that it was.

    Raises:
        UsageError: it cannot be a store.
        StoreUnreachable: it cannot be opened from here.
    """
    check_name("store", name)
    if url is None:
        found = remote_of(project.root, name)
        assert found is not None  # nosec B101 # noqa: S101 - a name was given
        address = StoreAddress(name, found.url, {**found.config, **settings})
    else:
        address = StoreAddress(name, as_url(url), settings)
    address = replace(address, marker=open_store(as_recorded(registry, address)).mark())
    created = registry.add_store(address, shared=shared, actor=actor)
    row = _row_of(registry, address)
    assert row is not None  # nosec B101 # noqa: S101 - it was recorded just now
    return row, created


def same_place(first: StoreAddress, second: StoreAddress) -> bool:
    """Whether two stores are one: by their markers, else by their URLs."""
    if None in (first.marker, second.marker):
        return first.url == second.url
    return first.marker == second.marker


def as_recorded(registry: AnyRegistry, address: StoreAddress) -> StoreAddress:
    """A store with the marker that was recorded of its URL: a place that was emptied keeps it."""
    rows = (row for row in registry.stores() if row["url"] == address.url)
    row = next(rows, None)
    return replace(address, marker=row.get("marker") if row is not None else None)


def _row_of(registry: AnyRegistry, address: StoreAddress) -> StoreRecord | None:
    """What the registry knows of a store, by its marker, else by its URL."""
    rows = registry.stores()
    by_url = (row for row in rows if row["url"] == address.url)
    by_marker = (row for row in rows if address.marker and row.get("marker") == address.marker)
    return next(by_marker, None) or next(by_url, None)


def as_url(text: str) -> str:
    """A store's URL; a path is a folder of this machine."""
    return text.rstrip("/") if "://" in text else Path(text).resolve().as_uri()
