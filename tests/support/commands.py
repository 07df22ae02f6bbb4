"""The commands `lineage` and `dvc`, each a process forked from one that has loaded their libraries.

Such a process has its own folder, environment, arguments, streams and exit, and nothing that it does
reaches another. What is spared is the loading, nine tenths of a short command's time. All processes
of a run of tests share the one that forks.
``tests/e2e/test_installed.py`` forks every command from a process that has loaded the libraries of
others alone, as installed ones load what is ours; ``LINEAGE_LONG_TESTS=1`` and a measured coverage run
all tests by the scripts that are installed.

The scripts of the example load pandas and scikit-learn, for longer than most of them work: where
``path(example=True)`` is the ``PATH``, their `python` is forked from a process that has loaded those.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import gc
import importlib
import json
import multiprocessing
import os
import pkgutil
import re
import runpy
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import types
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from tests.support import LONG
from tests.support.asking import ask, told
from tests.support.once import ROOT, shared_process

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BIN = Path(sys.executable).parent
MAIN = {"lineage": "lineage.cli", "dvc": "dvc.cli"}
"""The module whose ``main`` the script of a command calls."""

LOADED_BY_USE = (
    "alembic.command", "alembic.config", "configobj", "dulwich.index", "dulwich.worktree",
    "dvc._debug", "dvc.analytics", "dvc.cachemgr", "dvc.cli.parser", "dvc.data_cloud",
    "dvc.dirs", "dvc.lock", "dvc.repo.artifacts", "dvc.repo.datasets", "dvc.repo.graph",
    "dvc.repo.index", "dvc.repo.init", "dvc.repo.metrics", "dvc.repo.open_repo",
    "dvc.repo.params", "dvc.repo.plots", "dvc.repo.stage", "dvc.repo.trie", "dvc.rwlock",
    "dvc.scm", "dvc.utils.strictyaml", "dvc_data.hashfile._progress",
    "dvc_data.hashfile.db.local", "dvc_data.hashfile.status", "dvc_render.vega", "dvc_s3",
    "fsspec.implementations.memory", "h11", "httpcore", "httpx", "lineage.cli.errors",
    "lineage.cli.reports", "lineage.migrations", "markdown_it", "networkx", "platformdirs",
    "pygit2", "pyparsing", "rich.markdown", "rich.status", "ruamel.yaml",
    "ruamel.yaml.mergevalue", "s3fs", "scmrepo.git", "sqlalchemy.dialects.sqlite",
    "typer.rich_utils",
)  # fmt: skip
"""Libraries that a command loads only when it comes to need them."""

DVC_COMMANDS = ("init -q", "add -q data/raw.csv", "repro -q", "status -q")
COMMANDS = (
    "init", "register churn", "register churn --json", "validate churn@1 --json",
    "pipeline capture --json", "pipeline deploy churn --env production", "pipeline diff HEAD .",
    "promote churn@1 --env production", "guard churn@1 --env production --json", "serving churn",
    "serving --json", "show churn@1", "show churn@1 --json", "log --json", "versions churn",
)  # fmt: skip
"""What is typed before any test, so that libraries have worked out what they keep."""

LOADED_BY_THE_EXAMPLE = (
    "duckdb", "multiprocessing.dummy.connection", "pandas.io.formats.csvs",
    "pyarrow.pandas_compat", "sklearn.ensemble", "sklearn.metrics", "yaml",
)  # fmt: skip
"""Libraries that the scripts of the example load."""

AS_INSTALLED = LONG or any(name.startswith("COVERAGE_") for name in os.environ)

PYTHON = "python" if AS_INSTALLED else "python-forked"
"""Among the programs: Python in a process that has loaded what is ours."""


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
    return fork(words, cwd, env, timeout)


def fork(
    words: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    timeout: float,
    *,
    loads_ours: bool = False,
) -> Result:
    """Run a command of ours, or a script of Python, to its end in a process that is forked.

    With ``loads_ours`` nothing of ours is loaded when it begins.
    """
    if AS_INSTALLED:
        return run_installed(words, cwd, env, timeout)
    forker = _forker()
    if loads_ours:  # that one is asked by this
        forker = _forker("fork_commands_that_load_ours")
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with Forked(words, cwd, env, out.fileno(), err.fileno(), forker) as process:
            code = process.wait(timeout)
        return Result(code, *(_text(file.fileno()) for file in (out, err)))


def start(
    words: Sequence[str | Path],
    cwd: Path,
    env: Mapping[str, str],
    *,
    pipe: bool = False,
    to: tuple[TextIO, TextIO] | None = None,
) -> subprocess.Popen[str] | Forked:
    """Start a command of ours, or Python with a script or a module; the test may end it. Forked too.

    ``pipe`` makes its output a stream to read from, ``to`` are files for what it says on its two
    streams; it says nothing otherwise.
    """
    silent = (_nothing(), _nothing())
    if AS_INSTALLED:
        out, err = (subprocess.PIPE, None) if pipe else to or silent
        return subprocess.Popen(
            words, cwd=cwd, env=env, text=True, stdin=subprocess.DEVNULL, stdout=out, stderr=err
        )
    if not pipe:
        out, err = (file.fileno() for file in to) if to else silent
        return Forked(words, cwd, env, out, err)
    source, sink = os.pipe()
    process = Forked(words, cwd, env, sink, 2)
    os.close(sink)
    process.stdout = os.fdopen(source, encoding="utf-8")
    return process


class Forked:
    """A command in a process forked from one that has loaded its libraries; as Popen has it."""

    stdout: TextIO | None = None

    def __init__(
        self,
        words: Sequence[str | Path],
        cwd: Path,
        env: Mapping[str, str],
        out: int,
        err: int,
        forker: str | None = None,
    ) -> None:
        self.args = [os.fspath(word) for word in words]
        self.returncode: int | None = None
        streams = [_nothing(), out, err]
        self.pid, self._ended = ask(
            forker or _forker(), self.args, os.fspath(cwd), dict(env), streams
        )

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.close()

    def poll(self) -> int | None:
        """How it ended, if it has."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """How it ends; a negative number where a signal ends it."""
        if self.returncode is None:
            self._ended.settimeout(timeout)
            try:
                self.returncode = told(self._ended)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self._ended.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """What it prints until it ends."""
        assert self.stdout is not None
        with self.stdout:
            out = self.stdout.read()
        self.wait(timeout)
        return out, None

    def kill(self) -> None:
        """End it, and nothing that it started."""
        self._signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self._signal(signal.SIGTERM)

    def _signal(self, what: signal.Signals) -> None:
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, what)


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
def programs() -> Path:
    """A folder with the commands as programs that a script may run, forked too."""
    if AS_INSTALLED:
        return BIN
    folder = Path(tempfile.mkdtemp(prefix="commands"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    asking = [sys.executable, "-IS", str(ROOT / "tests/support/asking.py"), _forker()]
    for name, first in {**{name: BIN / name for name in MAIN}, PYTHON: sys.executable}.items():
        words = [*asking, str(first)]
        (folder / name).write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        (folder / name).chmod(0o755)
    (folder / "watching").mkdir()
    for name in ("lineage", PYTHON):
        (folder / "watching" / name).symlink_to(folder / name)
    return folder


@functools.cache
def _python_of_the_example() -> Path:
    """A folder with a `python` that is forked, unless a variable is set that Python starts with."""
    if AS_INSTALLED:
        return BIN
    folder = Path(tempfile.mkdtemp(prefix="example"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    asking = [sys.executable, "-IS", str(ROOT / "tests/support/asking.py")]
    forked = shlex.join([*asking, _forker("fork_scripts_of_the_example"), sys.executable])
    another = "env | grep -v '^PYTHONWARNINGS=ignore$' | grep -q '^PYTHON'"
    program = f'if {another}; then exec {shlex.quote(sys.executable)} "$@"; fi\nexec {forked} "$@"'
    (folder / "python").write_text(f"#!/bin/sh\n{program}\n")
    (folder / "python").chmod(0o755)
    return folder


def path(*, example: bool = False, watched: bool = False) -> str:
    """A ``PATH`` with these programs first.

    Args:
        example: the `python` of the example's scripts is forked too.
        watched: no `dvc` is; `lineage` watches what it starts, and what is forked is not its child.
    """
    first = [_python_of_the_example()] if example else []
    ours = programs() / "watching" if watched and not AS_INSTALLED else programs()
    return os.pathsep.join([*map(str, (*first, ours, BIN)), os.environ["PATH"]])


@functools.cache
def _forker(name: str = "fork_commands") -> str:
    """Where the process that forks is asked; it lasts as long as this one."""
    address, connection = shared_process(f"{__name__}:{name}")
    atexit.register(connection.close)
    return address


@functools.cache
def _nothing() -> int:
    return os.open(os.devnull, os.O_RDWR)


def _text(descriptor: int) -> str:
    with open(descriptor, encoding="utf-8", closefd=False) as file:
        file.seek(0)
        return file.read()


# in the process that forks


def fork_commands(listener: int) -> None:
    """Fork for each request and answer with the exit code, until nobody is connected any more."""
    _load()
    _fork_for_each(listener)


def fork_commands_that_load_ours(listener: int) -> None:
    """The same, where the libraries of others alone are loaded."""
    for name in _loaded_of_others(listener):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()
    _in_huge_pages()
    _fork_for_each(listener)


def fork_scripts_of_the_example(listener: int) -> None:
    """The same, where what the example's scripts load is loaded."""
    os.environ["OMP_NUM_THREADS"] = "1"  # read as they are loaded
    for name in LOADED_BY_THE_EXAMPLE:
        importlib.import_module(name)
    gc.freeze()
    _in_huge_pages()
    _fork_for_each(listener)


def _loaded_of_others(listener: int) -> list[str]:
    """The modules that ours load, as the process beside this one has them that loaded ours too."""
    ours = re.compile(r"(lineage|tests|__main__)\b")
    with socket.socket(fileno=os.dup(listener)) as listening:
        own = Path(listening.getsockname()).parent
    _, _, run = own.name.partition("-")
    beside = str(own.with_name(f"fork_commands-{run}") / "socket")
    program = [sys.executable, __file__]
    with tempfile.TemporaryFile() as out:
        with Forked(program, ROOT, {}, out.fileno(), 2, beside) as process:
            assert process.wait() == 0
        return [name for name in _text(out.fileno()).split() if not ours.match(name)]


def _fork_for_each(listener: int) -> None:
    fork = multiprocessing.get_context("fork")
    with selectors.DefaultSelector() as events, socket.socket(fileno=listener) as listening:
        events.register(listening, selectors.EVENT_READ)
        began = False
        while len(events.get_map()) > 1 or not began:
            for event, _ in events.select():
                if event.fileobj is listening:
                    connection, _ = listening.accept()
                    events.register(connection, selectors.EVENT_READ)
                    began = True
                elif isinstance(event.fileobj, socket.socket):
                    _hear(events, event.fileobj, event.data, fork)
                else:  # a command ended
                    _answer(events, event)
        shutil.rmtree(Path(listening.getsockname()).parent)


def _hear(events, connection, command, fork) -> None:
    """Start the command that is asked for, or end the one whose asker is gone."""
    request, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    if request:
        command = fork.Process(target=_become, args=(*json.loads(request), descriptors))
        command.start()
        connection.send(str(command.pid).encode())
        events.modify(connection, selectors.EVENT_READ, command)
        ended = os.pidfd_open(command.pid)
        events.register(ended, selectors.EVENT_READ, (command, connection))
        for descriptor in descriptors:
            os.close(descriptor)
        return
    events.unregister(connection)
    connection.close()
    if command is not None and command.is_alive():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(command.pid, signal.SIGKILL)
        command.kill()


def _answer(events, event) -> None:
    command, connection = event.data
    events.unregister(event.fileobj)
    os.close(event.fileobj)
    command.join()
    with contextlib.suppress(OSError):  # nobody waits for it any more
        connection.send(str(command.exitcode).encode())


def _load() -> None:
    importlib.import_module("lineage.cli.app").build()
    lineage = importlib.import_module("lineage")
    for module in pkgutil.walk_packages(lineage.__path__, "lineage."):
        importlib.import_module(module.name)
    for name in (*MAIN.values(), *LOADED_BY_USE):
        importlib.import_module(name)
    _use_a_registry()
    _use_a_project()
    _make_a_client()
    gc.collect()
    gc.freeze()  # no child touches what all of them share
    _in_huge_pages()


def _in_huge_pages() -> None:
    """Let Linux keep what is loaded in huge pages: a fork copies an entry of a table for each page.

    Where it cannot, nothing changes but the time.
    """
    collapse, size = 25, 2 << 20  # MADV_COLLAPSE, since Linux 6.1; of a page
    with contextlib.suppress(OSError):
        advise = ctypes.CDLL(None).madvise
        for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
            addresses, access, *_, inode = line.split()[:5]
            if access.startswith("rw") and inode == "0":
                start, end = (int(address, 16) for address in addresses.split("-"))
                first = -(-start // size) * size
                if (length := end // size * size - first) > 0:
                    advise(ctypes.c_void_p(first), ctypes.c_size_t(length), collapse)


def _use_a_registry() -> None:
    """Let SQLAlchemy compile what a registry asks, and the schema be made that a check expects."""
    from lineage.connection import check, connect
    from lineage.database import postgresql, sqlite
    from tests.support import registries, story
    from tests.support.statements import share_compiled

    for database in (sqlite, postgresql):
        share_compiled(database)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/registry.db"
        registries.make_registry(url, story.fill)
        check(url)
        with connect(url) as registry:
            registry.audit()
            registry.history()
            registry.versions("churn")
            registry.stores()
            registry.serving("churn", "production")
    registries.replay_migrations()


def _use_a_project() -> None:
    """Let libraries work out once what they keep: patterns, schemas, the readers of types.

    It is done as a user does it, in this process, in a folder that goes.
    """
    from lineage.cli.app import build
    from lineage.cli.options import State
    from tqdm import tqdm

    from tests.conftest import ENVIRONMENT, PROJECT, Workspace

    watched, tqdm.monitor_interval = tqdm.monitor_interval, 0  # in a thread of its own
    dvc = importlib.import_module(MAIN["dvc"]).main
    usual = {name: getattr(State, name) for name in State.__annotations__}
    before, here = dict(os.environ), Path.cwd()
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as nothing:
        project = Workspace(Path(folder))
        os.environ.update(ENVIRONMENT)
        os.chdir(folder)
        with contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(nothing):
            project.git("init", "--quiet")
            project.write(PROJECT)
            for command in DVC_COMMANDS:
                assert dvc(command.split()) == 0, command
            project.commit()
            for command in COMMANDS:
                words = command.split()
                assert not build(words)(words, standalone_mode=False), command
        os.chdir(here)
    tqdm.monitor_interval = watched
    os.environ.clear()
    os.environ.update(before)
    for name, value in usual.items():
        setattr(State, name, value)
    assert threading.active_count() == 1, "a fork has this thread alone"


def _make_a_client() -> None:
    """Let botocore read what a client of S3 needs; nobody is asked for anything."""
    import boto3
    import pytest

    from tests.support.weights_stores import read_once

    read_once(pytest.MonkeyPatch())
    boto3.client("s3", region_name="us-east-1")


def _become(words: list[str], cwd: str, env: dict[str, str], streams: list[int]) -> None:
    """Do what the script of an installed command does; how it ends is how the process ends."""
    os.setpgid(0, 0)
    for descriptor, stream in enumerate(streams):
        os.dup2(stream, descriptor)
        os.close(stream)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)  # multiprocessing made it empty
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = None  # where that is, the environment says
    if os.environ.get("PYTHONWARNINGS") == "ignore":
        warnings.simplefilter("ignore")
    try:
        sys.exit(_main(words))
    finally:
        atexit._run_exitfuncs()


def _main(words: list[str]) -> object:
    if (name := Path(words[0]).name) in MAIN:
        sys.argv = words
        return importlib.import_module(MAIN[name]).main()
    python, first, *words = words
    assert python == sys.executable
    if first == "-m":
        sys.argv = words
        return runpy.run_module(words[0], run_name="__main__", alter_sys=True) and 0
    if first == "-":
        sys.argv = [first, *words]
        sys.modules["__main__"] = types.ModuleType("__main__")
        with open(0, encoding="utf-8") as program:
            exec(compile(program.read(), "<stdin>", "exec"), vars(sys.modules["__main__"]))
        return 0
    sys.argv = [first, *words]
    more = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:1] = [str(Path(first).parent.absolute()), *filter(None, more)]
    return runpy.run_path(first, run_name="__main__") and 0


if __name__ == "__main__":  # in such a process
    print(*sys.modules)
