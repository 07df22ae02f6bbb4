"""Lists of attestations: each signature once, verified again as it is shown.

A signature is what one signer says: however often, and in whatever spelling, it is one. Those that
were recorded twice before that was refused are told once.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select as select_columns

from lineage.attest.verification import judges
from lineage.contract import cursors
from lineage.contract.requests import check_limit
from lineage.database import tables
from lineage.database.sql import col, func, select
from lineage.identity.signers import is_identity
from lineage.registry.attested import claim_in, meaning_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement
    from sqlmodel import Session

MOST_SHOWN: Final = 50
"""Attestations that are told of with a version: each is verified again for it."""

MOST_LISTED: Final = 16 << 20
"""Characters of those on one page: whoever lists them is given each whole."""

_LAST: Final = (1 << 31) - 1
"""Behind the key of every row."""


def listed(
    session: Session, version: tables.ModelVersion, *, limit: int | None, after: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """The attestations of a version, the newest first, each with its envelope.

    Args:
        session: a transaction.
        version: the version.
        limit: how many at the most: fewer where they are large together; None for all.
        after: the cursor of the page before.

    Returns:
        JSON of each, and the cursor of the next page where there are more.

    Raises:
        UsageError: the limit or the cursor means nothing.
    """
    check_limit(limit)
    kind = cursors.kind_of("attestations", version=str(version.id))
    before = cursors.number(kind, after)
    table = tables.Attestation
    number, size = col(table.id), func.length(table.document)
    each = _once(session, version)
    end = min(_LAST if before is None else before, _LAST)
    sizes = select_columns(number, size).where(*each, number < end)
    wanted = limit + 1 if limit is not None else None
    rows = session.connection().execute(sizes.order_by(number.desc()).limit(wanted)).all()
    if not rows:
        return [], None
    fitting = len(rows)
    if limit is not None:
        together = accumulate(size for _, size in rows[:limit])
        fitting = max(sum(sum_ <= MOST_LISTED for sum_ in together), 1)
    last = rows[fitting - 1][0]
    page = select(table).where(*each, number < end, number >= last).order_by(number.desc())
    following = cursors.encode(kind, last) if fitting < len(rows) else None
    return shown(session, version, session.exec(page).all()), following


def newest(session: Session, version: tables.ModelVersion) -> dict[str, Any]:
    """What is recorded of a version, the newest first, without the envelopes: for `show`.

    Returns:
        JSON: ``attestations``, and ``more_attestations``, how many older ones there are.
    """
    table, each = tables.Attestation, _once(session, version)
    query = select(table).where(*each).order_by(col(table.id).desc()).limit(MOST_SHOWN)
    rows = session.exec(query).all()
    more = 0
    if len(rows) == MOST_SHOWN:
        more = session.exec(select(func.count()).where(*each)).one() - len(rows)
    return {
        "attestations": _told(session, version, rows),
        "more_attestations": more,
    }


def _once(session: Session, version: tables.ModelVersion) -> tuple[ColumnElement[bool], ...]:
    """The rows of a version's attestations, of copies of one signature one alone.

    That is the first that holds.
    """
    table = tables.Attestation
    of_version = col(table.version_id) == version.id
    said = (col(table.about), col(table.validation_id), col(table.signed_by))
    several = select_columns(*said).where(of_version).group_by(*said).having(func.count() > 1)
    copies: list[int] = []
    for values in session.connection().execute(several).all():
        same = (column == value for column, value in zip(said, values, strict=True))
        rows = select_columns(col(table.id), col(table.document)).where(of_version, *same)
        alike: dict[object, list[int]] = {}
        for number, document in session.connection().execute(rows.order_by(col(table.id))):
            alike.setdefault(meaning_of(document) or number, []).append(number or 0)
        for numbers in alike.values():
            if len(numbers) > 1:
                told = next((one for one in numbers if _holds(session, version, one)), numbers[0])
                copies += [number for number in numbers if number != told]
    return (of_version, col(table.id).not_in(copies)) if copies else (of_version,)


def _holds(session: Session, version: tables.ModelVersion, number: int) -> bool:
    row = session.get(tables.Attestation, number)
    return row is not None and claim_in(session, version, row) is not None


def _told(
    session: Session, version: tables.ModelVersion, rows: Sequence[tables.Attestation]
) -> list[dict[str, Any]]:
    """Rows, verified again: what one says is None where it does not hold any more.

    Whether an identity's holds is None where no root of trust can be used here: nobody knows.
    """
    able = any(is_identity(row.signed_by) for row in rows) and judges()
    told = []
    for row in rows:
        checked = able or not is_identity(row.signed_by)
        claim = claim_in(session, version, row) if checked else None
        told.append(
            {
                "about": row.about,
                "says": claim.sentence if claim is not None else None,
                "verified": claim is not None if checked else None,
                "validation": row.validation_id,
                "signed_by": row.signed_by,
                "digest": row.digest,
                "recorded_at": row.recorded_at,
                "recorded_by": row.recorded_by,
            }
        )
    return told


def shown(
    session: Session, version: tables.ModelVersion, rows: Sequence[tables.Attestation]
) -> list[dict[str, Any]]:
    """The same with the envelope and the key, by which anybody verifies it."""
    told = _told(session, version, rows)
    return [
        one | {"public_key": row.public_key, "document": row.document}
        for one, row in zip(told, rows, strict=True)
    ]
