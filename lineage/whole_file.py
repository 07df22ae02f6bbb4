"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

NEW_FILE: Final = 0o644


def write_whole(path: Path, data: bytes, *, mode: int = NEW_FILE) -> None:
    """Write a file beside its place and put it there: a reader finds the old one or the new one.

    Args:
        path: the file; what a symbolic link leads to is replaced, and not the link.
        data: what it is to hold.
        mode: the permissions of a file that is new; one that is there keeps its own.

    Raises:
        OSError: it cannot be written; it is as it was.
    """
    place = Path(os.path.realpath(path))
    with suppress(OSError):
        mode = stat.S_IMODE(place.stat().st_mode)
    descriptor, name = tempfile.mkstemp(prefix=f".{place.name[:40]}.", dir=place.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if hasattr(os, "fchmod"):  # Windows knows no modes
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(name, place)  # noqa: PTH105 - both are whole paths
    except BaseException:
        with suppress(OSError):
            os.unlink(name)  # noqa: PTH108 - see above
        raise
