"""Which files are a DVC project's: `.dvcignore`, nested projects, and what a checkout lacks."""

from __future__ import annotations

import json
import shutil

import pytest

from lineage.capture.project import Project
from lineage.errors import CaptureError

STAGE = "stages:\n  a:\n    cmd: run\n    deps: [{}]\n"
BROKEN = "stages: [1, 2"


def captured(workspace, folder=".", revision=None, name="churn"):
    return Project.find(workspace.path / folder).capture_pipeline(name, revision)


def stages(workspace, folder=".", revision=None):
    return captured(workspace, folder, revision).version.manifest.to_json()["stages"]


def agreed(workspace, folder="."):
    """The stages of a clean working tree, which the revision must have too."""
    here, there = captured(workspace, folder), captured(workspace, folder, "HEAD")
    assert here.version.xxh3 == there.version.xxh3
    assert not here.dirty
    return here.version.manifest.to_json()["stages"]


def listed_by_dvc(workspace, folder="."):
    return workspace.command("dvc", "stage", "list", "--all", "--name-only", cwd=folder).out.split()


@pytest.mark.parametrize(
    ("place", "patterns", "ignored"),
    [
        (".dvcignore", "old/\n", ["old/dvc.yaml", "old/x.dvc", "old/dvc.lock"]),
        (".dvcignore", "/old/*\n!/old/keep\n", ["old/dvc.yaml"]),
        ("old/.dvcignore", "*.yaml\nx.dvc\n", ["old/dvc.yaml", "old/x.dvc", "old/deep/dvc.yaml"]),
        ("old/.dvcignore", "# all\n\n*\r\n!/dvc.yaml\n", ["old/x.dvc", "old/deep/dvc.yaml"]),
        (".dvcignore", "**/deep\n", ["old/deep/dvc.yaml"]),
        (".dvcignore", "dvc.lock\n", ["dvc.lock"]),
    ],
)
def test_dvc_files_that_dvcignore_names_are_not_read_however_broken(
    repository, place, patterns, ignored
):
    repository.dvc("init", "--quiet")
    repository.write({"dvc.yaml": STAGE.format("a.py"), "a.py": "1", place: patterns})
    repository.write(dict.fromkeys(ignored, BROKEN))
    repository.commit()
    assert listed_by_dvc(repository) == ["a"]
    assert list(agreed(repository)) == ["a"]
    (repository.path / place).unlink()
    with pytest.raises(CaptureError, match="cannot be read"):
        captured(repository)


def test_the_ignore_files_of_a_project_are_its_own_and_never_those_above_it(repository):
    repository.write({".dvcignore": "*.py\nsub/\n"})
    (repository.path / "sub").mkdir()
    repository.command("dvc", "init", "--quiet", "--subdir", cwd="sub")
    repository.write(
        {
            "sub/dvc.yaml": STAGE.format("src"),
            "sub/.dvcignore": "*.tmp\n!keep.tmp\n/src/out\n",
            "sub/src/.dvcignore": "!b.tmp\nlate.py\n",
            **{f"sub/src/{name}": "1" for name in ("a.py", "a.tmp", "b.tmp", "keep.tmp")},
            **{f"sub/src/{name}": "1" for name in ("late.py", "out/c.py", "deep/late.py")},
        }
    )
    repository.commit()
    code = sorted(agreed(repository, "sub")["a"]["code"])
    assert code == ["src/a.py", "src/b.tmp", "src/keep.tmp"]


def test_what_dvc_ignores_of_a_folder_may_change_and_appear(repository):
    repository.write(
        {"dvc.yaml": STAGE.format("src"), "src/a.py": "1", "src/notes.md": "1"}
        | {".dvcignore": "*.md\n"}
    )
    repository.commit()
    before = captured(repository).version.xxh3
    repository.write({"src/notes.md": "2", "src/more.md": "1"})
    assert captured(repository).version.xxh3 == before


@pytest.mark.parametrize("ways", ["untracked", "ignored", "changed"])
def test_an_ignore_file_that_no_commit_holds_makes_the_version_dirty(repository, ways):
    repository.write({"dvc.yaml": STAGE.format("src"), "src/a.py": "1", "src/b.py": "1"})
    if ways == "ignored":
        repository.write({".gitignore": ".dvcignore\n"})
    if ways == "changed":
        repository.write({".dvcignore": "b.py\n"})
    repository.commit()
    assert not captured(repository).dirty
    repository.write({".dvcignore": "a.py\n"})
    found = captured(repository)
    assert list(found.version.manifest.stages["a"].code) == ["src/b.py"]
    assert found.dirty


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\xff\n", r"src/\.dvcignore cannot be read: it is not UTF-8"),
        (b"a.py\n!\n", r"DVC cannot read src/\.dvcignore: "),
        (b"*.md\n" * 20_000, r"src/\.dvcignore is larger than 65,536 bytes"),
    ],
)
def test_an_ignore_file_that_dvc_cannot_read_is_named(repository, data, says):
    repository.write({"dvc.yaml": STAGE.format("src"), "src/a.py": "1"})
    (repository.path / "src/.dvcignore").write_bytes(data)
    repository.commit()
    for revision in (None, "HEAD"):
        with pytest.raises(CaptureError, match=says):
            captured(repository, revision=revision)


def test_an_ignore_file_behind_a_link_counts_unless_it_leads_out(repository, tmp_path_factory):
    repository.write({"dvc.yaml": STAGE.format("src"), "src/a.py": "1", "src/b.py": "1"})
    repository.write({"shared/ignore": "b.py\n"})
    link = repository.path / ".dvcignore"
    link.symlink_to("shared/ignore")
    repository.commit()
    assert list(agreed(repository)["a"]["code"]) == ["src/a.py"]
    link.unlink()
    link.symlink_to(tmp_path_factory.mktemp("outside") / "ignore")
    with pytest.raises(CaptureError, match="leads out of the repository"):
        captured(repository)


@pytest.mark.parametrize("tracked", [".dvc/config", ".dvc/.gitignore", ".dvc/plots/x.json"])
def test_a_folder_with_any_dvc_folder_is_a_project_of_its_own(repository, tracked):
    repository.dvc("init", "--quiet")
    repository.write({"dvc.yaml": STAGE.format("libs"), "libs/a.py": "1"})
    repository.write({"libs/own/dvc.yaml": STAGE.format("b.py"), "libs/own/b.py": "1"})
    repository.write({f"libs/own/{tracked}": "", "libs/own/deep/dvc.yaml": BROKEN})
    repository.commit()
    assert listed_by_dvc(repository) == ["a"]
    assert list(agreed(repository)["a"]["code"]) == ["libs/a.py"]
    repository.write({"libs/own/deep/dvc.yaml": "stages: {}\n"})
    repository.commit()
    assert list(agreed(repository, "libs/own")["a"]["code"]) == ["b.py"]


@pytest.mark.parametrize("where", [".", "sub"])
def test_a_project_that_only_this_checkout_has_is_told(repository, where):
    repository.write({"dvc.yaml": STAGE.format("sub"), "sub/a.py": "1"})
    repository.write({"sub/dvc.yaml": STAGE.format("a.py"), "sub/lineage.toml": ""})
    repository.commit()
    assert not captured(repository, where).dirty
    (repository.path / "sub/.dvc").mkdir()
    found = captured(repository, where)
    assert found.dirty
    assert any("sub/.dvc makes sub a DVC project of its own here" in note for note in found.notes)


MAKE = """\
import os
os.makedirs("gen", exist_ok=True)
for name in ("gen/made.csv", "w/made.csv", "w/log.txt", "w/m.json"):
    open(name, "w").write("{}")
"""


def test_a_folder_dependency_is_the_same_before_and_after_its_data_are_here(repository):
    repository.dvc("init", "--quiet")
    repository.write(
        {
            "dvc.yaml": "stages:\n  make:\n    cmd: python make.py\n    deps: [make.py]\n"
            "    outs: [w/made.csv, gen/made.csv]\n    metrics: [w/m.json: {cache: false}]\n"
            "  use:\n    cmd: run\n    deps: [w, gen]\n",
            "make.py": MAKE,
            "w/code.py": "1",
            "w/set/a.csv": "x",
        }
    )
    repository.dvc("add", "--quiet", "w/set")
    repository.commit()
    before = agreed(repository)
    assert before["use"]["inputs"] == ["gen/made.csv", "w/m.json", "w/made.csv", "w/set"]
    repository.dvc("repro", "--quiet", "make")
    found = captured(repository)
    assert found.version.manifest.to_json()["stages"] == before
    assert found.dirty, "w/log.txt is in no commit"
    (repository.path / "w/log.txt").unlink()
    repository.commit()
    assert agreed(repository) == before
    (repository.path / "w/made.csv").unlink()
    shutil.rmtree(repository.path / "w/set")
    shutil.rmtree(repository.path / "gen")
    assert stages(repository) == before
    repository.dvc("checkout", "--quiet")
    assert stages(repository) == before


def test_code_that_lies_untracked_in_a_folder_dependency_counts(repository):
    repository.write({"dvc.yaml": STAGE.format("src"), "src/a.py": "1"})
    repository.commit()
    before = captured(repository).version.xxh3
    repository.write({"src/b.sh": "1"})
    found = captured(repository)
    assert found.version.xxh3 != before
    assert found.dirty
    assert json.dumps(found.version.manifest.to_json()).count("src/b.sh") == 1


def test_code_in_a_repository_that_lies_untracked_in_a_folder_dependency_counts(repository):
    repository.write({"dvc.yaml": STAGE.format("src"), "src/a.py": "1"})
    repository.commit()
    before = captured(repository).version.xxh3
    repository.write({"src/inner/b.py": "1"})
    repository.git("init", "--quiet", "src/inner")
    found = captured(repository)
    assert found.version.xxh3 != before
    assert found.dirty
    repository.write({"src/inner/b.py": "2"})
    assert captured(repository).version.xxh3 not in (before, found.version.xxh3)


def test_a_link_to_a_folder_in_a_folder_dependency_is_the_code_behind_it(repository):
    repository.write({
        "dvc.yaml": STAGE.format("src"), "src/a.py": "1", "shared/b.py": "1",
        ".gitignore": "__pycache__\n*.log\n/made.csv\n",
    })  # fmt: skip
    (repository.path / "src" / "lib").symlink_to("../shared")
    (repository.path / "shared" / "back").symlink_to("../src")
    repository.commit()
    before = agreed(repository)
    assert [*before["a"]["code"]] == ["shared/b.py", "src/a.py"]
    repository.write({"shared/__pycache__/b.pyc": "1", "shared/b.log": "1"})
    assert agreed(repository) == before
    repository.write({"shared/b.py": "2"})
    assert stages(repository) != before


NO_VALUE = "vars: [{v: null}]\nstages:\n  a:\n    cmd: run\n    "


@pytest.mark.parametrize(
    ("dvc_yaml", "says"),
    [
        ("stages: null\n", "expected a dictionary for stages in line 1."),
        ("stages:\n  a: null\n", "expected a dictionary for stages.a in line 2."),
        ("stages:\n  null: {cmd: run}\n", "expected str for stages.null in line 2."),
        ("stages:\n  a:\n    cmd: null\n", "expected str for stages.a.cmd in line 3."),
        ("stages:\n  a:\n    cmd: run\n    deps:\n", "for stages.a.deps in line 4."),
        ("stages:\n  a:\n    cmd: run\n    outs: [b, ~]\n", "for stages.a.outs.1 in line 4."),
        ("stages:\n  a:\n    foreach: null\n    do: {cmd: run}\n", "stages.a.foreach in line 3."),
        (NO_VALUE + "deps: ['${v}']\n", "a dependency of stage a is null."),
        (NO_VALUE + "outs: ['${v}']\n", "an output of stage a is null."),
        (NO_VALUE + "metrics: ['${v}': {cache: false}]\n", "an output of stage a is null."),
        (NO_VALUE + "params: [params.yaml: [null]]\n", "a parameter of stage a is null."),
        (NO_VALUE.replace("run", "[run, '${v}']"), "a command of stage a is null."),
        (
            NO_VALUE.replace("cmd: run", "{foreach: '${v}', do: {cmd: run}}"),
            "failed to resolve 'stages.a.foreach' in 'dvc.yaml': expected list/dictionary, "
            "got NoneType (line 4).",
        ),
    ],
)
def test_a_null_that_dvc_refuses_is_refused_by_its_key_and_line(repository, dvc_yaml, says):
    repository.write({"dvc.yaml": dvc_yaml})
    with pytest.raises(CaptureError) as error:
        captured(repository)
    assert str(error.value).startswith("DVC cannot read dvc.yaml: ")
    assert str(error.value).endswith(says)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("wdir: '${v}'", {}),
        ("params: ['${v}': [x]]", {"params": {"params.yaml": {"x": 1}}}),
        ("params: [{null: [x]}]", {"params": {"params.yaml": {"x": 1}}}),
        ("params: [params.yaml: ]", {"params": {"params.yaml": {"": {"map": [["x", 1]]}}}}),
    ],
)
def test_a_null_that_dvc_takes_for_nothing_is_nothing(repository, line, expected):
    repository.write({"dvc.yaml": NO_VALUE + line, "params.yaml": "x: 1\n"})
    repository.commit()
    nothing = {"cmd": ["run"], "code": {}, "params": {}, "inputs": [], "outputs": []}
    assert agreed(repository) == {"a": nothing | expected}
    repository.write({"dvc.yaml": NO_VALUE.replace("run", "'${v}'")})
    assert stages(repository) == {"a": nothing | {"cmd": []}}, "DVC runs nothing"


@pytest.mark.parametrize("null", ["null", "~", "", "Null"])
def test_nulls_in_dvc_files_stand_for_no_folder_no_path_and_no_command(repository, null):
    repository.dvc("init", "--quiet")
    repository.write({"dvc.yaml": STAGE.format("d.csv"), "d.csv": "x"})
    repository.dvc("add", "--quiet", "d.csv")
    repository.commit()
    before = agreed(repository)
    text = (repository.path / "d.csv.dvc").read_text()
    keys = "".join(f"{key}: {null}\n" for key in ("wdir", "cmd", "deps", "desc"))
    repository.write({"d.csv.dvc": text + keys})
    repository.write({"e.dvc": f"outs:\n- {null}\n- path: {null}\n  md5: {null}\n"})
    repository.write({"f.dvc": f"outs: {null}\n", "g.dvc": f"{null}\n"})
    repository.write({"dvc.yaml": "stages:\n  a:\n    cmd: run\n    deps: [d.csv]\n"})
    repository.commit()
    assert agreed(repository) == before
    project = Project.find(repository.path)
    assert list(project.dvc(project.source()).tracked) == ["d.csv"]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"params.yaml": "[1]"}, "DVC cannot use params.yaml in templates: it is a list, and no"),
        ({"v.yaml": "text"}, "DVC cannot use v.yaml in templates: it is a str, and no mapping"),
        ({"v.yaml": "v: 1\nv: 2"}, "v.yaml cannot be read: the duplicate key 'v' of one mapping"),
        ({"x.dvc": "outs:\n- path: [\n"}, "x.dvc cannot be read: did not find expected node"),
        ({"dvc.lock": "a\nb: ["}, "dvc.lock cannot be read: mapping values are not allowed in"),
        ({"v.yaml": "w: 1"}, "'stages.a.cmd' in 'dvc.yaml': Could not find 'v' (line 4)."),
    ],
)
def test_a_refusal_names_the_file_that_is_broken(repository, files, says):
    repository.write({"dvc.yaml": "vars: [v.yaml]\nstages:\n  a:\n    cmd: ${v}\n    deps: [b]\n"})
    repository.write({"v.yaml": "v: 1\n", "b": ""} | files)
    with pytest.raises(CaptureError) as error:
        captured(repository)
    assert says in str(error.value)


TUNED = """\
stages:
  tune:
    cmd: python tune.py
    deps: [tune.py]
    outs: [best.yaml, whole.json]
  train:
    cmd: touch model.bin
    params: [rate, best.yaml: [lr, on.deep], whole.json: ]
    deps: [train.py]
    outs: [model.bin]
"""
TUNE = """\
open("best.yaml", "w").write("lr: 1.0\\non: {deep: [1, yes]}\\nother: 1\\n")
open("whole.json", "w").write('{"b": 1, "a": "2"}')
"""


def test_parameters_that_a_stage_makes_are_read_from_the_lock_alone(repository):
    repository.dvc("init", "--quiet")
    repository.write({"dvc.yaml": TUNED, "tune.py": TUNE, "train.py": "", "params.yaml": "rate: 1"})
    repository.commit()
    assert agreed(repository)["train"]["params"] == {"params.yaml": {"rate": 1}}
    text = "no run is recorded with it"
    assert captured(repository).unseen == tuple(
        {
            "stage": "train",
            "where": "dvc.lock",
            "what": "made by a stage",
            "text": f"{what}: {text}",
        }
        for what in (
            "the parameter lr of best.yaml",
            "the parameter on.deep of best.yaml",
            "the parameters of whole.json",
        )
    )
    repository.dvc("repro", "--quiet")
    repository.commit()
    params = agreed(repository)["train"]["params"]
    assert captured(repository).unseen == ()
    assert params["best.yaml"] == {"lr": {"float": "1"}, "on.deep": [1, "yes"]}
    assert params["whole.json"] == {"": {"map": [["a", "2"], ["b", 1]]}}
    repository.write({"best.yaml": "lr: 2\n"})
    assert stages(repository)["train"]["params"] == params
    (repository.path / "best.yaml").unlink()
    (repository.path / "whole.json").unlink()
    assert stages(repository)["train"]["params"] == params
    repository.edit("dvc.lock", "lr: 1.0", "lr: 2.0")
    assert stages(repository)["train"]["params"]["best.yaml"]["lr"] == {"float": "2"}
    assert captured(repository).dirty


def test_parameters_in_data_that_dvc_tracks_are_read_from_the_lock_too(repository):
    repository.dvc("init", "--quiet")
    repository.write({"p.yaml": "lr: 1\n"})
    repository.write({"dvc.yaml": "stages:\n  a:\n    cmd: echo\n    params: [p.yaml: [lr]]\n"})
    repository.dvc("add", "--quiet", "p.yaml")
    repository.dvc("repro", "--quiet")
    repository.commit()
    assert agreed(repository)["a"]["params"] == {"p.yaml": {"lr": 1}}
    (repository.path / "p.yaml").unlink()
    assert agreed(repository)["a"]["params"] == {"p.yaml": {"lr": 1}}


@pytest.mark.parametrize("path", ["src/featurize.py", "lib/b.py"])
def test_a_file_that_was_deleted_and_not_staged_makes_the_version_dirty(project, path):
    project.write({"lib/a.py": "A = 1\n", "lib/b.py": "B = 1\n"})
    project.edit("dvc.yaml", "src/featurize.py]", "src/featurize.py, lib]")
    project.dvc("repro", "--quiet")
    project.commit()
    (project.path / path).unlink()
    found = captured(project)
    assert found.dirty
    assert f"{path} is deleted here, and no commit says so" in found.notes
    assert path not in found.version.manifest.stages["featurize"].code
    refused = project.lineage("register", "churn")
    assert refused.code == 9
    assert f"changes that no commit holds: {path}" in refused.err


def test_what_python_compiles_beside_code_is_nothing(project):
    project.write({"lib/a.py": "A = 1\n"})
    project.edit("dvc.yaml", "src/featurize.py]", "src/featurize.py, lib]")
    project.commit()
    before = captured(project)
    project.write({"lib/__pycache__/a.pyc": "compiled"})
    after = captured(project)
    assert (after.version.xxh3, after.dirty) == (before.version.xxh3, False)
