"""Files that stand for others: what Git LFS, git-annex and DVC leave where those are not."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lineage import bounded_file
from lineage.errors import CaptureError
from lineage.hashing.tree import tree_files

if TYPE_CHECKING:
    from collections.abc import Collection

    from lineage.capture.dvc import DvcProject
    from lineage.hashing.tree import Follow

LFS: Final = b"version https://git-lfs.github.com/spec/"
"""How a pointer of Git LFS begins (its specification: at most 1,024 bytes)."""

_PLACEHOLDERS: Final = frozenset(
    {".gitignore", ".gitkeep", ".keep", ".gitattributes", ".dvcignore"}
)
"""What keeps a folder in git whose files are not in it."""

_OLD_LFS: Final = b"version https://hawser.github.com/spec/"
_ANNEX: Final = b"/annex/objects/"
"""How an unlocked file of git-annex begins while its content is elsewhere."""

LARGEST_POINTER: Final = 1024
"""Bytes of a pointer at the most."""


def is_lfs_pointer(data: bytes) -> bool:
    """Whether these bytes are a pointer of Git LFS, and not the file that it stands for."""
    return len(data) <= LARGEST_POINTER and data.startswith((LFS, _OLD_LFS))


def refuse_pointers(
    path: Path,
    what: str,
    follow: Follow,
    project: Path | None = None,
    without: Collection[str] = (),
) -> None:
    """Refuse a file, or a folder that holds one, whose bytes are not here.

    Args:
        path: the file or the folder.
        what: what it is to be: ``weights``, ``data``.
        follow: what is asked before a symbolic link is read.
        project: whose ``.lineageignore`` counts.
        without: paths in the folder that are no part of it.

    Raises:
        CaptureError: a pointer of Git LFS or git-annex, or one of DVC without its file, stands
            there.
    """
    if path.is_dir():
        names = set()
        for relative, full, _ in tree_files(path, follow, project, without):
            names.add(os.path.basename(relative))  # noqa: PTH119 - a text
            _refuse(Path(full), what)
        if not without:
            refuse_placeholders(os.fspath(path), what, names)
    elif path.is_file():
        _refuse(path, what)


def refuse_placeholders(path: str, what: str, names: set[str]) -> None:
    """Refuse a folder of which only what keeps it in git is there.

    Raises:
        CaptureError: its files have no other names.
    """
    if names and names <= _PLACEHOLDERS:
        raise CaptureError(
            f"The {what} {path} are not here: only {', '.join(sorted(names))} is.",
            remedy="Fetch them (dvc pull, git lfs pull), or make them (dvc repro).",
        )


def _refuse(path: Path, what: str) -> None:
    if path.suffix == ".dvc" and not os.path.lexists(path.with_suffix("")):
        raise CaptureError(
            f"The {what} hold {path}, a pointer of DVC whose file is not here.",
            remedy=f"Fetch it: dvc pull {shlex.quote(os.fspath(path))}",
        )
    try:
        data = bounded_file.read(path, LARGEST_POINTER)
    except bounded_file.Unfit:
        return  # too large for one; whoever hashes it says why it cannot be read
    if is_lfs_pointer(data):
        raise CaptureError(
            f"The {what} {path} are a pointer of Git LFS: the file itself is not here.",
            remedy=f"Fetch it: git lfs pull --include {shlex.quote(_in_repository(path))}",
        )
    if data.startswith(_ANNEX):
        raise CaptureError(
            f"The {what} {path} are a pointer of git-annex: the file itself is not here.",
            remedy=f"Fetch it: git annex get {shlex.quote(os.fspath(path))}",
        )


def _in_repository(path: Path) -> str:
    """A path from the top of its repository, as Git LFS takes it."""
    top = next((one for one in path.parents if (one / ".git").exists()), None)
    return (path.relative_to(top) if top is not None else path).as_posix()


def refuse_unfetched(path: Path, dvc: DvcProject, top: Path) -> None:
    """Refuse weights of which DVC has recorded a part that is not here.

    Args:
        path: the weights.
        dvc: what DVC has recorded.
        top: of the repository.

    Raises:
        CaptureError: one is not: which, and how it is fetched.
    """
    full = Path(os.path.normpath(Path.cwd() / path))
    if not full.is_relative_to(top):
        return
    place = full.relative_to(top).as_posix()
    for part in (place, *dvc.below(place)):
        recorded = dvc.tracked.get(part)
        if recorded is None or recorded.digest is None or os.path.lexists(top / part):
            continue
        raise CaptureError(
            f"The weights '{part}' cannot be read: no such file is here, but DVC has recorded "
            f"them ({recorded.file}).",
            remedy=f"Fetch them: dvc pull {shlex.quote(os.path.relpath(top / part))}",
        )
