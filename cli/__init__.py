"""The command `lineage`: parse, call one workflow, render. No rules of its own."""

from __future__ import annotations

import gc
import io
import logging
import os
import sys

from typing_extensions import override

from lineage.inert import inert
from lineage.masking import masked

_HTTPX_COMMAND = "httpx._main"
"""HTTPX's own command line, which it leaves out where it cannot be loaded; it takes as long as the
rest of HTTPX."""

_ANOTHER_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY")


def main() -> None:
    """Run the command line; every error ends in one line of what happened and one of what to do."""
    gc.set_threshold(200_000)  # loading the libraries makes much that lives on: look less often
    from .options import State

    State.words = tuple(sys.argv[1:])
    _prepare()
    try:
        sys.exit(_run())
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _run() -> int:
    """Carry out the command line, or say what went wrong; the exit code."""
    from typer import Abort

    from lineage.errors import LineageError

    from .app import build

    try:
        code = build(sys.argv[1:])(standalone_mode=False)  # its errors are shown here
    except LineageError as error:
        from .errors import report

        return report(error)
    except BrokenPipeError:
        raise
    except (KeyboardInterrupt, Abort):
        return 130
    except ModuleNotFoundError as error:
        from .errors import report_missing

        return report_missing(error)
    except Exception as error:
        from .errors import is_usage, report_unexpected, report_usage

        return report_usage(error) if is_usage(error) else report_unexpected(error)
    return code if isinstance(code, int) else 0


class _Line(logging.Formatter):
    """A record on one line that acts on nothing and holds no secret."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        return inert(masked(super().format(record)))


def _prepare() -> None:
    """Make the process ready for what a user's machine may be like.

    What the terminal's encoding lacks is shown escaped. Git sets variables for its hooks that would
    make every repository look like the hook's own.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_Line())  # what libraries warn of
    sys.modules.setdefault(_HTTPX_COMMAND, None)  # type: ignore[arg-type]  # not to be found
    for name in _ANOTHER_REPOSITORY:
        os.environ.pop(name, None)
