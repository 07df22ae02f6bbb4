"""Digests and the canonical encodings they are taken of (docs/reference/digests.md).

Everything here takes values and returns values; reading files is :mod:`lineage.hashing.files`.

>>> str(hash_object("lineage-data/1", {"data/raw.csv": "md5:d41d8cd98f00b204e9800998ecf8427e"}))
'xxh3:385c93982eab1217a2515bdde63df888'
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from typing import Any, Final

import rfc8785
import xxhash
from blake3 import blake3

from lineage.errors import UsageError

LARGEST_INTEGER: Final = 2**53 - 1
"""The largest integer that RFC 8785 can write as a number (IEEE 754 double precision)."""

_PLAIN: Final = "Use text, numbers, booleans, dates, and lists and mappings of them."

_PLAINLY: Final = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False
).encode

TREE_HEADER: Final = b"lineage-tree/1\n"

EMPTY: Final = frozenset(
    (
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        "md5-dos2unix:d41d8cd98f00b204e9800998ecf8427e",
        "md5:d751713988987e9331980363e24189ce.dir",
        f"xxh3:{xxhash.xxh3_128_hexdigest(b'')}",
        f"xxh3:{xxhash.xxh3_128_hexdigest(TREE_HEADER)}",
        f"blake3:{blake3(b'').hexdigest()}",
    )
)
"""The digests of files and directories that are empty, as DVC takes them and as we do."""

_FORM = re.compile(r"[a-z0-9][a-z0-9.-]{0,31}:[!-~]{1,2000}", re.ASCII)
_FIXED_HEX: Final = {"xxh3": 32, "blake3": 64}


class Digest(str):
    """A digest written ``algorithm:value``, e.g. ``xxh3:99aa06d3014798d86001c324468d497f``.

    ``xxh3:`` takes 32 lowercase hex digits, ``blake3:`` 64; any other algorithm's value is taken
    as stated.

    Raises:
        UsageError: the text is not of that form.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Digest:
        """Check the form."""
        algorithm, _, value = text.partition(":")
        length = _FIXED_HEX.get(algorithm)
        well_formed = _FORM.fullmatch(text) is not None and (
            length is None or re.fullmatch(f"[0-9a-f]{{{length}}}", value) is not None
        )
        if not well_formed:
            raise UsageError(
                f"{text[:80]!r} is not a digest.",
                remedy="Write it as algorithm:value, e.g. xxh3: and 32 lowercase hex digits.",
            )
        return super().__new__(cls, text)

    @property
    def algorithm(self) -> str:
        """The part before the colon."""
        return self.partition(":")[0]

    @property
    def value(self) -> str:
        """The part after the colon."""
        return self.partition(":")[2]

    @property
    def short(self) -> str:
        """The digest as a person reads it in a table: the algorithm and 12 digits."""
        return f"{self.algorithm}:{self.value[:12]}"


_TEXTS: Final = frozenset({str, Digest, bool, type(None)})
"""Types of values that any encoder writes alike."""

SHORTEST_BEGINNING: Final = 8
"""Characters behind the colon that a digest must have where it is not written whole."""

_BARE: Final = re.compile(rf"[0-9a-f]{{{SHORTEST_BEGINNING},64}}")


def with_algorithm(text: str) -> str | None:
    """The digest that a person means who leaves out the algorithm; None for any other text.

    >>> with_algorithm("9ca2b501c2f2"), with_algorithm("churn")
    ('xxh3:9ca2b501c2f2', None)
    """
    if _BARE.fullmatch(text) is None:
        return None
    return f"{'xxh3' if len(text) <= _FIXED_HEX['xxh3'] else 'blake3'}:{text}"


def check_beginning(text: str) -> str:
    """``text`` itself, if it can be a digest or the beginning of one.

    Raises:
        UsageError: it is not ``algorithm:value``.
    """
    algorithm, _, value = text.partition(":")
    if not algorithm or not value:
        meant = with_algorithm(text)
        raise UsageError(
            f"{text[:80]!r} is not a digest.",
            remedy="Write it as algorithm:value, whole or a unique beginning of it"
            + (f": {meant}" if meant else "."),
        )
    return text


def check_long_enough(text: str) -> str:
    """``text`` itself, if a digest may be shortened to it.

    Raises:
        UsageError: it is too short.
    """
    if len(check_beginning(text).partition(":")[2]) < SHORTEST_BEGINNING:
        raise UsageError(
            f"{text[:80]!r} is too short to name a digest.",
            remedy=f"Write at least {SHORTEST_BEGINNING} digits behind the colon.",
        )
    return text


def is_digest(text: str) -> bool:
    """Whether a text has the form of a digest, whole as far as that can be told."""
    try:
        Digest(text)
    except UsageError:
        return False
    return True


def is_of_ours(text: str) -> bool:
    """Whether a digest, or the beginning of one, is of an algorithm that is worked out here."""
    return text.partition(":")[0] in _FIXED_HEX


def names(text: str, *digests: str) -> bool:
    """Whether ``text`` is one of some digests, or a beginning that is long enough.

    Raises:
        UsageError: it is too short.
    """
    return text in digests or any(d.startswith(check_long_enough(text)) for d in digests)


def normalise(value: Any) -> Any:  # noqa: ANN401 - any parsed YAML, TOML, JSON or Python literal
    """The JSON value that ``value`` is written as, before RFC 8785.

    Integers beyond ±(2⁵³-1), non-finite numbers and dates become strings; tuples and sets become
    lists (sets in the order of their canonical bytes); keys become strings as YAML writes them.

    Raises:
        UsageError: the value has no JSON form, is nested too deeply, or two of its keys are written
            alike.
    """
    try:
        return _normalise(value)
    except RecursionError:
        raise UsageError("A value is nested too deeply to be recorded.", remedy=_PLAIN) from None
    except ValueError as error:  # the interpreter's limit on the digits of an integer
        raise UsageError(f"A value cannot be recorded: {error}.", remedy=_PLAIN) from None


def _normalise(value: Any) -> Any:  # noqa: ANN401 - see normalise
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) <= LARGEST_INTEGER else str(int(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _non_finite(value)
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return _normalise_mapping(value)
    if isinstance(value, Set):
        return sorted((_normalise(item) for item in value), key=rfc8785.dumps)
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [_normalise(item) for item in value]
    raise UsageError(f"A value of type {type(value).__name__} cannot be recorded.", remedy=_PLAIN)


def canonical_bytes(value: Any) -> bytes:  # noqa: ANN401 - see normalise
    """The RFC 8785 (JCS) bytes of ``value``.

    Raises:
        UsageError: see :func:`normalise`; also text that is not valid Unicode.
    """
    with suppress(UnicodeEncodeError, RecursionError):  # what it is of, the others say
        if _is_plain(value):
            return _PLAINLY(value).encode()
    try:
        return rfc8785.dumps(normalise(value))
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{error.object[:200]!r} is not UTF-8 text.", remedy="Rename or rewrite it in UTF-8."
        ) from None
    except (rfc8785.CanonicalizationError, RecursionError) as error:
        raise UsageError(
            f"A value cannot be written as canonical JSON: {error}.", remedy=_PLAIN
        ) from None


def _is_plain(value: Any) -> bool:  # noqa: ANN401 - any value
    """Whether it is normal, and Python's own encoder writes it like RFC 8785.

    It holds no float, and keys in ASCII alone, which are sorted alike anywhere. The reference
    encoder takes ten times as long, and others wait while an event is written.
    """
    kind = type(value)
    if kind is dict:
        for key, item in value.items():
            if type(key) is not str or not key.isascii():
                return False
            if type(item) not in _TEXTS and not _is_plain(item):
                return False
        return True
    if kind is list or kind is tuple:
        return all(type(item) in _TEXTS or _is_plain(item) for item in value)
    return kind in _TEXTS or (kind is int and -LARGEST_INTEGER <= value <= LARGEST_INTEGER)


def hash_object(domain: str, value: Any) -> Digest:  # noqa: ANN401 - see normalise
    """``H(domain, value)`` of the design: XXH3-128 of ``domain``, a newline and the JCS bytes."""
    return xxh3(domain.encode("ascii") + b"\n" + canonical_bytes(value))


def xxh3(data: bytes) -> Digest:
    """XXH3-128 of bytes, as ``xxhsum -H128`` prints it."""
    return Digest("xxh3:" + xxhash.xxh3_128_hexdigest(data))


def blake3_of(data: bytes) -> Digest:
    """BLAKE3 of bytes."""
    return Digest("blake3:" + blake3(data).hexdigest())


def tree_bytes(files: Iterable[tuple[str, int, str]]) -> bytes:
    """The canonical encoding of a directory.

    Args:
        files: for each file its path relative to the directory (with ``/``), its size in bytes
            and the hex digits of its digest; in any order.
    """
    encoded = sorted((path.encode(), size, digits) for path, size, digits in files)
    lines = [b"%d %s %d %s\n" % (len(p), p, size, digits.encode()) for p, size, digits in encoded]
    return TREE_HEADER + b"".join(lines)


def _normalise_mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, item in value.items():
        name = _key(key)
        if name in result:
            raise UsageError(
                f"Two keys of one mapping are both written {name!r}.",
                remedy="Rename one of them: keys are recorded as text.",
            )
        result[name] = _normalise(item)
    return result


def _key(key: Any) -> str:  # noqa: ANN401 - YAML keys are any scalar
    if isinstance(key, str):
        return key
    written = normalise(key)
    return written if isinstance(written, str) else canonical_bytes(written).decode()


def _non_finite(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    return ".inf" if value > 0 else "-.inf"
