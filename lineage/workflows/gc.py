"""Taking weights away that nothing can need any more.

The registry is told first, then the bytes go: a record never lacks its bytes. What another version
shares, file by file, stays; what was in the store before us is somebody else's, and stays too.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from lineage.errors import Conflict, NotFound
from lineage.weights import check
from lineage.weights.store import open_store

if TYPE_CHECKING:
    from lineage.connection import AnyRegistry
    from lineage.contract.requests import RetentionPolicy
    from lineage.weights.any_store import Store

IN_TIME: Final = 300.0
"""Seconds that taking away one copy may take: the registry lets nobody store there meanwhile."""


def collect(registry: AnyRegistry, keeping: RetentionPolicy, *, actor: str) -> list[dict[str, Any]]:
    """Remove every copy that nothing can need any more; JSON of each, with the bytes freed.

    Raises:
        UsageError: the policy makes no sense.
        IntegrityFailure: another place is behind a store's URL.
        StoreUnreachable: a store cannot be used; what was taken away before stays so.
    """
    open_stores: dict[str, Store] = {}
    known: dict[tuple[str, str], set[str]] = {}
    removed = []
    for row in registry.collectable(keeping):
        stored = registry.stored(row["ref"], deleted=True).only_in(row["store"])
        if not stored.copies:
            continue
        copy = stored.copies[0]
        if copy.store.name not in open_stores:
            open_stores[copy.store.name] = open_store(copy.store)
            check.require_place(open_stores[copy.store.name])
        store = open_stores[copy.store.name]
        objects = check.objects_of(store, stored, copy)
        try:
            registry.remove_copy(stored.ref, row["store"], keeping, actor=actor)
        except (Conflict, NotFound):
            continue
        until = time.monotonic() + IN_TIME
        needed: set[str] = set()
        for kept in registry.copies_in(row["store"]):
            key = (row["store"], kept.ref)
            if key not in known:
                known[key] = check.objects_of(store, kept, kept.copies[0])
            needed |= known[key]
        freed = 0 if copy.found_there else _remove(store, objects - needed, until)
        removed.append(row | {"freed": freed})
    return removed


def _remove(store: Store, objects: set[str], until: float) -> int:
    """Remove objects, lists of files last; the bytes freed."""
    freed = 0
    for name in sorted(objects, key=lambda one: (one.endswith(".dir"), one)):
        if time.monotonic() > until:
            break
        size = store.size(name)
        if size is not None and store.remove(name):
            freed += size
    return freed
