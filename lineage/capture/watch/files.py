"""Which files a run read and wrote: the uses of all its processes, put together.

A file is an input if it was read and the run had not made it before. Made is what a process
created or emptied, renamed or linked there; and what had changed since the run began when it was
first read, unless a process had opened it for an update (then what it held before may have
counted). A claim to have made a file that has not changed since the run began is not believed.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lineage.capture.watch.observed import File, Folder
from lineage.capture.watch.records import Use

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lineage.capture.watch.records import Program
    from lineage.capture.watch.sampling import Held

MOST: Final = 10_000
"""Files that are named one by one; beyond, folders of data are named with a number of files."""
_FEWEST: Final = 50
"""Files that make a folder worth it."""
_MOST_ENTRIES: Final = 8
_OWN: Final = (".git", ".dvc", ".lineage")
_CACHED: Final = re.compile(r"(?P<folder>.*/|)__pycache__/(?P<stem>[^/.]+)\.[^/]+\.pyc")
CODE: Final = frozenset(
    {".py", ".pyx", ".pyi", ".ipynb", ".sh", ".bash", ".sql", ".r", ".jl", ".so", ".pyc"}
)
PARAMETERS: Final = frozenset({".yaml", ".yml", ".toml", ".json", ".ini", ".cfg", ".conf"})
_NO_DATA: Final = CODE | PARAMETERS


@dataclass(slots=True)
class _Uses:
    """The uses of one file by all processes."""

    use: Use = field(default_factory=Use)
    by: set[str] = field(default_factory=set)

    def add(self, use: Use, entry: str) -> None:
        """Take in the use of one program."""
        self.use.target = self.use.target or use.target
        for word in ("read", "fresh", "made", "updated"):
            at = getattr(use, word)
            if at is not None:
                self.use.note(word, at)
        if entry and len(self.by) < _MOST_ENTRIES:
            self.by.add(entry)


class UsedFiles:
    """The files of the repository that were used, collected from what processes said."""

    def __init__(self, root: str, started: int) -> None:
        self._root = root
        self._started = started
        self._uses: defaultdict[str, _Uses] = defaultdict(_Uses)

    def add_program(self, program: Program, entry: str) -> None:
        """Take in the files that a program said it used, and those of its modules."""
        for path, use in program.uses.items():
            self._add(path, use, entry)
        for path, at in program.modules.values():
            self._add(path, Use(read=at), entry)

    def add_held(self, held: Iterable[Held]) -> None:
        """Take in the files that were seen to be open."""
        for one in held:
            use = Use(updated=one.at) if one.is_written else Use(read=one.at)
            self._add(one.path, use, "")

    def files(self) -> list[File]:
        """The files, by name; what the run made and removed again is none."""
        found = []
        for path, uses in sorted(self._uses.items()):
            is_input, is_written = self._is_input(path, uses.use), self._is_written(path, uses.use)
            if is_input or (is_written and os.path.lexists(self._in_root(path))):
                target = _written_out(uses.use.target) if uses.use.target else None
                by = tuple(sorted(uses.by))
                found.append(File(_written_out(path), is_input, is_written, target, by))
        return found

    def _add(self, path: str, use: Use, entry: str) -> None:
        if path.partition("/")[0] in _OWN:
            return
        cached = _CACHED.fullmatch(path) if "__pycache__/" in path else None
        if cached is not None:
            path = f"{cached['folder']}{cached['stem']}.py"
            use = Use(read=use.read if use.read is not None else use.fresh)
            if use.read is None or not Path(self._in_root(path)).is_file():
                return
        elif "__pycache__/" in path:
            return
        self._uses[path].add(use, entry)

    def _is_input(self, path: str, use: Use) -> bool:
        reads = [at for at in (use.read, use.fresh) if at is not None]
        if not reads:
            return False
        if use.made is not None and use.made <= min(reads) and self._has_changed(path):
            return False
        if use.read is None and use.fresh is not None:
            return use.updated is not None and use.updated < use.fresh
        return True

    def _is_written(self, path: str, use: Use) -> bool:
        return (use.made is not None or use.updated is not None) and self._has_changed(path)

    def _in_root(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _has_changed(self, path: str) -> bool:
        """Whether a file is another than before the run, or gone."""
        try:
            return os.stat(self._in_root(path)).st_ctime_ns > self._started
        except OSError:
            return True


def folded(files: Sequence[File]) -> tuple[tuple[File, ...], tuple[Folder, ...], bool]:
    """At most :data:`MOST` files, others as folders that tell how many; whether some are left out.

    Code, and what may be parameters, is named as long as it goes; folders of data are not.
    """
    named = list(files)
    folders: list[Folder] = []
    depth = max((file.path.count("/") for file in files), default=0)
    while len(named) + len(folders) > MOST and depth >= 0:
        groups: defaultdict[tuple[str, bool, bool], list[File]] = defaultdict(list)
        for file in named:
            parts = file.path.split("/")
            if is_data(file.path) and len(parts) > depth:
                key = ("/".join(parts[:depth]), file.is_input, file.is_written)
                groups[key].append(file)
        gone: set[File] = set()
        for (path, is_input, is_written), members in groups.items():
            if len(members) >= _FEWEST:
                folders.append(Folder(path, len(members), is_input, is_written))
                gone.update(members)
        named = [file for file in named if file not in gone]
        depth -= 1
    folders.sort(key=lambda folder: (folder.path, folder.is_input, folder.is_written))
    is_cut = len(named) + len(folders) > MOST
    return tuple(named[:MOST]), tuple(folders[:MOST]), is_cut


def is_data(path: str) -> bool:
    """Whether a path looks like neither code nor parameters."""
    return posixpath.splitext(path)[1].lower() not in _NO_DATA


def _written_out(path: str) -> str:
    """A path as text that any encoding takes: bytes that are no UTF-8 are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
