"""The workspaces in which the recipes of the documentation are run; a page names one.

nothing    an empty folder: a home, and no project
project    git and DVC, a project of three stages that was trained, nothing of ours in it
history    the same with eight versions in a registry: churn@7 serves, churn@6 stands by, churn@8 was
           trained on new features; 2 to 4 are experiments. Tags of git name their commits
team       the project, an empty PostgreSQL database, and S3
elsewhere  git alone, code that prepares inputs and evaluates, a hub, a vendor's folder, a registry
training   a project whose pipeline is one stage, over a server with tokens; nothing is registered.
           ``lineage`` is typed by ``ci``, but for approvals (``ann``) and for tokens and environments (``ops``)
pair       the same, and the service's repository beside it: churn@1 serves, production wants one approval,
           and churn@2 is registered on a branch with another pipeline
"""

from __future__ import annotations

import os
import shutil
import socket
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.conftest import ENVIRONMENT
from tests.conftest import Workspace as Checkout
from tests.support import commands, registries
from tests.support.hub import REPO, running_hub
from tests.support.once import made_once
from tests.support.receivers import receiving
from tests.support.recipes import Workspace
from tests.support.servers import registry_server
from tests.support.two_repositories import (
    BY_CI,
    WHO_TYPES,
    make_pair,
    make_training,
    store_of,
    tokens_of,
)
from tests.support.weights_stores import CREDENTIALS, make_buckets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest

EXAMPLE_HOST = "https://lineage.example.com"

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
    params: [train.seed]
    outs: [models/model.pkl]
""",
    "params.yaml": "featurize:\n  top: 20\ntrain:\n  seed: 1\n",
    "src/prepare.py": "open('data/clean.csv', 'w').write(open('data/raw.csv').read().lower())\n",
    "src/featurize.py": (
        "from pathlib import Path\n\n"
        "from common import scaling\n\n"
        "text = Path('params.yaml').read_text() + Path('data/clean.csv').read_text()\n"
        "Path('data/features.csv').write_text(scaling.scaled(text))\n"
    ),
    "src/common/scaling.py": "def scaled(text):\n    return text * 2\n",
    "src/train.py": (
        "import os, pickle, re, types\n\n"
        "seed = int(re.search(r'seed: (\\d+)', open('params.yaml').read())[1])\n"
        "model = types.SimpleNamespace(predict=len, seed=seed, made_from=open('data/features.csv').read())\n"
        "os.makedirs('models', exist_ok=True)\n"
        "pickle.dump(model, open('models/model.pkl', 'wb'))\n"
    ),
    "evaluate.py": (
        "import json, os, pickle\n\n"
        "model = pickle.load(open('models/model.pkl', 'rb'))\n"
        "slices = {name: {'auc': 0.79} for name in ('new', 'new_customers')}\n"
        "report = {'auc': 0.84, 'seed': model.seed, 'latency_p99_ms': 80, 'slices': slices}\n"
        "os.makedirs('eval', exist_ok=True)\n"
        "json.dump(report, open('eval/metrics.json', 'w'))\n"
    ),
    "data/raw.csv": "A,B\n1,2\n",
    "data/holdout.csv": "A,B\n3,4\n",
    "uv.lock": "version = 1\n",
    ".gitignore": "/eval\n__pycache__/\n",
}
CONFIGURATION = """\
[models.churn]
weights = "models/model.pkl"
data = ["data/raw.csv"]
metrics = "eval/metrics.json"
evaluate = "python evaluate.py"
require = ["auc >= 0.80", "slices.new_customers.auc >= 0.75"]

[models.churn.pipeline]
stages = ["prepare", "featurize"]
files = ["uv.lock"]
"""
ELSEWHERE = {
    "src/preprocess.py": "def prepared(image):\n    return [pixel / 255 for pixel in image]\n",
    "src/evaluate.py": (
        "import json\nfrom pathlib import Path\n\n"
        "from preprocess import prepared\n\n"
        "weights = next(Path('models').rglob('*.safetensors')).read_bytes()\n"
        "json.dump({'acc': 0.81 + sum(prepared(weights[:1]))}, open('metrics.json', 'w'))\n"
    ),
    "vendor/scorer-2.1/scorer.bin": "scorer 2.1",
    ".gitignore": "/models\n/vendor\n/metrics.json\n__pycache__/\n",
}


@contextmanager
def workspace(name: str, request: pytest.FixtureRequest) -> Iterator[Workspace]:
    """A workspace of its own, by its name; gone with all that was started in it."""
    with ExitStack() as stack:
        yield WORKSPACES[name](request, stack)


def nothing(request: pytest.FixtureRequest, _: ExitStack) -> Workspace:
    folder = request.getfixturevalue("tmp_path") / "work"
    return _workspace(folder, folder)


def project(request: pytest.FixtureRequest, _: ExitStack) -> Workspace:
    top = request.getfixturevalue("tmp_path") / "work"
    _copy(request, "project", _train, top / "your-repository")
    made = _workspace(top, top)
    _with_s3(made, request)
    return made


def history(request: pytest.FixtureRequest, stack: ExitStack) -> Workspace:
    top = request.getfixturevalue("tmp_path") / "work"
    repository = top / "churn"
    _copy(request, "history", _make_history, repository)
    made = _workspace(top, repository)
    _with_hooks(made, stack)
    database = f"sqlite:///{repository}/.lineage/registry.db"
    settings = {"no_auth": True, "webhook_allow": "127.0.0.0/8"}
    made.names[EXAMPLE_HOST] = stack.enter_context(registry_server(database, **settings))
    _with_s3(made, request)
    return made


def team(request: pytest.FixtureRequest, stack: ExitStack) -> Workspace:
    top = request.getfixturevalue("tmp_path") / "work"
    repository = top / "churn"
    _copy(request, "project", _train, repository)
    checkout = Checkout(repository)
    checkout.write({"lineage.toml": CONFIGURATION})
    checkout.commit("What the model is made of")
    made = _workspace(top, repository)
    server = request.getfixturevalue("postgresql_server")
    stack.callback(_drop_role, server, "lineage_server")
    url = stack.enter_context(registries.new_database(server))
    registries.make_empty(url)
    parts = conninfo_to_dict(url)
    made.env |= {f"PG{key.upper()}": str(parts[key]) for key in ("host", "user")}
    made.env["PGDATABASE"] = str(parts["dbname"])
    _with_hooks(made, stack)
    there = url.replace("postgresql://", "postgresql+psycopg://")
    at = "@database.internal/lineage"
    made.names[f"postgresql+psycopg://lineage{at}"] = there
    as_server = there.replace("//postgres:@", "//lineage_server@")
    made.names[f"postgresql+psycopg://lineage_server{at}"] = as_server
    _with_s3(made, request)
    return made


def elsewhere(request: pytest.FixtureRequest, stack: ExitStack) -> Workspace:
    top = request.getfixturevalue("tmp_path") / "work"
    made = _workspace(top, top / "vit")
    checkout = Checkout(made.folder)
    checkout.git("init", "--quiet", "--initial-branch", "main")
    checkout.write(ELSEWHERE)
    checkout.commit("What prepares the inputs")
    checkout.lineage("init")
    checkout.commit("A registry")
    hub = stack.enter_context(running_hub())
    made.env |= hub.environment(f"{top.parent}/hf")
    organisation, model = REPO.split("/")
    made.names |= {"hf://google/": f"hf://{organisation}/", "vit-base-patch16-224": model}
    made.names |= {"3f1c…": "3f1c" * 10, "9c2a…": "9c2a" * 16}
    made.names["/home/ana/vit"] = os.fspath(made.folder)
    return made


def training(request: pytest.FixtureRequest, stack: ExitStack) -> Workspace:
    return _over_server("training", make_training, request, stack)


def pair(request: pytest.FixtureRequest, stack: ExitStack) -> Workspace:
    return _over_server("pair", make_pair, request, stack)


_EACH = nothing, project, history, team, elsewhere, training, pair
WORKSPACES: dict[str, Callable[[pytest.FixtureRequest, ExitStack], Workspace]] = {
    function.__name__: function for function in _EACH
}


def _drop_role(server: str, name: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP ROLE IF EXISTS "{name}"')


def _workspace(top: Path, folder: Path) -> Workspace:
    """A folder to work in, with a home beside it and a port of its own."""
    home = top.parent / "home"
    for path in (home, folder):
        path.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = ENVIRONMENT | {
        "HOME": os.fspath(home),
        "LINEAGE_ACTOR": "ana",
        "LINEAGE_PORT": str(port),
        "PATH": commands.path(),
    }
    names = {
        EXAMPLE_HOST: f"http://127.0.0.1:{port}",
        "/srv/lineage": os.fspath(top.parent / "srv/lineage"),
        "/srv/models": os.fspath(top.parent / "srv/models"),
        "/mnt/": os.fspath(top.parent / "mnt") + "/",
    }
    return Workspace(folder, env, names)


def _with_hooks(made: Workspace, stack: ExitStack) -> None:
    hooks = stack.enter_context(receiving())
    made.names["https://hooks.example.com"] = hooks.url("")
    made.env["LINEAGE_WEBHOOK_ALLOW"] = "127.0.0.0/8"


def _with_s3(made: Workspace, request: pytest.FixtureRequest) -> None:
    endpoint = request.getfixturevalue("running_s3")
    made.env |= CREDENTIALS
    made.names["https://minio.example.com"] = endpoint
    make_buckets(endpoint, "models", "other-bucket")


def _copy(
    request: pytest.FixtureRequest, name: str, make: Callable[[Path], None], target: Path
) -> None:
    shared = request.getfixturevalue("shared_folder")
    template = made_once(shared, f"recipes-{name}", make)
    shutil.copytree(template, target, symlinks=True)


def _over_server(
    name: str, make: Callable[[Path], None], request: pytest.FixtureRequest, stack: ExitStack
) -> Workspace:
    top = request.getfixturevalue("tmp_path") / "srv"
    _copy(request, name, make, top)
    made = _workspace(top, top / "training")
    address = stack.enter_context(registry_server(f"sqlite:///{top}/registry.db"))
    made.names |= {EXAMPLE_HOST: address, "/srv/service": os.fspath(top / "service")}
    made.names["/srv/models"] = os.fspath(store_of(request.getfixturevalue("shared_folder")))
    tokens, ids = tokens_of(top)
    made.names |= ids
    made.env |= BY_CI | tokens | {"LINEAGE_REGISTRY": address, "LINEAGE_TOKEN": tokens["CI"]}
    made.env["PATH"] = commands.path(watched=True)
    del made.env["LINEAGE_ACTOR"]
    functions = top / "people.sh"
    functions.write_text(WHO_TYPES, encoding="utf-8")
    made.env["PEOPLE"] = os.fspath(functions)
    return made


def _train(folder: Path) -> None:
    made = Checkout(folder)
    made.git("init", "--quiet", "--initial-branch", "main")
    made.write(PROJECT)
    made.dvc("init", "--quiet")
    made.dvc("add", "--quiet", "data/raw.csv")
    made.dvc("repro", "--quiet")
    made.commit("The project")


def _make_history(folder: Path) -> None:
    """Weights go to a remote beside it, which the copies of this folder share."""
    _train(folder)
    made = Checkout(folder, {"LINEAGE_ACTOR": "ana", "PATH": commands.path()})
    made.write({"lineage.toml": CONFIGURATION})
    made.dvc("remote", "add", "--quiet", "--default", "main", f"{folder.parent}/recipes-remote")
    made.lineage("init")
    made.commit("What the model is made of")
    _register(made, 1)
    made.ok("pipeline", "deploy", "churn", "--env", "production")
    made.ok("promote", "churn@1", "--env", "production")
    for number in (2, 3, 4):
        made.write({"src/train.py": PROJECT["src/train.py"] + "#" * number})
        made.ok("register", "churn", "--kind", "experiment")
    made.git("checkout", "src/train.py")
    for number in (5, 6, 7):
        made.edit("params.yaml", f"seed: {1 if number == 5 else number - 1}", f"seed: {number}")
        made.dvc("repro", "--quiet")
        made.commit("Train once more")
        _register(made, number)
        made.ok("promote", f"churn@{number}", "--env", "production")
    made.edit("params.yaml", "top: 20", "top: 40")
    made.dvc("repro", "--quiet")
    made.commit("More features")
    made.ok("register", "churn")
    made.git("tag", "v8")


def _register(made: Checkout, number: int) -> None:
    made.ok("register", "churn")
    done = made.lineage("validate", f"churn@{number}", "--", "python", "evaluate.py")
    assert done.code == 0, done
    made.git("tag", f"v{number}")
