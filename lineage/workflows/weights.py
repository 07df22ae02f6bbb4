"""What a person does with weights: the project, the registry and the stores together."""

from __future__ import annotations

import datetime as dt
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lineage import timestamps
from lineage.acts import act
from lineage.errors import IntegrityFailure, LineageError, NotFound, StoreUnreachable, UsageError
from lineage.guard.looks import deep_is_due
from lineage.hashing.files import hash_path
from lineage.hashing.tree import follow_any
from lineage.identity.components import EnvironmentKind, Weights
from lineage.identity.references import check_name
from lineage.weights import check, upload
from lineage.weights.copies import CopyState, StoreAddress, StoredWeights, unknown_store
from lineage.weights.dvc_remotes import remote_of
from lineage.weights.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lineage.capture.project import Project
    from lineage.capture.version import VersionCapture
    from lineage.connection import AnyRegistry
    from lineage.contract.captured import CapturedVersion
    from lineage.contract.results import Serving
    from lineage.hashing.blocks import Progress
    from lineage.weights.copies import Copy, CopyCheck

LOCAL: Final = "local"
"""What the store of a project without a DVC remote is called."""

QUICK_CHECK: Final = 5.0
"""Seconds that a move waits for a store to say whether the bytes are still there."""

LATELY: Final = dt.timedelta(hours=1)
"""For how long a check is as good as a new one that finds the same."""


def store_of(project: Project) -> StoreAddress:
    """Where the weights of a project are stored.

    The DVC remote that ``[artifacts] remote`` names, else DVC's default one; where there is none,
    ``.lineage/store``.

    Raises:
        UsageError: DVC knows no remote of this name, or it cannot be a store.
    """
    named = project.config.artifacts.remote
    if named is not False:
        found = remote_of(project.root, named)
        if found is not None:
            return found
    folder = project.own_folder() / "store"
    return StoreAddress(LOCAL, folder.resolve().as_uri())


def require_reachable(project: Project, registry: AnyRegistry) -> None:
    """Refuse to store weights where no other host can fetch them, before anything is done.

    Raises:
        UsageError: several hosts use the registry, and the store is a folder of this one.
    """
    if not registry.shared:
        return
    address = store_of(project)
    if not address.is_folder:
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


def put_into_store(
    project: Project,
    registry: AnyRegistry,
    capture: VersionCapture,
    captured: CapturedVersion,
    progress: Progress | None = None,
) -> CapturedVersion:
    """Store the weights that were captured; what was captured, with where they are.

    What the registry knows to be there already is only looked for.

    Raises:
        CaptureError: the weights changed since they were captured.
        StoreUnreachable: the store does not take them.
        UsageError: the store is not configured as it can be used.
    """
    weights = captured.components.weights
    if weights is None or weights.blake3 is None:
        return captured
    store = open_store(_as_recorded(registry, store_of(project)))
    place = replace(store.address, marker=store.marker() or store.address.marker)
    described = StoredWeights(
        capture.model, weights.xxh3, weights.blake3, weights.path, weights.size, weights.files, ()
    )
    for known in registry.copies_of(weights.blake3):
        if not _same_place(known.store, place) or known.state is CopyState.CHANGED:
            continue
        look = check.check_copy(store, described, known, deep=False)
        if look.state is CopyState.INTACT:
            return replace(captured, stored=(replace(known.as_new, read=look.deep),))
    path, follow = capture.weights_source
    with project.cache() as cache:
        copy = upload.put(
            store,
            path,
            weights,
            cache=cache,
            progress=progress,
            follow=follow,
            project=project.root,
        )
    code = captured.components.code
    made = replace(
        copy,
        repository=code.remote if code else None,
        revision=code.commit if code else None,
    )
    return replace(captured, stored=(made,))


def _same_place(first: StoreAddress, second: StoreAddress) -> bool:
    """Whether two stores are one: by their markers, else by their URLs."""
    if None in (first.marker, second.marker):
        return first.url == second.url
    return first.marker == second.marker


def _row_of(registry: AnyRegistry, address: StoreAddress) -> dict[str, Any] | None:
    """What the registry knows of a store, by its marker, else by its URL."""
    rows = registry.stores()
    by_url = (row for row in rows if row["url"] == address.url)
    by_marker = (row for row in rows if address.marker and row.get("marker") == address.marker)
    return next(by_marker, None) or next(by_url, None)


def _as_recorded(registry: AnyRegistry, address: StoreAddress) -> StoreAddress:
    """A store with the marker that was recorded of its URL: a place that was emptied keeps it."""
    rows = (row for row in registry.stores() if row["url"] == address.url)
    return replace(address, marker=next(rows, {}).get("marker"))


def verify_copies(
    registry: AnyRegistry, reference: str, *, deep: bool = True, actor: str
) -> tuple[StoredWeights, tuple[CopyCheck, ...]]:
    """Check the weights of a version in every store, and record what was found.

    Raises:
        NotFound: the version does not exist, or is in no store.
    """
    stored = registry.stored(reference)
    if not stored.copies:
        raise NotFound(
            f"The weights of {stored.ref} are in no store.",
            remedy=f"Store them from wherever they are: {act('store put', stored.ref, 'PATH')}",
        )
    looks = check.check_copies(stored, deep=deep)
    return registry.record_checks(stored.ref, looks, actor=actor), looks


def check_backups(
    registry: AnyRegistry,
    environment: str | None,
    model: str | None = None,
    *,
    deep: bool,
    actor: str,
) -> list[Serving]:
    """Check the bytes of every backup and record what was found; each slot that serves, after.

    Every byte is read where that is asked for, and where the environment's ``deep_within`` is over.

    Raises:
        NotFound: there is no such environment or model.
    """
    if model is not None:
        slots = [registry.serving(model, environment or "production")]
    else:
        slots = registry.all_serving(environment)
    within = {
        name: registry.environment(name)["policy"].get("deep_within")
        for name in {slot.environment for slot in slots if slot.backup is not None}
    }
    checked = []
    for slot in slots:
        if slot.backup is not None:
            stored = registry.stored(slot.backup.ref)
            looks = check.check_copies(stored, deep=deep or _due(within[slot.environment]))
            registry.record_checks(stored.ref, looks, backup_in=slot.environment, actor=actor)
            slot = registry.serving(slot.model, slot.environment)
        if slot.serving is not None:
            checked.append(slot)
    return checked


def _due(deep_within: str | None) -> Callable[[Copy], bool]:
    """Whether every byte of a copy is to be read, as an environment demands it."""
    now = timestamps.now()
    return lambda copy: deep_is_due(copy.deep_at, deep_within, now)


def put_back(
    project: Project,
    registry: AnyRegistry,
    reference: str,
    path: Path,
    name: str | None,
    *,
    actor: str,
) -> StoredWeights:
    """Store the weights of a version that is registered, from wherever they are.

    Args:
        project: whose store takes them where none is named.
        registry: where the copy is recorded.
        reference: the version.
        path: a file or folder that holds them.
        name: the store.
        actor: who stores them.

    Raises:
        NotFound: the version or the store does not exist.
        IntegrityFailure: what is there is not what was registered; nothing is stored.
        CaptureError: it cannot be read.
        StoreUnreachable: the store does not take it.
    """
    target = (
        named_store(registry, name)
        if name is not None
        else _as_recorded(registry, store_of(project))
    )
    stored = registry.stored(reference)
    wanted = check.recorded(stored)
    found = hash_path(path, with_blake3=True, project=project.root)
    if found.blake3 != wanted:
        raise IntegrityFailure(
            f"{path} is not what was registered as the weights of {stored.ref}.",
            remedy=f"See what was: {act('show', stored.ref)}",
        )
    weights = Weights(stored.xxh3, wanted, stored.path, stored.size, stored.files)
    store = open_store(target)
    copy = upload.put(store, path, weights, follow=follow_any, project=project.root)
    return registry.add_copy(stored.ref, copy, actor=actor)


def without_backup(registry: AnyRegistry, slots: Iterable[Serving]) -> list[Serving]:
    """Those slots of production environments that have no backup which is ready."""
    kinds = {row["name"]: row["kind"] for row in registry.environments()}
    return [
        slot
        for slot in slots
        if kinds[slot.environment] == EnvironmentKind.PRODUCTION
        and (slot.readiness is None or not slot.readiness.ready)
    ]


def copy_to(
    registry: AnyRegistry, reference: str, name: str, *, actor: str
) -> tuple[StoredWeights, bool]:
    """Copy the weights of a version to another store; whether it did not have them.

    Raises:
        NotFound: the version or the store does not exist, or the version is in no store.
        IntegrityFailure: no store has the bytes that were registered.
        StoreUnreachable: one of the stores cannot be used.
    """
    target = named_store(registry, name)
    stored = registry.stored(reference)
    there = next((copy for copy in stored.copies if copy.store.name == name), None)
    if there is not None:
        found = check.check_copy(open_store(there.store), stored, there, deep=True)
        if found.state is CopyState.INTACT:
            return registry.record_checks(stored.ref, [found], actor=actor), False
    failed: list[LineageError] = []
    for copy in stored.copies:
        if copy.store.name == name:
            continue
        try:
            new = upload.copy_over(open_store(copy.store), copy, open_store(target), stored)
        except (IntegrityFailure, StoreUnreachable) as error:
            failed.append(error)
        else:
            return registry.add_copy(stored.ref, new, actor=actor), True
    if failed:
        raise failed[0]
    raise NotFound(
        f"The weights of {stored.ref} are in no other store.",
        remedy=f"Store them from wherever they are: {act('store put', stored.ref, 'PATH')}",
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
) -> tuple[dict[str, Any], bool]:
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
        JSON of the store, and whether it is new. A place that was known is the store that it was.

    Raises:
        UsageError: it cannot be a store.
        StoreUnreachable: it cannot be opened from here.
    """
    check_name("store", name)
    if url is None:
        found = remote_of(project.root, name)
        assert found is not None  # noqa: S101 - a name was given
        address = StoreAddress(name, found.url, {**found.config, **settings})
    else:
        address = StoreAddress(name, as_url(url), settings)
    address = replace(address, marker=open_store(_as_recorded(registry, address)).mark())
    created = registry.add_store(address, shared=shared, actor=actor)
    row = _row_of(registry, address)
    assert row is not None  # noqa: S101 - it was recorded just now
    return row, created


def as_url(text: str) -> str:
    """A store's URL; a path is a folder of this machine."""
    return text.rstrip("/") if "://" in text else Path(text).resolve().as_uri()


def quick_check(registry: AnyRegistry, references: Iterable[str], *, actor: str) -> None:
    """Before a move, check whether the bytes that it rests on are still there, if that is quick.

    What was found out is recorded, and that the bytes are still there where nobody looked lately; a
    store that does not answer in time proves nothing.
    """
    for reference in references:
        with suppress(LineageError):
            stored = registry.stored(reference)
            lately = timestamps.written(dt.datetime.now(dt.UTC) - LATELY)
            news = [
                look
                for look, copy in zip(_checked_quickly(stored), stored.copies, strict=False)
                if look.state is not CopyState.UNREACHABLE
                and (look.state is not copy.state or copy.checked_at < lately)
            ]
            if news:
                registry.record_checks(stored.ref, news, actor=actor)


def _checked_quickly(stored: StoredWeights) -> Sequence[CopyCheck]:
    looks: list[CopyCheck] = []
    thread = threading.Thread(
        target=lambda: looks.extend(check.check_copies(stored, deep=False)),
        name="quick-check",
        daemon=True,
    )
    thread.start()
    thread.join(QUICK_CHECK)
    return tuple(looks) if not thread.is_alive() else ()
