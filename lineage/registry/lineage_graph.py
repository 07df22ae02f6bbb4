"""The lineage of a digest: walking from it to what made it, or to what was made from it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import col, or_, select

from lineage.acts import act
from lineage.contract import cursors
from lineage.contract.requests import MOST_NEIGHBOURS, Direction, check_neighbours
from lineage.database import tables
from lineage.database.digests import ambiguous, beginning, recorded
from lineage.database.graph_query import LAST
from lineage.database.lists import Lists, ask, first_of
from lineage.errors import NotFound
from lineage.identity.digest import Digest, check_beginning, check_long_enough
from lineage.registry.surroundings import SHOWN, Surroundings, surroundings

if TYPE_CHECKING:
    from sqlmodel import Session

_CURSOR: Final = "lineage"
_DIGESTS: Final = (
    ("model_version", "tuple_digest"),
    ("model_version", "weights_digest"),
    ("model_version", "weights_blake3"),
    ("model_version", "code_digest"),
    ("pipeline_version", "public_digest"),
    ("pipeline_version", "digest"),
    ("data_version", "public_digest"),
    ("data_version", "digest"),
    ("data_item", "digest"),
)
"""Where the digests of what has a lineage are recorded."""
_OWN: Final = ("tuple_digest", "weights_digest", "weights_blake3", "code_digest")
_WITH_ITEM: Final = "SELECT DISTINCT data_digest FROM data_item WHERE digest IN :digests"
_AHEAD: Final = 250
"""Versions of a digest whose surroundings are read together."""


def lineage(
    session: Session, digest: str, direction: Direction, *, limit: int, after: str | None
) -> dict[str, Any]:
    """What made a digest (``up``), or what was made from it (``down``), as nodes and edges.

    Args:
        session: a transaction.
        digest: of a tuple, of code, data, a data item, a pipeline or weights; or a unique
            beginning of one, of at least eight digits.
        direction: which way to look.
        limit: nodes at the most, up to 1,000.
        after: the ``next`` of the page before.

    Returns:
        JSON: ``digest``, ``direction``, ``nodes`` of ``id``, ``type``, ``digest``; ``edges`` from
        what was used to what was made; ``next`` where more versions are of the digest;
        ``truncated`` where there is more than is answered.

    Raises:
        UsageError: it is no digest, or too short for the beginning of one, or the limit or the
            cursor is none.
        NotFound: nothing of this digest is recorded.
        Conflict: several digests begin so.
    """
    check_neighbours(limit)
    whole = _whole(session, digest)
    if whole is None:
        raise _unknown(digest)
    kind = cursors.kind_of(_CURSOR, digest=whole, direction=direction.value)
    graph = _Graph(session, Digest(whole), direction, limit)
    last = graph.walk(cursors.number(kind, after) or 0)
    return graph.to_json(cursors.encode(kind, last) if last is not None else None)


def _whole(session: Session, digest: str) -> str | None:
    """The recorded digest that a text is, or begins."""
    check_beginning(digest)
    found = recorded(session.connection(), _DIGESTS, [digest])
    if not found:
        check_long_enough(digest)
        found = beginning(session.connection(), _DIGESTS, [digest])
    if len(found) > 1:
        raise ambiguous(digest, sorted(found))
    return next(iter(found), None)


def _unknown(digest: str) -> NotFound:
    return NotFound(
        f"Nothing of digest {digest[:60]} is recorded.",
        remedy=f"Name a digest as {act('show', 'REF')} prints it.",
    )


class _Graph:
    """A walk from the versions that a digest is of, one after the other: a page of them."""

    def __init__(self, session: Session, digest: Digest, direction: Direction, most: int) -> None:
        self._session = session
        self._digest, self._asked = digest, str(digest)
        self._direction = direction
        self._most = most
        self._nodes: dict[str, dict[str, Any]] = {}
        self._edges: dict[tuple[str, str], None] = {}
        self._full = False

    def to_json(self, following: str | None) -> dict[str, Any]:
        """JSON of the walk, with the cursor of the next page."""
        return {
            "digest": str(self._digest),
            "direction": self._direction.value,
            "nodes": list(self._nodes.values()),
            "edges": [
                {"from": source, "to": target}
                for source, target in self._edges
                if source in self._nodes and target in self._nodes
            ],
            "next": following,
            "truncated": self._full or following is not None,
        }

    def walk(self, after: int) -> int | None:
        """Walk from the versions whose keys are greater; the last one's where there are more.

        What is around a version stands on one page: one that does not fit begins the next, and
        one that fits on none is cut.
        """
        holders = self._holders(after)
        items = self._item_names()
        if not holders and not items and not after:
            raise _unknown(self._digest)
        if self._direction is Direction.UP and not holders:
            for name in items:
                self._add(str(self._digest), "data-item", self._digest, name=name)
        seen: set[int | None] = set()
        last, done = 0, 0
        ahead = min(_AHEAD, self._most // 2 + 1)
        while done < len(holders):
            around = surroundings(
                self._session, holders[done : done + ahead], self._direction, self._most
            )
            for holder in around.holders:
                nodes, edges = len(self._nodes), len(self._edges)
                self._around(holder, around, seen)
                if self._full and last:
                    self._full = False
                    _cut(self._nodes, nodes)
                    _cut(self._edges, edges)
                    return last
                last = holder
                if self._full:
                    return last if last != holders[-1] else None
            done += len(around.holders)
        return None

    def _around(self, holder: int, around: Surroundings, seen: set[int | None]) -> None:
        ids = deque([holder])
        while ids and not self._full:
            row = around.rows.get(ids.popleft())
            if row is not None and row.id not in seen:
                seen.add(row.id)
                self._version(row, around)
                for near in around.near(row):
                    down = self._direction is Direction.DOWN
                    ends = (_name(row), _name(near)) if down else (_name(near), _name(row))
                    self._edges[ends] = None
                    ids.append(near.id or 0)

    def _holders(self, after: int) -> list[int]:
        """The versions that a digest is of, or (downwards) that were made from it; the first."""
        connection, digest = self._session.connection(), str(self._digest)
        data = self._blake3_in(tables.DataVersion)
        if self._direction is Direction.DOWN:
            rows = ask(connection, _WITH_ITEM, {"digests": [digest]})
            data += [blake3 for (blake3,) in rows]
        found: set[int] = set()
        for column, keys in (
            *((column, [digest]) for column in _OWN),
            ("data_digest", data),
            ("pipeline_digest", self._blake3_in(tables.PipelineVersion)),
        ):
            if keys:
                lists = Lists("model_version", column, "id", where=SHOWN)
                found |= {
                    *first_of(
                        connection, lists, keys, self._most + 1, begin=after, end=LAST, newest=False
                    )
                }
        return sorted(found)[: self._most + 1]

    def _blake3_in(
        self, table: type[tables.DataVersion] | type[tables.PipelineVersion]
    ) -> list[str]:
        """The digests by which versions name what the digest is of."""
        digest = str(self._digest)
        either = or_(col(table.xxh3) == digest, col(table.blake3) == digest)
        return list(self._session.exec(select(table.blake3).where(either)))

    def _item_names(self) -> list[str]:
        query = select(tables.DataItem.name).where(tables.DataItem.digest == str(self._digest))
        return sorted(set(self._session.exec(query.limit(MOST_NEIGHBOURS))))

    def _version(self, row: tables.ModelVersion, around: Surroundings) -> None:
        name = _name(row)
        self._add(name, "version", row.tuple_xxh3, version_kind=row.kind)
        parts = around.parts(row)
        for part, digest in parts.items():
            if digest is None:
                continue
            node = f"{part}:{digest}"
            if part == "weights":
                self._add(node, part, digest)
                self._edges[name, node] = None
            elif self._direction is Direction.UP or self._is_asked(part, digest, row):
                self._add(node, part, digest)
                self._edges[node, name] = None
        if self._direction is Direction.UP:
            for item, digest in around.items(row.data_blake3):
                node = f"item:{digest}:{item}"
                self._add(node, "data-item", digest, name=item)
                self._edges[node, f"data:{parts['data']}"] = None
        for slot, side in around.slots(row):
            self._add(slot, "slot", None, role=side)
            self._edges[name, slot] = None

    def _is_asked(self, part: str, digest: str, row: tables.ModelVersion) -> bool:
        blake3 = {"data": row.data_blake3, "pipeline": row.pipeline_blake3}.get(part)
        return self._asked in (digest, blake3)

    def _add(self, identity: str, kind: str, digest: str | None, **more: Any) -> None:  # noqa: ANN401
        if identity in self._nodes:
            return
        if len(self._nodes) >= self._most:
            self._full = True
            return
        self._nodes[identity] = {"id": identity, "type": kind, "digest": digest, **more}


def _cut(held: dict[Any, Any], length: int) -> None:
    while len(held) > length:
        held.popitem()


def _name(row: tables.ModelVersion) -> str:
    return f"{row.model}@{row.number}"
