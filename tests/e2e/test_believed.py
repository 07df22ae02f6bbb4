"""Commands that are run between two captures, and verdicts that are carried over."""

from __future__ import annotations

import json
import sys

import pytest

from ..conftest import FILE_AND_SERVER

GOOD = {"auc": 0.9, "slices": {"new": {"auc": 0.8}}}


def _writes(metrics: dict = GOOD, more: str = "pass", status: int = 0) -> list[str]:
    """A command that measures, does something else, and ends."""
    code = f"import json, sys; json.dump({metrics!r}, open('eval/metrics.json', 'w')); {more}; sys.exit({status})"
    return ["--", sys.executable, "-c", code]


@pytest.fixture
def registered(project):
    project.ok("register", "churn")
    return project


def _validate(project, *words: str, options: tuple[str, ...] = ()):
    return project.lineage("validate", "churn@1", *options, "--json", *words)


def _verdicts(project) -> list[dict]:
    return project.ok("show", "churn@1")["validations"]


def test_a_run_validation_keeps_what_ran_where_how_long_and_how_it_ended(registered):
    done = _validate(registered, *_writes(more="print('to stdout'); print('x', file=sys.stderr)"))
    assert done.code == 0, done.err
    verdict = done.json
    assert "to stdout" in done.err
    assert verdict["passed"] is True
    assert verdict["basis"] == "run"
    took = verdict["metrics"].pop("command")
    assert verdict["metrics"] == GOOD
    assert took["seconds"] == verdict["run"]["seconds"]
    assert took["cpu_seconds"] > 0
    assert took["peak_memory_bytes"] > 1 << 20
    run = verdict["run"]
    assert run["command"][0] == sys.executable
    assert run["exit_status"] == 0
    assert run["folder"] == str(registered.path)
    assert run["host"]
    assert 0 < run["seconds"] < 60
    assert run["started_at"] < verdict["validated_at"]
    assert _verdicts(registered)[0]["run"] == run


def test_what_is_there_is_captured_once_before_the_run_and_once_after(registered, tmp_path):
    trace = tmp_path / "trace"
    done = registered.lineage(
        "validate", "churn@1", "--json", *_writes(), env={"GIT_TRACE": str(trace)}
    )
    assert done.code == 0, done.err
    watched = 1  # what the run read is held against what git tracks
    made = 1  # and against what DVC's stages made
    assert trace.read_text().count("git ls-files") == 2 + watched + made
    assert trace.read_text().count("git status") == 2 + watched


def test_no_training_runs_at_a_revision(project):
    done = project.lineage("register", "churn", "--rev", "HEAD", "--", "touch", "ran")
    assert (done.code, "not at a revision" in done.err) == (2, True)
    assert not (project.path / "ran").exists()


def test_metrics_below_the_bar_fail_and_so_does_an_exit_status(registered):
    low = _validate(registered, *_writes({"auc": 0.5, "slices": {"new": {"auc": 0.8}}}))
    assert (low.code, low.json["passed"]) == (0, False)
    crashed = _validate(registered, "--", sys.executable, "-c", "raise SystemExit(3)")
    assert (crashed.code, crashed.json["passed"], [*crashed.json["metrics"]]) == (
        0, False, ["command"],
    )  # fmt: skip
    assert crashed.json["run"]["exit_status"] == 3
    measured = _validate(registered, *_writes(status=1))
    assert (measured.json["passed"], measured.json["metrics"]["auc"]) == (False, GOOD["auc"])
    config = (registered.path / "lineage.toml").read_text()
    nothing = "".join(line for line in config.splitlines(True) if not line.startswith("require"))
    registered.write({"lineage.toml": nothing})
    done = registered.lineage("validate", "churn@1", *_writes({"auc": 0.1}))
    assert "churn@1 passed" in done.out
    assert "no `require` is configured, so no metric decided it" in done.out


def test_a_verdict_without_a_command_says_that_nothing_was_run(registered):
    hint = "nothing was run (lineage validate churn@1 -- COMMAND runs it)"
    read = f"  stated  eval/metrics.json was read, {hint}\n"
    assert read in registered.lineage("validate", "churn@1").out
    ran = registered.lineage("validate", "churn@1", *_writes())
    elsewhere = registered.lineage("validate", "churn@1", "--elsewhere")
    assert "  ran     " in ran.out
    assert "validated elsewhere" in elsewhere.out
    assert "nothing was run" not in ran.out + elsewhere.out
    registered.edit("lineage.toml", "metrics =", "# metrics =")
    registered.edit("lineage.toml", "require =", "# require =")
    stated = registered.lineage("validate", "churn@1", "--passed")
    assert f"  stated  {hint}\n" in stated.out, "no file was read"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("open('params.yaml', 'w').write('featurize: {top: 21}')", "the pipeline changed"),
        ("open('src/featurize.py', 'a').write('# x')", "the pipeline changed"),
        ("open('models/model.bin', 'a').write('x')", "the weights changed"),
        ("open('holdout.csv', 'a').write('x')", "the validation data changed (holdout.csv)"),
    ],
)
def test_what_changes_while_it_runs_is_refused_and_nothing_is_recorded(registered, more, says):
    registered.write({"holdout.csv": "a,b\n"})
    done = _validate(registered, *_writes(more=more), options=("--data", "holdout.csv"))
    assert done.code == 9
    assert says in done.err
    assert _verdicts(registered) == []


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("models/model.bin", "others", "are not those of churn@1"),
        (
            "params.yaml",
            "featurize:\n  top: 21\n",
            "is not the one that churn@1 was registered with",
        ),
        ("data/raw.csv", "other", "does not match data/raw.csv.dvc"),
    ],
)
def test_what_is_not_the_versions_own_is_refused_before_anything_runs(registered, file, text, says):
    registered.write({file: text})
    done = _validate(registered, "--", sys.executable, "-c", "open('ran', 'w')")
    assert done.code == 9
    assert says in done.err
    assert not (registered.path / "ran").exists()
    assert _verdicts(registered) == []


def test_data_that_dvc_knows_but_the_version_does_not_is_refused(registered):
    registered.write({"data/raw.csv": "C,D\n"})
    registered.dvc("add", "--quiet", "data/raw.csv")
    done = _validate(registered, *_writes())
    assert done.code == 9
    assert "The data here is not that of churn@1: data/raw.csv" in done.err


@FILE_AND_SERVER
def test_data_that_lives_elsewhere_is_taken_as_it_was_stated(project):
    project.ok("register", "churn", "--data", "data/raw.csv", "--data", "events=s3://b/e@v42")
    done = _validate(project, *_writes())
    assert done.code == 0, done.err


def test_another_pipeline_is_validated_with_where_it_is_named(registered):
    registered.edit("params.yaml", "20", "21")
    digest = registered.ok("pipeline", "capture")["digest"]
    done = _validate(registered, *_writes(), options=("--pipeline", digest[:20]))
    assert done.code == 0, done.err
    assert done.json["pipeline"]["digest"] == digest
    wrong = _validate(registered, *_writes(), options=("--pipeline", "xxh3:00000000"))
    assert wrong.code == 9


def test_metrics_that_the_command_did_not_write_do_not_count(registered):
    done = _validate(registered, "--", sys.executable, "-c", "pass")
    assert done.code == 9
    assert "did not write the metrics" in done.err
    assert _verdicts(registered) == []


def test_a_program_that_does_not_exist_is_wrong_usage_and_a_stray_word_is_never_run(registered):
    missing = _validate(registered, "--", "no-such-program")
    assert (missing.code, "There is no program 'no-such-program'" in missing.err) == (2, True)
    registered.write({"sneaky": "#!/bin/sh\ntouch ran\n"})
    (registered.path / "sneaky").chmod(0o755)
    stray = registered.lineage("validate", "churn@1", "./sneaky")
    assert (stray.code, "is one argument too many" in stray.err) == (2, True)
    assert not (registered.path / "ran").exists()


def test_secrets_of_the_command_line_are_not_kept(registered):
    words = [
        *_writes(),
        "--api-key",
        "hunter2",
        "--password=hunter2",
        "https://ann:hunter2@host/x",
        "-k",
        "v",
    ]
    done = _validate(registered, *words)
    assert done.code == 0, done.err
    assert done.json["run"]["command"][3:] == [
        "--api-key", "…", "--password=…", "https://…@host/x", "-k", "v",
    ]  # fmt: skip
    assert b"hunter2" not in (registered.path / ".lineage/registry.db").read_bytes()


def test_validation_data_is_recorded_with_its_digests_several_per_version(registered):
    registered.write({"eval/one.csv": "1\n", "eval/two.csv": "2\n"})
    words = ("--data", "eval/one.csv", "--data", "eval/two.csv", "--data", "s=s3://b/x@v1")
    first = registered.ok("validate", "churn@1", *words)["data"]
    assert [(item["name"], item["size"]) for item in first] == [
        ("eval/one.csv", 2), ("eval/two.csv", 2), ("s", None),
    ]  # fmt: skip
    registered.edit("lineage.toml", "metrics =", 'validation_data = ["eval/two.csv"]\nmetrics =')
    second = _validate(registered, *_writes()).json["data"]
    assert [item["name"] for item in second] == ["eval/two.csv"]
    assert [len(verdict["data"]) for verdict in _verdicts(registered)] == [1, 3]
    (registered.path / "eval/two.csv").unlink()
    assert registered.lineage("validate", "churn@1").code == 9


# around a training


@FILE_AND_SERVER
def test_a_training_is_run_and_registered_with_the_code_that_ran(project):
    project.edit("src/train.py", "weights of", "better weights of")
    commit = project.commit("Better weights")
    done = project.lineage("register", "churn", "--json", "--", "dvc", "repro", "--quiet")
    assert done.code == 0, done.err
    assert done.json["code"] == f"git:{commit}"
    assert project.git("status", "--porcelain").strip() == "M dvc.lock"
    shown = project.ok("show", "churn@1")
    assert shown["run"]["command"] == ["dvc", "repro", "--quiet"]
    assert shown["components"]["code"]["dirty"] is False


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("raise SystemExit(4)", "ended with exit status 4"),
        ("open('params.yaml', 'w').write('featurize: {top: 21}')", "the pipeline changed"),
        ("import subprocess as s; s.run(['git', 'commit', '-q', '--allow-empty', '-m', 'x'])",
         "another commit was checked out"),
    ],
)  # fmt: skip
@FILE_AND_SERVER
def test_a_training_that_fails_or_changes_what_it_came_from_registers_nothing(project, code, says):
    done = project.lineage("register", "churn", "--", sys.executable, "-c", code)
    assert done.code == 9
    assert says in done.err
    assert project.lineage("versions", "churn").code == 4


@FILE_AND_SERVER
def test_a_training_does_not_run_at_a_revision(project):
    done = project.lineage("register", "churn", "--rev", "HEAD", "--", "true")
    assert (done.code, "not at a revision" in done.err) == (2, True)


@FILE_AND_SERVER
def test_a_dirty_tree_is_refused_before_the_training_begins(project):
    project.edit("src/train.py", "weights", "Weights")
    done = project.lineage("register", "churn", "--", sys.executable, "-c", "open('ran', 'w')")
    assert done.code == 9
    assert not (project.path / "ran").exists()


# changes that change nothing


@pytest.fixture
def serving(registered):
    registered.ok("validate", "churn@1")
    registered.ok("pipeline", "deploy", "--env", "production")
    registered.ok("promote", "churn@1", "--env", "production")
    return registered


def _gate(project, *words: str):
    return project.lineage("guard", "churn@production", "--env", "production", "--json", *words)


def test_a_comment_is_carried_over_and_the_refusal_proposes_it(serving):
    serving.edit("src/featurize.py", "open(", "# features\nopen(")
    serving.commit("A comment")
    refused = _gate(serving, "--working-tree")
    assert refused.code == 3
    check = next(c for c in refused.json["checks"] if c["code"] == "pipeline-match")
    assert check["details"]["carry_over"] == "lineage validate churn@1 --carry-over"
    assert check["details"]["carry_over"] in check["remedy"]
    carried = serving.ok("validate", "churn@1", "--carry-over")
    assert (carried["basis"], carried["rests_on"], carried["passed"]) == ("carried", 1, True)
    assert carried["difference"] == "only comments and formatting differ in src/featurize.py"
    assert carried["metrics"] == GOOD | {"auc": 0.91}
    assert _gate(serving, "--working-tree").code == 0
    serving.edit("src/featurize.py", "# features", "# more features")
    again = serving.ok("validate", "churn@1", "--carry-over")
    assert again["rests_on"] == 1, "a chain rests on the first real one"
    serving.commit("More of it")
    serving.ok("pipeline", "deploy", "--env", "production")
    serving.ok("validate", "churn@1", "--failed", "--pipeline", carried["pipeline"]["digest"])
    root = _verdicts(serving)[-1]["pipeline"]["digest"]
    serving.ok("validate", "churn@1", "--failed", "--pipeline", root)
    fallen = _gate(serving)
    assert fallen.code == 3
    check = next(c for c in fallen.json["checks"] if c["code"] == "validated")
    assert "rests on validation 1, which a newer failure has replaced" in check["summary"]


def test_a_refused_deployment_proposes_to_carry_over_to_what_runs(serving):
    serving.edit("src/featurize.py", "open(", "open (")
    commit = serving.commit("A space")
    serving.dvc("repro", "--quiet")
    serving.commit("Run")
    refused = serving.lineage("pipeline", "deploy", "--env", "production", "--json")
    assert refused.code == 3
    check = next(c for c in refused.json["checks"] if c["code"] == "pipeline-match")
    assert check["details"]["commits"][-1]["commit"] == commit
    assert check["details"]["diffs"][0]["path"] == "src/featurize.py"


def test_a_refused_promotion_proposes_to_carry_over_to_the_deployed_pipeline(serving):
    """Production runs the plain file; the new version was validated with a commented one."""
    serving.edit("src/featurize.py", "open(", "# features\nopen(")
    serving.edit("src/train.py", "weights of", "better weights of")
    serving.dvc("repro", "--quiet")
    serving.commit("Better weights")
    serving.ok("register", "churn")
    serving.ok("validate", "churn@2")
    refused = serving.lineage("promote", "churn@2", "--env", "production", "--json")
    assert refused.code == 3
    command = refused.json["checks"][2]["details"]["carry_over"]
    assert command in refused.err.splitlines()[-1]
    assert command.startswith("lineage validate churn@2 --carry-over --pipeline xxh3:")
    assert serving.lineage(*command.split()[1:]).code == 0
    assert serving.lineage("promote", "churn@2", "--env", "production").code == 0


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("src/featurize.py", "* 2", "* 3", "src/featurize.py changed"),
        ("params.yaml", "20", "21", "parameter featurize.top 20 → 21"),
        ("dvc.yaml", "cmd: python src/featurize.py", "cmd: python -O src/featurize.py", "command changed"),
    ],
)  # fmt: skip
def test_more_than_that_is_refused_with_the_difference(serving, file, old, new, says):
    serving.edit(file, old, new)
    assert _gate(serving, "--working-tree").json["checks"][2]["details"]["carry_over"] is None
    done = serving.lineage("validate", "churn@1", "--carry-over", "--json")
    assert done.code == 3
    assert done.json["error"]["code"] == "carry-over-refused"
    assert any(says in sentence for sentence in done.json["difference"]["explanation"])
    assert done.json["error"]["remedy"].endswith("with this pipeline: lineage validate churn@1")
    if file.endswith(".py"):
        shown = serving.lineage("validate", "churn@1", "--carry-over")
        assert "* 3" in shown.out
    assert len(_verdicts(serving)) == 1


def test_there_must_be_a_pass_to_carry_over(registered):
    registered.edit("src/featurize.py", "open(", "open (")
    none = registered.lineage("validate", "churn@1", "--carry-over")
    assert (none.code, "no passing verdict" in none.err) == (4, True)
    assert "Validate the version itself: lineage validate churn@1\n" in none.err
    here = registered.ok("validate", "churn@1", "--failed")["pipeline"]["digest"]
    named = registered.lineage("validate", "churn@1", "--carry-over", "--pipeline", here)
    assert f"itself: lineage validate churn@1 --pipeline {here[:17]}\n" in named.err
    both = registered.lineage("validate", "churn@1", "--carry-over", "--passed")
    assert both.code == 2


def test_an_environment_may_accept_no_carried_validations(serving):
    serving.write(
        {"e.toml": '[environments.production]\nkind = "production"\naccept_carried = false\n'}
    )
    serving.ok("env", "apply", "e.toml")
    serving.edit("src/featurize.py", "open(", "open (")
    refused = _gate(serving, "--working-tree")
    assert refused.json["checks"][2]["details"]["carry_over"] is None, "it would not count"
    serving.ok("validate", "churn@1", "--carry-over")
    still = _gate(serving, "--working-tree")
    assert still.code == 3
    assert "accepts none that is" in json.dumps(still.json)
