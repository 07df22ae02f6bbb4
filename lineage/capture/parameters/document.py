"""A parsed parameter file, and the look-up of a parameter by its name, as DVC does it.

A name is a path of keys and indexes with dots in between, perhaps with wildcards; it must lead to
one place.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lineage.errors import CaptureError
from lineage.identity.parameters import located

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WILDCARDS: Final = frozenset("*?[")
MOST_VISITED: Final = 5_000_000
"""Places that names with wildcards are tried on in one file."""


@dataclass(frozen=True, slots=True)
class Child:
    """A place below another: ``key`` as DVC has it, ``step`` as the encoding writes it.

    ``line`` counts from 1.
    """

    key: Any
    step: Any
    node: Any
    line: int | None = None


class Index(int):
    """An index of a list, which a negative number means too."""

    length: int

    def __new__(cls, index: int, length: int) -> Index:
        """An index of a list of a length."""
        made = super().__new__(cls, index)
        made.length = length
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int) and int(self) in (int(other), self.length + int(other))

    __hash__ = int.__hash__


class Document(ABC):
    """One parameter file; nodes are whatever its kind makes of them."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.notes: list[str] = []
        self._selected: dict[str, Any] = {}
        self._below_nodes: dict[int, tuple[dict[str, list[Child]], list[Child]]] = {}
        self._visited = 0

    @abstractmethod
    def whole(self) -> Any:  # noqa: ANN401 - an encoded value
        """The whole file's value."""

    @property
    @abstractmethod
    def root(self) -> Any:  # noqa: ANN401 - a node
        """The node of the whole file."""

    @abstractmethod
    def children(self, node: Any) -> Iterable[Child]:  # noqa: ANN401 - a node
        """What lies directly below a node."""

    @abstractmethod
    def encoded(self, node: Any) -> Any:  # noqa: ANN401 - a node in, an encoded value out
        """A node's value."""

    def child(self, node: Any, segment: str) -> list[Child]:  # noqa: ANN401 - a node
        """The places below a node that a segment of a name means."""
        texts, others = self._children_of(node)
        return [*texts.get(segment, ()), *(c for c in others if _means(c.key, segment))]

    def _children_of(self, node: Any) -> tuple[dict[str, list[Child]], list[Child]]:  # noqa: ANN401
        """What lies below a node: by its key where that is text, and all else."""
        if id(node) not in self._below_nodes:
            texts: dict[str, list[Child]] = {}
            others = []
            for child in self.children(node):
                if isinstance(child.key, str):
                    texts.setdefault(child.key, []).append(child)
                else:
                    others.append(child)
            self._below_nodes[id(node)] = texts, others
        return self._below_nodes[id(node)]

    def select(self, name: str) -> Any:  # noqa: ANN401 - an encoded value
        """The value of a parameter.

        Raises:
            KeyError: there is none of this name.
            CaptureError: the name means several places.
        """
        if name not in self._selected:
            self._selected[name] = self._select(name)
        return self._selected[name]

    def _select(self, name: str) -> Any:  # noqa: ANN401 - see select
        segments = name.lstrip(".").split(".")
        wild = any(_WILDCARDS & set(segment) for segment in segments)
        found = self._matching(segments) if wild else self._below(self.root, segments)
        if not found:
            raise KeyError(name)
        if len(found) > 1:
            raise self._ambiguous(name, found)
        (path,) = found
        value = self.encoded(path[-1].node)
        steps = [child.step for child in path]
        return value if wild or steps == segments else located(steps, value)

    def _below(self, node: Any, segments: list[str]) -> list[list[Child]]:  # noqa: ANN401 - a node
        paths: list[list[Child]] = [[]]
        for segment in segments:
            paths = [
                [*path, child]
                for path in paths
                for child in self.child(path[-1].node if path else node, segment)
            ]
        return paths

    def _matching(self, segments: list[str]) -> list[list[Child]]:
        """The places that a name with wildcards means, by DVC's own matching."""
        from dpath.segments import match

        if segments.count("**") > 1:
            raise CaptureError(
                f"The parameter {'.'.join(segments)} of {self.path} has '**' twice.",
                remedy="DVC takes one: name the parameter, or track the whole file.",
            )
        return [
            path for path in self._walk(self.root, []) if match([c.key for c in path], segments)
        ]

    def _walk(self, node: Any, above: list[Child]) -> Iterator[list[Child]]:  # noqa: ANN401 - a node
        for child in self.children(node):
            self._visited += 1
            if self._visited > MOST_VISITED:
                raise CaptureError(
                    f"The parameters with wildcards make too much of {self.path}.",
                    remedy="Name the parameters, or track the whole file.",
                )
            path = [*above, child]
            yield path
            yield from self._walk(child.node, path)

    def _ambiguous(self, name: str, found: list[list[Child]]) -> CaptureError:
        lines = sorted({path[-1].line for path in found if path[-1].line is not None})
        where = f", in lines {' and '.join(map(str, lines))}" if len(lines) > 1 else ""
        return CaptureError(
            f"The parameter {name} means {len(found)} places of {self.path}{where}.",
            remedy=f"Rename a key of {self.path} (keys are looked up as text), or name one place.",
        )


def _means(key: Any, segment: str) -> bool:  # noqa: ANN401 - any key
    """Whether DVC takes a segment of a name for a key that is no text: an integer by its value."""
    if not isinstance(key, int):
        return False
    try:
        return key == int(segment)
    except ValueError:
        return str(key) == segment
