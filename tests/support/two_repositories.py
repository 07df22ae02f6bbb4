"""A training's repository and a service's, over one registry: two workspaces of the pages' recipes."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from tests.conftest import Workspace as Checkout
from tests.support.commands import PYTHON

if TYPE_CHECKING:
    from pathlib import Path

WHO_TYPES = f"""\
lineage() {{
  case $1 in
    approve) LINEAGE_TOKEN=$ANN command lineage "$@" ;;
    env | token) LINEAGE_TOKEN=$OPS command lineage "$@" ;;
    *) command lineage "$@" ;;
  esac
}}
host() {{  # NAME FOLDER: a host that serves for a moment, of the service that is in the folder
  (
    export LINEAGE_INSTANCE=$1 LINEAGE_TOKEN=$HOSTS LINEAGE_CACHE=$PWD/../$1 XDG_CACHE_HOME=$PWD/../$1/said
    cd "$2" && {PYTHON} app/main.py
  )
}}
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


def store_of(shared: Path) -> Path:
    """Copies of one folder share it: a registry says where its store is."""
    return shared / "recipes-models"


def tokens_of(top: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Each token by its variable, and each one's id by the one that stands in the pages."""
    made = json.loads((top / "tokens.json").read_text(encoding="utf-8"))
    return (
        {variable: one["token"] for variable, one in made.items()},
        {TOKEN_IDS[variable]: one["id"] for variable, one in made.items()},
    )


def make_training(top: Path) -> None:
    """The training's repository, its registry and everybody's tokens; nothing is registered."""
    folder = top / "training"
    folder.mkdir()
    url = f"sqlite:///{top}/registry.db"
    made = Checkout(folder, {"LINEAGE_ACTOR": "ops", "LINEAGE_REGISTRY": url})
    made.git("init", "--quiet", "--initial-branch", "main")
    made.write(TRAINING)
    made.dvc("init", "--quiet")
    made.dvc("add", "--quiet", "data/calls.csv")
    made.dvc("remote", "add", "--quiet", "--default", "main", os.fspath(store_of(top.parent)))
    made.write({"lineage.toml": TRAINING_CONFIGURATION})
    made.ok("init")
    made.ok("run")
    made.commit("The project")
    made.ok("store", "add", "main", "--shared")
    tokens = {}
    for variable, (person, *scopes) in PEOPLE.items():
        words = [word for scope in scopes for word in ("--scope", scope)]
        created = made.ok("token", "create", person, *words)
        tokens[variable] = {"token": created["token"], "id": created["id"]}
    (top / "tokens.json").write_text(json.dumps(tokens), encoding="utf-8")


def make_pair(top: Path) -> None:
    """The same with a version that serves, one on a branch, and the service's repository."""
    make_training(top)
    url = f"sqlite:///{top}/registry.db"
    made = Checkout(top / "training", {"LINEAGE_ACTOR": "ci", "LINEAGE_REGISTRY": url, **BY_CI})
    _register_from(made, 1)
    made.ok("release", "--env", "production", "--pipeline", "churn", "--model", "churn@1")
    declared = '[environments.production]\nkind = "production"\napprovals = 1\n'
    made.write({".git/environments.toml": declared})
    made.ok("env", "apply", ".git/environments.toml")
    service = Checkout(top / "service")
    service.path.mkdir()
    service.git("init", "--quiet", "--initial-branch", "main")
    service.write(SERVICE)
    service.commit("The service")
    made.git("switch", "--quiet", "--create", "longer-calls")
    made.edit("params.yaml", "top: 20", "top: 40")
    made.ok("run")
    made.commit("The 40 longest calls")
    _register_from(made, 2)


def _register_from(made: Checkout, number: int) -> None:
    made.ok("register", "churn")
    done = made.lineage("validate", f"churn@{number}", "--", "python", "src/evaluate.py")
    assert done.code == 0, done
