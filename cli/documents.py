"""Documents for other programs: written to a file, or printed."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import output

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def put(text: str, document: dict[str, Any], out: Path | None, as_json: bool) -> None:
    """Write what others are given, or print it.

    Args:
        text: the document.
        document: the same and what is said of it, for ``--json``.
        out: the file; None for stdout.
        as_json: whether ``document`` is printed.

    Raises:
        UsageError: the file cannot be written.
    """
    with written(text, out):
        pass
    show(text, document, out, as_json)


@contextmanager
def written(text: str, out: Path | None) -> Iterator[None]:
    """Write a document once what is done meanwhile went well; that begins only if it can be.

    Raises:
        UsageError: the file cannot be written.
    """
    from lineage.whole_file import Staged

    if out is None:
        yield
        return
    with _told(out):
        staged = Staged(out, text.encode())
    try:
        yield
    except BaseException:
        staged.drop()
        raise
    with _told(out):
        staged.place()


@contextmanager
def _told(out: Path) -> Iterator[None]:
    from lineage.errors import UsageError

    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{out} cannot be written: {os.strerror(error.errno or 0)}.",
            remedy="Name another file.",
        ) from None


def show(text: str, document: dict[str, Any], out: Path | None, as_json: bool) -> None:
    """Print a document, or where it is written; arguments are those of :func:`put`."""
    if as_json:
        output.emit(document)
    elif out is None:
        output.raw(text.removesuffix("\n"))
    else:
        output.say(f"{out} is written.")
