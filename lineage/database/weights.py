"""The rows of weights stores, of the copies in them, and of the checks of these."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import String, bindparam, text
from sqlmodel import col, func, select

from lineage.acts import act
from lineage.database import tables, telling
from lineage.errors import Conflict, NotPermitted
from lineage.identity.digest import blake3_of, canonical_bytes
from lineage.weights.copies import (
    CopyCheck,
    CopyState,
    StoreAddress,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlmodel import Session

    from lineage.weights.copies import NewCopy

COPY = tables.WeightsCopy
CHECK = tables.CopyCheck


def address(row: tables.Store) -> StoreAddress:
    """The value that a row holds."""
    return StoreAddress(row.name, row.url, json.loads(row.config), row.marker, row.approved)


def ensure_store(
    session: Session, wanted: StoreAddress, at: str, actor: str, *, marks: bool = True
) -> tuple[tables.Store, bool]:
    """The store in a place, recorded if it is new, and whether it is.

    It is known by its marker, else by its URL. It keeps its first name; a new one whose name is
    taken is told apart by a digest of its URL. A folder is one host's until somebody says
    otherwise. ``marks`` tells whether one that is new is recorded, and one that is known without a
    marker gets the one it has now: what is recorded of a store, every host believes.

    Raises:
        Conflict: another place was recorded by this URL.
        NotPermitted: it is new, and may not be recorded.
    """
    table = tables.Store
    row = find_place(session, wanted)
    if row is not None:
        if row.marker is None and wanted.marker is not None and marks:
            row.marker = wanted.marker
            telling.tell(session, row)
        if None not in (row.marker, wanted.marker) and row.marker != wanted.marker:
            raise Conflict(
                f"Another place is behind {wanted.url} than store {row.name}, which was recorded.",
                remedy="Let the URL lead to that store again; or, where it was moved on purpose, "
                f"say so: {act('store add', row.name, wanted.url)}",
            )
        return row, False
    if not marks:
        raise NotPermitted(
            f"{wanted.url} is no store of this registry, and only an admin who is bound to nothing "
            "records one.",
            remedy="Have it recorded, by such a token or where the database is: "
            f"{act('store add', wanted.name, wanted.url)}",
        )
    name = wanted.name
    if session.get(table, name) is not None:
        name = f"{name[:110]}-{blake3_of(wanted.url.encode()).value[:8]}"
    row = table(
        name=name,
        url=wanted.url,
        config=canonical_bytes(dict(wanted.config)).decode(),
        added_at=at,
        added_by=actor,
        shared=not wanted.is_folder,
        marker=wanted.marker,
    )
    telling.tell(session, row)
    return row, True


_PLACE: Final = text(
    "SELECT s.name, s.marker, EXISTS (SELECT 1 FROM weights_copy c WHERE c.store = s.name "
    "AND c.removed_at >= :since) FROM store s WHERE s.marker = :marker OR s.url = :url "
    "ORDER BY CASE WHEN s.marker = :marker THEN 0 ELSE 1 END LIMIT 1"
).bindparams(bindparam("marker", type_=String()))


def settled_place(session: Session, wanted: StoreAddress, since: str) -> tuple[str, bool] | None:
    """The store in a place of which there is nothing to record, by its name; else None.

    And whether something was removed from it since a moment.
    """
    asked = {"marker": wanted.marker, "url": wanted.url, "since": since}
    row = session.connection().execute(_PLACE, asked).first()
    if row is None or wanted.marker not in (None, row.marker):
        return None
    return row.name, bool(row[2])


def find_place(session: Session, wanted: StoreAddress) -> tables.Store | None:
    """The store with a marker; else that of a URL, None where there is neither."""
    table = tables.Store
    by_marker = by_url = None
    if wanted.marker is not None:
        by_marker = session.exec(select(table).where(table.marker == wanted.marker)).first()
    if by_marker is None:
        by_url = session.exec(select(table).where(table.url == wanted.url)).first()
    return by_marker or by_url


def live(session: Session, version_id: int) -> Sequence[tuple[tables.WeightsCopy, tables.Store]]:
    """The copies of a version that were not removed, by the store's name."""
    return session.exec(
        select(COPY, tables.Store)
        .where(
            COPY.version_id == version_id,
            col(COPY.removed_at).is_(None),
            tables.Store.name == COPY.store,
        )
        .order_by(COPY.store)
    ).all()


def add(
    session: Session,
    version: tables.ModelVersion,
    store: str,
    new: NewCopy,
    at: str,
    actor: str,
    *,
    first: bool = False,
    alone: bool = False,
) -> bool:
    """Record a copy in a store that was read back, or looked for, just now; whether it is new.

    That counts as a check where the copy is new, was found missing or wrong before, or was read.
    Of a new copy nobody looked for anything where who says so may not look; but for ``first``, a
    version that is recorded with it. ``alone`` tells that it has no other copy.
    """
    assert version.id is not None  # nosec B101 # noqa: S101 - it was read from the table
    there = [] if alone else live(session, version.id)
    row = next((copy for copy, _ in there if copy.store == store), None)
    intact = CopyCheck(store, CopyState.INTACT, deep=new.read)
    if row is not None:
        if new.renews and (new.read or _is_wrong(session, row)):
            record_check(session, row, intact, at, actor)
        return False
    written = telling.add(
        session,
        "weights_copy",
        {
            "version_id": version.id,
            "store": store,
            "object": new.object,
            "listing": new.listing,
            "size": version.weights_size or 0,
            "files": version.weights_files or 1,
            "found_there": new.found_there,
            "repository": new.repository,
            "revision": new.revision,
            "stored_at": at,
            "stored_by": actor,
        },
    )
    unknown = CopyCheck(store, CopyState.UNREACHABLE, deep=False)
    _add_check(session, written["id"], intact if first or new.renews else unknown, at, actor)
    return True


def _is_wrong(session: Session, copy: tables.WeightsCopy) -> bool:
    """Whether the newest check of a copy did not find it intact."""
    return _newest(session, copy.id or 0).state != CopyState.INTACT


def record_check(
    session: Session,
    copy: tables.WeightsCopy,
    check: CopyCheck,
    at: str,
    actor: str,
) -> None:
    """Record a check of a copy; a quick one does not overturn one that found other bytes."""
    known = _newest(session, copy.id or 0).state
    if known == CopyState.CHANGED and check.state is CopyState.INTACT and not check.deep:
        return
    _add_check(session, copy.id or 0, check, at, actor)


def _add_check(session: Session, copy_id: int, check: CopyCheck, at: str, actor: str) -> None:
    row = {
        "copy_id": copy_id,
        "state": check.state.value,
        "deep": check.deep,
        "sample": check.sample.files if check.sample is not None else None,
        "checked_at": at,
        "checked_by": actor,
    }
    telling.add(session, "copy_check", row)


def stores(session: Session, models: Collection[str] | None = None) -> list[dict[str, Any]]:
    """JSON of every store, by name, with how many copies it holds (of some models)."""
    table = tables.Store
    counted = select(COPY.store, func.count()).where(col(COPY.removed_at).is_(None))
    if models is not None:
        version = tables.ModelVersion
        of_them = select(version.id).where(col(version.model).in_(sorted(models)))
        counted = counted.where(col(COPY.version_id).in_(of_them))
    counts: dict[str, int] = dict(session.exec(counted.group_by(COPY.store)).all())
    rows = session.exec(select(table).order_by(table.name))
    return [
        address(row).to_json()
        | {
            "shared": row.shared,
            "copies": counts.get(row.name, 0),
            "added_at": row.added_at,
            "added_by": row.added_by,
        }
        for row in rows
    ]


def _newest(session: Session, copy_id: int) -> tables.CopyCheck:
    """The check of a copy that counts; storing it was the first."""
    return session.exec(
        select(CHECK).where(CHECK.copy_id == copy_id).order_by(col(CHECK.id).desc()).limit(1)
    ).one()
