"""What is around some versions: read together, a statement for each kind, not one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlmodel import col, select

from lineage.contract.requests import Direction
from lineage.database import slots, tables, versions
from lineage.database.graph_query import LAST
from lineage.database.lists import Lists, ask, first_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlmodel import Session

SHOWN: Final = (
    " AND NOT EXISTS (SELECT 1 FROM version_note t WHERE t.version_id = x.id "
    "AND t.deleted_at IS NOT NULL)"
)
"""That a version was not deleted."""
_CHILDREN: Final = Lists("model_version", "parent_id", "id", where=SHOWN)
_ITEMS: Final = (
    "SELECT data_digest, name, digest FROM data_item WHERE data_digest IN :digests "
    "ORDER BY data_digest, name LIMIT :most"
)


class Surroundings:
    """Versions and those that they were made from, or (downwards) that were made from them.

    ``rows`` are the versions by their keys, ``holders`` those from which it begins.
    """

    def __init__(self, session: Session, holders: Sequence[int], direction: Direction) -> None:
        self.holders = holders
        self.rows: dict[int, tables.ModelVersion] = {}
        self._session, self._down = session, direction is Direction.DOWN
        self._children: dict[int, list[tables.ModelVersion]] = {}
        self._slots: dict[int, list[tuple[str, str]]] = {}
        self._items: dict[str, list[tuple[str, str]]] = {}
        self._data: dict[str | None, str] = {}
        self._pipelines: dict[tuple[str | None, str | None], str] = {}

    def read(self, most: int) -> bool:
        """Read versions, level by level, until they are too many; whether all were read."""
        level = list(self.holders)
        while level:
            rows = self._versions(level)
            self.rows |= rows
            if len(self.rows) > most:
                return False
            level = self._children_of(level, most) if self._down else _parents_of(rows.values())
            level = [version_id for version_id in level if version_id not in self.rows]
        return True

    def complete(self, most: int) -> None:
        """Read what is beside the versions."""
        rows = self.rows.values()
        for row in rows:
            if self._down and row.parent_id in self.rows:
                self._children.setdefault(row.parent_id or 0, []).append(row)
        self._name(rows)
        if self._down:
            for slot, side, version_id in slots.holding(self._session, self.rows):
                self._slots.setdefault(version_id, []).append((slot, side))
        else:
            self._read_items({row.data_blake3 for row in rows if row.data_blake3}, most)

    def parts(self, row: tables.ModelVersion) -> dict[str, str | None]:
        """The four components of a version as people and JSON see them."""
        return {
            "code": row.code_digest,
            "data": self._data.get(row.data_blake3),
            "pipeline": self._pipelines.get((row.pipeline, row.pipeline_blake3)),
            "weights": row.weights_xxh3,
        }

    def near(self, row: tables.ModelVersion) -> Iterable[tables.ModelVersion]:
        """The version that one was made from, or those that were made from it."""
        if self._down:
            return sorted(self._children.get(row.id or 0, ()), key=lambda child: child.id or 0)
        parent = self.rows.get(row.parent_id) if row.parent_id is not None else None
        return (parent,) if parent is not None else ()

    def slots(self, row: tables.ModelVersion) -> Iterable[tuple[str, str]]:
        """The slots that hold a version, and as what."""
        return self._slots.get(row.id or 0, ())

    def items(self, data_blake3: str | None) -> Iterable[tuple[str, str]]:
        """The names and the digests of the items of a data version."""
        if data_blake3 is not None and data_blake3 not in self._items:
            items = versions.data_items(self._session, data_blake3)
            self._items[data_blake3] = [(item.name, item.digest) for item in items]
        return self._items[data_blake3] if data_blake3 is not None else ()

    def _versions(self, ids: Collection[int]) -> dict[int, tables.ModelVersion]:
        query = select(tables.ModelVersion).where(col(tables.ModelVersion.id).in_(ids))
        return {row.id or 0: row for row in self._session.exec(query)}

    def _children_of(self, ids: Collection[int], most: int) -> list[int]:
        connection = self._session.connection()
        return sorted(
            first_of(connection, _CHILDREN, ids, most + 1, begin=0, end=LAST, newest=False)
        )

    def _name(self, rows: Collection[tables.ModelVersion]) -> None:
        """Read the data and pipeline versions by which rows are named."""
        data, pipeline = tables.DataVersion, tables.PipelineVersion
        digests = {row.data_blake3 for row in rows if row.data_blake3}
        of_data = select(data.blake3, data.xxh3).where(col(data.blake3).in_(sorted(digests)))
        self._data |= dict(self._session.exec(of_data).all())
        digests = {row.pipeline_blake3 for row in rows if row.pipeline_blake3}
        of_pipelines = select(pipeline.pipeline, pipeline.blake3, pipeline.xxh3)
        of_pipelines = of_pipelines.where(col(pipeline.blake3).in_(sorted(digests)))
        for name, blake3, xxh3 in self._session.exec(of_pipelines):
            self._pipelines[name, blake3] = xxh3

    def _read_items(self, digests: Collection[str], most: int) -> None:
        """Read items, but no more than can be shown: those of others are read when it is due."""
        asked = {"digests": sorted(digests)}
        rows = ask(self._session.connection(), _ITEMS, asked, most=most)
        for digest, name, content in rows:
            self._items.setdefault(digest, []).append((name, content))
        if len(rows) == most:
            del self._items[rows[-1][0]]
        else:
            self._items |= {digest: [] for digest in digests if digest not in self._items}


def surroundings(
    session: Session, holders: Sequence[int], direction: Direction, most: int
) -> Surroundings:
    """What is around the first of some versions: of as many as do not come to too much.

    Of one version that comes to more than ``most`` by itself, the first are read.
    """
    while True:
        around = Surroundings(session, holders, direction)
        if around.read(most) or len(holders) == 1:
            around.complete(most)
            return around
        holders = holders[: len(holders) // 2]


def _parents_of(rows: Iterable[tables.ModelVersion]) -> list[int]:
    return sorted({row.parent_id for row in rows if row.parent_id is not None})
