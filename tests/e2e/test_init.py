"""`init` in projects of DVC's: what it proposes, where it asks, and that `register` takes it."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import tomllib

import pytest

from lineage.connection import connect
from lineage.contract.requests import NewToken

from ..conftest import ENVIRONMENT, Workspace
from ..support import commands
from ..support.servers import registry_server

FOUR_STAGES = {
    "dvc.yaml": """\
vars:
  - paths: {features: build/features}
stages:
  prepare:
    cmd: python code/prepare.py ${split.holdout}
    deps: [code/prepare.py, raw/claims.csv]
    params: [split.holdout]
    outs: [build/train.csv, build/holdout.csv]
  featurize:
    cmd: python code/featurize.py
    deps: [code/featurize.py, build/train.csv]
    params: [features]
    outs: ["${paths.features}"]
  train:
    cmd: python code/train.py
    deps: [code/train.py, "${paths.features}"]
    outs: [out/fraud_model.json]
  evaluate:
    cmd: python code/evaluate.py
    deps: [code/evaluate.py, out/fraud_model.json, build/holdout.csv]
    metrics: [out/scores.json: {cache: false}]
    plots: [out/roc.csv]
""",
    "params.yaml": "split: {holdout: 2}\nfeatures: {columns: [amount]}\n",
    "requirements.txt": "numpy\n",
    "code/prepare.py": """\
import os, sys
rows = open("raw/claims.csv").read().splitlines()
os.makedirs("build", exist_ok=True)
cut = len(rows) - int(sys.argv[1])
open("build/train.csv", "w").write("\\n".join(rows[:cut]))
open("build/holdout.csv", "w").write("\\n".join(rows[cut:]))
""",
    "code/featurize.py": """\
import os
os.makedirs("build/features", exist_ok=True)
open("build/features/x.txt", "w").write(open("build/train.csv").read().replace(",", " "))
""",
    "code/train.py": """\
import json, os
os.makedirs("out", exist_ok=True)
json.dump({"rows": len(open("build/features/x.txt").read())}, open("out/fraud_model.json", "w"))
""",
    "code/evaluate.py": """\
import json
json.load(open("out/fraud_model.json"))
held_out = len(open("build/holdout.csv").read().split())
json.dump({"recall": 0.9, "rows": held_out}, open("out/scores.json", "w"))
open("out/roc.csv", "w").write("x,y\\n0,0\\n1,1\\n")
""",
    "raw/claims.csv": "id,amount\n1,10\n2,20\n3,30\n4,40\n",
}
MODEL = {
    "weights": "out/fraud_model.json",
    "data": ["raw/claims.csv"],
    "metrics": "out/scores.json",
    "evaluate": "evaluate",
    "validation_data": ["build/holdout.csv"],
    "pipeline": {"stages": ["prepare", "featurize"], "files": ["requirements.txt"]},
}


@pytest.fixture
def claims(repository):
    """A project of four stages, run by DVC, that knows nothing of the registry."""
    repository.write(FOUR_STAGES)
    repository.dvc("init", "--quiet")
    repository.dvc("add", "--quiet", "raw/claims.csv")
    repository.dvc("repro", "--quiet")
    repository.commit("The claims project")
    return repository


def configured(workspace):
    return tomllib.loads((workspace.path / "lineage.toml").read_text(encoding="utf-8"))


def test_what_init_writes_is_registered_validated_and_served(claims):
    done = claims.lineage("init", "--yes")
    assert (done.code, "models fraud added to it" in done.out) == (0, True), done
    assert configured(claims)["models"] == {"fraud": MODEL}
    claims.commit("Describe the model")
    assert claims.ok("register", "fraud")["ref"] == "fraud@1"
    claims.ok("validate", "fraud@1", "--passed")
    shown = claims.ok("show", "fraud@1")
    assert shown["validations"][0]["metrics"] == {"recall": 0.9, "rows": 2}
    assert list(claims.ok("pipeline", "capture")["manifest"]["stages"]) == ["featurize", "prepare"]
    claims.ok("pipeline", "deploy", "--env", "production")
    claims.ok("promote", "fraud@1", "--env", "production")
    validated = claims.lineage("validate", "fraud@1", "--in", "production", "--passed")
    assert validated.code == 0, validated.err
    assert claims.ok("init")["proposal"] is None, "running it again changes nothing"


def test_without_a_terminal_nothing_is_written_that_was_not_told(claims):
    done = claims.lineage("init")
    assert done.code == 0, done.err
    assert 'weights = "out/fraud_model.json"' in done.out
    assert "lineage init --yes" in done.err
    assert "models" not in configured(claims)
    told = claims.ok("init")
    assert (told["proposal"], told["models_written"]) == ({"fraud": MODEL}, False)
    assert "models" not in configured(claims)

    claims.ok("init", "--yes")
    assert configured(claims) == {
        "registry": {"url": "sqlite:///.lineage/registry.db"}, "models": {"fraud": MODEL}
    }  # fmt: skip


def at_a_terminal(workspace, answer):
    """`lineage init` at a terminal, with an answer typed; what the terminal showed."""
    terminal, own = pty.openpty()
    with subprocess.Popen(
        [commands.programs() / "lineage", "init"], cwd=workspace.path, env=ENVIRONMENT | {"TERM": "dumb"},
        stdin=own, stdout=own, stderr=own, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(own)
        shown = b""
        while select.select([terminal], [], [], 60)[0]:
            try:
                part = os.read(terminal, 4096)
            except OSError:  # the other end is closed
                break
            shown += part
            if b"[Y/n]: " in shown and answer is not None:
                os.write(terminal, answer)
                answer = None
        os.close(terminal)
        assert process.wait(60) == 0, shown
    return shown.decode()


@pytest.mark.parametrize(("answer", "written"), [(b"\n", True), (b"n\n", False)])
def test_at_a_terminal_it_asks(repository, answer, written):
    repository.write({name: FOUR_STAGES[name] for name in ("dvc.yaml", "params.yaml")})
    shown = at_a_terminal(repository, answer)
    assert "Write this into the configuration?" in shown
    assert ("models" in configured(repository)) is written
    assert (repository.path / ".lineage/registry.db").exists()


def test_models_are_added_to_what_stands_in_pyproject(repository):
    repository.write(
        {name: FOUR_STAGES[name] for name in ("dvc.yaml", "params.yaml")}
        | {
            "pyproject.toml": '[project]\nname = "x"\n[tool.lineage.registry]\nurl = "sqlite:///r.db"'
        }
    )
    assert repository.ok("init", "--yes")["config"] == "pyproject.toml"
    written = tomllib.loads((repository.path / "pyproject.toml").read_text())
    assert written["project"] == {"name": "x"}
    assert written["tool"]["lineage"]["registry"] == {"url": "sqlite:///r.db"}
    assert written["tool"]["lineage"]["models"]["fraud"]["weights"] == "out/fraud_model.json"


def test_a_configuration_that_models_cannot_be_added_to_stays_as_it_is(repository):
    text = "models = {}\n"
    repository.write(
        {name: FOUR_STAGES[name] for name in ("dvc.yaml", "params.yaml")} | {"lineage.toml": text}
    )
    done = repository.lineage("init", "--yes")
    assert (done.code, "cannot be added to lineage.toml" in done.err) == (2, True), done
    assert (repository.path / "lineage.toml").read_text() == text


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("stages:\n  a:\n    cmd: x\n   deps: [y]\n", ("dvc.yaml", "line 4")),
        ("stages:\n  a:\n    cmd: x\n    dep: [y]\n", ("dvc.yaml", "dep", "line 4")),
        ("stages:\n  a:\n    cmd: ${nothing}\n", ("dvc.yaml", "nothing", "line 3")),
        ("stages: {a: {cmd: x}}\nartifacts: {m: {type: model}}\n", ("dvc.yaml", "line 2")),
    ],
)
def test_a_broken_file_is_told_with_its_line_and_nothing_is_made(repository, broken, says):
    repository.write({"dvc.yaml": broken})
    done = repository.lineage("init", "--yes")
    assert done.code == 9, done
    assert all(one in done.err for one in says), done.err
    assert sorted(p.name for p in repository.path.iterdir()) == [".git", "dvc.yaml"]


def test_templates_instances_and_several_files_are_read_as_dvc_resolves_them(repository):
    repository.write(
        {
            "dvc.yaml": """\
stages:
  featurize:
    foreach: ${regions}
    do:
      cmd: python f.py ${item}
      deps: ["raw/${item}.csv"]
      outs: ["x/${item}.npy"]
  train:
    matrix: {region: "${regions}"}
    cmd: python t.py ${item.region}
    deps: ["x/${item.region}.npy"]
    outs: ["models/${item.region}.onnx"]
""",
            "params.yaml": "regions: [north, south]\n",
            "ranking/dvc.yaml": """\
vars: [{where: out}]
stages:
  fit:
    cmd: python fit.py
    deps: [clicks.csv]
    outs: ["${where}/model.pkl"]
  check:
    cmd: python check.py
    deps: ["${where}/model.pkl"]
metrics: ["${where}/check.json"]
artifacts:
  ignored: {path: clicks.csv, type: dataset}
""",
        }
    )
    found = repository.ok("init")["proposal"]
    assert list(found) == ["north", "south", "ranking"]
    assert found["south"] == {
        "weights": "models/south.onnx",
        "data": ["raw/south.csv"],
        "pipeline": {"stages": ["featurize@south"]},
    }
    assert found["ranking"]["pipeline"] == {"stages": ["ranking/dvc.yaml:fit"]}
    assert found["ranking"]["weights"] == "ranking/out/model.pkl"


def test_a_project_is_proposed_its_own_models_alone(repository, tmp_path):
    """A repository of two: DVC lets both declare a model of one name."""
    both = {
        f"{name}/dvc.yaml": "stages: {train: {cmd: x, deps: [d.csv], outs: [model.pkl]}}\n"
        "artifacts: {clf: {path: model.pkl, type: model}}\n"
        for name in ("a", "b")
    }
    repository.write(both)
    repository.dvc("init", "--quiet")
    found = repository.ok("init")["proposal"]
    assert [one["weights"] for one in found.values()] == ["a/model.pkl", "b/model.pkl"]
    inner = Workspace(repository.path / "a", repository.env)
    inner.write({"lineage.toml": "[registry]\n"})
    found = inner.ok("init")["proposal"]
    assert {name: one["weights"] for name, one in found.items()} == {"clf": "model.pkl"}


def test_without_anything_like_weights_it_says_so(repository):
    repository.write({"dvc.yaml": "stages: {report: {cmd: x, deps: [d.csv], outs: [out.html]}}"})
    repository.dvc("init", "--quiet")
    done = repository.lineage("init", "--yes")
    assert (done.code, "looks like the weights of a model" in done.err) == (0, True), done.err
    doctor = repository.lineage("doctor")
    assert "[models.NAME]" in doctor.out
    assert "init --yes" not in doctor.out


def test_a_name_that_acts_does_not_act_in_the_configuration(repository):
    """A folder's name may hold a line end: it stays in its comment and in its text."""
    inner = "a\n[registry]\nurl = 'sqlite:evil'\n#"
    repository.write(
        {f"{inner}/dvc.yaml": "stages: {train: {cmd: x, deps: [d.csv], outs: [m.pkl]}}"}
    )
    repository.dvc("init", "--quiet")
    assert repository.ok("init", "--yes")["models_written"] is True
    assert configured(repository)["registry"] == {"url": "sqlite:///.lineage/registry.db"}


def test_a_registry_in_the_checkout_is_told_of_and_moved_outside(repository, tmp_path_factory):
    home = {"XDG_DATA_HOME": str(tmp_path_factory.mktemp("data"))}
    done = repository.lineage("init", env=home)
    assert "git clean" in done.err
    command = done.err.split("Keep it outside: ")[1].split(", and name it")[0]
    outside = command.split()[-1]
    assert repository.command(*command.split(), env=home).code == 0
    repository.write({"lineage.toml": f'[registry]\nurl = "{outside}"\n'})
    repository.commit("The registry lies outside")
    repository.git("clean", "-dffxq")
    assert repository.ok("env", "list")[0]["name"] == "production"
    assert repository.ok("init")["notes"] == []


def test_a_server_without_environments_is_told_of_and_given_them_where_told(folder, tmp_path):
    database = f"sqlite:///{tmp_path / 'server.db'}"
    folder.lineage("--registry", database, "db", "upgrade")
    with connect(database) as registry:
        tokens = {
            name: registry.create_token(NewToken(name, (scope,)), actor="root")["token"]
            for name, scope in (("reader", "read"), ("root", "admin"))
        }
    with registry_server(database) as address:
        folder.env = {"LINEAGE_REGISTRY": address, "LINEAGE_TOKEN": tokens["reader"]}
        done = folder.lineage("init", "--yes")
        assert (done.code, "scope admin" in done.err) == (0, True), done
        folder.env["LINEAGE_TOKEN"] = tokens["root"]
        assert "lineage init --yes" in folder.lineage("init").err
        assert folder.ok("env", "list") == []
        made = folder.ok("init", "--yes")
        assert made["environments_created"] == ["production", "staging"]
        assert [row["kind"] for row in folder.ok("env", "list")] == ["production", "experimental"]
        assert tokens["root"] not in json.dumps(made)
