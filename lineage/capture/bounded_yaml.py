"""Parsing what a repository brings, within budgets: a hostile file costs a message, no more.

YAML is scanned as a stream of events before anything is built from it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from lineage.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LARGEST: Final = 8 << 20
"""Bytes of a configuration file that are read at the most."""

_LONGEST_REASON: Final = 400
DEEPEST: Final = 60
MOST_NODES: Final = 500_000
"""Nodes that a YAML file may have once its aliases are written out."""


def decode(data: bytes, path: str) -> str:
    """UTF-8 text.

    Raises:
        CaptureError: it is not.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise invalid(path, "it is not UTF-8 text") from None


def check_yaml(text: str, path: str) -> None:
    """Refuse YAML that is broken, too deep or too large once its aliases are written out.

    Raises:
        CaptureError: it is.
    """
    for _ in bounded_events(text, path):
        pass


class _Strings(yaml.CBaseLoader):
    """Gives every scalar as its text, but for a null."""


_NULL: Final = "tag:yaml.org,2002:null"
_Strings.add_implicit_resolver(_NULL, re.compile("(~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Strings.add_constructor(_NULL, lambda *_: None)


def load_strings(text: str, path: str) -> Any:  # noqa: ANN401 - a parsed document
    """A YAML document with every scalar as the text it is written as; a null is None.

    Paths and digests of what DVC writes itself (``dvc.lock``, ``*.dvc``) are read so: they need no
    types.

    Raises:
        CaptureError: see :func:`check_yaml`; also several documents in one file.
    """
    check_yaml(text, path)
    loader = _Strings(text)
    try:
        return loader.get_single_data()
    except (yaml.YAMLError, ValueError) as error:
        raise invalid(path, problem(error)) from None
    finally:
        loader.dispose()


def bounded_events(text: str, path: str) -> Iterator[yaml.Event]:
    """The events of YAML, as far as it keeps to the budgets.

    The nodes below each open collection are counted; an alias counts as all that it stands for.

    Raises:
        CaptureError: it is broken, too deep or too large once its aliases are written out.
    """
    try:
        yield from _bounded(yaml.parse(text, Loader=yaml.CSafeLoader), path)
    except yaml.YAMLError as error:
        raise invalid(path, problem(error)) from None


def _bounded(events: Iterable[yaml.Event], path: str) -> Iterator[yaml.Event]:
    weights: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []
    total = 0
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            total += weights.get(str(event.anchor), 1)
        elif isinstance(event, yaml.ScalarEvent):
            total += 1
            if event.anchor is not None:
                weights[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            total += 1
            open_nodes.append((event.anchor, total))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor is not None:
                weights[anchor] = total - before + 1
        if len(open_nodes) > DEEPEST:
            raise invalid(path, f"it is nested deeper than {DEEPEST} levels")
        if total > MOST_NODES:
            raise invalid(
                path, f"it has more than {MOST_NODES:,} nodes with its aliases written out"
            )
        yield event


def problem(error: BaseException) -> str:
    """What a YAML parser found wrong, and in which line, in one line."""
    what = getattr(error, "problem", None) or (str(error).splitlines() or [type(error).__name__])[0]
    mark = getattr(error, "problem_mark", None)
    said = " ".join(str(what)[:_LONGEST_REASON].split())
    return f"{said} in line {mark.line + 1}" if mark is not None else said


def invalid(path: str, reason: str) -> CaptureError:
    """The error for a file that does not hold what it should; ``reason`` says why."""
    return CaptureError(f"{path} cannot be read: {reason}.", remedy=f"Mend {path}.")
