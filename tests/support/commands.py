"""The commands `lineage` and `dvc`, each a process forked from one that has loaded their libraries.

Such a process has its own folder, environment, arguments, streams and exit, and nothing that it does
reaches another. What is spared is the loading, nine tenths of a short command's time.
``tests/e2e/test_installed.py`` runs every command as it is installed; ``LINEAGE_LONG_TESTS=1`` and a
measured coverage run all tests so.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import multiprocessing
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support import LONG

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
MAIN = {"lineage": "lineage.cli", "dvc": "dvc.cli"}
"""The module whose ``main`` the script of a command calls."""

LOADED_BY_USE = (
    "alembic.command", "alembic.config", "configobj", "dulwich.index", "dvc.analytics",
    "dvc.cachemgr", "dvc.cli.parser", "dvc.data_cloud", "dvc.dirs", "dvc.lock", "dvc.repo.index",
    "dvc.utils.strictyaml", "dvc_data.hashfile.db.local", "dvc_s3", "h11", "httpcore", "httpx",
    "lineage.cli.reports", "lineage.migrations", "markdown_it", "networkx", "platformdirs",
    "rich.markdown", "ruamel.yaml", "s3fs", "scmrepo.git", "sqlalchemy.dialects.sqlite",
    "typer.rich_utils",
)  # fmt: skip
"""Libraries that a command loads only when it comes to need them."""

AS_INSTALLED = LONG or any(name.startswith("COVERAGE_") for name in os.environ)


class Result(NamedTuple):
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def run(words: Sequence[str], cwd: Path, env: Mapping[str, str], timeout: float) -> Result:
    """Run a command to its end: ours and DVC's forked, another as it is installed."""
    of_python = any(name.startswith("PYTHON") for name in env)  # read when an interpreter starts
    if AS_INSTALLED or of_python or words[0] not in (*MAIN, *(str(BIN / name) for name in MAIN)):
        return run_installed(words, cwd, env, timeout)
    return _forker().run(words, cwd, env, timeout)


def run_installed(
    words: Sequence[str], cwd: Path, env: Mapping[str, str], timeout: float
) -> Result:
    """Run a command in an interpreter of its own."""
    done = subprocess.run(
        words, cwd=cwd, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        timeout=timeout, check=False,
    )  # fmt: skip
    return Result(done.returncode, done.stdout, done.stderr)


@functools.cache
def _forker() -> Forker:
    return Forker()


class Forker:
    """The other end of the process that forks; one command at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        code = f"from {__name__} import serve; serve({theirs.fileno()})"
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                cwd=ROOT,
                env={"LANG": "C.UTF-8", "PATH": os.environ["PATH"]},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )

    def run(
        self, words: Sequence[str], cwd: Path, env: Mapping[str, str], timeout: float
    ) -> Result:
        request = json.dumps([list(words), os.fspath(cwd), dict(env)]).encode()
        with self._lock, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            self._requests.settimeout(timeout)
            try:
                socket.send_fds(self._requests, [request], [out.fileno(), err.fileno()])
                code = self._requests.recv(16)
            except TimeoutError:
                self._kill()
                raise subprocess.TimeoutExpired(list(words), timeout) from None
            assert code, "the process that forks has ended"
            return Result(int(code), *(_text(file.fileno()) for file in (out, err)))

    def _kill(self) -> None:
        """End the command that does not end, with all that it started; the next finds another."""
        _forker.cache_clear()
        self._requests.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _text(descriptor: int) -> str:
    with open(descriptor, encoding="utf-8", closefd=False) as file:
        file.seek(0)
        return file.read()


# in the process that forks


def serve(descriptor: int) -> None:
    """Fork for each request and answer with the exit code, until the other end closes."""
    _load()
    fork = multiprocessing.get_context("fork")
    with socket.socket(fileno=descriptor) as requests:
        while True:
            request, descriptors, _, _ = socket.recv_fds(requests, 1 << 20, 2)
            if not request:
                return
            command = fork.Process(
                target=_become, args=(requests, *json.loads(request), descriptors)
            )
            command.start()
            for one in descriptors:
                os.close(one)
            command.join()
            requests.send(str(command.exitcode).encode())


def _load() -> None:
    importlib.import_module("lineage.cli.app").build()
    lineage = importlib.import_module("lineage")
    for module in pkgutil.walk_packages(lineage.__path__, "lineage."):
        importlib.import_module(module.name)
    for name in (*MAIN.values(), *LOADED_BY_USE):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # no child touches what all of them share


def _become(
    requests: socket.socket, words: list[str], cwd: str, env: dict[str, str], streams: list[int]
) -> None:
    """Do what the script of an installed command does; how it ends is how the process ends."""
    requests.close()
    for descriptor, stream in zip(streams, (sys.stdout, sys.stderr), strict=True):
        os.dup2(descriptor, stream.fileno())
        os.close(descriptor)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = words
    main = importlib.import_module(MAIN[Path(words[0]).name]).main
    try:
        sys.exit(main())
    finally:
        atexit._run_exitfuncs()
