"""Which files of the repository are opened, and what for.

What is said of a file: ``read`` (as it was before the run), ``fresh`` (read, but changed since the
run began), ``made`` (created or emptied: what it held before does not count), ``updated`` (opened
for writing as it is). The text is its name in the repository, and after ``//`` where the symlinks
of that name lead to, if to another file of it.

Most files have a plain path: no symlink and no dot on the way. Which folders are plain is
remembered, so that one ``lstat`` tells all of a file.
"""

import os
import sys
from stat import S_ISDIR, S_ISLNK, S_ISREG
from time import time_ns

from .guard import encoded, is_of, real, text
from .record import LARGEST, LARGEST_DATA, Record

_REMEMBERED = 1 << 16
"""Paths that are remembered, before all are forgotten: memory stays bounded."""
_MISSES = 32
_LIKELY = (
    *(".py", ".pyc", ".pyx", ".so", ".ipynb", ".sh", ".sql", ".r", ".R", ".jl"),
    *(".yaml", ".yml", ".toml", ".json", ".ini", ".cfg", ".conf"),
)
"""Code and parameters, which are recorded when data is too much already."""
_SKIPPED = (".git/", ".dvc/", ".lineage/")
_SKIPPED_ANYWHERE = ("/.git/", "/site-packages/", "/dist-packages/")
_DOTS = ("", ".", "..")
_RDONLY, _WRONLY, _RDWR, _ACCESS = os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_ACCMODE
_CREATE, _TRUNCATE = os.O_CREAT, os.O_TRUNC
_NO_FILE = getattr(os, "O_PATH", 0) | os.O_DIRECTORY
_OUTSIDE = "\0outside"
_WINDING = "\0winding"


class Files:
    """Which files are opened."""

    def __init__(self, record: Record, root: str, started: int) -> None:
        self.record = record
        self.inside = root.rstrip("/") + "/"
        self.started = started
        self.done: "set[str]" = set()
        self.said: "set[tuple[bytes, str]]" = set()
        self.folders = {"": _OUTSIDE}
        self.skipped = _SKIPPED + tuple(
            prefix[len(self.inside) :] + "/"
            for prefix in {sys.prefix, sys.exec_prefix, sys.base_prefix}
            if prefix.startswith(self.inside)
        )

    def on_open(self, args: "tuple[object, ...]") -> None:
        """``open``: by name, or by the number of a descriptor that is open already."""
        path, mode, flags = args
        if path.__class__ is not str or path not in self.done or flags & _ACCESS:  # type: ignore[operator]
            self.opens(path, mode, flags)  # type: ignore[arg-type]

    def opens(self, path: object, mode: object, flags: int) -> None:
        """Note that something is opened."""
        if flags & _NO_FILE:
            return
        if flags == 0 and isinstance(mode, str) and mode[:1] in ("w", "a"):  # C's fopen()
            flags = _WRONLY | _CREATE | (_TRUNCATE if mode[:1] == "w" else 0)
        if isinstance(path, int):
            path = os.readlink("/proc/self/fd/%d" % path)
            flags &= ~(_TRUNCATE | _CREATE)
            if path[:1] != "/":
                return
        name = text(path)
        if "\0" in name:
            return
        absolute = name if name[:1] == "/" else os.getcwd() + "/" + name
        is_read = not flags & _ACCESS
        if not (is_read and absolute in self.done) and self.opened(absolute, flags) and is_read:
            if len(self.done) >= _REMEMBERED:
                self.done.clear()
            self.done.add(absolute)
        if mode is None and absolute is not name:  # os.open() does not tell seen from which folder
            for folder in self.open_folders():
                self.opened(folder + "/" + name, flags & ~_CREATE)

    def on_connect(self, args: "tuple[object, ...]") -> None:
        """``sqlite3.connect``: SQLite opens the file itself, for reading and writing."""
        name = text(args[0])
        if name[:5] == "file:":
            name = name[5:].partition("?")[0]
        if name and name[:1] != ":":
            self.opens(name, "", _RDWR | _CREATE)

    def on_library(self, args: "tuple[object, ...]") -> None:
        """``ctypes.dlopen``: a file, unless it is a name that the loader looks up."""
        if args and isinstance(args[0], (str, bytes)) and "/" in text(args[0]):
            self.opens(args[0], "", _RDONLY)

    def on_truncated(self, args: "tuple[object, ...]") -> None:
        """``os.truncate``, by name or by descriptor."""
        self.opens(args[0], "", _WRONLY)

    def on_moved(self, args: "tuple[object, ...]") -> None:
        """``os.rename`` and ``os.link``: what was one name's content is another's."""
        source, target = self.joined(args[0], args[2]), self.joined(args[1], args[3])
        if S_ISREG(os.stat(source).st_mode):
            self.opened(source, _RDONLY)
            self.makes(target)

    def on_symlink(self, args: "tuple[object, ...]") -> None:
        """``os.symlink``."""
        self.makes(self.joined(args[1], args[2]))

    def opened(self, path: str, flags: int) -> bool:
        """Note that an absolute path is opened; whether it need not be looked at again."""
        folder, _, name = path.rpartition("/")
        try:
            inner = self.folders.get(folder) or self.learned(folder)
            if inner is _WINDING or name in _DOTS:
                return self.winding(path, flags)
            status = os.lstat(path)
        except OSError as error:
            return self.missing(path, flags, error)
        if S_ISLNK(status.st_mode):
            return self.winding(path, flags)
        if not S_ISREG(status.st_mode):
            return False
        if inner is not _OUTSIDE:
            self.used(inner[1:] + name, status, flags)
        return True

    def missing(self, path: str, flags: int, error: OSError) -> bool:
        """Note that a path is opened which is not there; it may be made."""
        if not is_of(error, path):
            raise error
        if flags & _CREATE and isinstance(error, FileNotFoundError):
            self.makes(path)
        return False

    def winding(self, path: str, flags: int) -> bool:
        """Note that a path is opened whose name is not where it is; always ask again."""
        try:
            status = os.stat(path)
        except OSError as error:
            return self.missing(path, flags, error)
        end = real(path)
        named = self.inner(end if "/../" in path else os.path.normpath(path))
        target = self.inner(end)
        named = "" if self.is_skipped(named) else named
        target = "" if self.is_skipped(target) else target
        if (named or target) and S_ISREG(status.st_mode):
            is_one = not named or not target or named == target
            self.used((named or target) if is_one else named + "//" + target, status, flags)
        return False

    def used(self, name: str, status: os.stat_result, flags: int) -> None:
        """Note what a file of the repository is used for."""
        access = flags & _ACCESS
        if access and flags & _TRUNCATE:
            self.say(b"made", name)
            return
        if access != _WRONLY:
            is_fresh = self.started < status.st_mtime_ns <= time_ns()
            self.say(b"fresh" if is_fresh else b"read", name)
        if access:
            self.say(b"updated", name)

    def makes(self, path: str) -> None:
        """Note that an absolute path, which need not be there yet, is made."""
        name = self.located(path)
        if name:
            self.say(b"made", name)

    def say(self, word: bytes, name: str) -> None:
        """Write what is worth it, once."""
        said = (word, name)
        if said in self.said:
            return
        limit = LARGEST if name.endswith(_LIKELY) else LARGEST_DATA
        self.record.write(word, encoded(name), limit)
        if len(self.said) >= _REMEMBERED:
            self.said.clear()
        self.said.add(said)

    def is_skipped(self, name: str) -> bool:
        """Whether a path belongs to git, DVC, the registry or an environment of Python's."""
        if name.startswith(self.skipped) or name == ".git":
            return True
        below = "/" + name
        return any(part in below for part in _SKIPPED_ANYWHERE)

    def learned(self, folder: str) -> str:
        """What is known of a folder: where it is in the repository, if its name is plain.

        It is ``/`` and the path from the root with a ``/`` at the end; what is skipped is outside.
        """
        above, _, name = folder.rpartition("/")
        known = self.folders.get(above) or self.learned(above)
        if known is not _WINDING:
            if name in _DOTS or not S_ISDIR(os.lstat(folder).st_mode):
                known = _WINDING
            elif folder + "/" == self.inside:
                known = "/"
            else:
                known = known if known is _OUTSIDE else known + name + "/"
                if known is not _OUTSIDE and self.is_skipped(known[1:]):
                    known = _OUTSIDE
        if len(self.folders) >= _REMEMBERED:
            self.folders = {"": _OUTSIDE}
        self.folders[folder] = known
        return known

    def located(self, path: str) -> str:
        """An absolute path's real name in the repository; empty if outside."""
        folder, _, name = path.rpartition("/")
        try:
            known = self.folders.get(folder) or self.learned(folder)
        except OSError as error:
            if not is_of(error, path):
                raise
            known = _WINDING
        if known is _OUTSIDE:
            return ""
        if known is _WINDING or name in _DOTS:
            name = self.inner(real(folder) + "/" + name)
            return "" if self.is_skipped(name) else name
        return known[1:] + name

    def inner(self, path: str) -> str:
        """An absolute path seen from the repository; empty if outside."""
        return path[len(self.inside) :] if path.startswith(self.inside) else ""

    def joined(self, path: object, folder: object) -> str:
        """A path as absolute: seen from a folder's descriptor, or from the current folder."""
        name = text(path)
        if name[:1] == "/":
            return name
        if isinstance(folder, int) and folder >= 0:
            return os.readlink("/proc/self/fd/%d" % folder) + "/" + name
        return os.getcwd() + "/" + name

    def open_folders(self) -> "list[str]":
        """The folders that are open in this process."""
        folders, misses, number = [], 0, 0
        while misses < _MISSES:
            link = "/proc/self/fd/%d" % number
            try:
                if S_ISDIR(os.stat(link).st_mode):
                    folders.append(os.readlink(link))
                misses = 0
            except OSError as error:
                if not is_of(error, link):
                    raise
                misses += 1
            number += 1
        return folders
