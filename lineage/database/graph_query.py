"""Questions to the graph of contents: a step up or down for many nodes at once, by indexes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from lineage.database.graph import LISTED, node_ids
from lineage.database.lists import Lists, ask, first_of
from lineage.identity.digest import EMPTY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlmodel import Session


_OPEN: Final = (
    " AND EXISTS (SELECT 1 FROM lineage_version l JOIN model_version v ON v.id = l.version_id "
    "WHERE l.node = {} AND v.model IN :models)"
)
_MAKERS: Final = (
    "SELECT n.digest, r.digest FROM lineage_node n JOIN lineage_node r ON r.id IN "
    "(SELECT e.source FROM lineage_edge e WHERE e.target = n.id AND e.role = 'output'{} "
    "ORDER BY e.source LIMIT :each) WHERE n.digest IN :digests ORDER BY n.digest, r.id"
)
MADE_OF: Final = Lists(
    "lineage_edge", "source", "target", where=f" AND x.target NOT IN :seen AND x.role <> '{LISTED}'"
)
HOLD: Final = Lists("lineage_edge", "source", "target", where=f" AND x.role = '{LISTED}'")
_DIGESTS: Final = "SELECT digest, id FROM lineage_node WHERE id IN :nodes"
_CHAIN: Final = text("SELECT document FROM version_chain WHERE version_id = :id")
_HELD: Final = (
    "SELECT environment, serving_version_id, serving_promoted_at, backup_version_id, "
    "backup_promoted_at FROM slot WHERE serving_version_id IN :ids OR backup_version_id IN :ids "
    "ORDER BY environment, model"
)
LAST: Final = 1 << 62
"""Behind the key of every row."""


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
    lists: dict[str, Collection[Any]] = {"digests": sorted(set(digests))}
    query = _MAKERS.format("" if models is None else _OPEN.format("e.source"))
    if models is not None:
        lists["models"] = sorted(models)
    found: dict[str, list[str]] = {}
    for content, run in ask(session.connection(), query, lists, each=each):
        found.setdefault(content, []).append(run)
    return found


def reached(session: Session, nodes: Collection[int], most: int) -> tuple[set[int], bool]:
    """What was made of nodes, at most so much; and whether there is more.

    A level at a time, of each the newest first; what was reached is not looked at again, so that it
    ends at every cycle. It does not go through what is empty (:func:`not_empty`).
    """
    connection = session.connection()
    begin = {*nodes, *node_ids(connection, EMPTY).values()}
    seen, level, room = set(begin), not_empty(session, nodes), most
    while level:
        within = {"seen": sorted(seen)}
        made = first_of(connection, MADE_OF, level, room + 1, begin=LAST, end=0, within=within)
        level = sorted(made, reverse=True)[:room]
        seen |= {*level}
        if len(made) > room:
            return seen - begin, True
        room -= len(level)
    return seen - begin, False


def not_empty(session: Session, nodes: Collection[int]) -> list[int]:
    """Those of nodes that are not empty: all empty files are one content."""
    return sorted({*nodes} - {*node_ids(session.connection(), EMPTY).values()})


def code_with(session: Session, nodes: Collection[int], most: int) -> tuple[list[int], bool]:
    """The code of pipelines that holds files, the newest, at most so much; and whether more does.

    It is not walked through (:func:`reached`): nothing was made of it but versions, which hold it.
    """
    found = first_of(session.connection(), HOLD, nodes, most + 1, begin=LAST, end=0)
    return sorted(found, reverse=True)[:most], len(found) > most


def digests_of(session: Session, nodes: Iterable[int]) -> dict[str, int]:
    """The digests of nodes, each with the node."""
    return dict(list(ask(session.connection(), _DIGESTS, {"nodes": sorted(nodes)})))


def held(session: Session, ids: Collection[int]) -> dict[int, list[tuple[str, str, str | None]]]:
    """The environment, the side and since when, of slots that hold versions, by their keys."""
    found: dict[int, list[tuple[str, str, str | None]]] = {}
    if not ids:
        return found
    rows = ask(session.connection(), _HELD, {"ids": sorted(ids)})
    for environment, serving, since, backup, backup_since in rows:
        for side, version_id, at in (("serving", serving, since), ("backup", backup, backup_since)):
            if version_id in ids:
                found.setdefault(version_id, []).append((environment, side, at))
    return found
