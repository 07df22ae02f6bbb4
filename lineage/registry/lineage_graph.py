"""The lineage of a digest: walking from it to what made it, or to what was made from it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import col, or_, select, union

from lineage.acts import act
from lineage.contract import cursors
from lineage.contract.requests import MOST_NEIGHBOURS, Direction, check_neighbours
from lineage.database import labels, slots, tables, versions
from lineage.database.digests import whole_digest
from lineage.errors import NotFound
from lineage.identity.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import CompoundSelect
    from sqlmodel import Session

_CURSOR: Final = "lineage"


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
    whole = whole_digest(session, digest, _columns())
    if whole is None:
        raise _unknown(digest)
    kind = cursors.kind_of(_CURSOR, digest=whole, direction=direction.value)
    graph = _Graph(session, Digest(whole), direction, limit)
    last = graph.walk(cursors.number(kind, after) or 0)
    return graph.to_json(cursors.encode(kind, last) if last is not None else None)


def _columns() -> tuple[Any, ...]:
    """Where the digests of what has a lineage are recorded."""
    version = tables.ModelVersion
    return (
        col(version.tuple_xxh3),
        col(version.weights_xxh3),
        col(version.weights_blake3),
        col(version.code_digest),
        col(tables.PipelineVersion.xxh3),
        col(tables.PipelineVersion.blake3),
        col(tables.DataVersion.xxh3),
        col(tables.DataVersion.blake3),
        col(tables.DataItem.digest),
    )


def _unknown(digest: str) -> NotFound:
    return NotFound(
        f"Nothing of digest {digest[:60]} is recorded.",
        remedy=f"Name a digest as {act('show', 'REF')} prints it.",
    )


class _Graph:
    """A walk from the versions that a digest is of, one after the other: a page of them."""

    def __init__(self, session: Session, digest: Digest, direction: Direction, most: int) -> None:
        self._session = session
        self._digest = digest
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
        holders = list(self._holders(after))
        items = self._item_names()
        if not holders and not items and not after:
            raise _unknown(self._digest)
        if self._direction is Direction.UP and not holders:
            for name in items:
                self._add(str(self._digest), "data-item", self._digest, name=name)
        seen: set[int | None] = set()
        last = 0
        for holder in holders:
            nodes, edges = len(self._nodes), len(self._edges)
            self._around(holder, seen)
            if self._full and last:
                self._full = False
                _cut(self._nodes, nodes)
                _cut(self._edges, edges)
                return last
            last = holder.id or 0
            if self._full:
                break
        return last if holders and last != holders[-1].id else None

    def _around(self, holder: tables.ModelVersion, seen: set[int | None]) -> None:
        rows = deque([holder])
        while rows and not self._full:
            row = rows.popleft()
            if row.id not in seen:
                seen.add(row.id)
                self._version(row)
                rows.extend(self._near(row))

    def _holders(self, after: int) -> Iterator[tables.ModelVersion]:
        """The versions that a digest is of, or (downwards) that were made from it."""
        table = tables.ModelVersion
        digest = str(self._digest)
        parts = [
            col(table.tuple_xxh3) == digest,
            col(table.weights_xxh3) == digest,
            col(table.weights_blake3) == digest,
            col(table.code_digest) == digest,
            col(table.data_blake3).in_(self._blake3_in(tables.DataVersion)),
            col(table.pipeline_blake3).in_(self._blake3_in(tables.PipelineVersion)),
        ]
        if self._direction is Direction.DOWN:
            items = select(tables.DataItem.data_blake3).where(tables.DataItem.digest == digest)
            parts.append(col(table.data_blake3).in_(items))
        each = (select(table.id).where(part) for part in parts)
        ids: CompoundSelect[tuple[int]] = union(*each)  # each by its own index
        query = select(table).where(
            col(table.id).in_(ids), col(table.id) > after, labels.not_deleted()
        )
        query = query.order_by(col(table.id)).limit(self._most + 1)
        yield from self._session.exec(query)

    def _blake3_in(
        self, table: type[tables.DataVersion] | type[tables.PipelineVersion]
    ) -> list[str]:
        """The digests by which versions name what the digest is of.

        They are read first: PostgreSQL takes a subquery here for one that most versions match,
        and looks at each of them.
        """
        digest = str(self._digest)
        either = or_(col(table.xxh3) == digest, col(table.blake3) == digest)
        return list(self._session.exec(select(table.blake3).where(either)))

    def _item_names(self) -> list[str]:
        query = select(tables.DataItem.name).where(tables.DataItem.digest == str(self._digest))
        return sorted(set(self._session.exec(query.limit(MOST_NEIGHBOURS))))

    def _near(self, row: tables.ModelVersion) -> list[tables.ModelVersion]:
        """The version that one was made from, or those that were made from it."""
        table = tables.ModelVersion
        if self._direction is Direction.UP:
            parent = self._session.get(table, row.parent_id) if row.parent_id else None
            if parent is not None:
                self._edges[_name(parent), _name(row)] = None
            return [parent] if parent is not None else []
        children = list(
            self._session.exec(
                select(table)
                .where(table.parent_id == row.id, labels.not_deleted())
                .limit(MOST_NEIGHBOURS)
            )
        )
        for child in children:
            self._edges[_name(row), _name(child)] = None
        return children

    def _version(self, row: tables.ModelVersion) -> None:
        name = _name(row)
        self._add(name, "version", row.tuple_xxh3, version_kind=row.kind)
        parts = versions.shown_digests(self._session, row)
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
            self._items(row, f"data:{parts['data']}")
        else:
            self._slots(row)

    def _is_asked(self, part: str, digest: str, row: tables.ModelVersion) -> bool:
        blake3 = {"data": row.data_blake3, "pipeline": row.pipeline_blake3}.get(part)
        return str(self._digest) in (digest, blake3)

    def _items(self, row: tables.ModelVersion, data: str) -> None:
        for item in versions.data_items(self._session, row.data_blake3):
            node = f"item:{item.digest}:{item.name}"
            self._add(node, "data-item", item.digest, name=item.name)
            self._edges[node, data] = None

    def _slots(self, row: tables.ModelVersion) -> None:
        for slot in slots.held_by(self._session, row.id):
            side = next(
                name for name in slots.SIDES if getattr(slot, f"{name}_version_id") == row.id
            )
            node = slots.subject(slot.model, slot.environment)
            self._add(node, "slot", None, role=side)
            self._edges[_name(row), node] = None

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
