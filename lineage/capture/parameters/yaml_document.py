"""YAML parameter files, encoded so that what any reader of YAML tells apart stays apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from lineage.capture.bounded_yaml import invalid
from lineage.capture.parameters.document import Child, Document, Index
from lineage.capture.parameters.yaml_nodes import (
    TAG,
    Collection,
    Composed,
    Node,
    Scalar,
    dvc_key,
    is_merge,
)
from lineage.identity.digest import canonical_bytes
from lineage.identity.parameters import Content, encode, mapping
from lineage.identity.yaml_scalars import Plain, read_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lineage.identity.digest import Digest

ONE_READERS_BREAKS: Final = re.compile("[\x85\u2028\u2029]")
"""Ends of lines in YAML 1.1 and characters like others in YAML 1.2."""


class YamlDocument(Document):
    """A YAML parameter file; ``content`` gives the digest of its bytes where that is needed."""

    def __init__(
        self,
        path: str,
        text: str,
        composed: Composed,
        content: Callable[[], Digest],
        *,
        ordered: bool = True,
    ) -> None:
        super().__init__(path)
        self._node = composed.node
        self._encoder = Encoder(path, composed.version, ordered=ordered)
        self._whole = self._encoder.encoded(self._node)
        self._instead: Any = None
        if ONE_READERS_BREAKS.search(text):
            self._instead = encode(Content(content()))
            self.notes.append(
                f"{path} holds a character (U+0085, U+2028 or U+2029) that ends a line for some "
                "readers of YAML only, so its content stands for its parameters"
            )

    @property
    @override
    def root(self) -> Any:
        return self._node

    @override
    def whole(self) -> Any:
        return self._instead or ({"map": []} if self._whole is None else self._whole)

    @override
    def encoded(self, node: Any) -> Any:
        return self._instead or self._encoder.encoded(node)

    @override
    def children(self, node: Any) -> Iterator[Child]:
        if not isinstance(node, Collection) or node.tag not in (None, f"{TAG}map", f"{TAG}seq"):
            return
        if not node.is_mapping:
            for index, item in enumerate(node.items):
                yield Child(Index(index, len(node.items)), {"index": index}, item, item.line)
            return
        merges, own = [], set()
        for key, inner in node.items:
            if is_merge(key):
                merges.append(inner)
            else:
                child = Child(dvc_key(key), self._encoder.encoded(key), inner, key.line)
                own.add(child.key)
                yield child
        for source in merges:
            yield from self._merged(source, own)

    def _merged(self, source: Node, hiding: set[Any]) -> Iterator[Child]:
        """What a merge key brings in, but for what is there already."""
        listed = isinstance(source, Collection) and not source.is_mapping
        for node in source.items if listed else [source]:  # type: ignore[union-attr]
            for child in self.children(node):
                if child.key not in hiding:
                    hiding.add(child.key)
                    step = [{"plain": "<<"}, child.step]
                    yield Child(child.key, step, child.node, child.line)


def check_keys(composed: Composed, path: str) -> None:
    """Refuse a document in which a key stands twice in one mapping.

    Raises:
        CaptureError: it does.
    """
    Encoder(path, composed.version, ordered=True).encoded(composed.node)


class Encoder:
    """Writes the nodes of one document in the encoding of parameters, each once."""

    def __init__(self, path: str, version: tuple[int, int] | None, *, ordered: bool) -> None:
        self._path = path
        self._plain = "plain" if version is None else f"plain-{version[0]}.{version[1]}"
        self._ordered = ordered
        self._done: dict[int, Any] = {}

    def encoded(self, node: Node | None) -> Any:  # noqa: ANN401 - an encoded value
        """A node's value.

        Raises:
            CaptureError: a key stands twice in a mapping, or a number is too long.
        """
        if node is None:
            return None
        if isinstance(node, Scalar):
            return self._scalar(node)
        if id(node) not in self._done:
            self._done[id(node)] = self._collection(node)
        return self._done[id(node)]

    def _collection(self, node: Collection) -> Any:  # noqa: ANN401 - see encoded
        value: Any
        if node.is_mapping:
            pairs = [[self.encoded(key), self.encoded(inner)] for key, inner in node.items]
            self._check_keys(node, pairs)
            value = mapping(pairs, ordered=self._ordered)
        else:
            value = [self.encoded(item) for item in node.items]
        usual = f"{TAG}map" if node.is_mapping else f"{TAG}seq"
        return value if node.tag in (None, usual) else {"tagged": [node.tag, value]}

    def _scalar(self, node: Scalar) -> Any:  # noqa: ANN401 - see encoded
        if node.tag is None:
            return self._read(node) if node.plain else node.text
        if node.tag == f"{TAG}str":
            return node.text
        if node.tag == f"{TAG}binary":
            return {"tagged": [node.tag, "".join(node.text.split())]}
        read = self._read(node)
        return read if _KINDS.get(node.tag) == _kind(read) else {"tagged": [node.tag, node.text]}

    def _read(self, node: Scalar) -> Any:  # noqa: ANN401 - see encoded
        try:
            value = read_plain(node.text)
        except ValueError:
            raise invalid(
                self._path, f"the number in line {node.line} has too many digits"
            ) from None
        return {self._plain: value.text} if isinstance(value, Plain) else encode(value)

    def _check_keys(self, node: Collection, pairs: list[list[Any]]) -> None:
        lines: dict[Any, int] = {}
        for (key, _), (written, _) in zip(node.items, pairs, strict=True):
            identity = "<<" if is_merge(key) else _identity(key, written)
            if identity in lines:
                first, second = lines[identity], key.line
                where = f"in line {first}" if first == second else f"in lines {first} and {second}"
                raise invalid(
                    self._path, f"the duplicate key {_shown_key(key)} of one mapping stands {where}"
                )
            lines[identity] = key.line


def _identity(key: Node, written: Any) -> Any:  # noqa: ANN401 - what tells keys apart
    """Keys that are equal to DVC (1, 1.0 and true are) cannot stand beside each other."""
    value = dvc_key(key)
    return canonical_bytes(written) if isinstance(value, Scalar | Collection) else value


def _shown_key(key: Node) -> str:
    return repr(key.text[:80]) if isinstance(key, Scalar) else "that is a collection"


_KINDS: Final = {
    f"{TAG}null": "NoneType",
    f"{TAG}bool": "bool",
    f"{TAG}int": "int",
    f"{TAG}float": "float",
}


def _kind(value: Any) -> str:  # noqa: ANN401 - an encoded scalar
    return str(next(iter(value))) if isinstance(value, dict) else type(value).__name__
