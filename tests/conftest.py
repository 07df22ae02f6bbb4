"""A real git and DVC repository to work on, the installed command, and a fresh registry."""

from __future__ import annotations

import fcntl
import functools
import gc
import json
import os
import shutil
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from lineage.connection import connect
from lineage.contract.captured import CapturedPipelineVersion, CapturedVersion
from lineage.database import postgresql, sqlite
from lineage.identity.components import (
    CodeVersion,
    Components,
    DataItem,
    DataVersion,
    Kind,
    Known,
    Weights,
)
from lineage.identity.digest import Digest, blake3_of, xxh3
from lineage.identity.pipeline import Manifest, PipelineVersion, Stage
from lineage.weights.copies import NewCopy, StoreAddress
from tests.support import LONG, commands, registries
from tests.support.commands import BIN, Result
from tests.support.once import WORKER, made_once
from tests.support.registries import make_registry
from tests.support.servers import registry_server, share_certificates, share_routes
from tests.support.statements import share_compiled
from tests.support.weights_stores import CREDENTIALS, s3_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lineage.registry.registry import Registry

IN_MEMORY, ROOM = "/dev/shm", 12 << 30
if os.path.isdir(IN_MEMORY):  # noqa: PTH112 - a place of the system
    _disk = os.statvfs(IN_MEMORY)
    if _disk.f_bavail * _disk.f_frsize >= ROOM and not _disk.f_flag & os.ST_NOEXEC:
        # databases, git and DVC wait for the disk at each step, most of the time of a run
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", IN_MEMORY)
for _database in (sqlite, postgresql):
    share_compiled(_database)
share_certificates()
share_routes()
if not LONG:  # other examples in each run; what fails once is kept and tried first
    settings.register_profile("short", max_examples=25)
    settings.load_profile("short")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # more threads than cores wait by spinning
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what runs behind it
    signal.signal(signal.SIGINT, signal.default_int_handler)

ENVIRONMENT = {
    "OMP_NUM_THREADS": os.environ["OMP_NUM_THREADS"],
    "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    "HOME": os.environ.get("HOME", "/"),
    "LINEAGE_ACTOR": "tester",
    "DVC_NO_ANALYTICS": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Tester",
    "GIT_AUTHOR_EMAIL": "tester@example.com",
    "GIT_COMMITTER_NAME": "Tester",
    "GIT_COMMITTER_EMAIL": "tester@example.com",
    "LANG": "C.UTF-8",
} | {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}

LONGEST = (
    *("e2e/test_openapi.py", "integration/registry/test_concurrency.py", "e2e/test_demo.py"),
    *("e2e/test_lock.py", "e2e/test_package.py", "integration/registry/test_stateful.py"),
    *("e2e/test_backup_scene.py", "e2e/test_installed.py", "e2e/test_killed_servers.py"),
    *("integration/api/test_serving_from_a_standby.py", "integration/api/test_never_stale.py"),
    "e2e/test_standby.py",
)
"""Files of long tests: each process of a run begins with some, for what begins last ends last."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Let one process of a run compile the tests for pytest, and the others read what it wrote.

    What is loaded and collected stays: no collection of garbage looks at it, now or later.
    """
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    gc.disable()
    try:
        with Path(__file__).open() as lock:
            if WORKER != "alone" and not _are_compiled():
                fcntl.flock(lock, fcntl.LOCK_EX)
            if _are_compiled():  # by whoever had the lock before
                fcntl.flock(lock, fcntl.LOCK_UN)
            return (yield)
    finally:
        sys.dont_write_bytecode = before
        gc.freeze()
        gc.enable()


def _are_compiled() -> bool:
    tag = f"{sys.implementation.cache_tag}-pytest-{pytest.__version__}.pyc"
    tests = Path(__file__).parent.rglob("test_*.py")
    return all((test.parent / "__pycache__" / f"{test.stem}.{tag}").exists() for test in tests)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the long tests; every process of a run gets an equal part, in the order of the list."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long: dict[str, list[pytest.Item]] = {name: [] for name in LONGEST}
    short = []
    for item in items:
        name = item.nodeid.partition("::")[0].removeprefix("tests/")
        long.get(name, short).append(item)
    rest, ordered = iter(short), list[pytest.Item]()
    for number in range(workers):
        for name in LONGEST[number::workers]:
            ordered += long[name]
        end = len(items) * (number + 1) // workers
        ordered += islice(rest, max(0, end - len(ordered)))
    items[:] = [*ordered, *rest]


PROJECT = {
    "dvc.yaml": """\
stages:
  prepare:
    cmd: python src/prepare.py
    deps: [data/raw.csv, src/prepare.py]
    outs: [data/clean.csv]
  featurize:
    cmd: python src/featurize.py
    deps: [data/clean.csv, src/featurize.py]
    params: [featurize.top]
    outs: [data/features.csv]
  train:
    cmd: python src/train.py
    deps: [data/features.csv, src/train.py]
    outs: [models/model.bin]
""",
    "params.yaml": "featurize:\n  top: 20\n",
    "src/prepare.py": "open('data/clean.csv', 'w').write(open('data/raw.csv').read().lower())\n",
    "src/featurize.py": "open('data/features.csv', 'w').write(open('data/clean.csv').read() * 2)\n",
    "src/train.py": (
        "import os\nos.makedirs('models', exist_ok=True)\n"
        "open('models/model.bin', 'w').write('weights of ' + open('data/features.csv').read())\n"
    ),
    "data/raw.csv": "A,B\n1,2\n",
    "eval/metrics.json": json.dumps({"auc": 0.91, "slices": {"new": {"auc": 0.8}}}),
    "lineage.toml": """\
[models.churn]
weights = "models/model.bin"
data = ["data/raw.csv"]
metrics = "eval/metrics.json"
require = ["auc >= 0.80", "slices.new.auc >= 0.75"]

[models.churn.pipeline]
stages = ["prepare", "featurize"]
""",
}


@dataclass
class Workspace:
    """A folder with commands run in it; ``env`` are further variables of theirs."""

    path: Path
    env: dict[str, str] = field(default_factory=dict)

    def command(self, *words: str, env: dict[str, str] | None = None, cwd: str = ".") -> Result:
        return commands.run(words, self.path / cwd, ENVIRONMENT | self.env | (env or {}), 120)

    def lineage(self, *words: str, env: dict[str, str] | None = None, cwd: str = ".") -> Result:
        """The command; no traceback may ever reach its user."""
        done = self.command(str(BIN / "lineage"), *words, env=env, cwd=cwd)
        assert "Traceback" not in done.out + done.err, done.err
        return done

    def ok(self, *words: str, cwd: str = ".") -> Any:
        """A command under ``--json`` that must succeed; what it printed."""
        done = self.lineage(*words, "--json", cwd=cwd)
        assert done.code == 0, (words, done.out, done.err)
        return done.json

    def git(self, *words: str) -> str:
        done = self.command("git", *words)
        assert done.code == 0, (words, done.err)
        return done.out

    def dvc(self, *words: str) -> str:
        done = self.command("dvc", *words)
        assert done.code == 0, (words, done.out, done.err)
        return done.out

    def commit(self, message: str = "change") -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD").strip()

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.path / name).read_text(encoding="utf-8")
        assert old in text
        (self.path / name).write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Workspace:
    """An empty folder."""
    return Workspace(tmp_path)


@pytest.fixture
def repository(folder: Workspace) -> Workspace:
    """An empty git repository."""
    folder.git("init", "--quiet", "--initial-branch", "main")
    return folder


@pytest.fixture(scope="session")
def project_template(shared_folder: Path) -> Path:
    """The churn project: committed, its pipeline run by DVC, its registry made."""
    return made_once(shared_folder, "churn", _make_project)


def _make_project(folder: Path) -> None:
    made = Workspace(folder)
    made.git("init", "--quiet", "--initial-branch", "main")
    made.write(PROJECT)
    made.dvc("init", "--quiet")
    made.dvc("add", "--quiet", "data/raw.csv")
    made.dvc("repro", "--quiet")
    made.ok("init")
    made.commit("The churn project")


@pytest.fixture(scope="session")
def made_in_place(
    project_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Callable[[Workspace], object]], tuple[Path, Path]]:
    """What :func:`copied` may be where versions are registered: made further once in a process.

    A registry says where its store is, so each copy lies where the first was made.
    """

    @functools.cache
    def made(make: Callable[[Workspace], object]) -> tuple[Path, Path]:
        target = tmp_path_factory.mktemp("made") / "churn"
        shutil.copytree(project_template, target, symlinks=True)
        make(Workspace(target))
        return target.rename(target.with_name("template")), target

    return made


@pytest.fixture
def copied(project_template: Path, tmp_path: Path) -> tuple[Path, Path]:
    """What the project is a copy of, and where that is to be."""
    return project_template, tmp_path / "churn"


@pytest.fixture
def project(request: pytest.FixtureRequest, copied: tuple[Path, Path]) -> Iterator[Workspace]:
    """A copy of the churn project; its registry a file, or behind a server."""
    template, target = copied
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(template, target, symlinks=True)
    if getattr(request, "param", "file") == "file":
        yield Workspace(target)
        return
    database = f"sqlite:///{target / '.lineage/registry.db'}"
    with registry_server(database, no_auth=True) as address:
        yield Workspace(target, {"LINEAGE_REGISTRY": address})


FILE_AND_SERVER = pytest.mark.parametrize("project", ["file", "server"], indirect=True)
"""Marks what is tried by the command on a file and, remotely, on a server."""


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run share."""
    own = tmp_path_factory.getbasetemp()
    return own if WORKER == "alone" else own.parent


@pytest.fixture(scope="session", autouse=True)
def _migrated_once(shared_folder: Path) -> None:
    """What migrations end in, for all processes of this run."""
    registries.share_migrated(shared_folder)


@pytest.fixture(scope="session")
def postgresql_server(shared_folder: Path) -> Iterator[str]:
    """A real PostgreSQL server; the URL of its first database."""
    with registries.postgresql(shared_folder) as url:
        yield url


@pytest.fixture(scope="session")
def running_s3() -> Iterator[str]:
    """A real S3 server; its address."""
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def s3(running_s3: str) -> Iterator[str]:
    """A real S3 server; its address. What opens it is in the environment of this test alone."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield running_s3


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database to be made: SQLite, or what a test's parameter says."""
    if getattr(request, "param", "sqlite") in ("sqlite", "server"):
        yield f"sqlite:///{tmp_path / 'registry.db'}"
        return
    server = request.getfixturevalue("postgresql_server")
    with registries.new_database(server) as url:
        yield url


BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
"""Marks what is tried on both databases."""


EVERYWHERE = pytest.mark.parametrize("database", ["sqlite", "postgresql", "server"], indirect=True)
"""Marks what is tried on both databases, and over HTTP against a server."""


@pytest.fixture
def url(database: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh registry's URL, its environments made."""
    make_registry(database)
    with reached(database, request) as found:
        yield found


@contextmanager
def reached(database: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL that a test reaches a registry by: its database's, or a server's."""
    named = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    if named.get("database") != "server":
        yield database
        return
    with registry_server(database, no_auth=True) as address:
        yield address


@pytest.fixture
def registry(url: str) -> Any:
    with connect(url) as opened:
        yield opened


def pipeline(text: str = "old") -> PipelineVersion:
    """A pipeline version that differs from others by one parameter."""
    stage = Stage(
        cmd=("python featurize.py",),
        code={"featurize.py": blake3_of(b"code")},
        params={"params.yaml": {"top": text}},
        inputs=("raw.csv",),
        outputs=("features.csv",),
    )
    return PipelineVersion(Manifest({"featurize": stage}))


def captured_pipeline(text: str = "old", name: str = "churn") -> CapturedPipelineVersion:
    return CapturedPipelineVersion(name, pipeline(text), "c" * 40)


def captured(seed: str = "1", text: str = "old", name: str = "churn") -> CapturedVersion:
    """A whole tuple; ``seed`` tells it from others."""
    weights = seed.encode()
    components = Components(
        CodeVersion(commit=f"{seed:0>40}"),
        DataVersion((DataItem("raw.csv", Digest("md5:" + "a" * 32), Known.VERIFIED, 8),)),
        pipeline(text),
        Weights(xxh3(weights), blake3_of(weights), "model.bin", len(weights)),
    )
    return CapturedVersion(components, name, stored=(a_copy(seed),))


def a_copy(seed: str = "1", store: str = "remote") -> NewCopy:
    """Where the weights are said to be; nothing opens it."""
    object_id = blake3_of(seed.encode()).value[:32]
    return NewCopy(StoreAddress(store, f"s3://{store}/weights"), object_id)


def add_version(
    registry: Registry,
    seed: str = "1",
    text: str = "old",
    model: str = "churn",
    name: str = "churn",
) -> str:
    """Register a production version; its reference."""
    return registry.register(
        model, captured(seed, text, name), kind=Kind.PRODUCTION, actor="tester"
    ).ref


def add_validated(
    registry: Registry,
    seed: str = "1",
    text: str = "old",
    *,
    passed: bool = True,
    model: str = "churn",
    name: str = "churn",
) -> str:
    """Register a production version and record a verdict with its own pipeline."""
    ref = add_version(registry, seed, text, model, name)
    registry.validate(ref, captured_pipeline(text, name), passed=passed, actor="tester")
    return ref
