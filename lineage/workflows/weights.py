"""What a person does with weights: the project, the registry and the stores together."""

from __future__ import annotations

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from lineage import timestamps
from lineage.acts import act
from lineage.errors import IntegrityFailure, LineageError, NotFound, StoreUnreachable
from lineage.guard.looks import deep_is_due
from lineage.hashing.files import hash_path
from lineage.hashing.tree import follow_any
from lineage.identity.components import EnvironmentKind, Weights
from lineage.weights import check, upload
from lineage.weights.copies import CopyState, StoredWeights
from lineage.weights.staging import staging
from lineage.weights.store import open_store
from lineage.workflows.stores import as_recorded, named_store, same_place, store_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Future
    from contextlib import AbstractContextManager, ExitStack
    from pathlib import Path

    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.captured import CapturedVersion
    from lineage.contract.results import Serving
    from lineage.hashing.blocks import Progress
    from lineage.hashing.files import Copy as FileCopy
    from lineage.hashing.files import HashedFile
    from lineage.weights.any_store import Store
    from lineage.weights.copies import Copy, CopyCheck, NewCopy, StoreAddress
    from lineage.weights.staging import Staging

QUICK_CHECK: Final = 5.0
"""Seconds that a move waits for a store to say whether the bytes are still there."""

LATELY: Final = dt.timedelta(hours=1)
"""For how long a check is as good as a new one that finds the same."""


class Storing:
    """The store that takes the weights of a project, opened when it is first needed.

    One elsewhere takes a while to open, which it does while weights are hashed.

    Args:
        project: whose weights are stored.
        registry: where stores are recorded.
        until: copies that became no object of the store are gone when it ends.
    """

    def __init__(self, project: Project, registry: AnyRegistry, until: ExitStack) -> None:
        self._project = project
        self._registry = registry
        self._until = until

    @cached_property
    def _address(self) -> StoreAddress:
        return as_recorded(self._registry, store_of(self._project))

    @cached_property
    def _opening(self) -> Future[Store]:
        pool = self._until.enter_context(ThreadPoolExecutor(1, "lineage-open-store"))
        return pool.submit(open_store, self._address)

    @property
    def store(self) -> Store:
        """The store.

        Raises:
            UsageError: it is not configured as it can be used.
            StoreUnreachable: it cannot be opened.
        """
        return self._opening.result()

    @cached_property
    def staging(self) -> Staging:
        """Where copies for it are made."""
        return self._until.enter_context(staging(self.store))

    def copy(self) -> AbstractContextManager[FileCopy | None]:
        """A new copy of a file, made in the read that hashes it; none for a store elsewhere."""
        if self._address.is_folder:
            return self.staging.copy()
        _ = self._opening
        return nullcontext()


def put_into_store(
    storing: Storing,
    registry: AnyRegistry,
    model: str,
    files: list[HashedFile],
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
    store = storing.store
    place = replace(store.address, marker=store.marker() or store.address.marker)
    described = StoredWeights(
        model, weights.xxh3, weights.blake3, weights.path, weights.size, weights.files, ()
    )
    for known in registry.copies_of(weights.blake3):
        if not same_place(known.store, place) or known.state is CopyState.CHANGED:
            continue
        look = check.check_copy(store, described, known, deep=False)
        if look.state is CopyState.INTACT:
            return replace(captured, stored=(replace(known.as_new, read=look.deep),))
    copy = upload.put_files(store, files, storing.staging, progress)
    return with_copy(captured, copy)


def with_copy(captured: CapturedVersion, copy: NewCopy) -> CapturedVersion:
    """What was captured, with the copy of its weights that was made in a store just now."""
    own = captured.origin is None or not captured.origin.is_external
    code = captured.components.code if own else None  # a hub's repository names no remote of DVC's
    made = replace(
        copy,
        repository=code.remote if code else None,
        revision=code.commit if code else None,
    )
    return replace(captured, stored=(made,))


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
    slots: Sequence[Serving]
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
        else as_recorded(registry, store_of(project))
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


def quick_check(registry: AnyRegistry, references: Iterable[str], *, actor: str) -> None:
    """Before a move, check whether the bytes that it rests on are still there, if that is quick.

    What was found out is recorded, and that the bytes are still there where nobody looked lately; a
    store that does not answer in time proves nothing.
    """
    for reference in references:
        with suppress(LineageError):
            stored = registry.stored(reference)
            lately = timestamps.written(timestamps.moment(timestamps.now()) - LATELY)
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
