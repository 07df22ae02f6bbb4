"""Where the weights of versions are: the copies, and what the newest check of each found.

It is read at once and in plain SQL, as a pull from the local cache takes no longer than this.
"""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from lineage.errors import NotFound
from lineage.identity.digest import Digest
from lineage.weights.copies import Copy, CopyState, StoreAddress, StoredWeights, unknown_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row
    from sqlmodel import Session

    from lineage.database import tables
    from lineage.identity.references import Reference

_COPIES: Final = """
SELECT v.id AS version_id, v.model, v.number, v.weights_digest, v.weights_blake3, v.weights_path,
       v.weights_size, v.weights_files,
       s.name, s.url, s.config, s.marker, s.approved, s.shared,
       c.id AS copy_id, c.object, c.listing, c.found_there, c.repository, c.revision,
       c.stored_at, c.stored_by,
       k.state, k.deep, k.checked_at, k.checked_by, d.checked_at AS deep_at
FROM model_version v
LEFT JOIN weights_copy c ON c.version_id = v.id AND c.removed_at IS NULL
LEFT JOIN store s ON s.name = c.store
LEFT JOIN copy_check k ON k.id = (SELECT max(id) FROM copy_check WHERE copy_id = c.id)
LEFT JOIN copy_check d
       ON d.id = (SELECT max(id) FROM copy_check
                  WHERE copy_id = c.id AND deep IS TRUE AND state = 'intact')
      AND NOT EXISTS (SELECT 1 FROM copy_check w WHERE w.copy_id = c.id AND w.id > d.id
                      AND w.state IN ('missing', 'changed'))
WHERE {which}
ORDER BY v.model, v.number, c.store
"""
"""Each version with its copies; ``deep_at`` is null where a later check found one wrong."""

_THERE: Final = (
    "NOT EXISTS (SELECT 1 FROM version_note n WHERE n.version_id = v.id "
    "AND n.deleted_at IS NOT NULL)"
)
"""That a version was not deleted."""

_NUMBERED: Final = f"v.model = :model AND v.number = :number AND {_THERE}"
_LATEST: Final = (
    "v.model = :model AND v.number = (SELECT max(v.number) FROM model_version v "  # nosec B608 # noqa: S608
    f"WHERE v.model = :model AND {_THERE})"
)
_IN_SLOT: Final = (
    "v.id = (SELECT {side}_version_id FROM slot WHERE environment = :environment"
    " AND model = :model)"
)

_STORE: Final = text("SELECT 1 FROM store WHERE name = :store")


def find(session: Session, reference: Reference) -> StoredWeights | None:
    """The weights of the version that a reference names; None where there are none."""
    named: dict[str, Any] = {"model": reference.model}
    if reference.environment is not None:
        which = _IN_SLOT.format(side="backup" if reference.backup else "serving")
        named["environment"] = reference.environment
    elif reference.number is not None:
        which, named["number"] = _NUMBERED, reference.number
    else:
        which = _LATEST
    rows = _rows(session, which, named)
    return _stored(rows) if rows and _has_weights(rows[0]) else None


def stored(session: Session, version: tables.ModelVersion) -> StoredWeights:
    """The weights of a version, and where they are.

    Raises:
        NotFound: it was registered without weights.
    """
    rows = _rows(session, "v.id = :id", {"id": version.id})
    if not _has_weights(rows[0]):
        raise NotFound(
            f"{version.model}@{version.number} was registered without weights.",
            remedy="Name a version with some.",
        )
    return _stored(rows)


def of_version(session: Session, version_id: int) -> tuple[Copy, ...]:
    """The copies of a version, by the store's name."""
    return _copies(_rows(session, "v.id = :id", {"id": version_id}))


def of_weights(session: Session, blake3: str) -> tuple[Copy, ...]:
    """The copies of any version with these weights, one for each store."""
    rows = _rows(session, "v.weights_blake3 = :blake3 AND c.id IS NOT NULL", {"blake3": blake3})
    newest = {row.name: row for row in sorted(rows, key=lambda row: row.copy_id)}
    return _copies(list(newest.values()))


def held_by(session: Session, store: str) -> tuple[StoredWeights, ...]:
    """The weights that a store holds, each with that copy alone, by version.

    Raises:
        NotFound: there is no such store.
    """
    rows = _rows(session, f"s.name = :store AND {_THERE}", {"store": store})
    if not rows and session.connection().execute(_STORE, {"store": store}).first() is None:
        raise unknown_store(store)
    return tuple(_stored(list(own)) for _, own in groupby(rows, lambda row: row.version_id))


def _rows(session: Session, which: str, named: dict[str, Any]) -> Sequence[Row[Any]]:
    return session.connection().execute(text(_COPIES.format(which=which)), named).all()


def _has_weights(row: Row[Any]) -> bool:
    return row.weights_digest is not None and row.weights_path is not None


def _stored(rows: Sequence[Row[Any]]) -> StoredWeights:
    row = rows[0]
    return StoredWeights(
        f"{row.model}@{row.number}",
        Digest(row.weights_digest),
        Digest(row.weights_blake3) if row.weights_blake3 is not None else None,
        row.weights_path,
        row.weights_size or 0,
        row.weights_files or 1,
        _copies(rows),
    )


def _copies(rows: Sequence[Row[Any]]) -> tuple[Copy, ...]:
    return tuple(
        Copy(
            StoreAddress(row.name, row.url, json.loads(row.config), row.marker, bool(row.approved)),
            row.object,
            row.listing,
            CopyState(row.state),
            bool(row.deep),
            row.checked_at,
            row.checked_by,
            row.stored_at,
            row.stored_by,
            bool(row.found_there),
            row.repository,
            row.revision,
            row.deep_at,
            bool(row.shared),
        )
        for row in rows
        if row.copy_id is not None
    )
