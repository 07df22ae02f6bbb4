"""What a version was trained on and validated on: contents that stand on both sides."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from lineage.contract.results.graph import NodeKind
from lineage.contract.results.leaks import Leak, Leaked
from lineage.database import tables, versions
from lineage.database.graph import kind_of
from lineage.database.sql import col, select
from lineage.identity.digest import EMPTY
from lineage.registry.graph.trace import trace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lineage.contract.results.graph import GraphNode, Trace
    from lineage.registry.sight import Sight

_CONTENT: Final = (NodeKind.FILE, NodeKind.DIRECTORY)
_GAPS: Final = 50
"""Sentences that tell what was not compared."""
_VALIDATIONS: Final = 100


def leak(sight: Sight, row: tables.ModelVersion, most: int) -> Leak:
    """The contents of the data of a version's validations that it was also made of.

    Made of: its data items, what the runs that led to it used and made, and all that of the
    versions it was made from. A directory is one content: files in it are not compared one by one,
    which is said. All empty files are the same, and none of them leaks. Of validations, the newest
    hundred that name their data count; where none does, nothing is walked to.

    Args:
        sight: what is open to who asks.
        row: the version.
        most: nodes at the most that are walked to.
    """
    validations, named = _validated(sight, row)
    if not validations:
        return Leak(f"{row.model}@{row.number}", (), ())
    made_of = trace(sight, row, most, training_alone=True)
    contents = {node.id: node for node in made_of.nodes if node.kind in _CONTENT}
    ends = {
        edge.target if edge.role == "output" else edge.source
        for edge in made_of.edges
        if edge.role in ("input", "data", "output")
    }
    training = {digest: _names(contents[digest]) for digest in (ends & contents.keys()) - EMPTY}
    validated = {digest: names for digest, names in named.items() if digest not in EMPTY}
    algorithms = {digest.partition(":")[0] for digest in training}
    return Leak(
        made_of.ref,
        validations,
        tuple(
            Leaked(digest, training[digest], tuple(sorted(validated[digest])))
            for digest in sorted(validated.keys() & training.keys())
        ),
        tuple(
            sorted(
                name
                for digest, names in validated.items()
                if digest.partition(":")[0] not in algorithms
                for name in names
            )
        ),
        tuple(islice(_gaps(made_of, training, validated), _GAPS)),
        more=made_of.more,
    )


def _names(node: GraphNode) -> tuple[str, ...]:
    return (node.name, *node.details.get("also", ()))


def _gaps(
    made_of: Trace, training: Mapping[str, tuple[str, ...]], validated: Mapping[str, set[str]]
) -> Iterator[str]:
    """What keeps it from being known that nothing else stands on both sides, in sentences."""
    yield from made_of.gaps
    if not training:
        yield f"Nothing that {made_of.ref} was trained on is recorded."
    weights = {edge.source for edge in made_of.edges if edge.role == "weights"}
    for node in made_of.nodes:
        if node.missing:
            yield f"What made {node.name} is not recorded."
    sides = {**{digest: sorted(names) for digest, names in validated.items()}, **training}
    for digest in sorted(sides.keys() - (training.keys() & validated.keys()) - weights):
        if kind_of(digest) == NodeKind.DIRECTORY:
            for name in sides[digest]:
                yield f"{name} is a directory: the files in it were not compared one by one."


def _validated(
    sight: Sight, row: tables.ModelVersion
) -> tuple[tuple[int, ...], dict[str, set[str]]]:
    """The numbers of the validations that name their data, and its names by their digests."""
    table = tables.Validation
    query = (
        select(table.id, table.data_blake3)
        .where(table.version_id == row.id, col(table.data_blake3).is_not(None))
        .order_by(col(table.id).desc())
    )
    rows = sight.session.exec(query.limit(_VALIDATIONS)).all()
    named: dict[str, set[str]] = {}
    for data in {data for _, data in rows}:
        for item in versions.data_items(sight.session, data):
            named.setdefault(item.digest, set()).add(item.name)
    return tuple(sorted(number or 0 for number, _ in rows)), named
