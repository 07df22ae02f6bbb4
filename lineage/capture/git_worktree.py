"""A temporary git worktree: a commit checked out beside the user's own checkout, and removed.

Git is told what it is told everywhere here (:mod:`.git_environment`): no hook runs, and no filter
that the repository's own configuration defines. Of the user's checkout nothing is touched but the
note that git keeps of every worktree, which goes with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import tempfile
import threading
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lineage.capture import worktree_leftovers
from lineage.capture.git import SUBMODULE_MODE, GitRepository
from lineage.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

PREFIX: Final = "lineage-replay-"
"""What the name of such a folder begins with."""

_ENDING: Final = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def temporary_worktree(git: GitRepository, commit: str) -> Iterator[Path]:
    """A folder of the commit's files, outside the user's checkout; removed whatever happens.

    Args:
        git: the user's repository.
        commit: a commit that it holds.

    Raises:
        CaptureError: the commit holds submodules, an object is missing, or the files cannot be
            written.
    """
    _refuse_submodules(git, commit)
    worktree_leftovers.remove(git.common_folder, PREFIX, _remove)
    with ExitStack() as stack:
        stack.enter_context(_ends_in_order())
        folder = stack.enter_context(_private_folder())
        try:
            git.add_worktree(folder, commit)
            stack.enter_context(
                worktree_leftovers.in_use(git.common_folder / "worktrees" / folder.name)
            )
            with closing(GitRepository(folder)) as inside:
                inside.write_tree_here()
            yield folder
        finally:
            _forget(git, folder)


@contextmanager
def _private_folder() -> Iterator[Path]:
    """A new folder that only this user may look into."""
    try:
        folder = Path(os.path.realpath(tempfile.mkdtemp(prefix=PREFIX)))
    except OSError as error:
        raise CaptureError(
            f"No temporary folder can be made: {(error.strerror or '').lower()}.",
            remedy="Make room, or name another place for it: TMPDIR.",
        ) from None
    try:
        yield folder
    finally:
        _remove(folder)


@contextmanager
def _ends_in_order() -> Iterator[None]:
    """Let a signal that ends this process end it as an exception does."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, leave) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _forget(git: GitRepository, folder: Path) -> None:
    """Remove what git keeps of a worktree in the user's repository.

    Not by git, which asks the worktree itself: a command may have made anything of that.
    """
    kept = git.common_folder / "worktrees"
    for place in kept.glob(f"{PREFIX}*"):
        if place.name == folder.name or _told(place) == os.fspath(folder / ".git"):
            _remove(place)
    with suppress(OSError):
        kept.rmdir()  # as git does, once it is empty


def _told(place: Path) -> str | None:
    """The ``.git`` of the worktree that a note of git's is of."""
    try:
        return os.fsdecode((place / "gitdir").read_bytes()).rstrip("\n")
    except OSError:
        return None


def _remove(folder: Path) -> None:
    """Remove a folder, whatever a command made of it.

    Folders alone are made writable: a file may be a link to an object of DVC's cache.
    """
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        return
    _make_writable(folder)
    for above, names, _ in os.walk(folder):
        for name in names:
            _make_writable(Path(above, name))
    shutil.rmtree(folder, ignore_errors=True)


def _make_writable(folder: Path) -> None:
    with suppress(OSError):
        mode = folder.lstat().st_mode
        if stat.S_ISDIR(mode):
            folder.chmod(stat.S_IMODE(mode) | stat.S_IRWXU)


def _refuse_submodules(git: GitRepository, commit: str) -> None:
    held = [path for path, entry in git.tree(commit).items() if entry.mode == SUBMODULE_MODE]
    if held:
        raise CaptureError(
            f"Commit {commit[:12]} holds the submodule {held[0]}, which no temporary worktree has.",
            remedy="Check the commit out with its submodules, and validate there.",
        )
