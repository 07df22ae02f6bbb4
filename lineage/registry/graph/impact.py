"""Which versions something reaches: walks down from it, and finds the versions that hold it.

A version is linked with every run of its chain, so its own chain is found at once; the walk is for
what other chains made of the same content. The versions come page by page, the newest first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, text

from lineage.contract import cursors
from lineage.contract.requests import check_impact
from lineage.contract.results.graph import Held, Impact, Impacted
from lineage.database import graph, graph_query
from lineage.database.graph import batches
from lineage.registry.graph import subject as subjects

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sqlalchemy import TextClause

    from lineage.registry.graph.subject import Subject
    from lineage.registry.sight import Sight

MOST: Final = 10_000
"""Nodes that are walked to at the most."""
MOST_PARENTS: Final = 2_000
"""Versions whose children are looked for at the most."""
_LAST: Final = 1 << 62
_CURSOR: Final = "impact"

_SHOWN: Final = (
    " AND NOT EXISTS (SELECT 1 FROM version_note t WHERE t.version_id = v.id "
    "AND t.deleted_at IS NOT NULL)"
)
_OPEN: Final = " AND v.model IN :models"


def _statement(query: str, *, opened: bool, many: str | None = None) -> TextClause:
    names = [name for name in (many, "models" if opened else None) if name is not None]
    whole = query.format((_OPEN if opened else "") + _SHOWN)
    return text(whole).bindparams(*(bindparam(name, expanding=True) for name in names))


_OF_NODES: Final = (
    "SELECT l.version_id, l.role FROM lineage_node n JOIN lineage_version l ON l.node = n.id "
    "AND l.version_id IN (SELECT h.version_id FROM lineage_version h "
    "JOIN model_version v ON v.id = h.version_id WHERE h.node = n.id AND h.version_id < :before{} "
    "ORDER BY h.version_id DESC LIMIT :most) WHERE n.id IN :nodes"
)
"""The newest versions of each node; a node that a million hold is read from its end."""

_OF_COLUMN: Final = (
    "SELECT v.id FROM model_version v WHERE v.{column} IN :values AND v.id < :before{{}} "
    "ORDER BY v.id DESC LIMIT :most"
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
    "(SELECT i.data_digest FROM data_item i WHERE i.digest IN :values) AND v.id < :before{} "
    "ORDER BY v.id DESC LIMIT :most"
)
_OF_VALIDATED: Final = (
    "SELECT DISTINCT v.id FROM validation w JOIN model_version v ON v.id = w.version_id "
    "WHERE w.data_digest IN (SELECT i.data_digest FROM data_item i WHERE i.digest IN :values) "
    "AND v.id < :before{} ORDER BY v.id DESC LIMIT :most"
)
_KEYS: Final = {
    "data_digest": "SELECT digest FROM data_version WHERE public_digest IN :values",
    "pipeline_digest": "SELECT digest FROM pipeline_version WHERE public_digest IN :values",
}
_CHILDREN: Final = (
    "SELECT v.id FROM model_version v WHERE v.parent_id IN :values{} ORDER BY v.id LIMIT :most"
)
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
        self._more = subject.more
        begin = graph.node_ids(self._connection, subject.digests)
        self._known = bool(begin) or subject.pipeline is not None
        self._nodes, more = graph_query.reached(self._session, begin.values(), MOST)
        self._more |= more
        walked = graph_query.digests_of(self._session, self._nodes)
        self._contents = sorted(walked | subject.digests)

    def page(self, limit: int, before: int | None, kind: str) -> Impact:
        found = dict(self._direct(before or _LAST, limit + 1))
        for version_id in self._descendants():
            if version_id < (before or _LAST):
                found.setdefault(version_id, "parent")
        ids = sorted(found, reverse=True)
        shown = ids[:limit]
        if not ids and before is None and (self._models is not None or not self._known):
            raise subjects.nothing(self._subject.text)
        following = cursors.encode(kind, shown[-1]) if len(ids) > limit else None
        return Impact(
            self._subject.text,
            self._subject.meant,
            tuple(self._rows(shown, found)),
            following,
            more=self._more,
        )

    def _ask(self, query: str, before: int, most: int, many: str, values: list[Any]) -> list[Any]:
        statement = _statement(query, opened=self._models is not None, many=many)
        asked = {"before": before, "most": most, many: values}
        if self._models is not None:
            asked["models"] = self._models
        if ":before" not in query:
            del asked["before"]
        return list(self._connection.execute(statement, asked).all())

    def _direct(self, before: int, most: int) -> dict[int, str]:
        """The newest versions that hold something that was reached, and as what."""
        found: dict[int, str] = {}
        for version_id, how in self._holders(before, most):
            known = found.get(version_id)
            if known is None or _ORDER.index(how) < _ORDER.index(known):
                found[version_id] = how
        return found

    def _holders(self, before: int, most: int) -> Iterator[tuple[int, str]]:
        """Versions that hold something that was reached, the newest of each, and as what."""
        for nodes in batches(sorted(self._nodes)):
            for version_id, role in self._ask(_OF_NODES, before, most, "nodes", nodes):
                yield version_id, role
        questions = [
            (query, how, values)
            for values in batches(self._contents)
            for query, how in ((_OF_DATA, "data"), (_OF_VALIDATED, "validation"))
        ]
        for values in batches(sorted(self._subject.digests)):
            for column, how in _COLUMNS.items():
                keys = [*values, *self._keys(column, values)]
                questions.append((_OF_COLUMN.format(column=column), how, keys))
        for query, how, keys in questions:
            for (version_id,) in self._ask(query, before, most, "values", keys):
                yield version_id, how
        subject = self._subject
        if subject.pipeline is not None:
            query = _OF_COLUMN.format(column="pipeline_digest")
            for (version_id,) in self._ask(query, before, most, "values", [subject.pipeline[1]]):
                yield version_id, "pipeline"
        if subject.version is not None and (subject.version.id or 0) < before:
            yield subject.version.id or 0, "version"

    def _keys(self, column: str, values: list[str]) -> list[str]:
        """The keys of data and pipeline versions that are known by another digest."""
        if column not in _KEYS:
            return []
        statement = text(_KEYS[column]).bindparams(bindparam("values", expanding=True))
        return list(self._connection.execute(statement, {"values": values}).scalars())

    def _descendants(self) -> set[int]:
        """The versions that were made from versions which are reached: some at the most."""
        level = sorted(self._direct(_LAST, MOST_PARENTS), reverse=True)
        self._more |= len(level) >= MOST_PARENTS
        seen, found = set(level[:MOST_PARENTS]), set[int]()
        level = level[:MOST_PARENTS]
        while level and len(found) < MOST_PARENTS:
            following: set[int] = set()
            for some in batches(level):
                rows = self._ask(_CHILDREN, 0, MOST_PARENTS, "values", some)
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
