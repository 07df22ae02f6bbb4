"""The workspaces in which the recipes of the documentation are run; a page names one.

nothing    an empty folder: a home, and no project
project    git and DVC, a project of three stages that was trained, nothing of ours in it
history    the same with eight versions in a registry: churn@7 serves, churn@6 stands by, churn@8 was
           trained on new features; 2 to 4 are experiments. Tags of git name their commits
team       the project, an empty PostgreSQL database, and S3
training   a project whose pipeline is one stage, over a server with tokens; nothing is registered.
           ``lineage`` is typed by ``ci``, but for approvals (``ann``) and for tokens and environments (``ops``)
pair       the same, and the service's repository beside it: churn@1 serves, production wants one approval,
           and churn@2 is registered on a branch with another pipeline
"""

from __future__ import annotations

import json
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
from tests.support.once import made_once
from tests.support.receivers import receiving
from tests.support.recipes import Workspace
from tests.support.servers import registry_server
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

WHO_TYPES = """\
lineage() {
  case $1 in
    approve) LINEAGE_TOKEN=$ANN command lineage "$@" ;;
    env | token) LINEAGE_TOKEN=$OPS command lineage "$@" ;;
    *) command lineage "$@" ;;
  esac
}
host() {  # NAME FOLDER: a host that serves for a moment, of the service that is in the folder
  (
    export LINEAGE_INSTANCE=$1 LINEAGE_TOKEN=$HOSTS LINEAGE_CACHE=$PWD/../$1 XDG_CACHE_HOME=$PWD/../$1/said
    cd "$2" && python app/main.py
  )
}
"""
"""What ``. "$PEOPLE"`` defines."""
TOKEN_IDS = {
    "CI": "zbknh7vfvttu",
    "ANN": "httwtvopyy5n",
    "HOSTS": "vvnmsfdgbrut",
    "OPS": "fm6g5t4qpder",
}
"""Those that stand in the pages."""
TRAINING_CONFIGURATION = """\
[models.churn]
weights = "models/model.txt"
data = ["data/calls.csv"]
metrics = "eval/metrics.json"
evaluate = "python src/evaluate.py"
require = ["auc >= 0.80"]

[models.churn.pipeline]
stages = ["featurize"]
"""
TRAINING = {
    "dvc.yaml": """\
stages:
  featurize:
    cmd: python src/featurize.py
    deps: [data/calls.csv, src/featurize.py, src/features.py]
    params: [featurize.top]
    outs: [data/features.txt]
  train:
    cmd: python src/train.py
    deps: [data/features.txt, src/train.py]
    outs: [models/model.txt]
""",
    "params.yaml": "featurize:\n  top: 20\n",
    "src/features.py": (
        "def longest(calls, top):\n    chosen = sorted(calls)[-top:]\n    return sum(chosen)\n"
    ),
    "src/featurize.py": (
        "import re\n\n"
        "from features import longest\n\n"
        "calls = [int(line) for line in open('data/calls.csv')]\n"
        "top = int(re.search(r'top: (\\d+)', open('params.yaml').read())[1])\n"
        "open('data/features.txt', 'w').write(str(longest(calls, top)))\n"
    ),
    "src/train.py": (
        "import os\n\n"
        "os.makedirs('models', exist_ok=True)\n"
        "open('models/model.txt', 'w').write('learnt from ' + open('data/features.txt').read())\n"
    ),
    "src/evaluate.py": (
        "import json, os\n\n"
        "learnt = int(open('models/model.txt').read().split()[-1])\n"
        "os.makedirs('eval', exist_ok=True)\n"
        "json.dump({'auc': 0.86 if learnt < 2000 else 0.88}, open('eval/metrics.json', 'w'))\n"
    ),
    "data/calls.csv": "".join(f"{seconds}\n" for seconds in range(100)),
    ".gitignore": "/eval\n__pycache__/\n",
}
SERVICE = {
    "lineage.toml": """\
[registry]
url = "https://lineage.example.com"

[models.churn.serving]
files = { "app/features.py" = "src/features.py", "app/settings.yaml" = "params.yaml" }
own = ["app/main.py"]
without = ["src/featurize.py"]
""",
    "app/features.py": TRAINING["src/features.py"],
    "app/settings.yaml": TRAINING["params.yaml"],
    "app/main.py": (
        "import time\n\n"
        "import lineage\n\n"
        "with lineage.follow('churn', pipeline='pipeline.seal.json', every=0.05):\n"
        "    time.sleep(1)  # what is fetched ahead is reported\n"
    ),
}
BY_CI = {"GIT_AUTHOR_NAME": "Ci", "GIT_COMMITTER_NAME": "Ci"}
PEOPLE = {
    "CI": ("ci", "register", "validate", "validate:run", "deploy", "observe:weights", "read"),
    "ANN": ("ann", "approve", "read"),
    "HOSTS": ("hosts", "observe", "observe:weights", "read"),
    "OPS": ("ops", "admin"),
}
"""The variable that holds a token, whose it is, and its scopes."""


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


def training(request: pytest.FixtureRequest, stack: ExitStack) -> Workspace:
    return _over_server("training", _make_training, request, stack)


def pair(request: pytest.FixtureRequest, stack: ExitStack) -> Workspace:
    return _over_server("pair", _make_pair, request, stack)


WORKSPACES: dict[str, Callable[[pytest.FixtureRequest, ExitStack], Workspace]] = {
    function.__name__: function for function in (nothing, project, history, team, training, pair)
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
    made.names["/srv/models"] = os.fspath(_store(request.getfixturevalue("shared_folder")))
    tokens = json.loads((top / "tokens.json").read_text(encoding="utf-8"))
    made.names |= {known: tokens.pop(known) for known in TOKEN_IDS.values()}
    made.env |= BY_CI | tokens | {"LINEAGE_REGISTRY": address, "LINEAGE_TOKEN": tokens["CI"]}
    del made.env["LINEAGE_ACTOR"]
    functions = top / "people.sh"
    functions.write_text(WHO_TYPES, encoding="utf-8")
    made.env["PEOPLE"] = os.fspath(functions)
    return made


def _store(shared: Path) -> Path:
    """Copies of one folder share it: a registry says where its store is."""
    return shared / "recipes-models"


def _make_training(top: Path) -> None:
    folder = top / "training"
    folder.mkdir()
    url = f"sqlite:///{top}/registry.db"
    made = Checkout(folder, {"LINEAGE_ACTOR": "ops", "LINEAGE_REGISTRY": url})
    made.git("init", "--quiet", "--initial-branch", "main")
    made.write(TRAINING)
    made.dvc("init", "--quiet")
    made.dvc("add", "--quiet", "data/calls.csv")
    made.dvc("remote", "add", "--quiet", "--default", "main", os.fspath(_store(top.parent)))
    made.dvc("repro", "--quiet")
    made.commit("The project")
    made.write({"lineage.toml": TRAINING_CONFIGURATION})
    made.commit("What the model is made of")
    made.ok("init")
    made.ok("store", "add", "main", "--shared")
    tokens = {}
    for variable, (person, *scopes) in PEOPLE.items():
        words = [word for scope in scopes for word in ("--scope", scope)]
        created = made.ok("token", "create", person, *words)
        tokens |= {variable: created["token"], TOKEN_IDS[variable]: created["id"]}
    (top / "tokens.json").write_text(json.dumps(tokens), encoding="utf-8")


def _make_pair(top: Path) -> None:
    _make_training(top)
    url = f"sqlite:///{top}/registry.db"
    made = Checkout(top / "training", {"LINEAGE_ACTOR": "ci", "LINEAGE_REGISTRY": url, **BY_CI})
    _register_from(made, 1)
    made.ok("release", "--env", "production", "--pipeline", "churn", "--model", "churn@1")
    declared = '[environments.production]\nkind = "production"\napprovals = 1\nrollout = "1h"\n'
    made.write({".git/environments.toml": declared})
    made.ok("env", "apply", ".git/environments.toml")
    service = Checkout(top / "service")
    service.path.mkdir()
    service.git("init", "--quiet", "--initial-branch", "main")
    service.write(SERVICE)
    service.commit("The service")
    made.git("switch", "--quiet", "--create", "longer-calls")
    made.edit("params.yaml", "top: 20", "top: 40")
    made.dvc("repro", "--quiet")
    made.commit("The 40 longest calls")
    _register_from(made, 2)


def _register_from(made: Checkout, number: int) -> None:
    made.ok("register", "churn")
    done = made.lineage("validate", f"churn@{number}", "--", "python", "src/evaluate.py")
    assert done.code == 0, done


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
