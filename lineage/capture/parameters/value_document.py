"""JSON and TOML parameter files, whose readers agree on what a value is."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from json.scanner import py_make_scanner  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from lineage.capture.bounded_yaml import DEEPEST, MOST_NODES, invalid
from lineage.capture.parameters.document import Child, Document, Index
from lineage.errors import UsageError
from lineage.identity.parameters import Members, Tagged, encode
from lineage.identity.yaml_scalars import Plain

if TYPE_CHECKING:
    from collections.abc import Iterator

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_PLACE: Final = re.compile(r" \(at line (\d+), column \d+\)| \(at end of document\)")


class ValueDocument(Document):
    """A parameter file as plain values: mappings, sequences and scalars."""

    def __init__(self, path: str, value: Any, *, ordered: bool = True) -> None:  # noqa: ANN401
        super().__init__(path)
        check_size(value, path)
        self._value = value
        self._ordered = ordered

    @property
    @override
    def root(self) -> Any:
        return self._value

    @override
    def whole(self) -> Any:
        return self.encoded(self._value)

    @override
    def encoded(self, node: Any) -> Any:
        try:
            return encode(node, ordered=self._ordered)
        except UsageError as error:
            raise invalid(self.path, str(error).rstrip(".")) from None

    @override
    def children(self, node: Any) -> Iterator[Child]:
        inner = node.value if isinstance(node, Tagged) else node
        if isinstance(inner, Mapping):
            for key, value in inner.items():
                yield Child(key, self.encoded(key), value)
        elif isinstance(inner, Sequence) and not isinstance(inner, (str, bytes)):
            for index, value in enumerate(inner):
                yield Child(Index(index, len(inner)), {"index": index}, value)


def check_size(value: Any, path: str) -> None:  # noqa: ANN401 - any parsed document
    """Refuse values beyond the budgets for nodes and nesting.

    Raises:
        CaptureError: there are too many, or they are too deep.
    """
    pending, nodes = [(value, 1)], 0
    while pending:
        node, depth = pending.pop()
        nodes += 1
        if depth > DEEPEST:
            raise invalid(path, f"it is nested deeper than {DEEPEST} levels")
        if nodes > MOST_NODES:
            raise invalid(path, f"it has more than {MOST_NODES:,} values")
        if isinstance(node, Mapping):
            pending.extend((inner, depth + 1) for pair in node.items() for inner in pair)
        elif isinstance(node, (list, tuple)):
            pending.extend((inner, depth + 1) for inner in node)
        elif isinstance(node, Members):
            pending.extend((inner, depth + 1) for inner in node.items)
        elif isinstance(node, Tagged):
            pending.append((node.value, depth))
        elif isinstance(node, str) and not node.isascii() and _SURROGATE.search(node):
            raise invalid(path, f"{node[:80]!a} holds half of a surrogate pair, which is no text")


def load_toml(text: str, path: str) -> Any:  # noqa: ANN401 - a parsed document
    """The value of a TOML file.

    Raises:
        CaptureError: it is none.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        if isinstance(error, RecursionError):
            raise invalid(path, "it is nested too deeply") from None
        raise invalid(path, _told(str(error), text.splitlines())) from None


def _told(said: str, lines: list[str]) -> str:
    """What TOML's parser found wrong, with the line as a number and as it is written."""
    place = _PLACE.search(said)
    if place is None:
        return said
    number = int(place[1]) if place[1] else len(lines)
    written = lines[number - 1].strip()[:60] if 0 < number <= len(lines) else ""
    return f"{_PLACE.sub('', said)} in line {number} ({written!r})"


def load_json(text: str, path: str) -> Any:  # noqa: ANN401 - a parsed document
    """The value of a JSON file; ``-0`` stays, and a key that stands twice is refused.

    Raises:
        CaptureError: it is none.
    """
    try:
        return json.loads(text, parse_int=_integer, object_pairs_hook=_unique)
    except _StandsTwice as error:
        raise invalid(path, f"the duplicate key {error.key!r:.80} stands{_where(text)}") from None
    except json.JSONDecodeError as error:
        raise invalid(path, f"{error.msg} in line {error.lineno}") from None
    except RecursionError:
        raise invalid(path, "it is nested too deeply") from None
    except ValueError:
        raise invalid(path, "a number has too many digits") from None


class _StandsTwice(Exception):
    """A key of an object that stands in it twice: readers disagree on what that means."""

    def __init__(self, key: str) -> None:
        self.key = key


def _integer(text: str) -> Any:  # noqa: ANN401 - an integer, or the text of one
    """JavaScript has a negative zero, which Python does not."""
    return Plain("-0") if text == "-0" else int(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _StandsTwice(key)
            seen.add(key)
    return value


def _where(text: str) -> str:
    """The line where the object begins in which a key stands twice, by a slower parse."""
    decoder = json.JSONDecoder(object_pairs_hook=_unique)
    usual = decoder.parse_object  # type: ignore[attr-defined]
    begins: list[int] = []

    def parse_object(begin: tuple[str, int], *rest: Any) -> Any:  # noqa: ANN401 - json's own
        try:
            return usual(begin, *rest)
        except _StandsTwice:
            begins.append(begin[1])
            raise

    decoder.parse_object = parse_object  # type: ignore[attr-defined]
    decoder.scan_once = py_make_scanner(decoder)  # type: ignore[attr-defined]
    with suppress(_StandsTwice, ValueError, RecursionError):
        decoder.decode(text)
    line = text.count("\n", 0, begins[0]) + 1 if begins else 1
    return f" in the object that begins in line {line}"
