"""The wheel as a user installs it: in an environment of its own, with each Python we name.

Its dependencies are those of `requirements/runtime.txt`, the lowest that it allows
(`requirements/lowest.txt`), or the newest of the day.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import httpx
import psycopg
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from typing_extensions import override

from ..conftest import BIN, ENVIRONMENT, Result, Workspace
from ..support.packages import PROJECT, PYTHONS, ROOT, built, uv
from ..support.weights_stores import CREDENTIALS, new_bucket
from .test_lock import PIPS

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
EXTRAS = {"runtime": ["postgresql"], "lowest": list(PROJECT["optional-dependencies"])}
EXTRAS["newest"] = EXTRAS["lowest"]
LONG = pytest.mark.skipif(
    not os.environ.get("LINEAGE_LONG_TESTS"), reason="an environment more: LINEAGE_LONG_TESTS=1"
)
ALWAYS = {(HERE, "lowest"), (PYTHONS[-1], "runtime")}
"""The oldest of everything, and the newest Python; the other tests run with the lock here."""

CASES = [
    pytest.param(*case, marks=() if case in ALWAYS else LONG) for case in product(PYTHONS, EXTRAS)
]


def interpreter(version: str) -> Path:
    """This interpreter, one on the PATH or one of pyenv's; where there is none, a skip says so."""
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    found = [
        sys.executable,
        shutil.which(f"python{version}"),
        *pyenv.glob(f"versions/{version}.*/bin/python"),
    ]
    question = "import sys; print(*sys.version_info[:2], sep='.')"
    for path in filter(None, found):
        asked = subprocess.run([path, "-c", question], capture_output=True, text=True, check=False)
        if asked.stdout.strip() == version:
            return Path(path)
    pytest.skip(f"there is no Python {version} here, on the PATH or in {pyenv}/versions")


@pytest.fixture(scope="session")
def wheel(shared_folder) -> Path:
    return built(shared_folder)


@dataclass
class Installed(Workspace):
    """The churn project, worked on with the command of another environment."""

    home: Path = BIN.parent

    @override
    def lineage(self, *words: str, env: dict[str, str] | None = None, cwd: str = ".") -> Result:
        done = self.command(str(self.home / "bin/lineage"), *words, env=env, cwd=cwd)
        assert not done.err, (words, done.err)
        return done

    def python(self, code: str) -> str:
        done = self.command(str(self.home / "bin/python"), "-c", code)
        assert (done.code, done.err) == (0, "")
        return done.out


def _environment(home: Path, python: str, wheel: Path, resolution: str) -> None:
    uv("venv", "--no-python-downloads", "--python", interpreter(python), home)
    builds = ("--build-constraints", ROOT / "requirements/build.txt")
    install = ("pip", "install", "--python", home, *builds)
    if resolution == "newest":
        uv(*install, f"{wheel}[{','.join(EXTRAS[resolution])}]")
    else:
        lock = ROOT / f"requirements/{resolution}.txt"
        uv(*install, "--no-deps", "--require-hashes", "-r", lock)
        uv(*install, "--no-deps", wheel)
    uv("pip", "check", "--python", home)


@pytest.mark.parametrize(("python", "resolution"), CASES)
def test_the_wheel_does_its_work(python, resolution, wheel, project, request, tmp_path):
    home = tmp_path / "env"
    _environment(home, python, wheel, resolution)
    shutil.rmtree(project.path / ".lineage")
    path = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    installed = Installed(project.path, {"PATH": path}, home)
    _it_holds_what_it_should(installed)
    _a_model_serves(installed)
    _the_server_answers(installed)
    _postgresql_is_a_registry_too(installed, request.getfixturevalue("postgresql_server"))
    if "s3" in EXTRAS[resolution]:
        _weights_go_to_a_bucket(installed, request.getfixturevalue("s3"))
    if "demo" in EXTRAS[resolution] and os.environ.get("LINEAGE_LONG_TESTS"):
        _the_demo_is_played(installed, tmp_path / "demo")


def _it_holds_what_it_should(installed: Installed) -> None:
    (site,) = installed.home.glob("lib/python*/site-packages")
    names = ("lineage", "lineage.cli", "lineage.api.app", "lineage.migrations")
    code = f"import {', '.join(names)}; print({', '.join(f'{n}.__file__' for n in names)})"
    assert all(path.startswith(str(site)) for path in installed.python(code).split())
    assert {path.name for path in site.iterdir()} & {"cli", "api", "migrations", "tests"} == set()
    assert (site / "lineage/examples/flight-delays/src/train.py").is_file()
    assert installed.lineage("--version").out.split()[-1] == PROJECT["version"]


def _a_model_serves(installed: Installed) -> None:
    installed.ok("init")
    installed.ok("register", "churn")
    installed.ok("validate", "churn@1")
    installed.ok("pipeline", "deploy", "--env", "production")
    installed.ok("promote", "churn@1", "--env", "production")
    assert installed.ok("serving", "churn")["serving"]["ref"] == "churn@1"
    installed.ok("pull", "churn@production", "-o", "pulled")
    weights = (installed.path / "models/model.bin").read_bytes()
    assert (installed.path / "pulled/model.bin").read_bytes() == weights
    assert installed.ok("db", "check")["valid"] is True
    assert installed.python("import lineage; print(lineage.serving('churn').ref)") == "churn@1\n"


def _the_server_answers(installed: Installed) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [installed.home / "bin/lineage", "serve", "--no-auth", "--port", str(port)],
        cwd=installed.path, env=ENVIRONMENT | installed.env, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            end = time.monotonic() + 60
            while server.poll() is None and time.monotonic() < end:
                with suppress(httpx.TransportError):
                    if client.get("/healthz").status_code == 200:
                        break
                time.sleep(0.1)
            assert server.poll() is None, server.communicate()
            slot = client.get("/v1/environments/production/models/churn").json()
            assert slot["serving"]["ref"] == "churn@1"
            assert client.get("/openapi.json").json()["info"]["title"] == "lineage-guard"
    finally:
        server.terminate()
        server.communicate(timeout=30)
    assert server.returncode == -signal.SIGTERM


def _postgresql_is_a_registry_too(installed: Installed, server: str) -> None:
    name = f"wheel_{os.getpid()}_{time.monotonic_ns()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = server.replace("/postgres?", f"/{name}?")
    there = replace(installed, env=installed.env | {"LINEAGE_REGISTRY": url})
    there.ok("db", "upgrade")
    there.ok("store", "add", "local", ".lineage/store", "--shared")
    assert there.ok("register", "churn")["ref"] == "churn@1"


def _weights_go_to_a_bucket(installed: Installed, s3: str) -> None:
    bucket = new_bucket(s3)
    there = replace(installed, env=installed.env | CREDENTIALS)
    address = (f"s3://{bucket.name}/weights", "--config", f"endpointurl={s3}")
    there.ok("store", "add", "offsite", *address)
    there.ok("store", "copy", "churn@1", "--to", "offsite")
    assert list(bucket.objects().values()) == [(there.path / "models/model.bin").read_bytes()]


def _the_demo_is_played(installed: Installed, folder: Path) -> None:
    one_thread = {"OMP_NUM_THREADS": "1"}  # more of them wait for one another on a busy machine
    done = subprocess.run(
        [installed.home / "bin/lineage", "demo", folder, "--json"],
        env=ENVIRONMENT | installed.env | one_thread, capture_output=True, text=True, timeout=600,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["steps"]


def test_the_lowest_versions_tried_are_the_lowest_allowed():
    """`make lock` resolves `lowest.txt`: a bound that is lowered by hand was not tried."""
    text = (ROOT / "requirements/lowest.txt").read_text(encoding="utf-8")
    tried = dict(re.findall(r"^([a-z0-9-]+)==([\w.]+)", text, re.MULTILINE))
    direct = [
        *PROJECT["dependencies"],
        *(r for extra in PROJECT["optional-dependencies"].values() for r in extra),
    ]
    for requirement in map(Requirement, direct):
        (bound,) = requirement.specifier
        lowest = tried[canonicalize_name(requirement.name)]
        assert (bound.operator, Version(bound.version)) == (">=", Version(lowest)), requirement


def test_the_pythons_that_are_tried_are_those_that_are_named():
    named = f"{', '.join(PYTHONS[:-1])} or {PYTHONS[-1]}"
    pip = PIPS["oldest"].partition("==")[2].partition(" ")[0]
    for page in ("README.md", "CONTRIBUTING.md", "Makefile"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert f"Python {named}, pip ({pip} or later), git and make" in text, page
    tutorial = (ROOT / "docs/guides/first-hour.md").read_text(encoding="utf-8")
    assert f"Python {named}, and git" in tutorial
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"


def test_every_target_of_make_that_a_contributor_types_is_explained():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (targets,) = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert [one for one in targets.split() if f"`make {one}`" not in page] == []
