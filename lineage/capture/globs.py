"""The files that the configuration names by patterns."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from lineage.capture.dvc import is_outside
from lineage.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lineage.capture.source import Source

_WILDCARDS: Final = frozenset("*?[")


def expand(
    source: Source, folder: str, patterns: Iterable[str], setting: str = "files"
) -> list[str]:
    """The files that configured globs match, relative to the top.

    Args:
        source: where to look.
        folder: the project's folder, which the globs are relative to.
        patterns: the globs.
        setting: what they stand under in the configuration, for messages.

    Raises:
        CaptureError: a pattern matches nothing, or leaves the repository.
    """
    found: set[str] = set()
    for pattern in patterns:
        path = posixpath.normpath(posixpath.join(folder, pattern))
        if is_outside(path):
            raise CaptureError(
                f"{pattern!r} under `{setting}` is outside the repository.",
                remedy="Name files inside the repository.",
            )
        matched = [path] if source.is_file(path) else _glob(source, path)
        if not matched:
            raise CaptureError(
                f"{pattern!r} under `{setting}` matches nothing.",
                remedy=f"Create the file, or remove it from `{setting}` in lineage.toml.",
            )
        found.update(matched)
    return sorted(found)


def _glob(source: Source, pattern: str) -> list[str]:
    from pathspec import GitIgnoreSpec

    spec = GitIgnoreSpec.from_lines([f"/{pattern}"])
    parts = pattern.split("/")
    fixed = "/".join(parts[: _first_wildcard(parts)])
    candidates = [*source.tracked_below(fixed), *source.untracked_below(fixed)]
    return [path for path in candidates if spec.match_file(path) and source.is_file(path)]


def _first_wildcard(parts: list[str]) -> int:
    return next((i for i, part in enumerate(parts) if _WILDCARDS & set(part)), len(parts))
