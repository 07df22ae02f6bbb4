"""The command `lineage`: parse, call one service method, render. No rules of its own."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run the command line; every error ends in one line of what happened and one of what to do."""
    gc.set_threshold(50_000)  # loading the libraries makes much that lives on: look less often
    from lineage.errors import LineageError

    from .app import app

    try:
        app()
    except LineageError as error:
        from .output import report

        sys.exit(report(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        from .output import report_unexpected

        sys.exit(report_unexpected(error))
