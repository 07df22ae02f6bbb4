"""YAML as nodes: composed from events within budgets, every scalar kept as it is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import yaml

from lineage.capture.bounded_yaml import bounded_events, invalid
from lineage.identity.yaml_scalars import Plain, read_as_dvc, read_plain

if TYPE_CHECKING:
    from collections.abc import Iterable

TAG: Final = "tag:yaml.org,2002:"
KNOWN_TAGS: Final = frozenset(
    f"{TAG}{name}"
    for name in (
        *("null", "bool", "int", "float", "binary", "timestamp"),
        *("omap", "pairs", "set", "str", "seq", "map"),
    )
) | {"!"}


@dataclass(eq=False, slots=True)
class Scalar:
    """A scalar as it is written; ``plain`` where nothing quotes it."""

    text: str
    plain: bool
    tag: str | None
    line: int
    column: int


@dataclass(eq=False, slots=True)
class Collection:
    """A sequence of nodes, or a mapping: then its ``items`` are pairs of key and value."""

    is_mapping: bool
    tag: str | None
    line: int
    column: int
    items: list[Any] = field(default_factory=list)
    open: bool = True


Node = Scalar | Collection


@dataclass(frozen=True)
class Composed:
    """A document's node, None for an empty one, and the version that a ``%YAML`` line declares."""

    node: Node | None
    version: tuple[int, int] | None


def compose(text: str, path: str) -> list[Composed]:
    """The documents of a YAML file.

    Raises:
        CaptureError: it is broken, beyond the budgets, contains itself, or has a tag that DVC does
            not know.
    """
    documents: list[Composed] = []
    composer = _Composer(path)
    version = None
    for event in bounded_events(text, path):
        if isinstance(event, yaml.DocumentStartEvent):
            composer, version = _Composer(path), event.version
        elif isinstance(event, yaml.DocumentEndEvent):
            documents.append(Composed(composer.root, version))
        elif isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
            composer.take(event)
    return documents


def single(text: str, path: str) -> Composed:
    """The one document of a YAML file.

    Raises:
        CaptureError: see :func:`compose`; also several documents.
    """
    documents = compose(text, path)
    if len(documents) > 1:
        raise invalid(path, "it holds several documents")
    return documents[0] if documents else Composed(None, None)


class _Composer:
    """Builds the nodes of one document from its events."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._open: list[Collection] = []
        self._pending: list[Any] = []
        self._anchors: dict[str, Node] = {}
        self.root: Node | None = None

    def take(self, event: Any) -> None:  # noqa: ANN401 - one of PyYAML's events
        """The next event."""
        if isinstance(event, yaml.CollectionEndEvent):
            self._open.pop().open = False
            self._pending.pop()
            return
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            self._add(self._anchored(str(event.anchor), mark.line + 1))
            return
        node: Node
        tag = self._known(event.tag, mark.line + 1)
        if isinstance(event, yaml.ScalarEvent):
            plain = event.implicit[0] or (tag is not None and not event.style)
            node = Scalar(event.value, plain, tag, mark.line + 1, mark.column)
        else:
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            node = Collection(is_mapping, tag, mark.line + 1, mark.column)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._add(node)
        if isinstance(node, Collection):
            self._open.append(node)
            self._pending.append(None)

    def _add(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        above = self._open[-1]
        if not above.is_mapping:
            above.items.append(node)
        elif self._pending[-1] is None:
            self._pending[-1] = node
        else:
            above.items.append((self._pending[-1], node))
            self._pending[-1] = None

    def _anchored(self, anchor: str, line: int) -> Node:
        node = self._anchors.get(anchor)
        if node is None:
            raise invalid(self._path, f"found undefined alias {anchor!r} in line {line}")
        if isinstance(node, Collection) and node.open:
            raise invalid(self._path, f"the value in line {line} contains itself")
        return node

    def _known(self, tag: str | None, line: int) -> str | None:
        if tag is not None and tag not in KNOWN_TAGS:
            raise invalid(self._path, f"DVC does not know the tag {tag[:80]!r} in line {line}")
        return tag


def is_merge(key: Node) -> bool:
    """Whether a key is the merge key of YAML 1.1, which DVC follows."""
    return isinstance(key, Scalar) and key.plain and key.tag is None and key.text == "<<"


def dvc_key(node: Node) -> Any:  # noqa: ANN401 - any key
    """A key as DVC has it; the node itself where it is neither text nor a number."""
    if isinstance(node, Collection) or node.tag not in (None, f"{TAG}str"):
        return node
    if not node.plain or node.tag is not None:
        return node.text
    try:
        value = read_plain(node.text)
        return read_as_dvc(value) if isinstance(value, Plain) else value
    except ValueError:
        return node


def line_of(node: Node | None, keys: Iterable[str]) -> int | None:
    """The line of the value that keys and indexes lead to; of the nearest above it."""
    line = node.line if node is not None else None
    for name in keys:
        if not isinstance(node, Collection):
            break
        if node.is_mapping:
            below = {key.text: (key.line, inner) for key, inner in node.items if _is_text(key)}
        else:
            below = {str(n): (item.line, item) for n, item in enumerate(node.items)}
        if name not in below:
            break
        line, node = below[name]
    return line


def _is_text(node: Node) -> bool:
    return isinstance(node, Scalar)
