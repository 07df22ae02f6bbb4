"""Documents for other programs: written to a file, or printed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from . import output

if TYPE_CHECKING:
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
    from lineage.errors import UsageError
    from lineage.whole_file import write_whole

    if out is not None:
        try:
            write_whole(out, text.encode())
        except OSError as error:
            raise UsageError(
                f"{out} cannot be written: {os.strerror(error.errno or 0)}.",
                remedy="Name another file.",
            ) from None
    if as_json:
        output.emit(document)
    elif out is None:
        output.raw(text.removesuffix("\n"))
    else:
        output.say(f"{out} is written.")
