"""Which versions something reaches: walks down from it, and finds the versions that hold it.

A version is linked with every run of its chain, so its own chain is found at once; the walk is for
what other chains made of the same content. The versions come page by page, the newest first.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, text

from lineage.contract import cursors
from lineage.contract.requests import check_impact
from lineage.contract.results.graph import Held, Impact, Impacted
from lineage.database import graph, graph_query
from lineage.database.graph import batches
from lineage.registry.graph import subject as subjects

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import TextClause

    from lineage.registry.graph.subject import Subject
    from lineage.registry.sight import Sight

MOST: Final = 1_000
"""Nodes that are walked to at the most."""
MOST_PARENTS: Final = 500
"""Versions whose children are looked for at the most."""
_LAST: Final = 1 << 62
_CURSOR: Final = "impact"

_SHOWN: Final = (
    " AND NOT EXISTS (SELECT 1 FROM version_note t WHERE t.version_id = v.id "
    "AND t.deleted_at IS NOT NULL)"
)
_OPEN: Final = " AND v.model IN :models"


@cache
def _statement(query: str, *names: str) -> TextClause:
    whole = query.format((_OPEN if "models" in names else "") + _SHOWN)
    return text(whole).bindparams(*(bindparam(name, expanding=True) for name in names))


_NEWEST: Final = (
    "SELECT {} FROM lineage_version h JOIN model_version v ON v.id = h.version_id "
    "WHERE h.node = n.id AND h.version_id < :before AND h.version_id > :floor "
    "AND h.version_id NOT IN :known{{}} ORDER BY h.version_id DESC LIMIT :most"
)
_IN_SQLITE: Final = (
    "SELECT l.version_id, l.role FROM lineage_node n CROSS JOIN lineage_version l "
    "WHERE n.id IN :nodes AND l.node = n.id AND l.version_id IN ({})"
)
_IN_POSTGRESQL: Final = (
    "SELECT l.version_id, l.role FROM lineage_node n CROSS JOIN LATERAL ({}) i "
    "JOIN lineage_version l ON l.node = i.node AND l.version_id = i.version_id "
    "WHERE n.id IN :nodes"
)
_OF_NODES: Final = {
    "sqlite": _IN_SQLITE.format(_NEWEST.format("h.version_id")),
    "postgresql": _IN_POSTGRESQL.format(_NEWEST.format("h.node, h.version_id")),
}
"""The newest versions of each node that are not known.

A node that a million hold is read from its end. The order of the tables is given to both databases:
of their own they read a node whole, and its newest again for each of its versions.
"""

_OF_COLUMN: Final = (
    "SELECT v.id FROM model_version v WHERE v.{column} IN :values AND v.id < :before "
    "AND v.id > :floor{{}} ORDER BY v.id DESC LIMIT :most"
)
_COLUMNS: Final = {
    "code_digest": "code",
    "weights_digest": "weights",
    "weights_blake3": "weights",
    "tuple_digest": "version",
    "pipeline_digest": "pipeline",
    "data_digest": "data",
}
_OF_DATA: Final = (
    "SELECT v.id FROM model_version v WHERE v.data_digest IN "
    "(SELECT i.data_digest FROM data_item i WHERE i.digest IN :values) AND v.id < :before "
    "AND v.id > :floor{} ORDER BY v.id DESC LIMIT :most"
)
_OF_VALIDATED: Final = (
    "SELECT DISTINCT v.id FROM validation w JOIN model_version v ON v.id = w.version_id "
    "WHERE w.data_digest IN (SELECT i.data_digest FROM data_item i WHERE i.digest IN :values) "
    "AND v.id < :before AND v.id > :floor{} ORDER BY v.id DESC LIMIT :most"
)
_KEYS: Final = {
    "data_digest": "SELECT digest FROM data_version WHERE public_digest IN :values",
    "pipeline_digest": "SELECT digest FROM pipeline_version WHERE public_digest IN :values",
}
_CHILDREN: Final = (
    "SELECT v.id FROM model_version v WHERE v.parent_id IN :values{} ORDER BY v.id LIMIT :most"
)
_ANY_CHILD: Final = text("SELECT 1 FROM model_version WHERE parent_id < :floor LIMIT 1")
_ROWS: Final = text(
    "SELECT id, model, number, kind, registered_at FROM model_version WHERE id IN :ids"
).bindparams(bindparam("ids", expanding=True))

_ORDER: Final = ("version", "code", "pipeline", "data", "validation", "package", "run", "weights")
"""As what a version is reached, the plainest first."""


def impact(sight: Sight, asked: str, *, limit: int, after: str | None) -> Impact:
    """The versions that something reaches.

    Args:
        sight: what is open to who asks.
        asked: a path, a digest or a beginning of one, a commit, ``NAME@DIGEST`` of a pipeline,
            ``package==version``, or a reference.
        limit: versions at the most.
        after: the ``next`` of the page before.

    Raises:
        UsageError: it can mean nothing, or the cursor is none of this list.
        NotFound: nothing of it is recorded.
        Conflict: several digests begin so.
    """
    check_impact(limit)
    kind = cursors.kind_of(_CURSOR, asked=asked)
    before = cursors.number(kind, after)
    return _Reach(sight, subjects.find(sight, asked)).page(limit, before, kind)


class _Reach:
    def __init__(self, sight: Sight, subject: Subject) -> None:
        self._sight, self._session = sight, sight.session
        self._connection = sight.session.connection()
        self._models = sorted(sight.models) if sight.models is not None else None
        self._subject = subject
        if self._connection.dialect.name == "postgresql":
            # a plan for any values would read a node that a million versions hold whole
            self._connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")
        begin = graph.node_ids(self._connection, subject.digests)
        self._known = bool(begin) or subject.pipeline is not None
        self._begin = sorted(begin.values())
        # who is bound walks through no run of others: only to those of their own chains
        self._walked, more = graph_query.reached(
            self._session, self._begin, MOST, one_step=self._models is not None
        )
        self._more = more or subject.more

    def page(self, limit: int, before: int | None, kind: str) -> Impact:
        newest = self._newest(_LAST, max(limit + 1, MOST_PARENTS + 1))
        found = dict(newest) if before is None else self._newest(before, limit + 1)
        for version_id in self._descendants(sorted(newest, reverse=True)):
            if version_id < (before or _LAST):
                found.setdefault(version_id, "parent")
        ids = sorted(found, reverse=True)
        shown = ids[:limit]
        if not newest and (self._models is not None or not self._known):
            # with a cursor too: it can be forged, and must not tell what others have
            raise subjects.nothing(self._subject.text)
        following = cursors.encode(kind, shown[-1]) if len(ids) > limit else None
        return Impact(
            self._subject.text,
            self._subject.meant,
            tuple(self._rows(shown, found)),
            following,
            more=self._more,
        )

    def _ask(self, query: str, room: Mapping[str, int], **lists: Collection[Any]) -> list[Any]:
        if self._models is not None:
            lists["models"] = self._models
        statement = _statement(query, *lists)
        return list(self._connection.execute(statement, {**room, **lists}).all())

    def _newest(self, before: int, most: int) -> dict[int, str]:
        """The newest versions that hold something that was reached, and as what.

        Of what was walked to, only those count that are newer than the ones known by then.
        """
        found: dict[int, str] = {}

        def add(holders: Iterable[tuple[int, str]]) -> None:
            for version_id, how in holders:
                known = found.get(version_id)
                if known is None or _ORDER.index(how) < _ORDER.index(known):
                    found[version_id] = how

        room = {"before": before, "most": most, "floor": 0}
        add(self._named(room))
        add(self._holding(self._begin, sorted(self._subject.digests), room, ()))
        if len(found) >= most:
            room["floor"] = sorted(found, reverse=True)[most - 1]
        walked = graph_query.digests_of(self._session, self._walked)
        known = [version_id for version_id, how in found.items() if how != "weights"]
        add(self._holding(sorted(self._walked), sorted(walked), room, known))
        return {version_id: found[version_id] for version_id in sorted(found)[-most:]}

    def _holding(
        self,
        nodes: Sequence[int],
        contents: Sequence[str],
        room: Mapping[str, int],
        known: Collection[int],
    ) -> Iterator[tuple[int, str]]:
        """Versions that hold nodes, or whose data, or that of whose validations, holds contents.

        Those that are ``known`` are not read again for the nodes that they hold.
        """
        of_nodes = _OF_NODES[self._connection.dialect.name]
        for some in batches(nodes):
            for version_id, role in self._ask(of_nodes, room, nodes=some, known=known):
                yield version_id, role
        for values in batches(contents):
            for query, how in ((_OF_DATA, "data"), (_OF_VALIDATED, "validation")):
                for (version_id,) in self._ask(query, room, values=values):
                    yield version_id, how

    def _named(self, room: Mapping[str, int]) -> Iterator[tuple[int, str]]:
        """Versions of which what is asked is a part, or that are asked for themselves."""
        for values in batches(sorted(self._subject.digests)):
            for column, how in _COLUMNS.items():
                keys = [*values, *self._keys(column, values)]
                query = _OF_COLUMN.format(column=column)
                for (version_id,) in self._ask(query, room, values=keys):
                    yield version_id, how
        subject = self._subject
        if subject.pipeline is not None:
            query = _OF_COLUMN.format(column="pipeline_digest")
            for (version_id,) in self._ask(query, room, values=[subject.pipeline[1]]):
                yield version_id, "pipeline"
        if subject.version is not None and (subject.version.id or 0) < room["before"]:
            yield subject.version.id or 0, "version"

    def _keys(self, column: str, values: list[str]) -> list[str]:
        """The keys of data and pipeline versions that are known by another digest."""
        if column not in _KEYS:
            return []
        statement = text(_KEYS[column]).bindparams(bindparam("values", expanding=True))
        return list(self._connection.execute(statement, {"values": values}).scalars())

    def _descendants(self, newest: Sequence[int]) -> set[int]:
        """The versions that were made from those which are reached: some at the most."""
        level = list(newest[:MOST_PARENTS])
        if len(newest) > len(level):
            asked = {"floor": level[-1]}
            self._more |= self._connection.execute(_ANY_CHILD, asked).first() is not None
        seen, found = set(level), set[int]()
        while level and len(found) < MOST_PARENTS:
            following: set[int] = set()
            for some in batches(level):
                rows = self._ask(_CHILDREN, {"most": MOST_PARENTS}, values=some)
                following |= {child for (child,) in rows} - seen
            seen |= following
            found |= following
            level = sorted(following)
        self._more |= bool(level)
        return found

    def _rows(self, ids: Collection[int], found: dict[int, str]) -> Iterator[Impacted]:
        if not ids:
            return
        held = graph_query.held(self._session, ids)
        rows = {row[0]: row for row in self._connection.execute(_ROWS, {"ids": list(ids)})}
        for version_id in ids:
            _, model, number, kind, at = rows[version_id]
            sides = tuple(
                Held(environment, side, since)
                for environment, side, since in held.get(version_id, ())
                if self._sight.sees(model, environment)
            )
            yield Impacted(f"{model}@{number}", model, number, kind, found[version_id], at, sides)
