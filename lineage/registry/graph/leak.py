"""What a version was trained on and validated on: contents that stand on both sides."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from lineage.contract.requests import MOST_NODES
from lineage.contract.results.graph import Leak, Leaked, NodeKind
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


def leak(sight: Sight, row: tables.ModelVersion) -> Leak:
    """The contents of the data of a version's validations that it was also made of.

    Made of: its data items, what the runs that led to it used and made, and all that of the
    versions it was made from. A directory is one content: files in it are not compared one by one,
    which is said. All empty files are the same, and none of them leaks. Of validations, the newest
    hundred that name their data count.
    """
    made_of = trace(sight, row, MOST_NODES, training_alone=True)
    contents = {node.id: node for node in made_of.nodes if node.kind in _CONTENT}
    ends = {
        edge.target if edge.role == "output" else edge.source
        for edge in made_of.edges
        if edge.role in ("input", "data", "output")
    }
    training = {digest: _names(contents[digest]) for digest in (ends & contents.keys()) - EMPTY}
    validations, validated = set[int](), dict[str, set[str]]()
    for validation, name, digest in _validated(sight, row):
        validations.add(validation)
        if digest not in EMPTY:
            validated.setdefault(digest, set()).add(name)
    algorithms = {digest.partition(":")[0] for digest in training}
    return Leak(
        made_of.ref,
        tuple(sorted(validations)),
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
        tuple(islice(_gaps(made_of, training, validated), _GAPS)) if validations else (),
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


def _validated(sight: Sight, row: tables.ModelVersion) -> Iterator[tuple[int, str, str]]:
    """The number of each validation, and the name and the digest of each item of its data."""
    table = tables.Validation
    query = (
        select(table)
        .where(table.version_id == row.id, col(table.data_blake3).is_not(None))
        .order_by(col(table.id).desc())
    )
    for validation in sight.session.exec(query.limit(_VALIDATIONS)).all():
        for item in versions.data_items(sight.session, validation.data_blake3):
            yield validation.id or 0, item.name, item.digest
