"""What a person means by the text of `impact`: contents, a package, a commit, a pipeline version.

Beginnings of digests are completed for those to whom everything is open: what completes one must
not tell of what is not.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from lineage.acts import act
from lineage.database import graph, graph_query, tables
from lineage.database.digests import MOST_CANDIDATES, ambiguous, beginning, recorded
from lineage.database.sql import col, select
from lineage.errors import NotFound, UsageError
from lineage.identity.digest import SHORTEST_BEGINNING
from lineage.identity.references import Reference
from lineage.identity.run_environment import normalised

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lineage.registry.graph.opened import Opened
    from lineage.registry.sight import Sight

MOST: Final = 1_000
"""Contents of one path that are asked about at the most."""
LONGEST: Final = 1_000
"""Characters of what may be asked."""

_PACKAGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==\S+")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DIGEST: Final = re.compile(r"[a-z0-9-]+:[!-~]+")
_HEX: Final = re.compile(r"[0-9a-f]{7,64}(\.dir)?")
_BARE: Final = ("git", "md5", "xxh3", "blake3")
"""The algorithms that are left out in front of digits."""


@dataclass
class Subject:
    """What is meant: ``meant`` for people, ``digests`` of contents, ``version`` and ``pipeline``.

    ``pipeline`` is the name and the BLAKE3 of a version of one, ``path`` one that weights were
    registered by, whether a stage made them or not. ``more`` tells that a path had more contents
    than are asked about. ``nodes`` are those of contents that are known already, by their digest.
    """

    text: str
    meant: tuple[str, ...] = ()
    digests: set[str] = field(default_factory=set)
    version: tables.ModelVersion | None = None
    pipeline: tuple[str, str] | None = None
    path: str | None = None
    more: bool = False
    nodes: dict[str, int] = field(default_factory=dict)


def find(sight: Sight, opened: Opened | None, text: str) -> Subject:
    """What is meant by a text.

    Args:
        sight: what is open to who asks.
        opened: what of the graph is; None for all.
        text: it.

    Raises:
        UsageError: it can mean nothing.
        NotFound: nothing of it is recorded.
        Conflict: several digests begin so.
    """
    text = text.strip()
    if not text or len(text) > LONGEST or not text.isprintable():
        raise UsageError(
            "What the impact is asked of is empty, too long, or not printable.",
            remedy="Name a path, a digest, a commit, NAME@DIGEST of a pipeline, or "
            "package==version.",
        )
    if _PACKAGE.fullmatch(text) is not None:
        name, _, version = text.partition("==")
        named = f"{normalised(name)}=={version}"
        return Subject(text, (named,), {graph.package_node(named)})
    name, at, rest = text.partition("@")
    if at and ":" in rest and "/" not in name:
        return _pipeline(sight, text)
    if at and "/" not in name and ":" not in name:
        try:
            reference = Reference.parse(text)
        except UsageError:
            reference = None
        if reference is not None:
            return _version(sight, opened, text, reference)
    if _DIGEST.fullmatch(text) is not None:
        return _digest(sight, text, [text])
    if _HEX.fullmatch(text) is not None:
        found = _digest(sight, text, [f"{algorithm}:{text}" for algorithm in _BARE], strict=False)
        if found.digests:
            return found if opened is None else _also_path(found, sight, opened, text)
    return _path(sight, opened, text)


def nothing(text: str) -> NotFound:
    """What is said where nothing, or nothing that is open, is meant by a text."""
    return NotFound(
        f"Nothing of {text[:100]} is recorded.",
        remedy=f"Name a digest that {act('trace', 'REF')} shows, or the path of an item of data, "
        "of a file of the pipeline, or of what a stage read or made, as the repository has it.",
    )


def _contents_of(row: tables.ModelVersion) -> set[str]:
    return {digest for digest in (row.weights_blake3, row.weights_xxh3) if digest is not None}


def _version(sight: Sight, opened: Opened | None, text: str, reference: Reference) -> Subject:
    """A version; else an item of data whose name reads like one."""
    try:
        row = sight.version(reference)
    except NotFound as unknown:
        try:
            return _path(sight, opened, text)
        except NotFound:
            raise unknown from None
    return Subject(text, (f"{row.model}@{row.number}",), _contents_of(row), row)


def _pipeline(sight: Sight, text: str) -> Subject:
    from lineage.contract.results import NamedPipeline

    row = sight.pipeline_version(NamedPipeline.parse(text))
    return Subject(text, (f"{row.pipeline}@{row.xxh3}",), pipeline=(row.pipeline, row.blake3))


DIGESTS: Final = (
    ("lineage_node", "digest"),
    ("data_item", "digest"),
    ("model_version", "code_digest"),
    ("model_version", "weights_digest"),
    ("model_version", "weights_blake3"),
    ("model_version", "tuple_digest"),
    ("data_version", "public_digest"),
    ("data_version", "digest"),
    ("pipeline_version", "public_digest"),
    ("pipeline_version", "digest"),
)
"""Where digests are recorded."""


def _digest(sight: Sight, text: str, wanted: list[str], *, strict: bool = True) -> Subject:
    """The contents that digests are, or begin."""
    connection = sight.session.connection()
    found = recorded(connection, DIGESTS, wanted)
    long_enough = len(text.partition(":")[2] or text) >= (SHORTEST_BEGINNING if strict else 7)
    if not found and long_enough and sight.models is None:
        found = beginning(connection, DIGESTS, wanted)
        if len(found) > 1:
            raise ambiguous(text, sorted(found))
    if not found and strict:
        raise nothing(text)
    return Subject(text, tuple(sorted(found)) if sight.models is None else (), found)


def _also_path(found: Subject, sight: Sight, opened: Opened, text: str) -> Subject:
    """The same with the contents of a path: a digest of others must not hide what is open."""
    try:
        path = _path(sight, opened, text)
    except NotFound:
        return found
    return replace(path, digests=path.digests | found.digests)


def _path(sight: Sight, opened: Opened | None, text: str) -> Subject:
    """The contents that a path, or the name of a data item, ever had; else a package's version."""
    found, nodes, weights = set[str](), dict[str, int](), None
    for spelled in dict.fromkeys((text, text.replace("\\", "/"))):
        path = posixpath.normpath(spelled) if "://" not in spelled else spelled
        if not found and weights is None:
            nodes, items = _contents(sight, opened, path)
            found, weights = nodes.keys() | items, _weights(sight, opened, path)
    if not found and weights is None:
        return _package(sight, opened, text)
    newest = sorted(nodes, key=lambda digest: nodes[digest], reverse=True)
    some = [*newest, *sorted(found - nodes.keys())][:MOST]
    meant = tuple(sorted(some)) or (weights or text,)
    return Subject(
        text,
        meant if sight.models is None else (),
        set(some),
        path=weights,
        more=len(found) > MOST,
        nodes={digest: nodes[digest] for digest in some if digest in nodes},
    )


def _contents(sight: Sight, opened: Opened | None, path: str) -> tuple[dict[str, int], set[str]]:
    """The contents of a path, with their nodes, and of items of data that are called so.

    Of each one more than are asked about, where there are more; of those that are open.
    """
    session, label, item = sight.session, tables.LineageLabel, tables.DataItem
    nodes: Iterable[int]
    items: Iterable[str]
    if opened is not None:
        nodes, items = opened.nodes(path, MOST + 1), opened.items(path, MOST + 1)
    else:
        newest = select(col(label.node)).where(col(label.path) == path).distinct()
        nodes = session.exec(newest.order_by(col(label.node).desc()).limit(MOST + 1)).all()
        called = select(col(item.digest)).where(col(item.name) == path).distinct()
        items = session.exec(called.order_by(col(item.digest)).limit(MOST + 1)).all()
    return graph_query.digests_of(session, nodes), {*items}


def _weights(sight: Sight, opened: Opened | None, path: str) -> str | None:
    """The path, where any version's weights lay there."""
    if opened is not None:
        return path if opened.has_weights_at(path) else None
    table = tables.ModelVersion
    query = select(col(table.weights_path)).where(col(table.weights_path) == path).limit(1)
    return sight.session.exec(query).first()


def _package(sight: Sight, opened: Opened | None, text: str) -> Subject:
    """The version of a package, where it was watched in one alone; of those that are open."""
    if _NAME.fullmatch(text) is None:
        raise nothing(text)
    begin = graph.package_node(f"{normalised(text)}==")
    if opened is not None:
        found = opened.packages(begin, MOST_CANDIDATES + 1)
    else:
        column = (("lineage_node", "digest"),)
        found = sorted(beginning(sight.session.connection(), column, [begin]))
    names = [node.removeprefix(graph.package_node("")) for node in found]
    if not names:
        raise nothing(text)
    if len(names) > 1:
        raise ambiguous(text, names, "packages")
    return Subject(text, (names[0],), {found[0]})
