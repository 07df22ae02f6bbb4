"""Parameters of `lineage-pipeline/2` as `lineage-pipeline/1` would have had them. Pure.

What was recorded in the first encoding is compared with what is captured today by this: integers
and floats are one kind of number, a mapping has no order, and a scalar is what DVC reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lineage.errors import UsageError
from lineage.identity.digest import normalise
from lineage.identity.parameters import WHOLE, natural
from lineage.identity.yaml_scalars import Plain, read_as_dvc

if TYPE_CHECKING:
    from collections.abc import Mapping

_MERGE: Final = {"plain": "<<"}

UNTOLD: Final = {"untold": True}
"""Stands where the first encoding cannot be worked out: for dates, code and tagged values."""


def first_params(params: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The parameters of a stage, by file and name; a file tracked as a whole has its keys."""
    return {file: _first_values(values) for file, values in params.items()}


def _first_values(values: Mapping[str, Any]) -> dict[str, Any]:
    whole = values.get(WHOLE)
    if set(values) == {WHOLE} and isinstance(whole, dict) and len(whole) == 1:
        ((tag, pairs),) = whole.items()
        if tag in ("map", "unordered"):
            return _whole(pairs, first_value(whole))
    return {name: first_value(value) for name, value in values.items()}


def _whole(pairs: list[list[Any]], read: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """The keys of a file; told one by one where the file as a whole cannot be."""
    if read is UNTOLD:
        return {key: first_value(inner) for key, inner in pairs if isinstance(key, str)}
    return dict(read)


def first_value(value: Any) -> Any:  # noqa: ANN401 - an encoded value in, normalised JSON out
    """An encoded value as the first encoding has it; :data:`UNTOLD` where that is not known."""
    try:
        return normalise(_first(value))
    except (_Untold, UsageError, ValueError, TypeError):
        return UNTOLD


class _Untold(Exception):
    """A value that the first encoding has no certain form of."""


def _first(value: Any) -> Any:  # noqa: ANN401 - see first_value
    if isinstance(value, list):
        return [_first(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((tag, inner),) = value.items()
    if tag in ("map", "unordered"):
        return _mapping(inner)
    if tag == "tuple":
        return [_first(item) for item in inner]
    if tag == "set":
        return {_first(item) for item in inner if not isinstance(item, (list, dict))}
    if tag == "at":
        return _first(inner[1])
    if tag == "plain":
        return _scalar(Plain(inner))
    if tag in ("int", "float", "date", "time", "datetime"):
        return natural(value) if tag != "float" else float(inner)
    if tag == "tagged" and inner[0] == "python:class":
        return _first(inner[1])
    raise _Untold


def _scalar(plain: Plain) -> Any:  # noqa: ANN401 - any scalar
    read = read_as_dvc(plain)
    if isinstance(read, Plain):
        raise _Untold
    return read


def _mapping(pairs: list[list[Any]]) -> dict[Any, Any]:
    """A mapping as DVC read it: with what ``<<`` merges into it, its own keys first."""
    merged: dict[Any, Any] = {}
    own: dict[Any, Any] = {}
    for key, inner in pairs:
        if key is None and isinstance(inner, dict) and "content" in inner:
            continue  # the rest of a Python file, which the first encoding left out
        if key == _MERGE:
            for source in reversed(inner if isinstance(inner, list) else [inner]):
                merged.update(_first(source))
        else:
            read = _first(key)
            own[tuple(read) if isinstance(read, list) else read] = _first(inner)
    return merged | own
