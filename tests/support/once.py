"""What is made once in a run of the tests, by whichever of its processes comes first."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "alone")


@contextmanager
def one_at_a_time(folder: Path, name: str) -> Iterator[None]:
    """Let the other processes of the run wait here meanwhile."""
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def made_once(folder: Path, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that ``make`` fills, in the folder that the processes of a run share."""
    target = folder / name
    with one_at_a_time(folder, name):
        if not target.exists():
            making = folder / f"{name}.making"
            making.mkdir()
            make(making)
            making.rename(target)
    return target
