"""Whose an exception is, and where a path leads: what the other modules share.

The library's own functions for it are no use here: ``os.path.exists`` and ``realpath`` swallow
every OSError that comes up meanwhile, a ``TimeoutError`` of the user's own alarm among them.
"""

import os
import sys
from stat import S_ISLNK

ENCODING = sys.getfilesystemencoding()
ERRORS = sys.getfilesystemencodeerrors()
_PACKAGE = __name__.partition(".")[0]
_LIBRARY = ("os", "posixpath")
_MOST_LINKS = 40


def is_of(error: OSError, path: str) -> bool:
    """Whether an error is the answer to a question about a path, or a folder that it lies in."""
    return isinstance(error.filename, str) and path.startswith(error.filename)


def is_the_users(error: BaseException) -> bool:
    """Whether an exception was raised by code of the user's, which a signal let run meanwhile.

    To look at a traceback causes audit events, so this is for what does not happen every day.
    """
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_globals.get("__name__")
        if name not in _LIBRARY and str(name).partition(".")[0] != _PACKAGE:
            return True
        trace = trace.tb_next
    return False


def text(path: object) -> str:
    """A path as Python would decode it."""
    if not isinstance(path, (str, bytes)):
        path = os.fspath(path)  # type: ignore[call-overload]
    return path.decode(ENCODING, ERRORS) if isinstance(path, bytes) else str(path)


def encoded(path: str) -> bytes:
    """A path's bytes."""
    return path.encode(ENCODING, ERRORS)


def exists(path: str) -> bool:
    """Whether there is something at a path."""
    try:
        os.stat(path)
    except OSError as error:
        if not is_of(error, path):
            raise
        return False
    return True


def real(path: str) -> str:
    """Where an absolute path leads; what is not there leads to itself."""
    done, rest, links = "", path.split("/")[::-1], 0
    while rest:
        part = rest.pop()
        if part in ("", "."):
            continue
        if part == "..":
            done = done.rpartition("/")[0]
            continue
        done = done + "/" + part
        try:
            is_link = S_ISLNK(os.lstat(done).st_mode) and links < _MOST_LINKS
        except OSError as error:
            if not is_of(error, done):
                raise
            is_link = False
        if is_link:
            links += 1
            target = os.readlink(done)
            done = "" if target[:1] == "/" else done.rpartition("/")[0]
            rest += target.split("/")[::-1]
    return done or "/"
