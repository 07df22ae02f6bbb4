"""Files below a folder: opening and digesting one that must not leave it, with a bound."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from blake3 import blake3

from lineage.bounded_file import Missing, Unfit, bounded, opened
from lineage.identity.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK: Final = 1 << 20


@contextmanager
def opened_below(root: Path, path: str) -> Iterator[tuple[BinaryIO, int]]:
    """A regular file below a folder, open for reading, and its size in bytes.

    Args:
        root: the folder, which is followed where it is a link itself.
        path: relative to it; a link in it is followed below the folder only.

    Raises:
        Unfit: it is missing, no file, cannot be read, or a link leads out of the folder.
    """
    try:
        top = os.path.realpath(root, strict=True)
        real = os.path.realpath(Path(top, path), strict=True)
    except (FileNotFoundError, NotADirectoryError):
        raise Missing("is missing") from None
    except (OSError, ValueError) as error:
        raise Unfit(f"cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if os.path.commonpath([top, real]) != top:
        raise Unfit("leads out of the folder")
    with opened(real) as found:
        yield found


def read_below(root: Path, path: str, limit: int) -> bytes:
    """The bytes of a file below a folder.

    Raises:
        Unfit: see :func:`opened_below`; also where it is larger than ``limit`` bytes.
    """
    with opened_below(root, path) as (file, size):
        return bounded(file, size, limit)


def blake3_below(root: Path, path: str, size: int) -> Digest | None:
    """BLAKE3 of a file below a folder; None where it has not as many bytes, which reads none.

    Raises:
        Unfit: see :func:`opened_below`.
    """
    hasher = blake3()
    with opened_below(root, path) as (file, found):
        left = size + 1 if found == size else 0
        while left and (block := _read(file, min(left, _BLOCK))):
            hasher.update(block)
            left -= len(block)
    return Digest(f"blake3:{hasher.hexdigest()}") if left == 1 else None


def _read(file: BinaryIO, count: int) -> bytes:
    try:
        return file.read(count)
    except OSError as error:
        raise Unfit(f"cannot be read ({error.strerror})") from None
