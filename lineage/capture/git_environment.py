"""What git is told for every call made here, over all that a repository's configuration says.

A repository that was handed over as a folder brings its own ``.git``, which may name commands to
run, and may make git overlook what lies on the disk. Each such setting is overridden by variables,
which a submodule's processes inherit.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_OVERRIDES: Final = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.alternateRefsCommand": "",
    "core.checkStat": "default",
    "core.trustctime": "true",
    "core.ignoreStat": "false",
    "core.untrackedCache": "false",
    "protocol.allow": "never",
}
_ENVIRONMENT: Final = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "LC_ALL": "C",
}
FILTER_KEYS: Final = ("clean", "smudge", "process")
"""The settings of a content filter that name a command."""


def environment(
    top: Path, filters: Mapping[str, Mapping[str, str]], ignored: str
) -> dict[str, str]:
    """The variables that make git read-only, offline and deaf to the repository's commands.

    Args:
        top: the working tree, wherever ``core.worktree`` says it is.
        filters: the content filters that the repository's configuration names, each with what the
            user's own says of it, or nothing: then its commands are blank.
        ignored: the file of what the user ignores everywhere.
    """
    overrides = [*_OVERRIDES.items(), ("core.excludesFile", ignored)]
    for name, own in filters.items():
        settings = own or dict.fromkeys(FILTER_KEYS, "") | {"required": "false"}
        overrides += [(f"filter.{name}.{key}", value) for key, value in settings.items()]
    first = _count()
    variables = {"GIT_CONFIG_COUNT": str(first + len(overrides)), "GIT_WORK_TREE": os.fspath(top)}
    for number, (key, value) in enumerate(overrides, first):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return _ENVIRONMENT | variables


def _count() -> int:
    """How many settings the user's own variables hold: they stay."""
    count = os.environ.get("GIT_CONFIG_COUNT", "")
    return int(count) if count.isdecimal() else 0
