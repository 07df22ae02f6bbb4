"""What a serving host installs: the small wheel, in an environment that holds nothing else.

Its dependencies are those of `requirements/host*.txt`, one lock for each extra.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lineage.contract.requests import NewToken
from tests.conftest import ENVIRONMENT, Result, Workspace, pipeline
from tests.support import packages
from tests.support.once import made_once
from tests.support.packages import CONFIGURATION, HOST, PROJECT, ROOT, SLIM, uv
from tests.support.servers import registry_server
from tests.support.weights import serve_weights, write_weights
from tests.support.weights_stores import CREDENTIALS, ENDPOINT, Folder, new_bucket

if TYPE_CHECKING:
    from pathlib import Path

LARGEST, MOST = 40_000_000, 25
"""Bytes and packages: with compiled modules where a host reads from a folder; of the wheels' own
files, as ``pip install --no-compile`` leaves them, where it reads from a cloud."""

NOT_THERE = {"celery", "dulwich", "dvc", "fastapi", "git", "networkx", "pygit2", "sqlalchemy"}

SERVICE = """\
import sys
import lineage
with lineage.follow("churn", pipeline=sys.argv[1], every=0.05) as churn:
    assert sorted(path.name for path in churn.path.iterdir()) == ["large.bin", "small"]
    assert lineage.report("churn", weights=churn.loaded.weights, pipeline=sys.argv[1]).state
    print(churn.ref, lineage.serving("churn").serving.ref, lineage.__version__)
    print(*{name.partition(".")[0] for name in sys.modules})
"""


@dataclass
class Host:
    """An environment with nothing but the wheel and its lock, and a folder to work in."""

    home: Path
    folder: Path
    env: dict[str, str]

    def run(self, *words: str | Path, text: str = "", **env: str) -> Result:
        done = subprocess.run(
            [self.home / "bin" / words[0], *words[1:]], cwd=self.folder, env=self.env | env,
            input=text, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return Result(done.returncode, done.stdout, done.stderr)

    def ok(self, *words: str | Path, text: str = "") -> str:
        done = self.run(*words, text=text)
        assert done.code == 0, done.err
        return done.out


def installed(home: Path, wheel: Path, lock: str, *words: str) -> None:
    uv("venv", "--clear", "--no-python-downloads", "--python", sys.executable, home)
    install = ("pip", "install", "--python", home, "--no-deps", *words)
    uv(*install, "--require-hashes", "-r", ROOT / f"requirements/{lock}.txt")
    uv(*install, wheel)
    uv("pip", "check", "--python", home)


@pytest.fixture(scope="module")
def wheel(shared_folder):
    return packages.built(shared_folder, "deploy/host")


@pytest.fixture(scope="module")
def home(wheel, shared_folder):
    """The environment of most tests, which none changes; it cannot be moved."""
    home = shared_folder / "host"
    made_once(
        shared_folder,
        "host-installed",
        lambda _: installed(home, wheel, "host", "--compile-bytecode"),
    )
    return home


@pytest.fixture
def host(home, tmp_path):
    folder = tmp_path / "host"
    folder.mkdir()
    env = {
        "PATH": f"{home / 'bin'}:/usr/bin:/bin",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "LINEAGE_INSTANCE": "host-1",
        "LINEAGE_CACHE_SIZE": "1G",
    }
    return Host(home, folder, env)


def test_it_is_small(host):
    (site,) = host.home.glob("lib/python*/site-packages")
    _is_small(host.home)
    assert {path.name for path in site.iterdir()} & NOT_THERE == set()
    assert {path.name for path in (site / "lineage").iterdir()} & {"api", "migrations"} == set()


def _is_small(home: Path, *, compiled: bool = True) -> None:
    """At most 25 packages and 40 MB."""
    files = [path for path in home.rglob("*") if path.is_file() and not path.is_symlink()]
    size = sum(path.stat().st_size for path in files if compiled or path.suffix != ".pyc")
    assert len(list(home.glob("lib/python*/site-packages/*.dist-info"))) <= MOST
    assert size <= LARGEST, f"{size:,} bytes"


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_a_host_logs_in_follows_pulls_and_reports(kind, host, registry, url, tmp_path, request):
    training = Workspace(tmp_path / "training")
    write_weights(training.path / "weights")
    if kind == "folder":
        place = Folder(tmp_path / "store")
        _push_by_dvc(training, tmp_path / "store")
    else:
        s3 = request.getfixturevalue("s3")
        place = new_bucket(s3)
        wheel = request.getfixturevalue("wheel")
        host.home = tmp_path / "with-s3"
        installed(host.home, wheel, "host-cloud")
        _is_small(host.home, compiled=False)
        host.env |= CREDENTIALS | {ENDPOINT: s3}
    copy = serve_weights(registry, place.address(), training.path / "weights")
    assert copy.found_there == (kind == "folder"), "DVC's own objects are read"
    token = registry.create_token(NewToken("host", ("read", "observe")), actor="t")["token"]
    with registry_server(url) as server:
        host.ok("lineage", "login", server, "--token-stdin", text=f"{token}\n")
        host.env["LINEAGE_REGISTRY"] = server
        assert "churn@1" in host.ok("lineage", "serving", "churn")
        host.ok("lineage", "pull", "churn@production", "-o", "pulled")
        pulled = host.folder / "pulled/weights"
        for name in ("small", "large.bin"):
            assert (pulled / name).read_bytes() == (training.path / "weights" / name).read_bytes()
        said, loaded = host.ok("python", "-c", SERVICE, pipeline("old").xxh3).splitlines()
        assert said == f"churn@1 churn@1 {PROJECT['version']}"
        assert set(loaded.split()) & NOT_THERE == set()
        assert "1 in step" in host.ok("lineage", "serving", "churn")
        assert "in use" in host.ok("lineage", "cache")
        well = json.loads(host.ok("lineage", "doctor", "--json"))
        assert {one["code"]: one["status"] for one in well["checks"]} == {
            "registry": "pass", "writable": "skipped", "clock": "pass", "version": "pass",
            "token": "pass", "environments": "pass", "store-known": "skipped",
            "permissions": "pass", "cache": "pass",
        }  # fmt: skip


def _push_by_dvc(training: Workspace, store: Path) -> None:
    training.git("init", "--quiet")
    for words in (
        ("init", "--quiet"),
        ("remote", "add", "--default", "main", str(store)),
        ("add", "--quiet", "weights"),
        ("push", "--quiet"),
    ):
        training.dvc(*words)


@pytest.mark.parametrize(
    "words", [("register", "churn"), ("run",), ("serve",), ("db", "upgrade"), ("init",)]
)
def test_a_command_that_is_not_there_says_which_package_has_it(host, words):
    host.env["LINEAGE_REGISTRY"] = "http://127.0.0.1:9"
    done = host.run("lineage", *words)
    assert done.code == 2
    first, remedy = done.err.splitlines()
    assert re.fullmatch(r"error: This command needs [\w.]+, which lineage-guard has, and "
                        r"lineage-guard-host, which is installed here, has not\.", first)  # fmt: skip
    assert remedy.endswith("pip install lineage-guard")


FUNCTIONS = """\
import lineage
from lineage.installed import telling
calls = {
    "register": ("churn",), "validate": ("churn@1",), "promote": ("churn@1",), "rollback": ("churn",),
    "guard": ("churn@1",), "may_serve": ("churn@1",), "approve": ("churn@1",), "diff": ("a@1", "a@2"),
    "release": ("churn@1",), "show": ("churn@1",), "serving": ("churn",), "pull": ("churn@1",),
    "models": (), "versions": ("churn",), "log": (),
    "report": ("churn",), "follow": ("churn",),
}
more = {"report": {"weights": "xxh3:" + "0" * 32}}
for name in lineage.__all__:
    if callable(getattr(lineage, name, None) if name != "Registry" else None):
        try:
            getattr(lineage, name)(*calls.get(name, ()), **more.get(name, {}))
        except lineage.LineageError as error:
            print(name, type(error).__name__, error, error.remedy)
        except TypeError:
            assert name not in calls, name
try:
    lineage.Registry
except lineage.LineageError as error:
    print("Registry", type(error).__name__, error, error.remedy)
try:
    telling(lambda: __import__("what_loads_a_model"))()
except ModuleNotFoundError as error:
    print("own", error.name)
"""


def test_a_function_that_is_not_there_says_which_package_has_it(host):
    """No function ends in a missing module: it says what that is, or asks the server."""
    env = {"LINEAGE_REGISTRY": "http://127.0.0.1:9", "LINEAGE_TIMEOUT": "0.5"}
    done = host.run("python", "-c", FUNCTIONS, **env)
    assert done.code == 0, done.err
    said = dict(line.split(" ", 1) for line in done.out.splitlines())
    for name in ("register", "validate", "diff", "Registry"):
        assert re.match(
            rf"UsageError lineage\.{name} needs [\w.]+, which lineage-guard has", said[name]
        )
        assert said[name].endswith("then pip install lineage-guard")
    for name in ("show", "serving", "pull", "models", "versions", "log", "report", "promote"):
        assert said[name].startswith("RegistryUnreachable "), said[name]
    assert said["own"] == "what_loads_a_model"


def test_a_database_is_not_opened_and_a_server_is_named_instead(host):
    done = host.run("lineage", "serving", "churn", "--json")
    assert done.code == 2
    assert "A registry that is a database needs" in done.json["error"]["message"]
    assert "LINEAGE_REGISTRY=https://" in done.json["error"]["remedy"]
    ill = host.run("lineage", "doctor")
    assert ill.code == 2
    assert "A registry that is a database needs" in ill.out
    assert "defect" not in ill.out


def test_nobody_says_which_pipeline_runs(host):
    program = (
        "import lineage\ntry: lineage.follow('churn')\n"
        "except lineage.LineageError as error: print(type(error).__name__, error.exit_code)"
    )
    assert host.run("python", "-c", program, LINEAGE_REGISTRY="http://127.0.0.1:9").out == (
        "PipelineMismatch 3\n"
    )


def test_its_help_and_its_version(host):
    assert host.ok("lineage", "--version") == f"lineage-guard-host {PROJECT['version']}\n"
    assert "pull" in host.ok("lineage", "--help")
    done = host.run("lineage", "nonsense")  # loads every command
    assert (done.code, "No such command" in done.err) == (2, True)


# what it says of itself, held against lineage-guard


def bounds(requirements: list[str]) -> dict[str, str]:
    found = map(Requirement, requirements)
    return {canonicalize_name(each.name): str(each.specifier) for each in found}


def test_it_is_of_the_same_tree_and_version():
    setup, whole = SLIM["tool"]["setuptools"], CONFIGURATION["tool"]
    for key in ("version", "requires-python", "license", "scripts"):
        assert HOST[key] == PROJECT[key]
    known, own = bounds(PROJECT["dependencies"]), bounds(HOST["dependencies"])
    assert {name: own[name] for name in own.keys() & known.keys()}.items() <= known.items()
    left_out = set(whole["setuptools"]["packages"]) - set(setup["packages"])
    assert set(setup["packages"]) < set(whole["setuptools"]["packages"])
    server = ("lineage.api", "lineage.database.", "lineage.examples", "lineage.migrations",
              "lineage.registry")  # fmt: skip
    assert all(name.startswith(server) for name in left_out), "a room that hosts lack"
    places = whole["setuptools"]["package-dir"]
    assert setup["package-dir"].items() <= {n: f"../../{at}" for n, at in places.items()}.items()
    data = whole["setuptools"]["package-data"]
    assert setup["package-data"].items() <= data.items()


def test_the_extras_of_the_three_clouds_are_one():
    extras = HOST["optional-dependencies"]
    assert extras.keys() == {"cloud", "s3", "gcs", "azure"}
    assert len(set(map(tuple, extras.values()))) == 1


@pytest.mark.parametrize("extra", ["", "cloud"])
def test_each_extra_has_a_lock_and_the_guide_tells_its_count(extra):
    text = (ROOT / f"requirements/{'-'.join(filter(None, ('host', extra)))}.txt").read_text()
    pins = {
        canonicalize_name(found.name): str(found.specifier)
        for found in map(Requirement, re.findall(r"^([\w.-]+==[^\\\n]+?) \\$", text, re.MULTILINE))
        if found.marker is None or found.marker.evaluate({"python_version": "3.11"})
    }
    wanted = HOST["dependencies"] + HOST["optional-dependencies"].get(extra, [])
    assert bounds(wanted).keys() <= pins.keys()
    assert pins.keys() & NOT_THERE == set()
    guide = (ROOT / "docs/guides/serving-host.md").read_text(encoding="utf-8")
    name = f"lineage-guard-host[{extra}]" if extra else "lineage-guard-host"
    assert re.search(
        rf"^\| `{re.escape(name)}` \| [^|]+ \| {len(pins) + 1} \|", guide, re.MULTILINE
    )


def test_two_versions_of_both_are_refused_in_one_sentence(folder):
    folder.write(
        {f"lib/{name.replace('-', '_')}-{version}.dist-info/METADATA":
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
         for name, version in (("lineage-guard", "0.1.0"), ("lineage-guard-host", "0.0.9"))}
    )  # fmt: skip
    env = ENVIRONMENT | {"PYTHONPATH": str(folder.path / "lib")}
    done = folder.lineage("--version", env=env)
    assert done.code == 2
    assert "lineage-guard 0.1.0 and lineage-guard-host 0.0.9 are both installed here" in done.err
    assert len(done.err.splitlines()) == 2
