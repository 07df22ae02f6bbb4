"""What git said no to, in one sentence, with what helps."""

from __future__ import annotations

import os
import posixpath
import re
import shlex
import stat
from typing import TYPE_CHECKING, Final

from lineage.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_READ_AT_ONCE: Final = ("HEAD", "config", "index", "packed-refs", "info/exclude", "info/attributes")
"""Files of git's that every command opens, and would wait for where they are pipes."""

_RULES: Final = (".gitignore", ".gitattributes", ".gitmodules")
LARGEST_RULES: Final = 16 << 20
"""Bytes of a file of rules that git is let to read."""

_FETCH: Final = "git fetch --refetch --no-filter"
"""What brings all objects: into a partial clone, and in the place of damaged ones."""

_FRESH: Final = "Put back what is missing in .git, or work in a fresh clone: git clone URL FOLDER"
_HELPS: Final = (
    (re.compile("bad object|unable to read|could not read|missing", re.IGNORECASE),
     f"Objects are missing here; fetch them: {_FETCH}"),
    (re.compile("index file|index uses|bad signature", re.IGNORECASE),
     "Let git make its index anew; no file is changed: rm .git/index && git reset"),
    (re.compile("bad config|bad numeric config|bad boolean config", re.IGNORECASE),
     "Mend that line of the configuration."),
)  # fmt: skip
"""What helps, by what git says."""


def failed(command: str, where: object, said: str) -> CaptureError:
    """What git said no to, and why; the first line that is no mere warning."""
    lines = [line for line in said.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("warning:", "hint:"))] or lines
    reason = (told or ["it said nothing"])[0].strip()
    by_hand = "Run the same git command by hand and mend what it reports."
    helps = next((remedy for kind, remedy in _HELPS if kind.search(reason)), by_hand)
    return CaptureError(
        f"git {command} failed in {where}: {reason.removeprefix('fatal: ').rstrip('.')}.",
        remedy=helps,
    )


def not_trusted(top: Path, said: str) -> CaptureError:
    """Git reads no repository that is another user's."""
    return CaptureError(
        f"git does not read {top}: {said.splitlines()[0].removeprefix('fatal: ')}.",
        remedy="Where you trust who owns it, say so: "
        f"git config --global --add safe.directory {shlex.quote(os.fspath(top))}",
    )


def absent(name: str, path: str | None = None) -> CaptureError:
    """An object that this clone does not hold; ``path`` is whose it is, ``""`` the top folder's."""
    whose = "" if path is None else f" of {path or 'the top folder'}"
    return CaptureError(
        f"Object {name}{whose} is not in this clone.",
        remedy=f"Fetch it (a partial clone leaves objects out): {_FETCH}",
    )


def batch_failed(top: Path, said: str, paths: Mapping[str, str]) -> CaptureError:
    """Git ended while it read objects; ``paths`` tell whose they are."""
    said = said.strip().removeprefix("stderr:").strip(" '\n")
    promised = re.search(r"could not fetch ([0-9a-f]{40}) from promisor", said)
    if promised is not None:
        return absent(promised[1], paths.get(promised[1]))
    return failed("cat-file", top, said)


def no_repository(folder: Path) -> CaptureError:
    """Git finds no repository; where something called ``.git`` is there, it is no whole one."""
    own = _nearest(folder)
    if own is None:
        return CaptureError(
            f"{folder} is not in a git repository.",
            remedy="Run it inside the repository, or make one: git init",
        )
    return CaptureError(f"git takes {own} for no repository: it is damaged.", remedy=_FRESH)


def refuse_pipes(folder: Path) -> None:
    """Refuse a repository that git itself would wait for.

    Raises:
        CaptureError: a file that every command of git's opens is a pipe or a device.
    """
    own = _nearest(folder)
    if own is None:
        return
    for path in (own, *(own / name for name in _READ_AT_ONCE)):
        try:
            mode = path.stat().st_mode
        except OSError:
            continue
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise CaptureError(
                f"{path} is no file, but a pipe, a socket or a device.", remedy=_FRESH
            )


def refuse_rules(top: Path, paths: Iterable[str]) -> None:
    """Refuse rules of git's that it would wait for, or read without an end.

    Looked for is beside the tracked files, and in the folders at the top.

    Raises:
        CaptureError: a ``.gitignore`` or a ``.gitattributes`` is no file, or a very large one.
    """
    with os.scandir(top) as entries:
        own = {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}
    folders = {"", *own, *map(posixpath.dirname, paths)}
    for name in (posixpath.join(folder, rule) for folder in folders for rule in _RULES):
        try:
            status = os.stat(top / name)
        except OSError:
            continue
        if stat.S_ISDIR(status.st_mode):
            continue
        if not stat.S_ISREG(status.st_mode):
            raise CaptureError(
                f"{name} is no file, but a pipe, a socket or a device.",
                remedy=f"Bring back the one that git holds, or remove it: rm {shlex.quote(name)}",
            )
        if status.st_size > LARGEST_RULES:
            raise CaptureError(
                f"{name} is larger than {LARGEST_RULES:,} bytes.",
                remedy="Bring back the one that git holds, or make it smaller.",
            )


def _nearest(folder: Path) -> Path | None:
    here = folder.absolute()
    places = (one / ".git" for one in (here, *here.parents))
    return next((place for place in places if os.path.lexists(place)), None)
