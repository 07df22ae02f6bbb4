"""Whether the code that Python runs of a file is what its source says: it may be a compiled one.

Python trusts a file in ``__pycache__`` that claims its source's time and size, or to need no look.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from importlib.util import cache_from_source
from typing import Final

_REMEMBERED: Final = 10_000


class _Reader(SourceFileLoader):
    """Reads a file's code as an import does, and leaves the disk as it is."""

    def set_data(self, path: str, data: object, *, _mode: int = 0o666) -> None:
        """Write nothing."""


def is_as_its_source(file: str) -> bool:
    """Whether an import of a source file runs what stands in it.

    It is remembered as long as neither the file nor the compiled one changes.

    Args:
        file: the source, by the path that it was imported by.
    """
    compiled: str | None = None
    with suppress(NotImplementedError, ValueError):
        compiled = cache_from_source(file)
    if compiled is None or not _moment(compiled):
        return True
    return _compared(file, _moment(file), _moment(compiled))


@lru_cache(_REMEMBERED)
def _compared(file: str, source: tuple[int, ...], compiled: tuple[int, ...]) -> bool:
    reader = _Reader(file, file)
    try:
        ran = reader.get_code(file)
        written = reader.source_to_code(reader.get_data(file), file)
    except (ImportError, EOFError, SyntaxError, ValueError, TypeError, OSError, RecursionError):
        return False
    return bool(ran == written)


def _moment(path: str) -> tuple[int, ...]:
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
