"""The locks install the same by any pip on any day: pip resolves nothing.

They are the real ones. Their packages are emptied of their code but keep their names, versions and
requirements, and lie in an index on loopback beside something newer of each.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import venv
from compileall import compile_dir
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import distribution, distributions
from py_compile import PycInvalidationMode
from threading import Event
from typing import TYPE_CHECKING

import psutil
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..conftest import BIN
from ..support import LONG, packages
from ..support.once import made_once
from ..support.packages import CONFIGURATION, HOST, PROJECT, PYTHONS, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HERE = ("build", "runtime", "dev", "host", "host-cloud")
"""The locks whose packages are all in `dev`, and so installed here."""

LOCKS = {name: (ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8") for name in HERE}
PINNED = re.compile(r"^([\w.-]+==[^\\\n]+?) \\\n((?: +--hash=\S+(?: \\)?\n)+)", re.MULTILINE)
NEEDED = re.compile(r"^(?:(?:Metadata-)?Version|Name|Requires-|Provides-Extra).*", re.MULTILINE)
"""What pip goes by; it reads the metadata of all packages again for each."""

NEWER = "9999"
PIPS = {
    "oldest": "pip==23.2 --hash=sha256:78e5353a9dda374b462f2054f83a7b63f3f065c98236a68361845c1b0ee7e35f",
    "newest": "pip==26.3 --hash=sha256:f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13",
}
PYTHON = """\
#!/bin/sh
# An environment gets the pip that lies here: ensurepip takes four seconds for its own.
set -e
case "$*" in
  "-m venv --without-pip "*) exec {python} "$@" ;;
  "-m venv "*) ;;
  *) exec {python} "$@" ;;
esac
{python} -m venv --without-pip "$3"
cp -R {pip}/. "$3"/lib/python*/site-packages
printf '#!/bin/sh\\nexec "${{0%%/*}}/python" -m pip "$@"\\n' > "$3/bin/pip"
chmod +x "$3/bin/pip"
"""
"""What the scripts start as `python`: `make setup` itself has used `python -m venv` as it is."""


def _elsewhere(python: str) -> dict[str, str]:
    return {"python_version": python, "python_full_version": f"{python}.0"} if python else {}


def chosen(name: str, python: str = "") -> dict[str, str]:
    """The versions that a lock chooses for the Python here, or for another."""
    requirements = [Requirement(pin) for pin, _ in PINNED.findall(LOCKS[name])]
    return {
        canonicalize_name(requirement.name): next(iter(requirement.specifier)).version
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate(_elsewhere(python))
    }


# what the locks say


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_each_package_with_digests_and_names_no_index(name):
    lines = re.findall(r"^[^\s#].*", LOCKS[name], re.MULTILINE)
    assert len(PINNED.findall(LOCKS[name])) == len(lines) > 0
    assert "://" not in LOCKS[name]


def test_the_locks_agree():
    dev = chosen("dev")
    for name in LOCKS:
        versions = chosen(name)
        assert {
            each: dev[each] for each in versions.keys() & dev.keys()
        }.items() <= versions.items()
        assert name not in HERE or versions.keys() <= dev.keys()


def _group(name: str) -> Iterator[str]:
    for entry in CONFIGURATION["dependency-groups"][name]:
        yield from [entry] if isinstance(entry, str) else _group(entry["include-group"])


def _wanted(name: str) -> list[str]:
    if name == "build":
        return [*CONFIGURATION["build-system"]["requires"], *_group("build")]
    if name.startswith("host"):
        extras = HOST["optional-dependencies"]
        return HOST["dependencies"] + extras.get(name.removeprefix("host").lstrip("-"), [])
    extras = PROJECT["optional-dependencies"]
    names = ["postgresql"] if name == "runtime" else list(extras)
    wanted = PROJECT["dependencies"] + [each for name in names for each in extras[name]]
    return wanted if name == "runtime" else [*wanted, *_group("dev")]


@functools.cache
def _requires(package: str) -> list[Requirement]:
    return [Requirement(each) for each in distribution(package).requires or ()]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", HERE)
def test_a_lock_holds_all_that_its_packages_require_and_nothing_else(name, python):
    """As `pip check` proves, but with the extras that are asked for, and for other Pythons.

    Requirements are read from what is installed here. What is chosen for another Python alone
    is held against what others require of it, not for what it requires itself.
    """
    versions, here = chosen(name, python), chosen("dev")
    read: set[tuple[str, str]] = set()
    unread = [Requirement(wanted) for wanted in _wanted(name)]
    while unread:
        wanted = unread.pop()
        package = canonicalize_name(wanted.name)
        assert wanted.specifier.contains(versions[package], prereleases=True), wanted
        for extra in ("", *wanted.extras):
            if (package, extra) in read:
                continue
            read.add((package, extra))
            values = _elsewhere(python) | {"extra": extra}
            unread += [
                requirement
                for requirement in (_requires(package) if package in here else ())
                if requirement.marker is None or requirement.marker.evaluate(values)
            ]
    assert {package for package, _ in read} == set(versions)


# what installs them, with something newer of everything in reach


@dataclass
class Offer:
    """An index that is served: the variables that point to it, its locks, what it was asked for."""

    variables: dict[str, str]
    requirements: Path
    asked: list[str] = field(default_factory=list)


def _pip(age: str, shared: Path) -> Path:
    """What lies in an environment that has a pip."""

    def make(folder: Path) -> None:
        wanted = shared / f"pip-{age}.txt"
        wanted.write_text(PIPS[age])
        packages.uv("pip", "install", "--require-hashes", "--target", folder, "-r", wanted)
        if age == "oldest":  # more than one environment gets it
            compile_dir(folder, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)

    return made_once(shared, f"pip-{age}", make)


@pytest.fixture(params=PIPS)
def pip(request, shared_folder) -> Path:
    return _pip(request.param, shared_folder)


@pytest.fixture(scope="session")
def emptied(shared_folder) -> Path:
    """The folder of the index; beside it are the locks, with the digests of what lies in it."""
    return made_once(shared_folder, "emptied", _empty) / "index"


def _empty(there: Path) -> None:
    top, sources = there / "index", 0
    made: dict[str, Path] = {}
    for pin, digests in PINNED.findall(LOCKS["dev"]):
        requirement = Requirement(pin)
        name, version = requirement.name, next(iter(requirement.specifier)).version
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        folder = top / name
        folder.mkdir(parents=True)
        packages.wheel(folder, name, NEWER)
        if name in chosen("build"):  # they install and build: the two that need their code
            made[pin] = packages.installed(folder, name)
        elif digests.count("--hash") == 1 and not sources:  # where there is no wheel
            made[pin] = packages.source_distribution(folder, name, version)
            sources += 1
        else:
            metadata = distribution(name).read_text("METADATA") or ""
            fields = NEEDED.findall(metadata.partition("\n\n")[0])
            made[pin] = packages.wheel(folder, name, version, "\n".join([*fields, ""]))
    assert sources

    def replaced(found: re.Match[str]) -> str:
        if found[1] not in made:
            return found[0]
        digest = hashlib.sha256(made[found[1]].read_bytes()).hexdigest()
        return f"{found[1]} \\\n    --hash=sha256:{digest}\n"

    for name, text in LOCKS.items():
        (there / f"{name}.txt").write_text(PINNED.sub(replaced, text), encoding="utf-8")


@pytest.fixture
def offer(emptied) -> Iterator[Offer]:
    asked: list[str] = []
    with packages.index(emptied, asked) as variables:
        yield Offer(variables, emptied.parent, asked)


def _copy(names: list[str], target: Path, requirements: Path) -> None:
    """What is needed to install, with other locks."""
    packages.copy(names, target)
    for lock in requirements.glob("*.txt"):
        shutil.copy(lock, target / "requirements")


def _environment(home: Path, pip: Path) -> None:
    """An environment that holds a pip, as `python -m venv` would make it."""
    venv.create(home, with_pip=False)
    shutil.copytree(pip, _site(home), dirs_exist_ok=True)


def _site(home: Path) -> Path:
    (site,) = home.glob("lib/python*/site-packages")
    return site


@pytest.fixture
def pythons(shared_folder, tmp_path) -> Path:
    """A folder whose `python` makes environments in less time, unless it takes any time."""
    if LONG:
        return BIN
    python = tmp_path / "pythons/python"
    python.parent.mkdir()
    python.write_text(PYTHON.format(python=sys.executable, pip=_pip("oldest", shared_folder)))
    python.chmod(0o700)
    return python.parent


def _run(command: list[str], folder: Path, pythons: Path, **variables: str) -> str:
    path = os.pathsep.join([str(pythons), str(BIN), os.environ["PATH"]])
    done = subprocess.run(
        command, cwd=folder, env={"PATH": path, "HOME": str(folder)} | variables,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _holds(home: Path, name: str, offer: Offer, project: str = "lineage-guard") -> None:
    """An environment has what the lock says, and the project; nothing newer was fetched."""
    listed = distributions(path=[str(_site(home))])
    found = {canonicalize_name(each.name): each.version for each in listed}
    assert found.pop(project) == PROJECT["version"]
    builds = chosen("build") if project == "lineage-guard" else {}  # a host's image has none
    assert found == builds | chosen(name)
    assert offer.asked
    assert not [path for path in offer.asked if NEWER in path]


TREE = ["Makefile", "requirements", *packages.SOURCES]


def test_the_makefile_installs_the_lock_by_the_oldest_and_by_the_newest_pip(pip, offer, tmp_path):
    _copy(TREE, tmp_path, offer.requirements)
    _environment(tmp_path / ".venv", pip)
    said = _run(["make", "setup"], tmp_path, BIN, **offer.variables)
    assert said.rstrip().splitlines()[-2] == "No broken requirements found."
    _holds(tmp_path / ".venv", "dev", offer)


class Held(list[str]):
    """What an index was asked for; it answers for what is built with, and for the rest later."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: set[str] = set()
        self.go_on = Event()

    def append(self, path: str) -> None:
        super().append(path)
        project = path.strip("/").partition("/")[0]
        if project not in chosen("build"):
            self.waiting.add(project)
            self.go_on.wait(60)


def _of_two(emptied: Path, target: Path, broken: int | None = None) -> None:
    """What `make setup` needs, with a lock of a package for each pip; the bytes of one are bad."""
    _copy(TREE, target, emptied.parent)
    lock = target / "requirements/dev.txt"
    pins = [
        found[0]
        for found in PINNED.finditer(lock.read_text(encoding="utf-8"))
        if ";" not in found[1] and found[1].partition("==")[0] not in chosen("build")
    ][:2]
    if broken is not None:
        pins[broken] = re.sub("sha256:.{64}", f"sha256:{'0' * 64}", pins[broken])
    lock.write_text("".join(pins), encoding="utf-8")


def _comes_about(holds: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


def _in_session(leader: int) -> list[int]:
    found = []
    for pid in psutil.pids():
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == leader and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
    return found


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
def test_set_up_that_is_interrupted_leaves_no_pip_behind(
    ended_by, shell, emptied, shared_folder, tmp_path
):
    """As Ctrl-C does it, to all that the terminal has in front; or somebody who ends make alone."""
    _of_two(emptied, tmp_path)
    _environment(tmp_path / ".venv", _pip("newest", shared_folder))
    held = Held()
    with packages.index(emptied, held) as variables:
        make = subprocess.Popen(
            ["make", f"SHELL={shell}", "setup"], cwd=tmp_path, start_new_session=True,
            env={"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)} | variables,
        )  # fmt: skip
        try:
            assert _comes_about(lambda: len(held.waiting) == 2, 60), held
            if ended_by == signal.SIGINT:
                os.killpg(make.pid, ended_by)
            else:
                make.terminate()
            assert make.wait(30) != 0
            assert _in_session(make.pid) == []
        finally:
            held.go_on.set()
            with suppress(ProcessLookupError):
                os.killpg(make.pid, signal.SIGKILL)
            make.wait(30)
    assert not (tmp_path / ".venv/.ready").exists()


@pytest.mark.parametrize("broken", [0, 1])
def test_set_up_fails_where_either_half_of_the_lock_does(broken, emptied, shared_folder, tmp_path):
    _of_two(emptied, tmp_path, broken)
    _environment(tmp_path / ".venv", _pip("newest", shared_folder))
    with packages.index(emptied, []) as variables:
        done = subprocess.run(
            ["make", "setup"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
            env={"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)} | variables,
        )  # fmt: skip
    assert done.returncode != 0
    assert "HASHES" in done.stderr
    assert "--editable" not in done.stdout, "make goes on with what comes next"
    assert not (tmp_path / ".venv/.ready").exists()


def test_the_action_installs_the_lock(offer, pythons, tmp_path):
    (script,) = (
        step["run"]
        for step in yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
        if step["name"] == "Install lineage-guard"
    )
    _copy(TREE, tmp_path, offer.requirements)
    places = {"RUNNER_TEMP": str(tmp_path / "temp"), "GITHUB_ACTION_PATH": str(tmp_path)}
    _run(["bash", "-c", script], tmp_path, pythons, **offer.variables, **places)
    _holds(tmp_path / "temp/lineage-guard", "runtime", offer)


@pytest.mark.parametrize(
    ("file", "lock", "project"),
    [
        ("deploy/Dockerfile", "runtime", "lineage-guard"),
        ("deploy/host/Dockerfile", "host", "lineage-guard-host"),
    ],
)
def test_an_image_installs_its_lock(file, lock, project, offer, pythons, tmp_path):
    """The first stage of its Dockerfile: what it copies, and what it runs there."""
    stage = (ROOT / file).read_text().replace("\\\n", "").split("\nFROM ")[1]
    copied = [name for line in re.findall(r"^COPY (.+) \S+$", stage, re.M) for name in line.split()]
    (command,) = re.findall(r"^RUN (.+)$", stage, re.M)
    home = tmp_path / "opt"
    source = tmp_path / "source"
    _copy(copied, source, offer.requirements)
    command = command.replace("/opt/lineage", str(home)).replace("/opt/build", f"{home}-build")
    _run(["sh", "-c", command], source, pythons, **offer.variables, LOCK=lock)
    _holds(home, lock, offer, project)


@pytest.mark.skipif(not LONG, reason="downloads the lock: LINEAGE_LONG_TESTS=1")
def test_the_real_lock_installs_while_something_newer_is_offered(pip, emptied, tmp_path):
    """From the index that this machine uses; what is newer is offered beside it."""
    newer = tmp_path / "newer"
    newer.mkdir()
    for path in emptied.glob(f"*/*-{NEWER}-*"):
        shutil.copy2(path, newer)
    links = f"{os.environ.get('PIP_FIND_LINKS', '')} {newer}".strip()
    copy = tmp_path / "copy"
    packages.copy(TREE, copy)
    _environment(copy / ".venv", pip)
    subprocess.run(
        ["make", "setup"], cwd=copy, env=os.environ | {"PIP_FIND_LINKS": links}, check=True
    )
    said = subprocess.run(
        [copy / ".venv/bin/lineage", "--version"],
        cwd=copy,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split()[-1] == PROJECT["version"]
