"""Walking a directory: which files count, and what has no bytes of its own."""

from __future__ import annotations

import os
import stat
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from lineage import bounded_file
from lineage.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator


NEVER_DATA: Final = frozenset({".git", ".dvc", ".lineage"})
"""Names of folders that are no part of a directory's content; ``.git`` is a file in a submodule."""

IGNORE_FILE: Final = ".lineageignore"

LARGEST_IGNORE_FILE: Final = 1 << 20
"""Bytes of a ``.lineageignore`` that are read at the most."""


class Follow(Protocol):
    """Raises :class:`CaptureError` unless the place that a path leads to may be read."""

    def __call__(self, path: Path, /) -> None:
        """Refuse ``path`` or return."""


def follow_any(path: Path) -> None:
    """Every path may be read: the user named it."""


def tree_files(
    top: Path,
    follow: Follow = follow_any,
    project: Path | None = None,
    without: Collection[str] = (),
) -> Iterator[tuple[str, str, int]]:
    """The files of a directory as (path relative to it, path to open, inode or 0 for a link).

    Left out are ``.git``, ``.dvc``, ``.lineage``, the paths in ``without``, and what the
    ``.lineageignore`` of the directory, or of the project it lies in, matches.

    Raises:
        CaptureError: a link to a directory, a dangling link, a socket, a device, or a name that
            is not UTF-8.
    """
    ignored = _ignored(top, project)
    pending = [(os.fspath(top), "")]
    while pending:
        folder, prefix = pending.pop()
        for entry in _entries(folder):
            relative = prefix + entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if entry.name in NEVER_DATA and (is_folder or entry.name == ".git"):
                continue
            if relative in without:
                continue
            if ignored is not None and ignored(relative + "/" if is_folder else relative):
                continue
            if is_folder:
                pending.append((entry.path, relative + "/"))
            else:
                is_link = _check_entry(entry, relative, follow)
                yield relative, entry.path, 0 if is_link else entry.inode()


def unreadable(path: str | Path, error: OSError) -> CaptureError:
    """The error for a path that the operating system would not give."""
    reason = (error.strerror or str(error)).lower()
    return CaptureError(
        f"{os.fspath(path)!r} cannot be read: {reason}.",
        remedy="Check that the path is right and that you may read it.",
    )


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise unreadable(folder, error) from None


def require_utf8(name: str) -> None:
    """Refuse a file's name that is not UTF-8: no digest can hold it.

    Raises:
        CaptureError: it is not.
    """
    if name.isascii():
        return
    try:
        name.encode()
    except UnicodeEncodeError:
        raise CaptureError(
            f"The name of {name!r} is not UTF-8.", remedy="Rename the file."
        ) from None


def _check_entry(entry: os.DirEntry[str], relative: str, follow: Follow) -> bool:
    """Refuse what has no bytes of its own; whether it is a link to a file."""
    require_utf8(relative)
    if entry.is_symlink():
        _check_link(entry, follow)
        return True
    if not entry.is_file(follow_symlinks=False):
        raise CaptureError(
            f"{entry.path} is a socket, a pipe or a device.",
            remedy="Remove it from the directory or name it in .lineageignore.",
        )
    return False


def _check_link(entry: os.DirEntry[str], follow: Follow) -> None:
    try:
        mode = entry.stat().st_mode
    except OSError as error:
        reason = "points to itself" if error.errno == 40 else "points to nothing"
        raise CaptureError(
            f"The symbolic link {entry.path} {reason}.",
            remedy="Repair or remove the link, or name it in .lineageignore.",
        ) from None
    if not stat.S_ISREG(mode):
        raise CaptureError(
            f"The symbolic link {entry.path} does not point to a file.",
            remedy="Links to directories are not followed: copy the directory, or name the link "
            "in .lineageignore.",
        )
    follow(Path(entry.path))


def _ignored(top: Path, project: Path | None) -> Callable[[str], bool] | None:
    """The test of whether a path relative to ``top`` (folders end in ``/``) is left out, if any."""
    tests: list[tuple[str, Callable[[str], bool]]] = []
    own = _ignore_file(top / IGNORE_FILE)
    if own is not None:
        tests.append(("", own))
    if project is not None and project != top and top.is_relative_to(project):
        outer = _ignore_file(project / IGNORE_FILE)
        if outer is not None:
            tests.append((top.relative_to(project).as_posix() + "/", outer))
    if not tests:
        return None
    return lambda relative: any(test(prefix + relative) for prefix, test in tests)


def _ignore_file(path: Path) -> Callable[[str], bool] | None:
    """The test of a ``.lineageignore`` file (gitignore syntax), if there is one."""
    try:
        data = bounded_file.read(path, LARGEST_IGNORE_FILE)
    except bounded_file.Missing:
        return None
    except bounded_file.Unfit as reason:
        raise CaptureError(
            f"{path} {reason}.", remedy="Put a text file with patterns there, or remove it."
        ) from None
    return ignoring(data, path)


def ignoring(data: bytes, path: str | Path) -> Callable[[str], bool]:
    """The test that a ``.lineageignore`` file holds; ``path`` is for messages.

    Raises:
        CaptureError: it is not UTF-8, or a pattern cannot be read.
    """
    from pathspec import GitIgnoreSpec

    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CaptureError(f"{path} is not UTF-8 text.", remedy="Save it in UTF-8.") from None
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):  # of `[[`
            return GitIgnoreSpec.from_lines(text.splitlines()).match_file
    except ValueError as error:
        raise CaptureError(
            f"{path} has a pattern that cannot be read: {error}.",
            remedy="Write its patterns in gitignore syntax.",
        ) from None
