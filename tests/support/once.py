"""What is made once in a run of the tests, by whichever of its processes comes first."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "alone")
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"alone-{os.getpid()}")
_STARTED: list[subprocess.Popen[bytes]] = []


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
            shutil.rmtree(making, ignore_errors=True)  # of whoever came first, and failed
            making.mkdir()
            make(making)
            making.rename(target)
    return target


def shared_process(code: str) -> tuple[str, socket.socket]:
    """Use a process that runs a function of the tests, whoever of the run started it.

    Args:
        code: the function, as ``module:name``. It is given a socket to listen on, at which the first
            user waits; once nobody is connected any more it removes the socket's folder, and ends.

    Returns:
        Where it listens, and a connection to keep for as long as it is used.
    """
    module, _, name = code.partition(":")
    folder = Path(tempfile.gettempdir(), f"{name}-{RUN}")
    folder.mkdir(mode=0o700, exist_ok=True)
    address = str(folder / "socket")  # at most 107 bytes
    with one_at_a_time(folder, name):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.connect(address)
        except OSError:  # nobody started it, or it ended
            Path(address).unlink(missing_ok=True)
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
                listener.bind(address)
                listener.listen()
                connection.connect(address)
                _start(f"from {module} import {name}; {name}({listener.fileno()})", listener)
    return address, connection


def _start(program: str, listener: socket.socket) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"LANG": "C.UTF-8", "PATH": os.environ["PATH"]},
        pass_fds=[listener.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    _STARTED.append(process)
