"""YAML as DVC reads it: by ruamel.yaml's own resolver and constructor, from our nodes.

Its scanner is written in Python and takes a second for 50 kB; libyaml's events are the same, but
for what YAML 1.1 and 1.2 scan differently.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from lineage.capture.bounded_yaml import invalid, problem
from lineage.capture.parameters.yaml_nodes import TAG, Scalar

if TYPE_CHECKING:
    from lineage.capture.parameters.yaml_nodes import Composed, Node

_OF_MAPPINGS: Final = ("merge", "value")
"""Types of keys (``<<``, ``=``) that only their mapping reads."""


def construct(composed: Composed, path: str) -> Any:  # noqa: ANN401 - a parsed document
    """The value of a YAML file, as ``dvc.utils.serialize.parse_yaml`` gives it.

    Raises:
        CaptureError: DVC could not read it either.
    """
    from ruamel.yaml import YAMLError

    if composed.node is None:
        return {}
    reader = _reader(composed)
    converter = _Converter(reader.resolver)
    try:
        return reader.constructor.construct_document(converter.converted(composed.node)) or {}
    except YAMLError as error:
        raise invalid(path, problem(error)) from None
    except Exception as error:  # a value that its type does not fit ends it by any of them
        reason = _misfit(_reader(composed), converter.scalars) or problem(error)
        raise invalid(path, reason) from None


def _reader(composed: Composed) -> Any:  # noqa: ANN401 - ruamel.yaml has no types
    from ruamel.yaml import YAML

    reader = YAML(typ="safe", pure=True)
    reader.version = composed.version
    return reader


def _misfit(reader: Any, scalars: list[Any]) -> str | None:  # noqa: ANN401 - see _reader
    """The first value that is none of its type, by its tag (``!!bool maybe``) or its looks."""
    for node in scalars:
        kind = str(node.tag).removeprefix(TAG)
        if kind in _OF_MAPPINGS:
            continue
        try:
            reader.constructor.construct_object(node)
        except Exception:  # see construct
            return f"{node.value[:40]!r} is no {kind} in line {node.start_mark.line + 1}"
    return None


class _Converter:
    """Makes ruamel.yaml's nodes of ours, an anchor's one node for all its aliases.

    Nodes share their tags, each of which works its text out once.
    """

    def __init__(self, resolver: Any) -> None:  # noqa: ANN401 - ruamel.yaml has no types
        from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
        from ruamel.yaml.tag import Tag

        self._scalar, self._mapping, self._sequence = ScalarNode, MappingNode, SequenceNode
        self._done: dict[int, Any] = {}
        self.scalars: list[Any] = []
        self._tag = lru_cache(maxsize=None)(lambda text: Tag(suffix=text))
        self._tag_of = lru_cache(maxsize=None)(lambda text: _resolve(resolver, text))

    def converted(self, node: Node) -> Any:  # noqa: ANN401 - one of ruamel.yaml's nodes
        if id(node) not in self._done:
            self._done[id(node)] = self._convert(node)
        return self._done[id(node)]

    def _convert(self, node: Node) -> Any:  # noqa: ANN401 - see converted
        mark = _Mark(node.line, node.column)
        if isinstance(node, Scalar):
            resolved = node.plain and node.tag in (None, "!")
            tag = self._tag_of(node.text) if resolved else self._named(node.tag, "str")
            self.scalars.append(self._scalar(tag, node.text, mark, mark))
            return self.scalars[-1]
        if node.is_mapping:
            pairs = [(self.converted(k), self.converted(v)) for k, v in node.items]
            return self._mapping(self._named(node.tag, "map"), pairs, mark, mark)
        items = [self.converted(item) for item in node.items]
        return self._sequence(self._named(node.tag, "seq"), items, mark, mark)

    def _named(self, tag: str | None, usual: str) -> Any:  # noqa: ANN401 - one of ruamel.yaml's tags
        return self._tag(f"{TAG}{usual}" if tag in (None, "!") else str(tag))


def _resolve(resolver: Any, text: str) -> Any:  # noqa: ANN401 - see _Converter
    from ruamel.yaml.nodes import ScalarNode

    return resolver.resolve(ScalarNode, text, (True, False))


class _Mark:
    """Where a node begins, for the messages."""

    def __init__(self, line: int, column: int) -> None:
        self.line, self.column = line - 1, column
