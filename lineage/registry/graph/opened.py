"""What of the graph is open to one who is bound to models: what their versions hold, or came of.

What is bounded is of what is open alone: the rest must neither take its room nor be told of. Either
end may be long: a path has contents of every model, and a model versions without it. So where the
open versions are few, all is read from their end; else from that of what is asked about, and what
is not open is passed over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from lineage.database import graph_query
from lineage.database.digests import BEHIND
from lineage.database.graph import LISTED
from lineage.database.lists import Lists, ask, first_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection

    from lineage.registry.sight import Sight

FEW: Final = 1_000
"""Versions from whose end all is read."""
MANY: Final = 2_000
"""Contents of a path that are looked at before the versions are, where both are many."""
NEWEST: Final = 1_250
"""Versions that are looked at then, before all contents are."""

SHOWN: Final = (
    " AND NOT EXISTS (SELECT 1 FROM version_note t WHERE t.version_id = {} "
    "AND t.deleted_at IS NOT NULL)"
)
"""That a version is not deleted."""

_OPEN: Final = "v.model IN :models" + SHOWN.format("v.id")
_VERSIONS: Final = f"SELECT v.id FROM model_version v WHERE {_OPEN} LIMIT :most"  # nosec B608 # noqa: S608 - our own names
_SHARED: Final = f"(e.role <> '{LISTED}' OR v.pipeline IN :pipelines)"


# a question to each of many rows has a limit: without it, PostgreSQL joins all rows there are
def _any(tables: str, condition: str) -> str:
    return f"(SELECT 1 FROM {tables} WHERE {condition} LIMIT 1) = 1"  # nosec B608 # noqa: S608 - our own names


def _held(node: str) -> str:
    """That an open version holds a node."""
    held = "lineage_version h JOIN model_version v ON v.id = h.version_id"
    return _any(held, f"h.node = {node} AND {_OPEN}")


def _led(node: str) -> str:
    """That an open version holds what was made of a node, or its open pipeline does."""
    led = "lineage_edge e JOIN lineage_version h ON h.node = e.target"
    return _any(
        f"{led} JOIN model_version v ON v.id = h.version_id",
        f"e.source = {node} AND {_OPEN} AND {_SHARED}",
    )


def _as_data(digest: str) -> str:
    """That the data of an open version, or of a validation of one, holds a content."""
    of_version = "data_item d JOIN model_version v ON v.data_digest = d.data_digest"
    of_verdict = (
        "data_item d JOIN validation w ON w.data_digest = d.data_digest "
        "JOIN model_version v ON v.id = w.version_id"
    )
    condition = f"d.digest = {digest} AND {_OPEN}"
    return f"{_any(of_version, condition)} OR {_any(of_verdict, condition)}"


def _as_weights(digest: str) -> str:
    """That a content is the weights of an open version."""
    columns = ("weights_blake3", "weights_digest")
    either = (_any("model_version v", f"v.{column} = {digest} AND {_OPEN}") for column in columns)
    return " OR ".join(either)


def _called(node: str) -> str:
    return _any("lineage_label l", f"l.path = :path AND l.node = {node}")


_DIGEST: Final = "(SELECT n.digest FROM lineage_node n WHERE n.id = l.node)"
_NODES: Final = (
    "SELECT l.node FROM (SELECT DISTINCT node FROM lineage_label WHERE path = :path "  # nosec B608 # noqa: S608 - our own names
    "ORDER BY node DESC LIMIT :read) l WHERE "
    f"({_held('l.node')} OR {_led('l.node')} OR {_as_data(_DIGEST)} OR {_as_weights(_DIGEST)}) "
    "ORDER BY l.node DESC LIMIT :most"
)
_ITEMS: Final = (
    f"SELECT DISTINCT i.digest FROM data_item i WHERE i.name = :path AND ({_as_data('i.digest')}) "  # nosec B608 # noqa: S608 - our own names
    "ORDER BY i.digest LIMIT :most"
)
_MADE_OF: Final = replace(
    graph_query.MADE_OF, where=f"{graph_query.MADE_OF.where} AND {_held('x.target')}"
)
_CODE: Final = replace(
    graph_query.HOLD,
    where=graph_query.HOLD.where
    + " AND "
    + _any(
        "lineage_version h JOIN model_version v ON v.id = h.version_id",
        f"h.node = x.target AND {_OPEN} AND v.pipeline IN :pipelines",
    ),
)

_FEW_HELD: Final = "SELECT DISTINCT h.node FROM lineage_version h WHERE h.version_id IN :few"
_FEW_CODE: Final = (
    "SELECT DISTINCT h.node FROM lineage_version h JOIN model_version v ON v.id = h.version_id "
    "WHERE h.version_id IN :few AND v.pipeline IN :pipelines"
)
_FEW_DATA: Final = (
    "SELECT data_digest FROM model_version WHERE id IN :few AND data_digest IS NOT NULL UNION "
    "SELECT data_digest FROM validation WHERE version_id IN :few AND data_digest IS NOT NULL"
)
_WEIGHTS: Final = (
    "model_version v JOIN lineage_node n ON n.digest IN (v.weights_blake3, v.weights_digest) "
    "WHERE v.id IN :few"
)
_FEW_NODES: Final = tuple(
    f"SELECT DISTINCT {node} FROM {rows} AND {_called(node)}"  # nosec B608 # noqa: S608 - our own names
    for node, rows in (
        ("h.value", "EACH :held h WHERE true"),
        ("e.source", f"lineage_edge e WHERE e.target IN :held AND e.role <> '{LISTED}'"),
        ("e.source", f"lineage_edge e WHERE e.target IN :code AND e.role = '{LISTED}'"),
        (
            "n.id",
            "data_item d JOIN lineage_node n ON n.digest = d.digest WHERE d.data_digest IN :data",
        ),
        (
            "n.id",
            _WEIGHTS,
        ),
    )
)
_FEW_ITEMS: Final = (
    "SELECT DISTINCT d.digest FROM data_item d WHERE d.data_digest IN :data AND "  # nosec B608 # noqa: S608 - our own names
    + _any("data_item i", "i.name = :path AND i.digest = d.digest")
)
_PACKAGES: Final = (
    "SELECT DISTINCT n.digest FROM lineage_node n WHERE n.digest >= :begin AND n.digest < :end "  # nosec B608 # noqa: S608 - our own names
    f"AND substr(n.digest, 1, length(:begin)) = :begin AND {_led('n.id')} "
    "ORDER BY n.digest LIMIT :most"
)
_FEW_PACKAGES: Final = (
    "SELECT DISTINCT n.digest FROM lineage_edge e JOIN lineage_node n ON n.id = e.source "
    "WHERE e.target IN :held AND e.role = 'package' "
    "AND substr(n.digest, 1, length(:begin)) = :begin ORDER BY n.digest LIMIT :most"
)
# COALESCE keeps from an index that would be asked for each of one list with each of the other
_FEW_MADE_OF: Final = (
    "SELECT DISTINCT e.target FROM EACH :held k JOIN lineage_edge e ON e.target = k.value "  # nosec B608 # noqa: S608 - our own names
    f"WHERE COALESCE(e.source, NULL) IN :begin AND e.role <> '{LISTED}'"
)
_FEW_WITH: Final = (
    "SELECT DISTINCT e.target FROM EACH :code k JOIN lineage_edge e ON e.target = k.value "  # nosec B608 # noqa: S608 - our own names
    f"WHERE COALESCE(e.source, NULL) IN :begin AND e.role = '{LISTED}'"
)
_FEW_OF_LISTS: Final = (
    "SELECT x.{value}, {also} FROM {table} x WHERE x.{value} IN :few AND x.{value} < :begin "
    "AND x.{value} > :end AND COALESCE(x.{key}, NULL) IN :keys{where}"
)
_OF_OPEN: Final = " AND " + _any("model_version v", f"v.id = x.{{}} AND {_OPEN}")
_NEWEST: Final = (
    "SELECT v.id FROM model_version v WHERE v.id < :begin AND v.id > :end AND v.id NOT IN :known "  # nosec B608 # noqa: S608 - our own names
    f"AND {_OPEN} ORDER BY v.id DESC LIMIT :most"
)
_CALLED: Final = (
    "SELECT count(*) FROM (SELECT 1 FROM lineage_label WHERE path = :path LIMIT :most) l"
)
_LIES_THERE: Final = "SELECT 1 FROM model_version v WHERE v.weights_path = :path AND {} LIMIT 1"
_CHILD: Final = f"SELECT 1 FROM model_version v WHERE v.parent_id < :floor AND {_OPEN} LIMIT 1"  # nosec B608 # noqa: S608 - our own names


@dataclass(frozen=True)
class Opened:
    """What is open to one who is bound: models, pipelines, and the versions where these are few."""

    connection: Connection
    models: list[str]
    pipelines: list[str]
    few: list[int] | None

    @classmethod
    def to(cls, sight: Sight) -> Opened | None:
        """What is open to somebody; None for all."""
        if sight.models is None:
            return None
        connection, models = sight.session.connection(), sorted(sight.models)
        rows = ask(connection, _VERSIONS, {"models": models}, most=FEW + 1)
        few = [version_id for (version_id,) in rows] if len(rows) <= FEW else None
        return cls(connection, models, sorted(sight.pipelines or ()), few)

    def nodes(self, path: str, most: int) -> list[int]:
        """The nodes of the contents of a path that lead to open versions, the newest.

        Where few of the newest contents are open, those of the newest versions.
        """
        if self.few is not None:
            return self._newest_nodes(path, most)
        found: list[int] = self._ask(_NODES, self._lists, path=path, most=most, read=MANY)
        if len(found) == most or self._ask(_CALLED, {}, path=path, most=MANY) < [MANY]:
            return found
        newest = replace(self, few=self.newest(NEWEST, (graph_query.LAST, 0), ()))
        found = newest._newest_nodes(path, most)
        if len(found) == most:
            return found
        return self._ask(_NODES, self._lists, path=path, most=most, read=graph_query.LAST)

    def _newest_nodes(self, path: str, most: int) -> list[int]:
        lists = self._lists | {"held": self._held, "code": self._code, "data": self._data}
        found = {node for query in _FEW_NODES for node in self._ask(query, lists, path=path)}
        return sorted(found, reverse=True)[:most]

    def items(self, path: str, most: int) -> list[str]:
        """The contents of items of data of a name that lead to open versions."""
        if self.few is None:
            return self._ask(_ITEMS, self._lists, path=path, most=most)
        return sorted(self._ask(_FEW_ITEMS, {"data": self._data}, path=path))[:most]

    def packages(self, begin: str, most: int) -> list[str]:
        """The nodes of packages that begin so and that runs of open versions imported."""
        if self.few is None:
            end = begin + BEHIND
            return self._ask(_PACKAGES, self._lists, begin=begin, end=end, most=most)
        return self._ask(_FEW_PACKAGES, {"held": self._held}, begin=begin, most=most)

    def has_weights_at(self, path: str) -> bool:
        """Whether the weights of an open version lay at a path."""
        few = "v.id IN :few" if self.few is not None else _OPEN
        return bool(self._ask(_LIES_THERE.format(few), self._lists, path=path))

    def made_of(self, nodes: Collection[int], most: int) -> tuple[set[int], bool]:
        """What was made of nodes, in a step, and open versions hold; whether there is more."""
        return self._targets(_FEW_MADE_OF, _MADE_OF, nodes, most)

    def code_with(self, nodes: Collection[int], most: int) -> tuple[set[int], bool]:
        """The code of open pipelines of open versions that holds files; whether there is more."""
        return self._targets(_FEW_WITH, _CODE, nodes, most)

    def first(
        self, lists: Lists, keys: Collection[Any], most: int, room: tuple[int, int]
    ) -> dict[int, set[Any]]:
        """The newest open versions of lists of them; some more may come.

        Args:
            lists: where they are.
            keys: the lists that are read.
            most: versions that are needed.
            room: where they begin and end, itself not among them.
        """
        begin, end = room
        if self.few is None:
            lists = replace(lists, where=lists.where + _OF_OPEN.format(lists.value))
            return first_of(
                self.connection, lists, keys, most, begin=begin, end=end, within=self._lists
            )
        query = _FEW_OF_LISTS.format(**vars(lists) | {"also": lists.also or "NULL"})
        rows = ask(self.connection, query, self._lists | {"keys": keys}, begin=begin, end=end)
        found: dict[int, set[Any]] = {}
        for version_id, also in rows:
            found.setdefault(version_id, set()).update({also} - {None})
        return found

    def newest(self, most: int, room: tuple[int, int], known: Collection[int]) -> list[int]:
        """The newest open versions that are not known."""
        begin, end = room
        if self.few is None:
            lists = self._lists | {"known": known}
            return self._ask(_NEWEST, lists, begin=begin, end=end, most=most)
        between = (id_ for id_ in {*self.few} - {*known} if end < id_ < begin)
        return sorted(between, reverse=True)[:most]

    def has_children_below(self, floor: int) -> bool:
        """Whether any open version was made from one whose key is less."""
        return bool(self._ask(_CHILD, self._lists, floor=floor))

    def _targets(
        self, few: str, many: Lists, nodes: Collection[int], most: int
    ) -> tuple[set[int], bool]:
        if self.few is not None:
            lists = {"held": self._held, "code": self._code, "begin": sorted(nodes)}
            found = {*self._ask(few, lists)}
        else:
            found = {
                *first_of(
                    self.connection,
                    many,
                    nodes,
                    most + 1,
                    begin=graph_query.LAST,
                    end=0,
                    within=self._lists | {"seen": sorted(nodes)},
                )
            }
        return {*sorted(found, reverse=True)[:most]}, len(found) > most

    @cached_property
    def _lists(self) -> dict[str, Collection[Any]]:
        few = {"few": self.few} if self.few is not None else {}
        return {"models": self.models, "pipelines": self.pipelines, **few}

    @cached_property
    def _held(self) -> list[int]:
        """The nodes that few versions hold."""
        return self._ask(_FEW_HELD, self._lists)

    @cached_property
    def _code(self) -> list[int]:
        """Those of them that versions with an open pipeline hold."""
        return self._ask(_FEW_CODE, self._lists)

    @cached_property
    def _data(self) -> list[str]:
        """The data versions that they, or their validations, were made on."""
        return self._ask(_FEW_DATA, self._lists)

    def _ask(
        self,
        query: str,
        lists: Mapping[str, Collection[Any]],
        **values: Any,  # noqa: ANN401 - parameters
    ) -> list[Any]:
        return [one for (one,) in ask(self.connection, query, lists, **values)]
