"""Weights that these parts made: DVC's record, what is here, and the code that the stages run."""

from __future__ import annotations

import sys

import pytest

from tests.conftest import FILE_AND_SERVER, Workspace

HELPER = "src/common/names.py"
TRAIN = (
    "import os\nfrom common.names import prefix\nos.makedirs('models', exist_ok=True)\n"
    "open('models/model.bin', 'w').write(prefix() + open('data/features.csv').read())\n"
)

UNWATCHED = """\
import subprocess, sys
sys.audit("import", 1)
subprocess.run(["dvc", "repro", "--quiet", "--force", "train"], check=True)
"""
"""A training that reports an event that nobody reports, which the watching of it does not expect."""


def _train(project) -> None:
    project.write({HELPER: "def prefix():\n    return 'weights of '\n", "src/train.py": TRAIN})
    project.dvc("repro", "--quiet")
    project.commit("A prefix in a module of its own")


@pytest.fixture
def copied(made_in_place):
    return made_in_place(_train)


@pytest.fixture
def trained(project):
    """churn, whose training imports a helper that no dependency names; trained and committed."""
    return project


def _refused(project: Workspace, *words: str) -> str:
    done = project.lineage("register", "churn", *words)
    assert done.code == 9, (done.out, done.err)
    return done.err


def _made(project: Workspace, ref: str) -> dict:
    return project.ok("show", ref)["components"]["weights"]["made"]


@FILE_AND_SERVER
def test_weights_that_a_stage_made_of_what_is_here(trained):
    commit = trained.git("rev-parse", "HEAD").strip()
    trained.write({"README.md": "# Churn\n"})
    trained.commit("A read-me, which changes nothing")
    done = trained.lineage("register", "churn")
    assert done.code == 0, done.err
    assert "the weights are what stage train made" in done.out
    assert _made(trained, "churn@1") == {
        "state": "made", "stage": "train", "commit": commit, "changed": [], "reason": None,
    }  # fmt: skip
    assert "the weights are what stage train made" in trained.lineage("show", "churn@1").out


@FILE_AND_SERVER
def test_code_that_changed_since_makes_them_stale(trained):
    trained.edit(HELPER, "weights of ", "parameters of ")
    trained.commit("Another prefix, and no training")
    said = _refused(trained)
    assert f"are stale: {HELPER} changed after train made them" in said
    assert "lineage register churn -- dvc repro --force train" in said
    assert trained.lineage("versions", "churn").code == 4

    trained.ok("register", "churn", "--stale-ok", "the prefix is a comment")
    made = _made(trained, "churn@1")
    assert (made["state"], made["changed"]) == ("stale", [HELPER])
    assert made["reason"] == "the prefix is a comment"
    told = f"are stale: {HELPER} changed since the stages up to train ran"
    assert told in trained.lineage("show", "churn@1").out
    trained.ok("validate", "churn@1")
    trained.ok("pipeline", "deploy", "--env", "production")
    trained.ok("promote", "churn@1", "--env", "production")
    decision = trained.ok("guard", "churn@1", "--env", "production")
    (clean,) = (check for check in decision["checks"] if check["code"] == "code-clean")
    assert clean["status"] == "warn"
    assert "the prefix is a comment" in clean["summary"]
    assert clean["details"]["made"] == made
    slot = trained.ok("serving", "churn")
    assert slot["serving"]["made"] == made
    assert "taken on: the prefix is a comment" in trained.lineage("serving", "churn").out


def test_a_training_that_is_run_here_makes_them_anew(trained):
    trained.edit(HELPER, "weights of ", "parameters of ")
    trained.commit("Another prefix")
    skipped = trained.lineage("register", "churn", "--", "dvc", "repro", "--quiet", "train")
    assert skipped.code == 9, "DVC does not know of the helper, and trains nothing"
    assert "are stale" in skipped.err
    done = trained.lineage("register", "churn", "--", "dvc", "repro", "--quiet", "--force", "train")
    assert done.code == 0, done.err
    made = _made(trained, "churn@1")
    assert (made["state"], made["commit"]) == ("run", None), "no commit records that run yet"
    trained.commit("What the training wrote")
    assert trained.lineage("register", "churn").code == 0


def test_an_earlier_stage_that_ran_and_made_the_same_leaves_the_weights_as_they_are(trained):
    trained.edit("src/prepare.py", "open('data/clean", "# a comment\nopen('data/clean")
    trained.commit("A comment in the first stage")
    done = trained.lineage("register", "churn", "--", "dvc", "repro", "--quiet")
    assert done.code == 0, done.err
    assert _made(trained, "churn@1")["state"] == "made", (
        "DVC trained nothing: its inputs are the same"
    )


def test_what_dvc_takes_from_its_cache_of_runs_was_not_run(trained):
    trained.edit("src/train.py", "import os", "# another\nimport os")
    trained.dvc("repro", "--quiet")
    trained.commit("Another training")
    trained.edit("src/train.py", "# another\n", "")
    trained.edit(HELPER, "weights of ", "parameters of ")
    (trained.path / "models/model.bin").unlink()
    trained.commit("The training of before, and another prefix")
    done = trained.lineage("register", "churn", "--", "dvc", "repro", "--quiet")
    assert (trained.path / "models/model.bin").read_text().startswith("weights of"), "of the cache"
    assert done.code == 9
    assert "cannot be told: No commit records the last run of train" in done.err


def test_each_file_is_named_with_the_run_that_it_changed_after(trained):
    trained.write({"src/common/case.py": "def lower(text):\n    return text.lower()\n"})
    trained.edit("src/prepare.py", "open('data/clean", "import common.case\nopen('data/clean")
    trained.dvc("repro", "--quiet")
    prepared = trained.commit("A case in a module of its own")
    trained.edit("src/common/case.py", "lower()", "upper()")
    trained.edit("src/train.py", "import os", "# another\nimport os")
    trained.dvc("repro", "--quiet")
    made = trained.commit("Another case, and another training")
    before = f"src/common/case.py changed after prepare ran ({prepared[:12]})"
    said = _refused(trained)
    assert f"are stale: {before}, and DVC does not know it" in said
    trained.edit(HELPER, "weights of ", "parameters of ")
    trained.commit("Another prefix, and no training")
    after = f"{HELPER} changed after train made them ({made[:12]})"
    assert f"are stale: {before}; {after}, and DVC does not know it" in _refused(trained)
    trained.ok("register", "churn", "--stale-ok", "both are comments")
    assert _made(trained, "churn@1")["changed"] == ["src/common/case.py", HELPER]


def test_a_run_whose_watching_failed_is_taken_and_says_so(trained):
    trained.write({"again.py": UNWATCHED})
    trained.edit(HELPER, "weights of ", "parameters of ")
    trained.commit("Another prefix, and a training that hides")
    done = trained.lineage("register", "churn", "--", sys.executable, "again.py")
    assert done.code == 0, done.err
    gap = "watching it failed, so what it read is not known"
    assert (_made(trained, "churn@1")["state"], _made(trained, "churn@1")["reason"]) == ("run", gap)
    told = f"were made by the run that registered them; {gap}"
    assert told in trained.lineage("show", "churn@1").out
    decision = trained.lineage("guard", "churn@1", "--env", "production", "--json").json
    (clean,) = (check for check in decision["checks"] if check["code"] == "code-clean")
    assert told in clean["summary"]


def test_other_code_that_changes_is_not_theirs(trained):
    trained.write({"src/common/other.py": "x = 1\n", "src/serve.py": "import common.other\n"})
    trained.commit("Code that no stage runs")
    trained.ok("register", "churn")
    assert _made(trained, "churn@1")["state"] == "made"


def test_a_reason_that_is_not_needed_is_not_recorded(trained):
    done = trained.lineage("register", "churn", "--stale-ok", "to be sure")
    assert (done.code, "the weights are not stale" in done.err) == (0, True)
    assert _made(trained, "churn@1")["reason"] is None
    assert trained.lineage("register", "churn", "--stale-ok", " ").code == 2


def _other_weights(project: Workspace) -> None:
    project.write({"models/model.bin": "others"})


def _parameter(project: Workspace) -> None:
    project.edit("params.yaml", "20", "30")


def _command(project: Workspace) -> None:
    project.edit("dvc.yaml", "python src/train.py", "python -O src/train.py")


def _declared_code(project: Workspace) -> None:
    project.edit("src/prepare.py", "lower", "upper")


def _new_dependency(project: Workspace) -> None:
    project.edit("dvc.yaml", "deps: [data/features.csv,", "deps: [params.yaml, data/features.csv,")


def _new_parameter(project: Workspace) -> None:
    project.edit("params.yaml", "  top: 20\n", "  top: 20\n  low: 1\n")
    project.edit("dvc.yaml", "[featurize.top]", "[featurize.top, featurize.low]")


def _intermediate(project: Workspace) -> None:
    project.write({"data/features.csv": "by hand"})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_other_weights, "models/model.bin are not what DVC recorded of them in dvc.lock"),
        (_parameter, "the parameter featurize.top of featurize was 20, not 30"),
        (_command, "the command of train changed"),
        (_declared_code, "src/prepare.py is not what prepare was run with"),
        (_new_dependency, "train was run without params.yaml"),
        (_new_parameter, "featurize was run without the parameter featurize.low"),
        (_intermediate, "data/features.csv is not what train was run with"),
    ],
)
def test_what_dvc_status_would_call_changed_is_refused(trained, change, says):
    change(trained)
    trained.commit("A change, and no training")
    said = _refused(trained)
    assert says in said
    assert "dvc repro" in said
    assert trained.lineage("register", "churn", "--stale-ok", "why not").code == 9
    trained.dvc("repro", "--quiet", "--force")
    trained.commit("Trained")
    trained.ok("register", "churn")


def test_a_frozen_stage_is_taken_as_it_is(trained):
    trained.edit("dvc.yaml", "    cmd: python src/prepare.py\n",
                 "    frozen: true\n    cmd: python src/prepare.py\n")  # fmt: skip
    trained.edit("src/prepare.py", "lower", "upper")
    trained.commit("Frozen")
    trained.ok("register", "churn")


def test_weights_that_no_stage_makes_are_unmade(trained):
    trained.write({"by_hand.bin": "weights", ".gitignore": "by_hand.bin\n"})
    trained.commit("Weights from a notebook")
    trained.ok("register", "churn", "--weights", "by_hand.bin")
    assert _made(trained, "churn@1")["state"] == "unmade"
    trained.ok("validate", "churn@1")
    trained.ok("pipeline", "deploy", "--env", "production")
    trained.ok("promote", "churn@1", "--env", "production")
    assert "the weights are unmade" in trained.lineage("show", "churn@1").out
    guarded = trained.lineage("guard", "churn@1", "--env", "production", "-v")
    assert "the weights are unmade" in guarded.out
    code = "open('by_hand.bin', 'w').write('other weights')"
    done = trained.lineage(
        "register", "churn", "--weights", "by_hand.bin", "--", sys.executable, "-c", code
    )
    assert done.code == 0, done.err
    assert _made(trained, "churn@2")["state"] == "run"


def test_weights_that_were_added_to_dvc_must_be_those(trained):
    trained.write({"bought.bin": "weights"})
    trained.dvc("add", "--quiet", "bought.bin")
    trained.commit("Bought weights")
    trained.ok("register", "churn", "--weights", "bought.bin")
    assert _made(trained, "churn@1")["state"] == "unmade"
    trained.write({"bought.bin": "others"})
    assert "recorded of them in bought.bin.dvc" in _refused(trained, "--weights", "bought.bin")


def test_a_folder_of_weights_is_one_output(trained):
    trained.edit("dvc.yaml", "outs: [models/model.bin]", "outs: [models]")
    trained.git("rm", "--quiet", "--force", "models/.gitignore")
    trained.dvc("repro", "--quiet")
    trained.commit("The whole folder")
    trained.ok("register", "churn")
    trained.ok("register", "churn", "--weights", "models")
    assert [_made(trained, f"churn@{n}")["state"] for n in (1, 2)] == ["made", "made"]
    trained.write({"models/more.bin": "slipped in"})
    assert "models/model.bin are not what DVC recorded" in _refused(trained)


def test_a_clone_that_does_not_hold_the_training_cannot_tell(trained, tmp_path):
    trained.edit(HELPER, "weights of ", "parameters of ")
    trained.commit("Another prefix")
    trained.write({"README.md": "# Churn\n"})
    trained.commit("A read-me")
    shallow = Workspace(tmp_path / "shallow", trained.env)
    trained.git("clone", "--quiet", "--depth", "1", f"file://{trained.path}", str(shallow.path))
    trained.dvc("remote", "add", "--default", "--local", "store", str(tmp_path / "store"))
    trained.dvc("push", "--quiet")
    shallow.dvc("remote", "add", "--default", "--local", "store", str(tmp_path / "store"))
    shallow.dvc("pull", "--quiet")
    shallow.ok("init")
    said = _refused(shallow)
    assert "cannot be told" in said
    assert "may be too shallow" in said
    shallow.ok("register", "churn", "--stale-ok", "nobody can tell here")
    made = _made(shallow, "churn@1")
    assert (made["state"], made["changed"], made["commit"]) == ("stale", [], None)
    told = shallow.lineage("show", "churn@1").out
    assert "may be stale: whether code changed since train made them is not known" in told
    assert "taken on: nobody can tell here" in told
    shallow.git("fetch", "--quiet", "--unshallow")
    assert f"are stale: {HELPER}" in _refused(shallow)


def test_an_experiment_is_registered_as_it_is(trained):
    trained.edit(HELPER, "weights of ", "parameters of ")
    trained.ok("register", "churn", "--kind", "experiment")
    assert _made(trained, "churn@1") is None


def test_declared_dependencies_alone_are_asked_where_imports_are_off(trained):
    trained.write(
        {"lineage.toml": (trained.path / "lineage.toml").read_text() + "imports = false\n"}
    )
    trained.edit(HELPER, "weights of ", "parameters of ")
    trained.commit("Another prefix, nobody asks")
    trained.ok("register", "churn")


def test_a_project_in_a_subfolder_has_ignore_files_of_its_own(repository):
    repository.write(
        {
            "sub/dvc.yaml": "stages:\n  train:\n    cmd: python train.py\n"
            "    deps: [src, train.py]\n    outs: [models]\n",
            "sub/train.py": "import os\nos.makedirs('models', exist_ok=True)\n"
            "open('models/model.bin', 'w').write(open('src/words.txt').read())\n",
            "sub/src/words.txt": "words",
            "sub/src/run.log": "noise",
            "sub/.gitignore": "*.log\n",
            "sub/lineage.toml": '[models.churn]\nweights = "models/model.bin"\ndata = ["src"]\n',
        }
    )
    sub = Workspace(repository.path / "sub", repository.env)
    sub.dvc("init", "--quiet", "--subdir")
    sub.write({".dvcignore": "*.log\n"})
    sub.dvc("repro", "--quiet")
    sub.commit("A project in a folder")
    sub.ok("init")
    sub.write({"src/run.log": "other noise"})
    sub.ok("register", "churn")
    assert _made(sub, "churn@1")["state"] == "made"
    sub.write({"src/words.txt": "other words"})
    sub.commit("Other words, and no training")
    assert "sub/src is not what train was run with" in _refused(sub)


def _retrain(project: Workspace, old: str, new: str, prefix: str) -> None:
    """Another parameter and another helper, trained and committed."""
    project.edit("src/train.py", old, new)
    project.edit(HELPER, *prefix.split(" → "))
    project.dvc("repro", "--quiet")
    project.commit(prefix)


def test_what_dvc_brought_back_from_its_cache_of_runs_was_made_by_older_code(trained):
    """`dvc repro` runs nothing where it ran with these dependencies before; it knows no helper."""
    _retrain(trained, "import os", "# another\nimport os", "weights of → parameters of")
    trained.ok("register", "churn")
    trained.edit("src/train.py", "# another\n", "")
    trained.dvc("repro", "--quiet")
    assert (trained.path / "models/model.bin").read_text().startswith("weights of"), "of the cache"
    trained.commit("The training of before, with the helper of now")
    assert f"are stale: {HELPER} changed after train made them" in _refused(trained)
    done = trained.lineage("register", "churn", "--", "dvc", "repro", "--quiet", "--force")
    assert done.code == 0, done.err
    trained.commit("Trained anew")
    trained.ok("register", "churn")


def test_a_lock_that_was_checked_out_of_an_older_commit_says_what_that_one_recorded(trained):
    before = trained.git("rev-parse", "HEAD").strip()
    trained.edit(HELPER, "weights of ", "parameters of ")
    trained.dvc("repro", "--quiet", "--force")
    trained.commit("Another prefix, trained")
    trained.ok("register", "churn")
    trained.git("checkout", "--quiet", before, "--", "dvc.lock")
    trained.dvc("checkout", "--quiet", "--force")
    trained.commit("The weights of before")
    assert f"are stale: {HELPER}" in _refused(trained)
    trained.git("checkout", "--quiet", before, "--", "src")
    trained.commit("And their code")
    trained.ok("register", "churn")


def test_a_run_of_another_branch_was_made_by_the_code_of_that_branch(trained):
    trained.git("checkout", "--quiet", "-b", "other")
    _retrain(trained, "import os", "# another\nimport os", "weights of → parameters of")
    trained.git("checkout", "--quiet", "-")
    trained.edit("src/train.py", "import os", "# another\nimport os")
    trained.dvc("repro", "--quiet")
    assert (trained.path / "models/model.bin").read_text().startswith("parameters of")
    trained.commit("The same training, with another helper")
    assert f"are stale: {HELPER}" in _refused(trained)


def test_other_programs_that_read_what_changed_do_not_make_the_weights(trained):
    trained.edit(HELPER, "weights of ", "parameters of ")
    trained.write({"check.py": "import sys\nsys.path.insert(0, 'src')\nimport common.names\n"})
    trained.commit("Another prefix, and a test of it")
    (trained.path / "models/model.bin").unlink()
    command = f"{sys.executable} -B check.py && dvc repro --quiet"
    done = trained.lineage("register", "churn", "--", "sh", "-c", command)
    assert (trained.path / "models/model.bin").read_text().startswith("weights of"), "restored"
    assert done.code == 9, done.out
    assert f"are stale: {HELPER}" in done.err
    done = trained.lineage("register", "churn", "--", "sh", "-c", f"{command} --force")
    assert done.code == 0, done.err
    assert _made(trained, "churn@1")["state"] == "run"
