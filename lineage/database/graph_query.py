"""Questions to the graph of contents: a step up or down for many nodes at once, by indexes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, text

from lineage.database.graph import batches, node_ids
from lineage.identity.digest import EMPTY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy import TextClause
    from sqlmodel import Session


def _many(statement: str, *names: str) -> TextClause:
    return text(statement).bindparams(*(bindparam(name, expanding=True) for name in names))


_OPEN: Final = (
    " AND EXISTS (SELECT 1 FROM lineage_version l JOIN model_version v ON v.id = l.version_id "
    "WHERE l.node = e.source AND v.model IN :models)"
)
_MAKERS: Final = (
    "SELECT n.digest, r.digest FROM lineage_node n JOIN lineage_node r ON r.id IN "
    "(SELECT e.source FROM lineage_edge e WHERE e.target = n.id AND e.role = 'output'{} "
    "ORDER BY e.source LIMIT :each) WHERE n.digest IN :digests ORDER BY n.digest, r.id"
)
_MADE_BY: Final = _many(_MAKERS.format(""), "digests")
_MADE_BY_OPEN: Final = _many(_MAKERS.format(_OPEN), "digests", "models")
_DOWN: Final = _many(
    "SELECT t.id FROM lineage_node s JOIN lineage_node t ON t.id IN (SELECT e.target "
    "FROM lineage_edge e WHERE e.source = s.id ORDER BY e.target DESC LIMIT :most) "
    "WHERE s.id IN :nodes LIMIT :most",
    "nodes",
)
"""What was made of nodes, of each the newest: what very many were made of is not read whole."""
_DIGESTS: Final = _many("SELECT digest FROM lineage_node WHERE id IN :nodes", "nodes")
_CHAIN: Final = text("SELECT document FROM version_chain WHERE version_id = :id")
_HELD: Final = _many(
    "SELECT environment, serving_version_id, serving_promoted_at, backup_version_id, "
    "backup_promoted_at FROM slot WHERE serving_version_id IN :ids OR backup_version_id IN :ids "
    "ORDER BY environment, model",
    "ids",
)


def chain_of(session: Session, version_id: int) -> dict[str, Any] | None:
    """The chain that is recorded of a version; None where none is."""
    document = session.connection().execute(_CHAIN, {"id": version_id}).scalar()
    chain: dict[str, Any] | None = json.loads(document) if document is not None else None
    return chain


def makers(
    session: Session, digests: Iterable[str], models: Collection[str] | None, each: int
) -> dict[str, list[str]]:
    """The runs that made contents, by the content; only those that led to versions of ``models``.

    At most ``each`` for one.
    """
    found: dict[str, list[str]] = {}
    for some in batches(sorted(set(digests))):
        asked: dict[str, Any] = {"digests": some, "each": each}
        statement = _MADE_BY
        if models is not None:
            statement, asked = _MADE_BY_OPEN, asked | {"models": sorted(models)}
        for content, run in session.connection().execute(statement, asked):
            found.setdefault(content, []).append(run)
    return found


def reached(
    session: Session, nodes: Collection[int], most: int, *, one_step: bool = False
) -> tuple[set[int], bool]:
    """What was made of nodes, at most so much; and whether there is more.

    A level at a time; what was reached is not looked at again, so that it ends at every cycle.
    ``one_step`` ends it after the first level. It does not go through what is empty: all empty
    files are one content.
    """
    empty = node_ids(session.connection(), EMPTY).values()
    begin = {*nodes, *empty}
    seen, level = set(begin), sorted({*nodes} - {*empty})
    while level:
        following: set[int] = set()
        for some in batches(level):
            asked = {"nodes": some, "most": 2 * most}
            rows = session.connection().execute(_DOWN, asked).scalars().all()
            for node in sorted({*rows} - seen, reverse=True):
                if len(seen) - len(begin) >= most:
                    return seen - begin, True
                seen.add(node)
                following.add(node)
            if len(rows) == 2 * most:
                return seen - begin, True
        level = sorted(following) if not one_step else []
    return seen - begin, False


def digests_of(session: Session, nodes: Iterable[int]) -> set[str]:
    """The digests of nodes."""
    return {
        digest
        for some in batches(sorted(nodes))
        for digest in session.connection().execute(_DIGESTS, {"nodes": some}).scalars()
    }


def held(session: Session, ids: Collection[int]) -> dict[int, list[tuple[str, str, str | None]]]:
    """The environment, the side and since when, of slots that hold versions, by their keys."""
    found: dict[int, list[tuple[str, str, str | None]]] = {}
    if not ids:
        return found
    for environment, serving, since, backup, backup_since in session.connection().execute(
        _HELD, {"ids": sorted(ids)}
    ):
        for side, version_id, at in (("serving", serving, since), ("backup", backup, backup_since)):
            if version_id in ids:
                found.setdefault(version_id, []).append((environment, side, at))
    return found
