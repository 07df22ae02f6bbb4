"""The lineage of a project of four stages, one of whose files was imported from another repository."""

from __future__ import annotations

from tests.conftest import Workspace

STAGES = """\
stages:
  prepare:
    cmd: python copy.py data/clean.csv data/raw.csv data/shared.csv
    deps: [copy.py, data/raw.csv, data/shared.csv]
    outs: [data/clean.csv]
  featurize:
    cmd: python copy.py data/features.csv data/clean.csv
    deps: [copy.py, data/clean.csv]
    params: [top]
    outs: [data/features.csv]
  train:
    cmd: python copy.py model.pkl data/features.csv
    deps: [copy.py, data/features.csv]
    outs: [model.pkl]
  evaluate:
    cmd: python copy.py report.json model.pkl
    deps: [copy.py, model.pkl]
    outs: [report.json]
"""
PROJECT = {
    "dvc.yaml": STAGES,
    "params.yaml": "top: 20\n",
    "data/raw.csv": "a,b\n1,2\n",
    "copy.py": "import sys\n"
    "text = sys.argv[1] + ''.join(open(path).read() for path in sys.argv[2:])\n"
    "open(sys.argv[1], 'w').write(text)\n",
    "lineage.toml": '[models.churn]\nweights = "model.pkl"\n'
    'data = ["data/raw.csv", "data/shared.csv"]\nvalidation_data = ["data/shared.csv"]\n'
    '[models.churn.pipeline]\nstages = ["prepare", "featurize"]\n',
}


def test_a_chain_is_walked_to_the_repository_that_data_came_from(tmp_path):
    """By the commands, as a person types them; and what was read is told from what was not."""
    other, here = (Workspace(tmp_path / name) for name in ("other", "here"))
    for place in (other, here):
        place.path.mkdir()
        place.git("init", "--quiet", "--initial-branch", "main")
        place.dvc("init", "--quiet")
    other.write({"shared.csv": "c,d\n5,6\n"})
    other.dvc("add", "--quiet", "shared.csv")
    commit = other.commit("The other repository")
    here.write(PROJECT)
    here.dvc("add", "--quiet", "data/raw.csv")
    here.dvc("import", "--quiet", str(other.path), "shared.csv", "--out", "data/shared.csv")
    here.dvc("repro", "--quiet")
    here.ok("init")
    here.commit("The project")
    here.ok("register", "churn")

    found = here.ok("trace", "churn@1")
    nodes = {node["id"]: node for node in found["nodes"]}
    assert {n["name"] for n in nodes.values() if n["kind"] == "run"} == {
        "prepare", "featurize", "train", "data/shared.csv.dvc",
    }  # fmt: skip
    (origin,) = (node for node in nodes.values() if node["kind"] == "origin")
    assert origin["details"] == {"url": str(other.path), "path": "shared.csv", "rev": commit}
    files = [node for node in nodes.values() if node["kind"] == "file"]
    assert {node["basis"] for node in files} == {"checked"}
    assert not found["gaps"]

    shown = here.lineage("trace", "churn@1").out
    assert "└─ origin" in shown
    assert "└─ output  prepare" in shown
    assert here.lineage("trace", "churn@1", "--format", "dot").out.startswith("digraph")
    assert here.lineage("trace", "churn@1", "--format", "mermaid").out.startswith("flowchart")
    assert here.lineage("trace", "churn@1", "--format", "png").code == 2
    for what in ("data/raw.csv", "data/shared.csv", "copy.py", commit_of(here), "params.yaml"):
        assert [row["ref"] for row in here.ok("impact", what)["versions"]] == ["churn@1"], what
    assert here.lineage("impact", "nothing.csv").code == 4

    here.ok("validate", "churn@1", "--passed")
    (leaked,) = here.ok("leak", "churn@1")["leaked"]
    assert leaked["validation"] == ["data/shared.csv"]

    here.write({"model.pkl": "others"})
    here.ok("register", "churn", "--kind", "experiment")
    (gap,) = here.ok("trace", "churn@2")["gaps"]
    assert "model.pkl is not what dvc.lock records" in gap
    assert here.ok("audit", "verify")["problems"] == []


def commit_of(place):
    return place.git("rev-parse", "HEAD").strip()
