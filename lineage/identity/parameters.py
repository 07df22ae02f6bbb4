"""Values of parameters as `lineage-pipeline/2` writes them: JSON that loses no type and no order.

JSON itself has one kind of number and no order of keys, so what it cannot say stands in an object
with a single key that names the type (docs/reference/digests.md lists them all).

>>> encode({"top": 20, "rate": 1.0})
{'map': [['top', 20], ['rate', {'float': '1'}]]}
>>> shown(encode(1.0)), shown(encode(1)), shown(encode("1"))
('1.0', '1', '"1"')
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import rfc8785

from lineage.errors import UsageError
from lineage.identity.digest import LARGEST_INTEGER, Digest, canonical_bytes
from lineage.identity.yaml_scalars import Plain, read_plain

DEEPEST: Final = 320
"""Levels of JSON that a value may have: five for each of the 60 that files are read to."""

WHOLE: Final = ""
"""The name of the one parameter of a file that a stage tracks as a whole."""

_MAPPINGS: Final = ("map", "unordered")
_LISTS: Final = ("tuple", "set")
_TEXTS: Final = ("date", "time", "datetime", "bytes", "plain", "plain-1.1", "plain-1.2")


@dataclass(frozen=True, eq=False)
class Typed:
    """A value that is written already; it equals the value that it was written from."""

    json: Any

    def __eq__(self, other: object) -> bool:
        try:
            written = other.json if isinstance(other, Typed) else encode(other)
        except UsageError:
            return False
        return canonical_bytes(self.json) == canonical_bytes(written)

    def __hash__(self) -> int:
        return hash(canonical_bytes(self.json))


@dataclass(frozen=True)
class Content:
    """Code that makes a value when it runs: the content of its file stands for it."""

    digest: Digest


@dataclass(frozen=True)
class Tagged:
    """A value under a name of its type: a YAML tag, or ``python:class``."""

    tag: str
    value: Any


@dataclass(frozen=True)
class Members:
    """A set, in the order in which it is written."""

    items: tuple[Any, ...]


def encode(value: Any, *, ordered: bool = True) -> Any:  # noqa: ANN401 - any parsed document
    """A parsed value in the encoding; with ``ordered`` false the order of keys does not count.

    Raises:
        UsageError: the value has no form in it.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, Mapping):
        pairs = [
            [encode(key, ordered=ordered), encode(inner, ordered=ordered)]
            for key, inner in value.items()
        ]
        return mapping(pairs, ordered=ordered)
    if isinstance(value, list):
        return [encode(item, ordered=ordered) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [encode(item, ordered=ordered) for item in value]}
    if isinstance(value, Members):
        return {"set": [encode(item, ordered=ordered) for item in value.items]}
    if isinstance(value, Tagged):
        return {"tagged": [value.tag, encode(value.value, ordered=ordered)]}
    return _leaf(value)


def mapping(pairs: list[list[Any]], *, ordered: bool) -> dict[str, Any]:
    """A mapping of encoded keys and values."""
    if ordered:
        return {"map": pairs}
    return {"unordered": sorted(pairs, key=lambda pair: canonical_bytes(pair[0]))}


def located(steps: list[Any], value: Any) -> dict[str, Any]:  # noqa: ANN401 - an encoded value
    """A value below keys that its name alone does not tell: ``{"at": [steps, value]}``."""
    return {"at": [steps, value]}


def check(value: Any, depth: int = 0) -> None:  # noqa: ANN401 - any JSON
    """Refuse JSON that :func:`encode` would not have written.

    Raises:
        UsageError: it is none of its forms, or nested too deeply.
    """
    if value is None or isinstance(value, (bool, str)):
        return
    if depth > DEEPEST:
        raise _no_form("it is nested too deeply")
    if isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise _no_form("an integer beyond 2^53 is written as text")
    elif isinstance(value, list):
        for item in value:
            check(item, depth + 1)
    elif isinstance(value, dict) and len(value) == 1:
        _check_typed(*next(iter(value.items())), depth)
    else:
        raise _no_form(f"a {type(value).__name__} stands in it")


def natural(value: Any) -> Any:  # noqa: ANN401 - encoded in, plain JSON out
    """An encoded value as the JSON that people expect, where that loses types and order."""
    return _natural(value, known=False)


def _natural(value: Any, *, known: bool) -> Any:  # noqa: ANN401 - see natural
    if isinstance(value, list):
        return [_natural(item, known=known) for item in value]
    tag, inner = _typed(value, known=known)
    if tag is None:
        return value
    if tag == "float":
        return inner if inner in ("inf", "-inf", "nan") else float(inner)
    if tag == "int":
        return int(inner)
    if tag in _MAPPINGS:
        named = {_key_text(key): _natural(item, known=True) for key, item in inner}
        return named if len(named) == len(inner) else _natural(inner, known=True)
    if tag in _LISTS:
        return _natural(inner, known=True)
    return _natural(inner[1], known=True) if tag in ("tagged", "at") else inner


def shown(value: Any) -> str:  # noqa: ANN401 - an encoded value, or plain JSON
    """An encoded value as a person reads it in a sentence; text that could be more is quoted."""
    if isinstance(value, str):
        return value if _only_text(value) else json.dumps(value, ensure_ascii=False)
    return _shown(value, known=False)


def is_typed(value: Any) -> bool:  # noqa: ANN401 - any JSON
    """Whether JSON is one of the objects that name a type."""
    return _typed(value, known=False)[0] is not None


def _shown(value: Any, *, known: bool = True) -> str:  # noqa: ANN401 - see shown
    if isinstance(value, list):
        return f"[{', '.join(_shown(item, known=known) for item in value)}]"
    tag, inner = _typed(value, known=known)
    if tag is None:
        return json.dumps(value, ensure_ascii=False)
    if tag in _MAPPINGS:
        return "{" + ", ".join(f"{_shown_key(k)}: {_shown(v)}" for k, v in inner) + "}"
    if tag in _LISTS:
        return f"{tag}({', '.join(map(_shown, inner))})"
    return _SHOWN.get(tag, lambda inner: str(inner))(inner)


def _shown_float(text: str) -> str:
    return f"{text}.0" if text.lstrip("-").isdigit() else text


def _shown_at(inner: list[Any]) -> str:
    return f"{_shown(inner[1])} (at {'.'.join(map(_shown_key, inner[0]))})"


_SHOWN: Final = {
    "float": _shown_float,
    "tagged": lambda inner: f"{inner[0].rpartition(':')[2]} {_shown(inner[1])}",
    "content": lambda inner: f"code {inner.partition(':')[2][:6]}",
    "index": lambda inner: f"[{inner}]",
    "at": _shown_at,
}


def _shown_key(key: Any) -> str:  # noqa: ANN401 - an encoded key
    if isinstance(key, str):
        return key if _only_text(key) else json.dumps(key, ensure_ascii=False)
    return _shown(key)


def _key_text(key: Any) -> str:  # noqa: ANN401 - an encoded key
    return key if isinstance(key, str) else _shown(key)


def _only_text(text: str) -> bool:
    """Whether text reads as text without quotes."""
    try:
        return read_plain(text) == text and text.strip() == text and text.isprintable()
    except ValueError:
        return False


def _typed(value: Any, *, known: bool) -> tuple[str | None, Any]:  # noqa: ANN401 - any JSON
    """The type that an object names, and what stands under it; None for other JSON.

    ``known`` says that the value lies in one that was checked, and need not be checked again.
    """
    if isinstance(value, dict) and len(value) == 1:
        ((tag, inner),) = value.items()
        try:
            if not known:
                _check_typed(tag, inner, 0)
        except UsageError:
            return None, value
        return tag, inner
    return None, value


def _number(value: float) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, int):
        try:
            return int(value) if abs(value) <= LARGEST_INTEGER else {"int": str(int(value))}
        except ValueError:
            raise _no_form("an integer has too many digits") from None
    return {"float": _float_text(float(value))}


def _float_text(value: float) -> str:
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if value == 0 and math.copysign(1, value) < 0:
        return "-0"
    return rfc8785.dumps(value).decode()


def _leaf(value: Any) -> dict[str, Any]:  # noqa: ANN401 - see encode
    if isinstance(value, Typed):
        encoded: dict[str, Any] = value.json
        return encoded
    if isinstance(value, Plain):
        return {"plain": value.text}
    if isinstance(value, Content):
        return {"content": value.digest}
    for kind, name in ((dt.datetime, "datetime"), (dt.date, "date"), (dt.time, "time")):
        if isinstance(value, kind):
            return {name: value.isoformat()}
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    raise _no_form(f"a value of type {type(value).__name__} cannot be recorded")


def _check_typed(tag: str, inner: Any, depth: int) -> None:  # noqa: ANN401 - any JSON
    if tag in _TEXTS or tag in ("int", "float", "content"):
        if not isinstance(inner, str) or not _CANONICAL.get(tag, lambda _: True)(inner):
            raise _no_form(f"{inner!r:.40} is no {tag}")
    elif tag in _LISTS and isinstance(inner, list):
        check(inner, depth + 1)
    elif tag in _MAPPINGS and isinstance(inner, list):
        _check_pairs(tag, inner, depth + 1)
    elif tag == "index" and isinstance(inner, int) and inner >= 0:
        return
    elif tag in ("tagged", "at") and isinstance(inner, list) and len(inner) == 2:
        if not isinstance(inner[0], str if tag == "tagged" else list):
            raise _no_form(f"a {tag} value has no name")
        check(inner, depth + 1)
    else:
        raise _no_form(f"{tag[:40]!r} is no type")


def _check_pairs(tag: str, pairs: list[Any], depth: int) -> None:
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise _no_form("a mapping is a list of keys and values")
    check(pairs, depth)
    keys = [canonical_bytes(key) for key, _ in pairs]
    if len(set(keys)) != len(keys) or (tag == "unordered" and sorted(keys) != keys):
        raise _no_form("a key stands twice in a mapping, or out of its order")


def _is_big_integer(text: str) -> bool:
    digits = text.removeprefix("-")
    large = (len(digits), digits) > (16, str(LARGEST_INTEGER))
    return large and digits.isascii() and digits.isdigit() and digits[0] != "0"


def _is_float(text: str) -> bool:
    try:
        return _float_text(float(text)) == text
    except ValueError:
        return False


def _is_content(text: str) -> bool:
    return text.startswith("blake3:") and len(text) == 71


_CANONICAL: Final = {"int": _is_big_integer, "float": _is_float, "content": _is_content}


def _no_form(reason: str) -> UsageError:
    return UsageError(
        f"This is no parameter of lineage-pipeline/2: {reason}.",
        remedy="See the page 'Digests' of the documentation.",
    )
