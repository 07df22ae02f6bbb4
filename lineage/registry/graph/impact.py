"""Which versions something reaches: walks down from it, and finds the versions that hold it.

A version is linked with every run of its chain, and with the code of its pipeline, so what it was
made of itself is found at once; the walk is for what other chains made of the same content. The
versions come page by page, the newest first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from lineage.contract import cursors
from lineage.contract.requests import check_impact
from lineage.contract.results.graph import Held, Impact, Impacted
from lineage.database import graph, graph_query
from lineage.database.digests import recorded
from lineage.database.graph_query import LAST
from lineage.database.lists import Lists, ask, first_of
from lineage.registry.graph import subject as subjects
from lineage.registry.graph.opened import SHOWN, Opened

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from lineage.registry.graph.subject import Subject
    from lineage.registry.sight import Sight

MOST: Final = 1_000
"""Nodes that are walked to at the most."""
MOST_PARENTS: Final = 500
"""Versions whose children are looked for at the most."""
MOST_BETWEEN: Final = 500
"""Versions that are looked at one by one, rather than what was walked to."""
_CURSOR: Final = "impact"

_PLANS: Final = text(
    "SELECT set_config('plan_cache_mode', 'force_custom_plan', true), "
    "set_config('max_parallel_workers_per_gather', '0', true)"
)
"""A plan for any values would read a node that a million versions hold whole; and to start workers
takes longer than a page."""

_SHARED: Final = (
    " AND EXISTS (SELECT 1 FROM model_version p WHERE p.id = x.version_id "
    "AND p.pipeline IN :pipelines)"
)
_NODES: Final = Lists("lineage_version", "node", "version_id", also="x.role")
_VALIDATED: Final = Lists("validation", "data_digest", "version_id")
_CHILDREN: Final = Lists("model_version", "parent_id", "id")
_BETWEEN: Final = (
    "SELECT x.id FROM model_version x WHERE x.id < :begin AND x.id > :end AND x.id NOT IN :known"  # nosec B608 # noqa: S608 - our own names
    f"{SHOWN.format('x.id')} ORDER BY x.id DESC LIMIT :most"
)
_HOLDERS: Final = (
    "SELECT version_id, role FROM lineage_version WHERE version_id IN :ids AND node IN :nodes"
)
_COLUMNS: Final = {
    "code_digest": "code",
    "weights_digest": "weights",
    "weights_blake3": "weights",
    "tuple_digest": "version",
    "pipeline_digest": "pipeline",
    "data_digest": "data",
}
_PARTS: Final = tuple(
    (table, column)
    for table, column in subjects.DIGESTS
    if table not in ("lineage_node", "data_item")
)
_KEYS: Final = {
    "data_digest": "SELECT digest FROM data_version WHERE public_digest IN :values",
    "pipeline_digest": "SELECT digest FROM pipeline_version WHERE public_digest IN :values",
}
_WITH_ITEMS: Final = "SELECT DISTINCT data_digest FROM data_item WHERE digest IN :values"
_ANY_CHILD: Final = text("SELECT 1 FROM model_version WHERE parent_id < :floor LIMIT 1")
_ROWS: Final = "SELECT id, model, number, kind, registered_at FROM model_version WHERE id IN :ids"

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
    connection = sight.session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(_PLANS)
    opened = Opened.to(sight)
    return _Reach(sight, opened, subjects.find(sight, opened, asked)).page(limit, before, kind)


def _of(column: str) -> Lists:
    return Lists("model_version", column, "id")


class _Reach:
    def __init__(self, sight: Sight, opened: Opened | None, subject: Subject) -> None:
        self._sight, self._session = sight, sight.session
        self._connection = sight.session.connection()
        self._opened = opened
        self._subject = subject
        begin = subject.nodes | graph.node_ids(
            self._connection, subject.digests - subject.nodes.keys()
        )
        self._known = bool(begin or subject.pipeline or subject.path)
        self._begin = sorted(begin.values())
        files = [node for digest, node in begin.items() if digest.startswith("blake3:")]
        self._code: Collection[int]
        if opened is None:
            self._code, more_code = graph_query.code_with(self._session, files, MOST)
            self._walked, more = graph_query.reached(self._session, self._begin, MOST)
        else:
            # who is bound walks through no run of others: only to those of their own chains
            self._code, more_code = opened.code_with(files, MOST)
            walked = graph_query.not_empty(self._session, self._begin)
            self._walked, more = opened.made_of(walked, MOST)
        self._more = more or more_code or subject.more

    def page(self, limit: int, before: int | None, kind: str) -> Impact:
        newest = self._newest(LAST, max(limit + 1, MOST_PARENTS + 1))
        found = dict(newest) if before is None else self._newest(before, limit + 1)
        for version_id in self._descendants(sorted(newest, reverse=True)):
            if version_id < (before or LAST):
                found.setdefault(version_id, "parent")
        ids = sorted(found, reverse=True)
        shown = ids[:limit]
        if not newest and (self._opened is not None or not self._known):
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

    def _first(
        self, lists: Lists, keys: Collection[Any], most: int, room: tuple[int, int]
    ) -> dict[int, set[Any]]:
        """The newest versions of lists that are open, and not deleted."""
        if not keys:
            return {}
        if self._opened is not None:
            return self._opened.first(lists, keys, most, room)
        lists = replace(lists, where=lists.where + SHOWN.format(f"x.{lists.value}"))
        begin, end = room
        return first_of(self._connection, lists, keys, most, begin=begin, end=end)

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

        contents = sorted(self._subject.digests)
        add(self._named(most, before))
        for nodes in self._first(_NODES, self._begin, most, (before, 0)).items():
            add((nodes[0], role) for role in nodes[1])
        add(self._by_code(most, (before, 0)))
        add(self._by_data(contents, most, (before, 0)))
        floor = sorted(found, reverse=True)[most - 1] if len(found) >= most else 0
        known = [version_id for version_id, how in found.items() if how != "weights"]
        add(self._of_walked(known, most, (before, floor)))
        return {version_id: found[version_id] for version_id in sorted(found)[-most:]}

    def _of_walked(
        self, known: Sequence[int], most: int, room: tuple[int, int]
    ) -> Iterator[tuple[int, str]]:
        """Versions that hold what was walked to, but those that are known.

        Where few others are as new as these, they are asked one by one: what was walked to may be
        held by very many.
        """
        if not self._walked:
            return
        between = self._between(known, room)
        if not between:
            return
        walked = sorted(self._walked)
        if len(between) <= MOST_BETWEEN:
            asked = {"ids": between, "nodes": walked}
            yield from ((id_, role) for id_, role in ask(self._connection, _HOLDERS, asked))
        else:
            for version_id, roles in self._first(_NODES, walked, most, room).items():
                yield from ((version_id, role) for role in roles)
        contents = sorted(graph_query.digests_of(self._session, walked))
        yield from self._by_data(contents, most, room)

    def _between(self, known: Collection[int], room: tuple[int, int]) -> list[int]:
        """The newest versions in a room that are open and not known, one more than are few."""
        if self._opened is not None:
            return self._opened.newest(MOST_BETWEEN + 1, room, known)
        begin, end = room
        asked = {"begin": begin, "end": end, "most": MOST_BETWEEN + 1}
        rows = ask(self._connection, _BETWEEN, {"known": known}, **asked)
        return [version_id for (version_id,) in rows]

    def _by_code(self, most: int, room: tuple[int, int]) -> Iterator[tuple[int, str]]:
        """Versions whose pipeline holds contents; only of pipelines that are open."""
        lists = _NODES if self._opened is None else replace(_NODES, where=_SHARED)
        yield from ((id_, "code") for id_ in self._first(lists, self._code, most, room))

    def _by_data(
        self, contents: Sequence[str], most: int, room: tuple[int, int]
    ) -> Iterator[tuple[int, str]]:
        """Versions whose data, or that of whose validations, holds contents."""
        rows = ask(self._connection, _WITH_ITEMS, {"values": contents})
        data = [digest for (digest,) in rows]
        for lists, how in ((_of("data_digest"), "data"), (_VALIDATED, "validation")):
            yield from ((id_, how) for id_ in self._first(lists, data, most, room))

    def _named(self, most: int, before: int) -> Iterator[tuple[int, str]]:
        """Versions of which what is asked is a part, or that are asked for themselves."""
        subject = self._subject
        values = sorted(recorded(self._connection, _PARTS, sorted(subject.digests)))
        for column, how in _COLUMNS.items() if values else ():
            keys = [*values, *self._keys(column, values)]
            yield from ((id_, how) for id_ in self._first(_of(column), keys, most, (before, 0)))
        if subject.pipeline is not None:
            named = self._first(_of("pipeline_digest"), [subject.pipeline[1]], most, (before, 0))
            yield from ((version_id, "pipeline") for version_id in named)
        if subject.path is not None:
            made = self._first(_of("weights_path"), [subject.path], most, (before, 0))
            yield from ((version_id, "weights") for version_id in made)
        if subject.version is not None and (subject.version.id or 0) < before:
            yield subject.version.id or 0, "version"

    def _keys(self, column: str, values: list[str]) -> list[str]:
        """The keys of data and pipeline versions that are known by another digest."""
        if column not in _KEYS:
            return []
        return [key for (key,) in ask(self._connection, _KEYS[column], {"values": values})]

    def _descendants(self, newest: Sequence[int]) -> set[int]:
        """The versions that were made from those which are reached: some at the most."""
        level = list(newest[:MOST_PARENTS])
        if len(newest) > len(level):
            self._more |= self._has_children_below(level[-1])
        seen, found = set(level), set[int]()
        while level and len(found) < MOST_PARENTS:
            children = self._first(_CHILDREN, level, MOST_PARENTS, (LAST, 0))
            level = sorted(children.keys() - seen, reverse=True)
            seen |= {*level}
            found |= {*level}
        self._more |= bool(level)
        return found

    def _has_children_below(self, floor: int) -> bool:
        if self._opened is not None:
            return self._opened.has_children_below(floor)
        return self._connection.execute(_ANY_CHILD, {"floor": floor}).first() is not None

    def _rows(self, ids: Collection[int], found: dict[int, str]) -> Iterator[Impacted]:
        if not ids:
            return
        held = graph_query.held(self._session, ids)
        rows = {row[0]: row for row in ask(self._connection, _ROWS, {"ids": ids})}
        for version_id in ids:
            _, model, number, kind, at = rows[version_id]
            sides = tuple(
                Held(environment, side, since)
                for environment, side, since in held.get(version_id, ())
                if self._sight.sees(model, environment)
            )
            yield Impacted(f"{model}@{number}", model, number, kind, found[version_id], at, sides)
