"""What the graph of contents should be: works it out again, and counts what is not so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from lineage.database import graph
from lineage.database.lists import ask
from lineage.errors import LineageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy import Connection
    from sqlmodel import Session


def problems(session: Session) -> Iterator[str]:
    """Where the graph is not what the documents come to."""
    connection = session.connection()
    try:
        expected = _Expected()
        for part in graph.parts(connection):
            expected.see(connection, part)
    except (LineageError, LookupError, TypeError, ValueError, AttributeError, RecursionError):
        yield "the lineage graph cannot be worked out: a document is not of its shape"
        return
    yield from expected.problems(connection)


class _Expected:
    """What the documents come to, held against what is there; totals tell what is too much."""

    _HELD: Final = {
        "lineage_edge": ("source", "target", "role"),
        "lineage_label": ("path", "node", "repository"),
        "lineage_version": ("node", "version_id", "role"),
    }

    def __init__(self) -> None:
        self._seen: dict[str, set[int]] = {table: set() for table in graph.TABLES}
        self._missing: dict[str, int] = dict.fromkeys(graph.TABLES, 0)

    def see(self, connection: Connection, part: graph.Part) -> None:
        """Count what of a part is not there."""
        ids = graph.node_ids(connection, part.nodes)
        self._count("lineage_node", part.nodes, lambda digest: digest in ids)
        joints = [
            ids[node] for node, kind in part.nodes.items() if kind in graph.JOINTS and node in ids
        ]
        versions = {version for _, version, _ in part.versions}
        for table, rows, keys in (
            ("lineage_edge", part.edges, {"source": joints, "target": joints}),
            ("lineage_label", part.labels, {"node": ids.values()}),
            ("lineage_version", part.versions, {"version_id": versions}),
        ):
            there = self._there(connection, table, keys) if rows else set()
            self._count(
                table,
                rows,
                lambda row, there=there: tuple(ids.get(v, v) for v in row) in there,
            )

    def problems(self, connection: Connection) -> Iterator[str]:
        """A sentence for each table that is not what it should be."""
        for table in graph.TABLES:
            count = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # nosec B608 # noqa: S608 - our own names
            missing = self._missing[table]
            more = count - (len(self._seen[table]) - missing)
            if missing or more:
                yield (
                    f"{table} was changed: {missing:,} rows are missing and {more:,} are too many "
                    "by the runs and the pipelines that are recorded"
                )

    def _count(self, table: str, rows: Iterable[Any], is_there: Any) -> None:  # noqa: ANN401 - a test of a row
        seen = self._seen[table]
        for row in rows:
            key = hash((table, row))
            if key not in seen:
                seen.add(key)
                self._missing[table] += not is_there(row)

    def _there(
        self, connection: Connection, table: str, keys: Mapping[str, Iterable[int]]
    ) -> set[tuple[Any, ...]]:
        """The rows of a table of which a column is one of some keys."""
        columns = ", ".join(self._HELD[table])
        found: set[tuple[Any, ...]] = set()
        for name, values in keys.items():
            query = f"SELECT {columns} FROM {table} WHERE {name} IN :ids"  # nosec B608 # noqa: S608 - our own names
            found |= {tuple(row) for row in ask(connection, query, {"ids": sorted(values)})}
        return found
