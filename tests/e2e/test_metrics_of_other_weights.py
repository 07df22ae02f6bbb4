"""Two models on one pipeline and one metrics file: each verdict is on its own weights' metrics."""

from __future__ import annotations

import json
import re
import shlex

import pytest

TRAIN = """\
import json, sys
cap = json.load(open('data/features.json'))['cap']
json.dump({'model': sys.argv[1], 'cap': cap}, open(f'models/{sys.argv[1]}.json', 'w'))
"""
FILES = {
    "dvc.yaml": """\
stages:
  prepare:
    cmd: python src/prepare.py
    deps: [data/raw.csv, src/prepare.py]
    params: [cap]
    outs: [data/features.json]
  train:
    foreach: [churn, spend]
    do:
      cmd: python src/train.py ${item}
      deps: [data/features.json, src/train.py]
      outs: ["models/${item}.json"]
  evaluate:
    cmd: python src/evaluate.py
    deps: [data/features.json, models/churn.json, models/spend.json, src/evaluate.py]
    metrics: [{eval/metrics.json: {cache: false}}]
""",
    "params.yaml": "cap: 40\n",
    "src/prepare.py": (
        "import json\ncap = int(open('params.yaml').read().split()[1])\n"
        "json.dump({'cap': cap}, open('data/features.json', 'w'))\n"
    ),
    "src/train.py": TRAIN,
    "src/evaluate.py": (
        "import json\ncap = json.load(open('data/features.json'))['cap']\n"
        "names = ('churn', 'spend')\n"
        "off = {name: abs(cap - json.load(open(f'models/{name}.json'))['cap']) for name in names}\n"
        "json.dump({name: {'off': off[name]} for name in names}, open('eval/metrics.json', 'w'))\n"
    ),
    "data/raw.csv": "A,B\n1,2\n",
    "eval/.gitignore": "",
    "models/.gitignore": "",
    "lineage.toml": "".join(
        f'[models.{name}]\nweights = "models/{name}.json"\ndata = ["data/raw.csv"]\n'
        'metrics = "eval/metrics.json"\n'
        f'require = ["{name}.off <= 20"]\n'
        f'[models.{name}.pipeline]\nname = "shop"\nstages = ["prepare"]\n'
        for name in ("churn", "spend")
    ),
}
REMEDY = re.compile(r"lineage (?:validate|pull) [^;()`\n]*")


def _make(made) -> None:
    """churn@1 and spend@1 serve with a cap of 40; churn@2 was trained with one of 10."""
    made.git("init", "--quiet", "--initial-branch", "main")
    made.write(FILES)
    made.dvc("init", "--quiet")
    made.dvc("add", "--quiet", "data/raw.csv")
    made.ok("init")
    _train(made, "spend", "churn")
    made.ok("pipeline", "deploy", "shop", "--env", "production")
    made.ok("promote", "spend@1", "--env", "production")
    made.edit("params.yaml", "40", "10")
    _train(made, "churn")


def _train(made, *models: str) -> None:
    made.commit("Code")
    made.dvc("repro", "--quiet")
    made.commit("Run")
    for model in models:
        made.ok("register", model)
        made.ok("validate", f"{model}@latest")


WAY = {
    "dvc.yaml": """\
stages:
  train:
    cmd: cp params.yaml model.txt
    deps: [params.yaml]
    outs: [model.txt]
  predict:
    cmd: cp model.txt predictions.txt
    deps: [model.txt]
    outs: [predictions.txt]
  evaluate:
    cmd: python evaluate.py
    deps: [predictions.txt, evaluate.py]
    metrics: [{metrics.json: {cache: false}}]
""",
    "params.yaml": "auc: 0.9\n",
    "evaluate.py": (
        "import json\nauc = open('predictions.txt').read().split()[1]\n"
        "json.dump({'auc': float(auc)}, open('metrics.json', 'w'))\n"
    ),
    "lineage.toml": (
        '[models.m]\nweights = "model.txt"\ndata = ["params.yaml"]\nmetrics = "metrics.json"\n'
        'evaluate = "evaluate"\nrequire = ["auc >= 0.8"]\n[models.m.pipeline]\n'
        'files = ["evaluate.py"]\n'
    ),
}


def test_stages_between_the_weights_and_the_metrics_are_run_for_every_verdict(folder):
    folder.git("init", "--quiet", "--initial-branch", "main")
    folder.write(WAY)
    folder.dvc("init", "--quiet")
    folder.ok("init")
    folder.commit("Code")
    folder.dvc("repro", "--quiet")
    folder.commit("Run")
    folder.ok("register", "m")
    folder.ok("pipeline", "deploy", "m", "--env", "production")
    folder.edit("params.yaml", "0.9", "0.3")
    folder.dvc("repro", "--quiet", "--single-item", "train")
    folder.commit("Worse")
    folder.ok("register", "m")
    alone = ("--", "dvc", "repro", "--single-item", "--force", "evaluate")
    for words in (alone, ("--in", "production", *alone)):
        refused = folder.lineage("validate", "m@2", *words)
        assert refused.code == 9, refused.out
        assert "predict read others at model.txt" in refused.err
        proposed = _typed(refused.err, "validate")
        assert proposed[-2:] == ["predict", "evaluate"]
        done = folder.lineage(*proposed)
        assert "BROKEN  auc >= 0.8" in done.out, done.err
        folder.git("checkout", "--quiet", "dvc.lock")
        folder.dvc("checkout", "--quiet", "--force")
    replayed = folder.lineage("validate", "m@2", "--in", "production", "--json").json
    assert (replayed["passed"], replayed["metrics"]["auc"]) == (False, 0.3)
    assert replayed["run"]["command"][-2:] == ["predict", "evaluate"]


@pytest.fixture
def shop(folder):
    _make(folder)
    return folder


def _typed(error: str, verb: str) -> list[str]:
    (command,) = [one for one in REMEDY.findall(error) if one.startswith(f"lineage {verb}")][:1]
    return shlex.split(command.removeprefix("lineage ").strip(" ."))


def test_what_a_refused_release_proposes_brings_no_false_pass_into_production(shop):
    release = ("release", "--env", "production", "--pipeline", "shop", "--model", "churn@2")
    refused = shop.lineage(*release)
    assert refused.code == 3
    proposed = _typed(refused.err + refused.out, "validate")
    assert proposed[:2] == ["validate", "spend@1"]
    assert proposed[-2:] == ["--", "COMMAND"], "a verdict that somebody runs"
    others = shop.lineage(*proposed[:-2])
    assert others.code == 9
    shop.lineage(*_typed(others.err, "pull"))
    assert json.loads((shop.path / "models/spend.json").read_text())["cap"] == 40
    stale = shop.lineage(*proposed[:-2])
    assert stale.code == 9, stale.out
    assert "models/spend.json" in stale.err
    run = _typed(stale.err, "validate")
    assert run[-5:] == ["dvc", "repro", "--single-item", "--force", "evaluate"]
    done = shop.lineage(*run)
    assert done.code == 0, done.err
    assert "BROKEN  spend.off <= 20" in done.out
    assert shop.lineage(*release).code == 3


def test_what_watched_runs_saw_of_other_weights_is_not_taken_for_these(shop):
    assert shop.ok("run", "--force")["kept"] is True
    shop.commit("Run")
    shop.ok("register", "spend")
    assert len(shop.ok("validate", "spend@2")["watched"]) == 1
    code = "import shutil; shutil.copy('eval/metrics.json', 'report.json')"
    report = ("--metrics", "report.json")
    done = shop.lineage("validate", "spend@2", *report, "--", "python", "-c", code)
    assert done.code == 0, done.err
    shop.ok("pull", "spend@1", "--out", "models")
    other = shop.lineage("validate", "spend@1", *report)
    assert (other.code, "the run that wrote them was watched" in other.err) == (9, True)
    by_hand = shop.command("python", "src/evaluate.py")
    assert by_hand.code == 0, by_hand.err
    stated = shop.ok("validate", "spend@1")
    assert (stated["metrics"]["spend"], stated["passed"]) == ({"off": 30}, False)
    assert stated["watched"] == [], "that run made and read the weights of spend@2"
