"""What the templates of a ``dvc.yaml`` may grow to: a hostile one costs a message, no more."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, Final

from lineage.errors import CaptureError

MOST_STAGES: Final = 50_000
"""Stages that one ``dvc.yaml`` may make."""

MOST_ENTRIES: Final = 20_000
"""Entries that a list of ``vars`` or of parameter files may have: DVC merges them one by one."""

MOST_TEXT: Final = 1 << 30
"""Characters that the templates of one stage could grow to."""

_LISTS: Final = ("vars", "params")


def written_size(value: Any) -> int:  # noqa: ANN401 - a parsed document
    """About how many characters a value has as options of a command, keys of keys with dots."""
    size, pending = 0, [(value, 0)]
    while pending:
        node, above = pending.pop()
        if isinstance(node, Mapping):
            pending.extend((inner, above + len(str(key)) + 4) for key, inner in node.items())
        elif isinstance(node, (list, tuple)):
            pending.extend((inner, above) for inner in node)
        else:
            size += above + (len(node) if isinstance(node, str) else 32)
    return size


def check_lists(path: str, document: Mapping[str, Any]) -> None:
    """Refuse a ``dvc.yaml`` with lists that would take minutes to be merged.

    Raises:
        CaptureError: one has more than :data:`MOST_ENTRIES` entries.
    """
    lists = [("vars", document.get("vars"))]
    for name, stage in (document.get("stages") or {}).items():
        for definition in (stage, stage.get("do")) if isinstance(stage, Mapping) else ():
            if isinstance(definition, Mapping):
                lists += [(f"{key} of stage {name}", definition.get(key)) for key in _LISTS]
    for what, entries in lists:
        if isinstance(entries, list) and len(entries) > MOST_ENTRIES:
            raise CaptureError(
                f"{path} lists {len(entries):,} {what}; at most {MOST_ENTRIES:,} are read.",
                remedy="Put them into one file, and name the file.",
            )


def check_budget(path: str, resolver: Any, size: int) -> None:  # noqa: ANN401 - DVC's
    """Refuse a ``dvc.yaml`` whose stages are too many, or could be too long, to be written out.

    Args:
        path: the file.
        resolver: DVC's resolver of it.
        size: the characters of all that templates can stand for, written out.

    Raises:
        CaptureError: it goes beyond a budget.
    """
    total = 0
    for name, definition in resolver.definitions.items():
        total += _instances(definition)
        if total > MOST_STAGES:
            raise CaptureError(
                f"{path} makes more than {MOST_STAGES:,} stages: {total:,} with those of {name}.",
                remedy=f"Make fewer stages of {name}.",
            )
        if _templates(definition) * size > MOST_TEXT:
            raise CaptureError(
                f"The templates of stage {name} in {path} could grow too large to be written out.",
                remedy=f"Use fewer templates in {name}, or shorten the files of variables.",
            )


def _instances(definition: Any) -> int:  # noqa: ANN401 - DVC's
    """How many stages a definition makes, without making them."""
    from dvc.parsing import ForeachDefinition, MatrixDefinition

    if isinstance(definition, MatrixDefinition):
        return prod(len(values) for values in definition.resolved_iterable.values())
    if isinstance(definition, ForeachDefinition):
        return len(definition.resolved_iterable)
    return 1


def _templates(definition: Any) -> int:  # noqa: ANN401 - DVC's
    written = getattr(definition, "definition", None) or definition._template
    return str(written).count("${")
