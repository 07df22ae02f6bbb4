"""Data that git tracks, by the bytes that git stores: the same in a checkout and at a revision.

A checkout may end lines or encode text otherwise than the commit holds it; what a commit holds of a
file in Git LFS is only a pointer, whose file is real data where it was fetched.
"""

from __future__ import annotations

import os
import posixpath
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lineage.capture.git import LINK_MODE, REGULAR_MODES, SUBMODULE_MODE
from lineage.capture.pointers import LARGEST_POINTER, is_lfs_pointer
from lineage.errors import CaptureError
from lineage.hashing.blocks import blocks_of
from lineage.hashing.tree import IGNORE_FILE, LARGEST_IGNORE_FILE, NEVER_DATA, ignoring

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from lineage.capture.git import GitRepository
    from lineage.capture.source import Revision, WorkingTree
    from lineage.hashing.files import Stored

_POINTER: Final = re.compile(rb"\noid sha256:([0-9a-f]{64})\nsize ([0-9]{1,19})\n")


def stored_in(source: WorkingTree, path: str) -> Stored | None:
    """What git stores of the files at a path of a working tree that lie there otherwise.

    Only files that are as the index holds them are taken from git; those in Git LFS lie as they
    are. Returns None where git tracks nothing there.
    """
    git, disk = source.git, source.disk
    if git is None or disk is None:
        return None
    place = _behind_links(source, path)
    tracked = [place] if source.is_tracked(place) else source.tracked_below(place)
    files = {
        one if source.tracked[one].mode != LINK_MODE else _behind_links(source, one)
        for one in tracked
    }
    regular = [
        one for one in files if one in source.tracked and source.tracked[one].mode in REGULAR_MODES
    ]
    converting = [
        one for one in git.converting(regular) if not _is_pointer(git, source.tracked[one].oid, one)
    ]
    otherwise = disk.lie_otherwise(converting)
    if not otherwise:
        return None

    def stored(full: str) -> Iterator[bytes] | None:
        oid = otherwise.get(_behind_links(source, full))
        return git.blob_blocks(oid, full) if oid is not None else None

    return stored


def refuse_left_out(source: WorkingTree, path: str) -> None:
    """Refuse data of which a sparse checkout leaves something out.

    Raises:
        CaptureError: it does.
    """
    left_out = source.git.left_out if source.git is not None else ()
    below = f"{path}/" if path else ""
    absent = sorted(one for one in left_out if one == path or one.startswith(below))
    gone = [one for one in absent if not os.path.lexists(source.top / one)]
    if gone:
        more = f" and {len(gone) - 1} more" if gone[1:] else ""
        raise CaptureError(
            f"The data {path or '.'} is not whole here: the sparse checkout leaves out "
            f"{gone[0]}{more}.",
            remedy=f"Check it out: git sparse-checkout add {shlex.quote(path or '.')}, or "
            "git sparse-checkout disable",
        )


def blocks_at(source: Revision, path: str) -> Iterator[bytes]:
    """The data that a revision holds as a file; of one in Git LFS, what its pointer stands for.

    Raises:
        CaptureError: it is not in this clone.
    """
    git, oid = source.git, source.object_of(path)
    if not _is_pointer(git, oid, path):
        return git.blob_blocks(oid, path)
    return _lfs_object(git, path, git.blob(oid, path))


def files_at(
    source: Revision, folder: str, project: str, without: Collection[str]
) -> Iterator[tuple[str, str]]:
    """The files in a folder of a revision that are data, as :func:`tree_files` lists a directory.

    Args:
        source: the revision.
        folder: the folder, relative to the top.
        project: the project's folder, whose ``.lineageignore`` counts too.
        without: paths in the folder that are no part of it.

    Yields:
        The path relative to the folder, and relative to the top.

    Raises:
        CaptureError: a submodule, or a link to no file, is among them.
    """
    ignored = list(_ignored_at(source, folder, project))
    left_out = set(without)
    for path in source.tracked_below(folder):
        relative = posixpath.relpath(path, folder) if folder else path
        parts = relative.split("/")
        around = ["/".join(parts[:end]) for end in range(1, len(parts))]
        if not NEVER_DATA.isdisjoint(parts[:-1]) or not left_out.isdisjoint([*around, relative]):
            continue
        tried = [*(f"{outer}/" for outer in around), relative]
        if any(test(prefix + one) for prefix, test in ignored for one in tried):
            continue
        if source.tracked[path].mode == SUBMODULE_MODE or not source.is_file(path):
            raise CaptureError(
                f"{path} in the data {folder or '.'} is a submodule or a link to no file.",
                remedy="Name the data that is needed one by one, or name it in .lineageignore.",
            )
        yield relative, path


def _behind_links(source: WorkingTree, path: str) -> str:
    """Where a path leads to, relative to the top."""
    return os.path.relpath(os.path.realpath(source.top / path), source.top)


def _ignored_at(
    source: Revision, folder: str, project: str
) -> Iterator[tuple[str, Callable[[str], bool]]]:
    places = {folder: ""}
    if folder != project and (not project or folder.startswith(f"{project}/")):
        places[project] = f"{posixpath.relpath(folder, project or '.')}/"
    for place, prefix in places.items():
        file = posixpath.join(place, IGNORE_FILE)
        if source.is_file(file):
            yield prefix, ignoring(source.read(file, LARGEST_IGNORE_FILE), file)


def _is_pointer(git: GitRepository, oid: str, path: str) -> bool:
    return git.size_of(oid, path) <= LARGEST_POINTER and is_lfs_pointer(git.blob(oid, path))


def _lfs_object(git: GitRepository, path: str, pointer: bytes) -> Iterator[bytes]:
    """The bytes that a pointer of Git LFS stands for, held against it at their end."""
    found = _POINTER.search(pointer)
    name = found[1].decode() if found is not None else ""
    file = Path(git.common_folder, "lfs", "objects", name[:2], name[2:4], name)
    if not name or not file.is_file():
        raise CaptureError(
            f"Of the data {path} the revision holds a pointer of Git LFS, and not the bytes.",
            remedy="Fetch them (git lfs fetch --all), or check the revision out and register from "
            "there.",
        )
    return _checked(file, name)


def _checked(file: Path, sha256: str) -> Iterator[bytes]:
    from dvc_data.hashfile.hash import get_hasher

    hasher = get_hasher("sha256")
    with file.open("rb") as opened:
        for block in blocks_of(opened):
            hasher.update(block)
            yield block
    if hasher.hexdigest() != sha256:
        raise CaptureError(
            f"{file} holds other bytes than its pointer of Git LFS stands for.",
            remedy="Fetch it again: git lfs fsck, then git lfs fetch",
        )
