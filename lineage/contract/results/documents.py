"""Answers that are documents: read by attributes, and by the keys of their JSON. Pure.

An answer's class names what its JSON holds, a :class:`Key` each; the JSON itself is the one thing
that an answer keeps, so that a database and a server give the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from typing_extensions import override

from lineage import timestamps
from lineage.display import Listing, Shown

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator

Value = TypeVar("Value")


class Key(Generic[Value]):
    """An attribute of an answer: what its JSON holds under the same name, as a Python value.

    Args:
        read: makes the value of what the JSON holds.
        path: where it stands, if not under the attribute's name.
    """

    def __init__(self, read: Callable[[Any], Value], *path: str) -> None:
        self._read = read
        self._path = path

    def __set_name__(self, owner: type, name: str) -> None:
        self._path = self._path or (name,)

    @overload
    def __get__(self, answer: None, owner: type) -> Self: ...
    @overload
    def __get__(self, answer: Document, owner: type) -> Value: ...
    def __get__(self, answer: Document | None, owner: type) -> Self | Value:
        if answer is None:
            return self
        value: Any = answer
        for key in self._path:
            value = value[key]
        return self._read(value)


def optional(read: Callable[[Any], Value]) -> Callable[[Any], Value | None]:
    """Reads what may be missing; None where it is."""
    return lambda value: None if value is None else read(value)


def several(read: Callable[[Any], Value]) -> Callable[[Any], tuple[Value, ...]]:
    """Reads each of a list."""
    return lambda values: tuple(map(read, values))


def values(document: Mapping[str, Any] | None) -> dict[str, Any]:
    """Values by name; none where the JSON has null."""
    return dict(document or {})


def texts(document: Mapping[str, str]) -> dict[str, str]:
    """Texts by name."""
    return dict(document)


def moment(text: str) -> dt.datetime:
    """A moment, with its zone."""
    return timestamps.moment(text)


class Document(Shown, Mapping[str, Any]):
    """An answer with all that its JSON holds: also what no attribute is named for.

    Two are equal where their documents are; one is also equal to the dict that it holds.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_document", dict(document))
        self._document: dict[str, Any]

    @classmethod
    def listing(
        cls, rows: Iterable[Mapping[str, Any]], title: str, following: str | None = None
    ) -> Listing[Self]:
        """A list of such answers.

        Args:
            rows: JSON of each.
            title: what they are.
            following: the cursor from which the next ones are read.
        """
        return Listing(tuple(map(cls, rows)), title, following)

    @override
    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"{name!r} cannot be set: an answer stays as it is.")

    @override
    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"{name!r} cannot be removed: an answer stays as it is.")

    @override
    def to_json(self) -> dict[str, Any]:
        """JSON of the answer, as the command prints it under ``--json``."""
        document: dict[str, Any] = _copied(self._document)
        return document

    @override
    def _facts(self) -> dict[str, object]:
        names = [
            name
            for kind in reversed(type(self).__mro__)
            for name, value in vars(kind).items()
            if isinstance(value, Key)
        ]
        return {name.replace("_", " "): getattr(self, name) for name in names}

    def __or__(self, more: Mapping[str, Any]) -> dict[str, Any]:
        """JSON of the answer, with more beside it."""
        return self.to_json() | dict(more)

    @override
    def __getitem__(self, key: str) -> Any:
        return _copied(self._document[key])

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._document)

    @override
    def __len__(self) -> int:
        return len(self._document)


def _copied(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A copy of a JSON value."""
    if not isinstance(value, (dict, list)):
        return value
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value]
