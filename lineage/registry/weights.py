"""Recording of weights: the stores that hold copies, the copies, and the checks of these."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from lineage import timestamps
from lineage.acts import act
from lineage.database import clock, events, stored, tables, telling
from lineage.database import weights as copies
from lineage.errors import Conflict, NotFound, NotPermitted, UsageError
from lineage.identity.digest import canonical_bytes
from lineage.registry.access import Scope
from lineage.registry.slots import shown
from lineage.weights.copies import CopyCheck, CopyState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from lineage.identity.references import Reference
    from lineage.registry.access import Principal
    from lineage.registry.sight import Sight
    from lineage.weights.copies import NewCopy, StoreAddress, StoredWeights

REMOVING: Final = dt.timedelta(minutes=10)
"""How long taking bytes out of a store may go on after the registry was told of it."""


def add_store(
    session: Session,
    address: StoreAddress,
    at: str,
    actor: str,
    *,
    shared: bool | None = None,
    marks: bool = True,
) -> bool:
    """Record a store; False where its place, or its URL, was known already.

    Where the URL of a store leads to another place now, that is the store from now on; but for a
    place that another store is already, which keeps its name. ``shared`` says whether every
    host reaches it, which can be told of a folder alone: of a known one, too. None leaves that as
    it is. ``marks`` tells whether a new store, or the marker of a known one, may be recorded, or
    changed, and one approved that waits for it: what is recorded, every pull and every registration
    believes.

    Raises:
        Conflict: another store has this name, or is the place that its URL leads to now.
        UsageError: a store that is no folder is said to be one host's.
        NotPermitted: it is new, or its URL leads to another place now, and who says so may not say
            that.
    """
    if shared is False and not address.is_folder:
        raise UsageError(
            f"Store {address.name} is no folder: every host reaches it.",
            remedy="Leave out whether it is shared.",
        )
    known = session.get(tables.Store, address.name)
    place = copies.find_place(session, address)
    if known is not None and known.url != address.url and place is not known:
        raise Conflict(
            f"Store {address.name} is another one: it is recorded with another URL.",
            remedy=f"Choose another name: {act('store add', 'NAME', 'URL')}",
        )
    _require_no_other(session, address, place)
    moved = place is not None and None not in (place.marker, address.marker)
    if place is not None and moved and place.marker != address.marker:
        if not marks:
            raise NotPermitted(
                f"Store {place.name} was recorded with another marker: that it is another place "
                "now, an admin alone may say.",
                remedy="Ask for a token with the scope admin: "
                + act("token create", "NAME", scope="admin"),
            )
        place.marker = address.marker
        telling.tell(session, place)
        _tell(session, place, "store-changed", at, actor)
    row, created = _ensure_store(session, address, at, actor, marks=marks)
    if marks and not row.approved and row.url == address.url:
        row.approved, row.config = True, canonical_bytes(dict(address.config)).decode()
        telling.tell(session, row)
        _tell(session, row, "store-approved", at, actor)
    if shared not in (None, row.shared):
        row.shared = bool(shared)
        telling.tell(session, row)
        _tell(session, row, "store-changed", at, actor)
    return created


def _require_no_other(session: Session, address: StoreAddress, place: tables.Store | None) -> None:
    """Refuse to take one store for another that is recorded, whose place its URL leads to now."""
    by_url = copies.find_place(session, replace(address, marker=None))
    if by_url is None or place is None or by_url is place or by_url.marker is None:
        return
    raise Conflict(
        f"{address.url} leads to store {place.name} now, which is recorded, and no more to the "
        f"place that store {by_url.name} was.",
        remedy=f"Let the URL lead to that place again; or use store {place.name}, and copy to it "
        f"what it lacks: {act('store copy', 'REF', to=place.name)}",
    )


def told_by(principal: Principal, copy: NewCopy) -> NewCopy:
    """A copy as one who speaks by a token may tell of it."""
    return replace(
        copy, renews=principal.may(Scope.OBSERVE_WEIGHTS), marks=principal.administers_all
    )


def add_copies(
    session: Session,
    version: tables.ModelVersion,
    new_copies: Sequence[NewCopy],
    at: str,
    actor: str,
    *,
    first: bool = False,
    stores: Sequence[str] | None = None,
) -> None:
    """Record copies of a version's weights that were read back just now.

    ``first`` tells that the version is recorded with them, ``stores`` are those where they are, if
    they were found already (:func:`settled_stores`).

    Raises:
        NotFound: the version has no weights.
        Conflict: something was removed from one of the stores a moment ago, perhaps these bytes.
    """
    ref = f"{version.model}@{version.number}"
    if new_copies and version.weights_xxh3 is None:
        raise NotFound(f"{ref} was registered without weights.", remedy="Name a version with some.")
    for place, new in enumerate(new_copies):
        store = stores[place] if stores is not None else _store_of(session, new, at, actor)
        payload = new.to_json() | {"store": store, "weights": version.weights_xxh3}
        alone = first and (place == 0 or stores is not None)
        if copies.add(session, version, store, new, at, actor, first=first, alone=alone):
            kind = "weights-stored"
        elif telling.is_waiting(session):
            kind = "weights-checked"
            look = CopyCheck(store, CopyState.INTACT, deep=new.read)
            payload = {"looks": [look.to_json()]}
        else:
            continue
        events.append(
            session,
            at=at,
            actor=actor,
            kind=kind,
            subject=ref,
            payload=payload,
            also=[version.model, f"store:{store}"],
        )


def record_checks(
    sight: Sight,
    reference: str | Reference,
    checks: Sequence[CopyCheck],
    backups_in: Sequence[str],
    at: str,
    actor: str,
) -> StoredWeights:
    """Record checks of the copies of a version's weights.

    The history tells of each environment whose backup was checked by it.

    Raises:
        NotFound: the version does not exist, or a store holds no copy of it.
    """
    session = sight.session
    for name in backups_in:
        sight.environment(name)
    version = sight.version(reference)
    ref = f"{version.model}@{version.number}"
    rows = {copy.store: copy for copy, _ in copies.live(session, version.id or 0)}
    for check in checks:
        if check.store not in rows:
            raise NotFound(
                f"Store {check.store[:60]!r} is not known to hold the weights of {ref}.",
                remedy=f"See where they are: {act('show', ref)}",
            )
        copies.record_check(session, rows[check.store], check, at, actor)
    looks = [check.to_json() for check in checks]
    for environment in backups_in or (None,):
        also = {version.model}
        payload: dict[str, Any] = {"looks": looks}
        if environment is not None:
            also |= {f"{version.model}@{environment}", environment}
            state = shown.now(session, environment, version.model).readiness
            payload |= {"environment": environment, "readiness": state.to_json() if state else None}
        events.append(
            session,
            at=at,
            actor=actor,
            kind="backup-checked" if environment is not None else "weights-checked",
            subject=ref,
            payload=payload,
            also=also,
        )
    return stored.stored(session, version)


def record_state(
    sight: Sight, reference: str | Reference, state: str, place: str, actor: str
) -> str:
    """Record what a check of a version's weights found; the version's reference.

    Raises:
        NotFound: the version does not exist.
    """
    session = sight.session
    version = sight.version(reference)
    ref = f"{version.model}@{version.number}"
    at = clock.stamp(session)
    row = tables.WeightsCheck(
        version_id=version.id or 0, state=state, place=place, checked_at=at, checked_by=actor
    )
    telling.tell(session, row)
    events.append(
        session,
        at=at,
        actor=actor,
        kind="weights-checked",
        subject=ref,
        payload={"state": state, "place": place},
        also=[version.model],
    )
    return ref


def settled_stores(session: Session, new_copies: Sequence[NewCopy], at: str) -> list[str] | None:
    """The stores of copies, if each is another and there is nothing to record of any; else None.

    Raises:
        Conflict: something was removed from one a moment ago, perhaps these bytes.
    """
    found = [_settled(session, new, new.store, at) for new in new_copies]
    names = [name for name in found if name is not None]
    return names if len({*names}) == len(new_copies) else None


def _store_of(session: Session, new: NewCopy, at: str, actor: str) -> str:
    """The name of the store of a copy, recorded if it is new.

    Raises:
        Conflict: something was removed from it a moment ago, perhaps these bytes.
    """
    settled = _settled(session, new, new.store, at)
    if settled is None:
        row, _ = _ensure_store(session, new.store, at, actor, marks=new.marks)
        settled = _settled(session, new, copies.address(row), at) or row.name
    return settled


def _settled(session: Session, new: NewCopy, store: StoreAddress, at: str) -> str | None:
    """The name of a store of which there is nothing to record, for a copy in it; else None."""
    since = timestamps.written(timestamps.moment(at) - REMOVING)
    settled = copies.settled_place(session, store, since)
    if settled is None:
        return None
    name, is_busy = settled
    if is_busy and new.reused:
        raise Conflict(
            f"Weights were removed from store {name} less than ten minutes ago.",
            remedy="Run the same command again in ten minutes: it looks whether all is still "
            "there.",
        )
    return name


def _ensure_store(
    session: Session, address: StoreAddress, at: str, actor: str, *, marks: bool
) -> tuple[tables.Store, bool]:
    """The store of a URL, and whether it is new; the history says so then."""
    row, created = copies.ensure_store(session, address, at, actor, marks=marks)
    if created or telling.is_waiting(session):
        _tell(session, row, "store-added" if created else "store-changed", at, actor)
    return row, created


def _tell(session: Session, row: tables.Store, kind: str, at: str, actor: str) -> None:
    """Let the history say what a store is now."""
    events.append(
        session,
        at=at,
        actor=actor,
        kind=kind,
        subject=f"store:{row.name}",
        payload=copies.address(row).to_json() | {"shared": row.shared},
    )
