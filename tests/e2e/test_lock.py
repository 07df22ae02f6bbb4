"""The locks install the same by any pip on any day: pip resolves nothing.

They are the real ones. Their packages are emptied of their code but keep their names, versions and
requirements, and lie in an index on loopback beside something newer of each.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from dataclasses import dataclass, field
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..conftest import BIN
from ..support import packages
from ..support.packages import CONFIGURATION, HOST, PROJECT, PYTHONS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

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
LONG = pytest.mark.skipif(
    not os.environ.get("LINEAGE_LONG_TESTS"), reason="downloads the lock: LINEAGE_LONG_TESTS=1"
)


def _pins(name: str) -> dict[str, str]:
    """The lines of a lock, by package."""
    found = PINNED.finditer(LOCKS[name])
    return {Requirement(each[1]).name: each[0].replace("\\\n", "") for each in found}


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


def _requires(package: str) -> list[str]:
    return distribution(package).requires or []


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
                for requirement in map(Requirement, _requires(package) if package in here else ())
                if requirement.marker is None or requirement.marker.evaluate(values)
            ]
    assert {package for package, _ in read} == set(versions)


# what installs them, with something newer of everything in reach


@dataclass
class Offer:
    """An index that is served, the variables that point to it, and what it was asked for."""

    variables: dict[str, str]
    locks: dict[str, str]
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="session", params=PIPS)
def pip(request, tmp_path_factory) -> Path:
    """A wheel of pip."""
    return packages.download(PIPS[request.param], tmp_path_factory.mktemp("pip"))


@pytest.fixture(scope="session")
def emptied(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """The folder of the index, and the locks with the digests of what lies in it."""
    top = tmp_path_factory.mktemp("index")
    tools = tmp_path_factory.mktemp("tools")
    real = {name: packages.download(pin, tools / name) for name, pin in _pins("build").items()}
    made: dict[str, Path] = {}
    for pin, digests in PINNED.findall(LOCKS["dev"]):
        requirement = Requirement(pin)
        name, version = requirement.name, next(iter(requirement.specifier)).version
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        folder = top / name
        folder.mkdir()
        packages.wheel(folder, name, NEWER)
        if name in real:  # they install and build: the two that need their code
            made[pin] = Path(shutil.copy2(real[name], folder))
        elif digests.count("--hash") == 1:  # as where there is no wheel, only the source
            made[pin] = packages.source_distribution(folder, name, version)
        else:
            metadata = distribution(name).read_text("METADATA") or ""
            fields = NEEDED.findall(metadata.partition("\n\n")[0])
            made[pin] = packages.wheel(folder, name, version, "\n".join([*fields, ""]))
    hashing = [sys.executable, "-m", "pip", "hash", *made.values()]
    said = subprocess.run(hashing, check=True, capture_output=True, text=True).stdout
    lines = dict(zip(made, re.findall(r"--hash=\S+", said), strict=True))

    def replaced(found: re.Match[str]) -> str:
        return f"{found[1]} \\\n    {lines[found[1]]}\n" if found[1] in lines else found[0]

    return top, {name: PINNED.sub(replaced, text) for name, text in LOCKS.items()}


@pytest.fixture
def offer(emptied) -> Iterator[Offer]:
    folder, locks = emptied
    asked: list[str] = []
    with packages.index(folder, asked) as variables:
        yield Offer(variables, locks, asked)


def _copy(names: list[str], target: Path, locks: dict[str, str]) -> None:
    """What is needed to install, with other locks."""
    packages.copy(names, target)
    for name, text in locks.items():
        (target / f"requirements/{name}.txt").write_text(text, encoding="utf-8")


def _environment(home: Path, pip: Path) -> None:
    """An environment that holds a pip, as `python -m venv` would make it."""
    venv.create(home, with_pip=False)
    (site,) = home.glob("lib/python*/site-packages")
    with zipfile.ZipFile(pip) as archive:
        archive.extractall(site)


def _run(command: list[str], folder: Path, **variables: str) -> str:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=folder, env={"PATH": path, "HOME": str(folder)} | variables,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _holds(home: Path, name: str, offer: Offer, project: str = "lineage-guard") -> None:
    """An environment has what the lock says, and the project; nothing newer was fetched."""
    python, builder = str(home / "bin/python"), Path(f"{home}-build/bin/python")
    pip = [str(builder) if builder.exists() else python, "-m", "pip", "--python", python]
    listing = [*pip, "list", "--format=json"]
    listed = json.loads(_run(listing, home, **offer.variables))
    found = {canonicalize_name(each["name"]): each["version"] for each in listed}
    assert found.pop(project) == PROJECT["version"]
    builds = chosen("build") if project == "lineage-guard" else {}  # a host's image has none
    assert found == builds | chosen(name)
    assert offer.asked
    assert not [path for path in offer.asked if NEWER in path]


TREE = ["Makefile", "requirements", *packages.SOURCES]


def test_the_makefile_installs_the_lock_by_the_oldest_and_by_the_newest_pip(pip, offer, tmp_path):
    _copy(TREE, tmp_path, offer.locks)
    _environment(tmp_path / ".venv", pip)
    said = _run(["make", "setup"], tmp_path, **offer.variables)
    assert said.rstrip().splitlines()[-2] == "No broken requirements found."
    _holds(tmp_path / ".venv", "dev", offer)


def test_the_action_installs_the_lock(offer, tmp_path):
    (script,) = (
        step["run"]
        for step in yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
        if step["name"] == "Install lineage-guard"
    )
    _copy(TREE, tmp_path, offer.locks)
    places = {"RUNNER_TEMP": str(tmp_path / "temp"), "GITHUB_ACTION_PATH": str(tmp_path)}
    _run(["bash", "-c", script], tmp_path, **offer.variables, **places)
    _holds(tmp_path / "temp/lineage-guard", "runtime", offer)


@pytest.mark.parametrize(
    ("file", "lock", "project"),
    [
        ("deploy/Dockerfile", "runtime", "lineage-guard"),
        ("deploy/host/Dockerfile", "host", "lineage-guard-host"),
    ],
)
def test_an_image_installs_its_lock(file, lock, project, offer, tmp_path):
    """The first stage of its Dockerfile: what it copies, and what it runs there."""
    stage = (ROOT / file).read_text().replace("\\\n", "").split("\nFROM ")[1]
    copied = [name for line in re.findall(r"^COPY (.+) \S+$", stage, re.M) for name in line.split()]
    (command,) = re.findall(r"^RUN (.+)$", stage, re.M)
    home = tmp_path / "opt"
    source = tmp_path / "source"
    _copy(copied, source, offer.locks)
    command = command.replace("/opt/lineage", str(home)).replace("/opt/build", f"{home}-build")
    _run(["sh", "-c", command], source, **offer.variables, LOCK=lock)
    _holds(home, lock, offer, project)


@LONG
def test_the_real_lock_installs_while_something_newer_is_offered(pip, emptied, tmp_path):
    """From the index that this machine uses; what is newer is offered beside it."""
    folder, _ = emptied
    newer = tmp_path / "newer"
    newer.mkdir()
    for path in folder.glob(f"*/*-{NEWER}-*"):
        shutil.copy2(path, newer)
    links = f"{os.environ.get('PIP_FIND_LINKS', '')} {newer}".strip()
    copy = tmp_path / "copy"
    _copy(TREE, copy, LOCKS)
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
