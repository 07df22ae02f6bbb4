"""Pages of lists: read so many rows and one more, and say where the next page begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.contract import cursors
from lineage.contract.requests import check_limit
from lineage.contract.results import Registered
from lineage.database import version_search
from lineage.display import Listing
from lineage.identity.components import Kind
from lineage.timestamps import moment

if TYPE_CHECKING:
    from sqlmodel import Session

    from lineage.database.version_search import Found, Query

VERSIONS = "versions"
"""The kind of the cursors of a model's versions."""


def versions(
    session: Session, query: Query, *, limit: int | None, after: str | None
) -> Listing[Registered]:
    """A page of a model's versions.

    Raises:
        UsageError: the query, the limit or the cursor means nothing.
    """
    check_limit(limit)
    kind = cursors.kind_of(VERSIONS, model=query.model, where=query.where, sort=query.sort)
    place = None
    if after is not None:
        place = cursors.decode_place(kind, after, version_search.sort_type(session, query))
    wanted = limit + 1 if limit is not None else None
    found = version_search.read(session, query, after=place, limit=wanted)
    page = found[:limit]
    more = len(found) > len(page)
    following = cursors.encode_place(kind, page[-1].place) if more else None
    return Listing(
        tuple(_registered(query, one) for one in page), f"versions of {query.model}", following
    )


def _registered(query: Query, found: Found) -> Registered:
    row = found.row
    return Registered(
        model=query.model,
        version=row.number,
        kind=Kind(row.kind),
        created=False,
        tuple=row.tuple,
        code=row.code,
        data=row.data,
        pipeline=row.pipeline,
        weights=row.weights,
        registered_at=moment(row.at),
        registered_by=row.by,
        columns=found.columns if query.columns else None,
    )
