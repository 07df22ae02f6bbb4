"""Temporary worktrees that a killed process left behind: found by a lock, and removed by the next.

``kill -9`` runs nothing, so what it leaves is taken away by whoever makes the next one. A process
holds a lock in git's note of its worktree for as long as it lives. The note lies in the repository,
whose word is not taken for what to delete: only a folder of this user's among the temporary ones,
named as ours are, that itself says to be the worktree of this note, is removed.
"""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOCK: Final = "lineage.lock"
"""In git's note of a worktree: locked while its process lives."""

UNLOCKED_FOR: Final = 3600.0
"""Seconds after which a note without a lock is one of a process that died before it made one."""

_LONGEST: Final = 4096


@contextmanager
def in_use(note: Path) -> Iterator[None]:
    """Hold the lock of a worktree."""
    try:
        file = os.open(note / LOCK, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        yield  # nobody takes it for left behind within the hour
        return
    try:
        with suppress(OSError):
            _lock(file)
        yield
    finally:
        os.close(file)


def remove(repository: Path, prefix: str, take_away: Callable[[Path], None]) -> None:
    """Remove the worktrees, and git's notes of them, whose processes live no more.

    Args:
        repository: the folder of git's own.
        prefix: what the names of temporary worktrees begin with.
        take_away: removes a folder with all that is in it.
    """
    for note in (repository / "worktrees").glob(f"{prefix}*"):
        if note.is_symlink() or not _is_left_behind(note):
            continue
        folder = _worktree_of(note, prefix)
        if folder is not None:
            take_away(folder)
        take_away(note)


def _lock(file: int) -> None:
    """Lock a descriptor's file; OSError where another process has done so."""
    import fcntl

    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_left_behind(note: Path) -> bool:
    try:
        file = os.open(note / LOCK, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        with suppress(OSError):
            return time.time() - note.stat().st_mtime > UNLOCKED_FOR
        return False
    except OSError:
        return False
    try:
        _lock(file)
    except OSError:
        return False
    finally:
        os.close(file)
    return True


def _worktree_of(note: Path, prefix: str) -> Path | None:
    """The temporary folder that a note is of, if it is one of ours."""
    told = _read(note / "gitdir")
    if told is None or not told.endswith("/.git"):
        return None
    folder = Path(told).parent
    try:
        is_own = not folder.is_symlink() and folder.stat().st_uid == os.geteuid()
        place = Path(os.path.realpath(tempfile.gettempdir()))
    except OSError:
        return None
    said = _read(folder / ".git")
    ours = folder.parent == place and folder.name.startswith(prefix) and ".." not in folder.parts
    points_back = said is not None and said.removeprefix("gitdir: ") == os.fspath(note)
    return folder if is_own and ours and points_back else None


def _read(file: Path) -> str | None:
    try:
        with file.open("rb") as stream:
            return os.fsdecode(stream.read(_LONGEST)).rstrip("\n")
    except OSError:
        return None
