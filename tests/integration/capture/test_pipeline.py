"""Pipelines as DVC resolves them, from real repositories."""

from __future__ import annotations

import json
import time

import pytest

from lineage.capture.dvc import DvcProject
from lineage.capture.pipeline import capture_pipeline
from lineage.capture.project import Project
from lineage.capture.version import VersionCapture
from lineage.contract.captured import CaptureRequest
from lineage.errors import CaptureError
from lineage.identity.components import Kind
from lineage.identity.digest import blake3_of
from lineage.identity.pipeline_diff import differences


def _manifest(workspace, *, name="churn", revision=None):
    return Project.find(workspace.path).capture_pipeline(name, revision).version.manifest


def _digest(workspace, *, name="churn", revision=None):
    return Project.find(workspace.path).capture_pipeline(name, revision).version.xxh3


def test_the_configured_stages_are_captured_with_all_that_prepares_the_inputs(project):
    manifest = _manifest(project).to_json()
    assert manifest == {
        "encoding": "lineage-pipeline/2",
        "stages": {
            "prepare": {
                "cmd": ["python src/prepare.py"],
                "code": {
                    "src/prepare.py": blake3_of((project.path / "src/prepare.py").read_bytes())
                },
                "params": {},
                "inputs": ["data/raw.csv"],
                "outputs": ["data/clean.csv"],
            },
            "featurize": {
                "cmd": ["python src/featurize.py"],
                "code": {
                    "src/featurize.py": blake3_of((project.path / "src/featurize.py").read_bytes())
                },
                "params": {"params.yaml": {"featurize.top": 20}},
                "inputs": ["data/clean.csv"],
                "outputs": ["data/features.csv"],
            },
        },
        "files": {},
        "settings": {},
    }


def test_a_revision_and_a_checkout_agree(project):
    assert _digest(project, revision="HEAD") == _digest(project)


def test_a_revision_is_read_without_touching_the_checkout(project):
    before = _digest(project)
    project.edit("params.yaml", "top: 20", "top: 40")
    project.edit("src/featurize.py", "* 2", "* 3")
    project.commit()
    assert _digest(project) != before
    assert _digest(project, revision="HEAD~1") == before
    sentences = [
        str(c) for c in differences(_manifest(project, revision="HEAD~1"), _manifest(project))
    ]
    assert sentences[0] == "featurize: parameter featurize.top 20 → 40"
    assert sentences[1].startswith("featurize: src/featurize.py changed (")
    assert len(sentences) == 2


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("dvc.yaml", "deps: [data/raw.csv, src/prepare.py]", "deps:\n    # sorted\n    - src/prepare.py\n    - data/raw.csv"),
        ("dvc.yaml", "  prepare:\n    cmd: python src/prepare.py", "  prepare:\n    desc: cleans\n    meta: {a: 1}\n    frozen: true\n    always_changed: true\n    cmd: python src/prepare.py"),
        ("params.yaml", "featurize:\n  top: 20\n", "# more\nother: 1\nfeaturize: {rate: 2, 'top': 20}\n"),
        ("src/train.py", "weights of ", "other weights of "),
        ("dvc.yaml", "outs: [models/model.bin]", "outs:\n    - models/model.bin:\n        cache: false"),
    ],
    ids=["order and style", "descriptions", "parameters elsewhere", "another stage's code", "output settings"],
)  # fmt: skip
def test_what_cannot_change_the_inputs_changes_nothing(project, name, old, new):
    before = _digest(project)
    project.edit(name, old, new)
    assert _digest(project) == before


@pytest.mark.parametrize(
    ("name", "old", "new", "sentence"),
    [
        ("params.yaml", "20", "'20'", 'featurize: parameter featurize.top 20 → "20"'),
        ("params.yaml", "20", "20.0", "featurize: parameter featurize.top 20 → 20.0"),
        ("params.yaml", "20", "020", "featurize: parameter featurize.top 20 → 020"),
        ("dvc.yaml", "cmd: python src/prepare.py", "cmd: [python src/prepare.py, echo done]", "prepare: command changed"),
        ("dvc.yaml", "outs: [data/clean.csv]", "outs: [data/clean.csv, data/x.csv]", "prepare: output data/x.csv added"),
        ("dvc.yaml", "deps: [data/raw.csv, ", "deps: [data/raw.csv, README.md, ", "prepare: README.md added"),
    ],
)  # fmt: skip
def test_what_can_change_the_inputs_is_told(project, name, old, new, sentence):
    project.write({"README.md": "read me"})
    project.commit()
    before = _manifest(project)
    project.edit(name, old, new)
    assert [str(change) for change in differences(before, _manifest(project))] == [sentence]


TEMPLATED = """\
vars:
  - params.yaml
  - config/extra.json
  - local: {folder: data}
stages:
  each:
    foreach: ${regions}
    do:
      cmd: python f.py ${item} --rate ${rate}
      deps: [f.py, "${local.folder}/${item}.csv"]
      outs: ["out/${item}.csv"]
  grid:
    matrix:
      size: [small, large]
      region: ${regions}
    cmd: python g.py ${item.size} ${item.region}
    wdir: sub
    deps: [../f.py]
    params:
      - own.toml:
          - a.b
      - ../params.yaml:
    outs: ["${item.size}-${item.region}.csv"]
  many:
    cmd:
      - echo one
      - |
        echo two
    frozen: true
    params: [rate]
    deps: ["s3://bucket/far.csv", /absolute/path.csv]
"""


def test_templates_are_resolved_as_dvc_does(repository):
    repository.write(
        {
            "dvc.yaml": TEMPLATED,
            "params.yaml": "regions: [eu, us]\nrate: 1\n",
            "config/extra.json": '{"unused": 1}',
            "sub/own.toml": "[a]\nb = 3",
            "f.py": "",
            "data/eu.csv": "",
            "data/us.csv": "",
        }
    )
    repository.commit()
    stages = _manifest(repository).to_json()["stages"]
    assert sorted(stages) == [
        "each@eu", "each@us", "grid@large-eu", "grid@large-us", "grid@small-eu", "grid@small-us", "many",
    ]  # fmt: skip
    assert stages["each@eu"]["cmd"] == ["python f.py eu --rate 1"]
    assert sorted(stages["each@eu"]["code"]) == ["data/eu.csv", "f.py"]
    grid = stages["grid@small-us"]
    assert sorted(grid["code"]) == ["f.py"]
    assert grid["outputs"] == ["sub/small-us.csv"]
    assert grid["params"] == {
        "sub/own.toml": {"a.b": 3},
        "params.yaml": {"": {"map": [["regions", ["eu", "us"]], ["rate", 1]]}},
    }
    assert stages["many"]["cmd"] == ["echo one", "echo two"]
    assert stages["many"]["inputs"] == ["/absolute/path.csv", "s3://bucket/far.csv"]
    assert _digest(repository, revision="HEAD") == _digest(repository)


def test_a_name_chooses_all_instances_of_a_stage(repository):
    repository.write(
        {
            "dvc.yaml": "stages:\n  each:\n    foreach: [a, b]\n    do: {cmd: 'echo ${item}'}\n  z: {cmd: echo z}\n",
            "lineage.toml": '[models.churn.pipeline]\nstages = ["each"]',
        }
    )
    repository.commit()
    assert sorted(_manifest(repository).stages) == ["each@a", "each@b"]
    repository.write({"lineage.toml": '[models.churn.pipeline]\nstages = ["each@b", "nowhere"]'})
    with pytest.raises(CaptureError, match="no stage 'nowhere'") as error:
        _manifest(repository)
    assert "each@a" in error.value.remedy


def test_a_folder_is_listed_file_by_file(repository):
    repository.write(
        {
            "dvc.yaml": "stages:\n  a:\n    cmd: run\n    deps: [src]\n    outs: [src/out.bin]\n",
            "src/a.py": "1",
            "src/deep/b.py": "2",
            "src/.gitignore": "/out.bin\n*.pyc\n",
            "src/cache.pyc": "x",
            "src/out.bin": "made",
        }
    )
    repository.commit()
    stage = _manifest(repository).to_json()["stages"]["a"]
    assert sorted(stage["code"]) == ["src/a.py", "src/deep/b.py"]
    assert stage["inputs"] == ["src/out.bin"]
    assert _digest(repository, revision="HEAD") == _digest(repository)


def test_a_file_that_nothing_versions_is_an_input(repository):
    repository.write(
        {
            "dvc.yaml": "stages:\n  a:\n    cmd: run\n    deps: [raw.csv, a.py]\n",
            "a.py": "1",
            ".gitignore": "raw.csv\n",
            "raw.csv": "x",
        }
    )
    repository.commit()
    captured = VersionCapture(
        Project.find(repository.path), "churn", CaptureRequest(Kind.EXPERIMENT)
    ).capture()
    assert captured.loose == ("raw.csv",)
    assert [item.name for item in captured.components.data.items] == ["raw.csv"]
    assert _manifest(repository).to_json()["stages"]["a"]["inputs"] == ["raw.csv"]
    assert _digest(repository, revision="HEAD") == _digest(repository)


def test_a_monorepo_keeps_its_projects_apart(repository):
    stage = "stages:\n  a:\n    cmd: run\n    deps: [a.py, ../shared/lib.py]\n"
    for name in ("one", "two"):
        repository.write(
            {f"{name}/dvc.yaml": stage, f"{name}/a.py": "1", f"{name}/lineage.toml": ""}
        )
    repository.write({"shared/lib.py": "lib"})
    repository.commit()
    one, two = (Project.find(repository.path / name) for name in ("one", "two"))
    assert one.folder == "one"
    digest = one.capture_pipeline("p").version.xxh3
    assert two.capture_pipeline("p").version.xxh3 == digest, "paths count from the project's folder"
    assert one.capture_pipeline("p", "HEAD").version.xxh3 == digest
    repository.write({"two/a.py": "2"})
    assert one.capture_pipeline("p").version.xxh3 == digest
    assert two.capture_pipeline("p").version.xxh3 != digest
    repository.write({"shared/lib.py": "other"})
    assert one.capture_pipeline("p").version.xxh3 != digest


def test_a_pipeline_without_dvc_is_its_files(repository):
    repository.write(
        {
            "lineage.toml": '[models.churn.pipeline]\nfiles = ["uv.lock", "src/**/*.py", "conf"]',
            "uv.lock": "lock",
            "src/a.py": "a",
            "src/deep/b.py": "b",
            "src/deep/c.txt": "c",
            "conf/x.ini": "x",
            "other/uv.lock": "not this one",
        }
    )
    repository.commit()
    files = _manifest(repository).to_json()["files"]
    assert sorted(files) == ["conf/x.ini", "src/a.py", "src/deep/b.py", "uv.lock"]
    assert _digest(repository, revision="HEAD") == _digest(repository)


def test_a_folder_without_git_is_captured_from_disk(folder):
    folder.write({"dvc.yaml": "stages:\n  a:\n    cmd: run\n    deps: [a.csv]\n", "a.csv": "1"})
    assert _manifest(folder).to_json()["stages"]["a"]["inputs"] == ["a.csv"]
    with pytest.raises(CaptureError, match="not in a git repository"):
        Project.find(folder.path).capture_pipeline("churn", "HEAD")


def test_stages_of_dvc_0_are_captured(repository):
    repository.write(
        {
            "train.dvc": "cmd: python train.py\ndeps:\n- path: train.py\n- path: data.csv\nouts:\n- path: model.bin\n  md5: 0\n",
            "data.csv.dvc": "outs:\n- path: data.csv\n  md5: d41d8cd98f00b204e9800998ecf8427e\n",
            "train.py": "",
        }
    )
    repository.commit()
    stages = _manifest(repository).to_json()["stages"]
    assert stages["train.dvc"]["inputs"] == ["data.csv"]
    assert sorted(stages["train.dvc"]["code"]) == ["train.py"]


def test_python_parameters_are_never_executed(repository):
    repository.write(
        {
            "dvc.yaml": "stages:\n  a:\n    cmd: run\n    params:\n      - conf.py: [Train.rate, SIZES]\n",
            "conf.py": "open('executed', 'w')\nSIZES = (1, 2)\nclass Train:\n    rate = 0.5\n",
        }
    )
    repository.commit()
    assert _manifest(repository).to_json()["stages"]["a"]["params"] == {
        "conf.py": {"Train.rate": {"float": "0.5"}, "SIZES": {"tuple": [1, 2]}}
    }
    assert not (repository.path / "executed").exists()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"dvc.yaml": "stages: [1, 2"}, "dvc.yaml cannot be read"),
        ({"dvc.yaml": "stages:\n  a: {deps: [x]}\n"}, "required key"),
        ({"dvc.yaml": "stages:\n  a: {cmd: x, nope: 1}\n"}, "extra keys"),
        ({"dvc.yaml": "stages:\n  a: {cmd: 'run ${missing}'}\n"}, "missing"),
        ({"dvc.yaml": "stages:\n  a: {cmd: x, params: [top]}\n"}, "params.yaml does not exist"),
        (
            {"dvc.yaml": "stages:\n  a: {cmd: x, params: [top]}\n", "params.yaml": "other: 1"},
            "The parameter top is not in params.yaml",
        ),
        (
            {"dvc.yaml": "stages:\n  a: {cmd: x, deps: [gone.py]}\n"},
            "gone.py, which does not exist",
        ),
        ({"dvc.yaml": "stages:\n  a: {cmd: x}\n  a: {cmd: y}\n"}, "duplicate"),
        ({"dvc.yaml": "just text"}, "DVC cannot read"),
        ({"dvc.yaml": "- 1\n- 2"}, "DVC cannot read"),
        ({"dvc.yaml": "stages:\n  a: {cmd: x}\n", "dvc.lock": "{{{"}, None),
        ({"dvc.yaml": "stages:\n  a: {cmd: x}\n", "x.dvc": "- 1"}, "not a DVC file"),
        ({"dvc.yaml": "stages:\n  a: {cmd: x, deps: [b]}\n", "dvc.lock": "[1]"}, "not a DVC file"),
        (
            {
                "dvc.yaml": "stages:\n  a: {cmd: x, deps: [b]}\n",
                "dvc.lock": "schema: '2.0'\nstages: [1]",
            },
            "b, which",
        ),
        (
            {
                "dvc.yaml": "stages:\n  a: {cmd: x, deps: [b]}\n",
                "dvc.lock": "schema: '2.0'\nstages: {a: [1]}",
            },
            "b, which",
        ),
        (
            {"dvc.yaml": "stages:\n  a: {cmd: x, deps: [b]}\n", "x.dvc": "outs: {a: 1}\ndeps: 3\n"},
            "b, which",
        ),
        (
            {
                "dvc.yaml": "stages:\n  a: {cmd: x, deps: [b]}\n",
                "x.dvc": "cmd: [x]\nouts: [{path: [1]}]\n",
            },
            "b, which",
        ),
        (
            {
                "dvc.yaml": "stages:\n  a: {cmd: x, deps: [b]}\n",
                "x.dvc": "cmd: x\nwdir: [1]\ndeps: [{path: {}}]\n",
            },
            "b, which",
        ),
    ],
)
def test_what_dvc_could_not_read_is_a_clear_error(repository, files, says):
    repository.write(files)
    if says is None:
        assert list(_manifest(repository).stages) == ["a"]
        return
    with pytest.raises(CaptureError, match=says) as error:
        _manifest(repository)
    assert "\n" not in str(error.value)


def test_a_pattern_that_matches_nothing_is_a_clear_error(repository):
    repository.write({"lineage.toml": '[models.churn.pipeline]\nfiles = ["nothing/*.py"]'})
    repository.commit()
    with pytest.raises(CaptureError, match="matches nothing"):
        _manifest(repository)
    repository.write({"lineage.toml": '[models.churn.pipeline]\nfiles = ["../../etc/passwd"]'})
    with pytest.raises(CaptureError, match="outside the repository"):
        _manifest(repository)


IMPORTING = {
    "dvc.yaml": "stages:\n  a:\n    cmd: python src/run.py\n    deps: [src/run.py]\n    outs: [made.py]\n",
    "src/run.py": "from common import scaling\n",
    "src/common/__init__.py": "",
    "src/common/scaling.py": "FACTOR = 1\nexec(text)\n",
}


def _captured(workspace, revision=None):
    return Project.find(workspace.path).capture_pipeline("churn", revision).version.manifest


def test_a_change_of_an_imported_helper_is_a_change_of_the_pipeline(repository):
    repository.write({**IMPORTING, "lineage.toml": "[models.churn]\n"})
    repository.commit()
    before = _captured(repository)
    assert set(before.stages["a"].code) == {path for path in IMPORTING if path.startswith("src")}
    repository.write({"src/common/scaling.py": "FACTOR = 2\n"})
    after = _captured(repository)
    assert [change.name for change in differences(before, after)] == ["src/common/scaling.py"]
    assert _captured(repository, "HEAD") == before


def test_imports_can_stay_out(repository):
    off = "[models.churn.pipeline]\nimports = false\n"
    repository.write({**IMPORTING, "lineage.toml": off})
    repository.commit()
    assert set(_captured(repository).stages["a"].code) == {"src/run.py"}


def test_what_could_not_be_followed_is_told(repository):
    repository.write(IMPORTING)
    repository.commit()
    source = Project.find(repository.path).source()
    captured = capture_pipeline(DvcProject(source, ""), None, [])
    code = captured.code["a"]
    assert code.why("src/common/scaling.py") == ("src/common/scaling.py ← src/run.py:1 ← declared")
    assert [one.to_json() for one in code.unseen] == [
        {"where": "src/common/scaling.py:2", "what": "exec or eval", "text": "exec(text)"}
    ]


def test_an_untracked_module_that_is_imported_makes_the_tree_dirty(repository):
    repository.write(
        {**IMPORTING, "src/run.py": "import fresh\n", "lineage.toml": "[models.churn]\n"}
    )
    repository.commit()
    assert not Project.find(repository.path).capture_pipeline("churn").dirty
    repository.write({"src/fresh.py": ""})
    captured = Project.find(repository.path).capture_pipeline("churn")
    assert "src/fresh.py" in captured.version.manifest.stages["a"].code
    assert captured.dirty


def test_an_imported_module_that_was_deleted_is_named_not_an_error(repository):
    repository.write(IMPORTING)
    repository.commit()
    (repository.path / "src/common/scaling.py").unlink()
    captured = capture_pipeline(DvcProject(Project.find(repository.path).source(), ""), None, [])
    assert "src/common/scaling.py" not in captured.version.manifest.stages["a"].code
    assert [one.kind for one in captured.code["a"].unseen] == ["missing"]


def test_code_behind_a_link_is_code(repository):
    repository.write({path.replace("src/", "shared/"): text for path, text in IMPORTING.items()})
    (repository.path / "src").symlink_to("shared")
    repository.commit()
    stage = _captured(repository).stages["a"]
    assert "shared/common/scaling.py" in stage.code
    assert stage.inputs == ()
    assert _captured(repository, "HEAD") == _captured(repository)


def test_running_a_notebook_again_changes_nothing(repository):
    cell = {"cell_type": "code", "source": "x = 1", "outputs": [], "execution_count": None}
    stage = "stages:\n  a:\n    cmd: papermill n.ipynb out.ipynb\n    deps: [n.ipynb]\n"
    repository.write({"dvc.yaml": stage, "n.ipynb": json.dumps({"cells": [cell]})})
    repository.commit()
    before = _captured(repository)
    repository.write({"n.ipynb": json.dumps({"cells": [{**cell, "execution_count": 3}]})})
    assert _captured(repository) == before
    repository.write({"n.ipynb": json.dumps({"cells": [{**cell, "source": "x = 2"}]})})
    assert _captured(repository) != before


def test_a_sparse_checkout_gives_the_same_answer(repository):
    repository.write(IMPORTING)
    repository.commit()
    before = _captured(repository)
    repository.git("update-index", "--skip-worktree", "src/common/scaling.py")
    (repository.path / "src/common/scaling.py").unlink()
    assert _captured(repository) == before


def test_ten_thousand_modules_are_followed_at_once(repository, monkeypatch, tmp_path_factory):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    modules = {f"p/m{n}.py": f"import p.m{n + 1}\n" for n in range(10_000)}
    repository.write(
        {**modules, "run.py": "import p.m0\n", "dvc.yaml": "stages: {a: {cmd: python run.py}}\n"}
    )
    repository.commit()
    began = time.process_time()
    captured = Project.find(repository.path).capture_pipeline("churn")
    assert len(captured.version.manifest.stages["a"].code) == 10_001
    assert captured.why["a"]["p/m9999.py"].endswith(" ← p/m9979.py:1 ← …"), "a long way is cut"
    assert time.process_time() - began < 6, "about one second on an idle machine"
