"""Processes that a test waits for."""

from __future__ import annotations

import os
import time
from pathlib import Path


def has_ended(pid: int, within: float = 10.0) -> bool:
    """Whether a process that was killed ends soon: a kill takes effect when it is scheduled."""
    until = time.monotonic() + within
    while not _is_gone(pid):
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (ProcessLookupError, FileNotFoundError):
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"
