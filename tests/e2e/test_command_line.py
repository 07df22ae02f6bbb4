"""The installed command, from `init` to `rollback`: shapes, exit codes, words."""

from __future__ import annotations

import json
import re

import pytest

from ..conftest import FILE_AND_SERVER
from ..support.registries import migrate_to

REGISTERED = {
    "model", "version", "ref", "kind", "created", "tuple", "code", "data", "pipeline", "weights",
    "registered_at", "registered_by",
}  # fmt: skip
OCCUPYING = {
    "version", "ref", "tuple", "code", "data", "pipeline", "weights", "promoted_at", "promoted_by",
}  # fmt: skip
SERVING = {
    "environment", "model", "revision", "pipeline", "serving", "backup", "waiver", "contradicted",
}  # fmt: skip


def _retrain(project, message: str = "Retrain") -> None:
    project.dvc("repro", "--quiet")
    project.commit(message)


@FILE_AND_SERVER
def test_the_whole_story(project):
    first = project.ok("register", "churn")
    assert set(first) == REGISTERED
    assert (first["ref"], first["kind"], first["created"]) == ("churn@1", "production", True)
    assert first["code"] == "git:" + project.git("rev-parse", "HEAD").strip()
    assert project.ok("register", "churn") == first | {"created": False}
    assert project.ok("validate", "churn@1")["passed"] is True

    refused = project.lineage("guard", "churn@1", "--env", "production", "--json")
    assert refused.code == 3
    assert set(refused.json) == {
        "allowed", "model", "version", "environment", "pipeline", "checks"
    }  # fmt: skip
    assert [c["code"] for c in refused.json["checks"] if c["status"] == "fail"] == [
        "pipeline-deployed"
    ]
    assert all(
        set(c) == {"code", "status", "summary", "remedy", "details"} for c in refused.json["checks"]
    )

    deployed = project.ok("pipeline", "deploy", "--env", "production")
    assert deployed["pipeline"] == {"name": "churn", "digest": first["pipeline"]}
    slot = project.ok("promote", "churn@1", "--env", "production")
    assert slot["serving"]["ref"] == "churn@1"
    assert project.ok("guard", "churn@1", "--env", "production")["allowed"] is True

    project.edit("params.yaml", "top: 20", "top: 40")
    project.edit("src/featurize.py", "* 2", "* 3")
    project.commit("New features")
    _retrain(project)
    second = project.ok("register", "churn", "--parent", "churn@1")
    project.ok("validate", "churn@latest")
    refused = project.lineage("promote", "churn@2", "--env", "production", "--json")
    assert refused.code == 3
    check = next(c for c in refused.json["checks"] if c["code"] == "pipeline-match")
    assert [(c["stage"], c["kind"], c["name"]) for c in check["details"]["changes"]] == [
        ("featurize", "parameter", "featurize.top"),
        ("featurize", "file", "src/featurize.py"),
    ]
    assert set(check["details"]["changes"][0]) == {"stage", "kind", "name", "validated", "deployed"}
    refused = project.lineage("pipeline", "deploy", "--env", "production", "--json")
    assert (refused.code, refused.json["model"], refused.json["version"]) == (3, "churn", 1)

    released = project.ok(
        "release", "--env", "production", "--pipeline", "churn", "--model", "churn@2"
    )
    assert released["models"][0]["serving"]["ref"] == "churn@2"
    assert released["pipeline"]["digest"] == second["pipeline"]

    project.write({"data/raw.csv": "A,B\n7,8\n"})
    project.dvc("add", "--quiet", "data/raw.csv")
    _retrain(project)
    project.ok("register", "churn")
    project.ok("validate", "churn@3")
    slot = project.ok("promote", "churn@3", "--env", "production", "--expect-revision", "2")
    assert set(slot) == SERVING | {"changed"}
    assert set(slot["serving"]) == OCCUPYING
    assert set(slot["backup"]) == OCCUPYING | {
        "moves_pipeline", "ready", "checked_at", "reasons", "copies", "standby",
    }  # fmt: skip
    assert slot["backup"]["ready"] is True
    conflict = project.lineage(
        "promote", "churn@2", "--env", "production", "--expect-revision", "2"
    )
    assert conflict.code == 5
    before = project.ok("log")[0]["at"]
    project.ok("rollback", "churn", "--env", "production", "--reason", "bad nights")

    slot = project.ok("serving", "churn", "--env", "production")
    assert set(slot) == SERVING | {"observed"}
    assert (slot["serving"]["ref"], slot["revision"]) == ("churn@2", 4)
    assert (slot["backup"]["ref"], slot["backup"]["moves_pipeline"]) == ("churn@1", True)
    assert slot["backup"]["pipeline"] == first["pipeline"] != slot["pipeline"]["digest"]
    assert slot["serving"]["weights"] == second["weights"]
    assert slot == project.ok("serving", "churn") == project.ok("serving")[0]
    past = project.ok("serving", "churn", "--at", before)
    assert (past["serving"]["ref"], past["backup"]["ref"]) == ("churn@3", "churn@2")

    kinds = [event["kind"] for event in project.ok("log", "churn@production")]
    assert kinds == ["rolled-back", "promoted", "released", "promoted"]
    assert project.ok("audit", "verify")["valid"] is True
    assert project.ok("db", "check")["valid"] is True
    assert [v["ref"] for v in project.ok("versions", "churn")] == ["churn@3", "churn@2", "churn@1"]
    refused = project.lineage("retire", "churn", "--env", "production")
    assert (refused.code, "--reason TEXT" in refused.err) == (2, True), "nobody says why"
    project.ok("retire", "churn", "--env", "production", "--reason", "replaced")
    assert project.ok("serving", "churn")["serving"] is None
    assert project.lineage("show", "churn@production").code == 4


@FILE_AND_SERVER
def test_comparing_versions_and_pipelines(project):
    project.ok("register", "churn")
    project.edit("params.yaml", "top: 20", "top: 40")
    project.write({"data/raw.csv": "A,B\n7,8\n9,10\n"})
    project.dvc("add", "--quiet", "data/raw.csv")
    _retrain(project)
    project.ok("register", "churn")
    project.ok(
        "pipeline",
        "deploy",
        "churn",
        "--env",
        "staging",
        "--digest",
        project.ok("show", "churn@1")["pipeline"],
    )
    changes = project.ok("diff", "churn@1", "churn@2")
    assert changes["data"]["explanation"] == ["data/raw.csv changed (8 bytes → 13 bytes)"]
    assert changes["pipeline"]["explanation"] == ["featurize: parameter featurize.top 20 → 40"]
    assert not any(changes[name]["same"] for name in ("code", "data", "pipeline", "weights"))
    assert all(
        project.ok("diff", "churn@1", "churn@1")[n]["same"]
        for n in ("code", "data", "pipeline", "weights")
    )
    digest = project.ok("show", "churn@1")["pipeline"]
    for first, second in (
        ("churn@1", "churn@2"), (digest, "."), ("HEAD~1", "HEAD"), (f"churn@{digest[:13]}", "churn@2"),
        ("churn@staging", "."),
    ):  # fmt: skip
        result = project.ok("pipeline", "diff", first, second)
        assert result["explanation"] == ["featurize: parameter featurize.top 20 → 40"], (
            first,
            second,
        )
    project.ok("pipeline", "deploy", "--env", "staging")
    project.ok("promote", "churn@1", "--env", "staging")
    assert project.ok("pipeline", "diff", "churn@staging", ".")["same"] is True, "what is deployed"
    assert project.ok("pipeline", "diff", "HEAD", ".")["same"] is True
    assert project.lineage("pipeline", "diff", "nonsense", ".").code == 4
    shown = project.ok("pipeline", "show", "churn@1")
    assert (shown["digest"], sorted(shown["manifest"]["stages"])) == (
        digest,
        ["featurize", "prepare"],
    )
    assert len(project.ok("pipeline", "show", "churn")) == 2
    captured = project.ok("pipeline", "capture", "--rev", "HEAD~1")
    assert (captured["digest"], captured["dirty"]) == (digest, False)
    assert captured["commit"] == project.git("rev-parse", "HEAD~1").strip()


@FILE_AND_SERVER
def test_a_pull_request_asks_whether_what_serves_would_still_be_valid(project):
    ask = ("guard", "churn@production", "--env", "production", "--working-tree")
    project.ok("register", "churn")
    project.ok("validate", "churn@1")
    project.ok("pipeline", "deploy", "--env", "production")
    project.ok("promote", "churn@1", "--env", "production")
    project.write({"README.md": "no part of the pipeline"})
    assert project.ok(*ask)["allowed"] is True
    history = project.ok("log")
    project.edit("params.yaml", "20", "40")
    refused = project.lineage(*ask, "--json")
    assert refused.code == 3
    (check,) = [c for c in refused.json["checks"] if c["status"] == "fail"]
    assert check["code"] == "pipeline-match"
    assert check["details"]["explanation"] == ["featurize: parameter featurize.top 20 → 40"]
    assert "lineage validate churn@1" in check["remedy"]
    assert project.ok("log") == history, "nothing is recorded by asking"
    project.write({"dvc.yaml": "stages: [broken"})
    assert project.lineage(*ask).code == 9
    project.git("checkout", "--", "dvc.yaml", "params.yaml")
    assert project.lineage(*ask).code == 0


@FILE_AND_SERVER
def test_an_experiment_is_cheap_and_stays_out_of_production(project):
    project.edit("src/train.py", "weights of", "weights  of")
    done = project.ok("register", "churn", "--kind", "experiment")
    assert re.fullmatch(r"git:[0-9a-f]{40}\+xxh3:[0-9a-f]{32}", done["code"])
    assert project.ok("show", done["ref"])["components"]["code"]["dirty"] is True
    project.ok("validate", done["ref"])
    project.ok("pipeline", "deploy", "--env", "production")
    refused = project.lineage("promote", done["ref"], "--env", "production", "--json")
    assert refused.code == 3
    assert {c["code"] for c in refused.json["checks"] if c["status"] == "fail"} == {
        "kind",
        "code-clean",
    }
    project.ok("promote", done["ref"], "--env", "staging")


def test_an_experiment_needs_neither_git_nor_pipeline(folder):
    folder.ok("init")
    folder.write({"model.bin": "m"})
    done = folder.ok("register", "scratch", "--kind", "experiment", "--weights", "model.bin")
    assert (done["code"], done["data"], done["pipeline"]) == (None, None, None)
    assert done["weights"].startswith("xxh3:")


@FILE_AND_SERVER
def test_an_outside_pipeline_is_recorded_by_its_id(project):
    done = project.ok("register", "churn", "--pipeline-version", "sha256:abc")
    assert done["pipeline"] == "sha256:abc"
    project.ok("validate", "churn@1", "--pipeline", "sha256:abc")
    project.ok("pipeline", "deploy", "churn", "--env", "production", "--digest", "sha256:abc")
    project.ok("promote", "churn@1", "--env", "production")


@FILE_AND_SERVER
def test_a_recorded_pipeline_that_is_named_must_be_the_one_here(project):
    """Its digest was recorded as the id of a second, outside pipeline, which nothing undid."""
    first = project.ok("register", "churn")
    old = first["pipeline"]
    for named in (f"churn@{old}", old[:13]):
        assert project.ok("register", "churn", "--pipeline", named)["created"] is False
    experiment = ("register", "churn", "--kind", "experiment", "--pipeline")
    assert project.lineage(*experiment, f"churn@xxh3:{'0' * 32}").code == 4
    project.edit("params.yaml", "20", "30")
    other = project.lineage(*experiment, f"churn@{old}")
    assert other.code == 9
    assert f"not {old[:17]}, which is named" in other.err
    assert len(project.ok("versions", "churn")) == 1
    assert project.ok("pipeline", "show", f"churn@{old}")["manifest"] is not None
    twice = project.lineage(*experiment, "churn@sha256:aaa", "--pipeline-version", "sha256:bbb")
    assert (twice.code, "say the same" in twice.err) == (2, True)
    assert project.lineage(*experiment, "churn").code == 2
    again = project.lineage("register", "--resume", "--kind", "nonsense")
    assert (again.code, "With --resume" in again.err) == (2, True)


@FILE_AND_SERVER
def test_a_revision_is_registered_without_a_checkout(project):
    commit = project.git("rev-parse", "HEAD").strip()
    pipeline = project.ok("pipeline", "capture")["digest"]
    project.edit("params.yaml", "20", "30")
    project.commit()
    project.edit("params.yaml", "30", "dirty")
    done = project.ok("register", "churn", "--rev", commit[:10], "--weights", "models/model.bin")
    assert (done["code"], done["pipeline"]) == (f"git:{commit}", pipeline)


@FILE_AND_SERVER
def test_requirements_decide_the_verdict(project):
    project.ok("register", "churn")
    low = {"auc": 0.7, "slices": {"new": {"auc": 0.8}}}
    project.write({"low.json": json.dumps(low)})
    done = project.ok("validate", "churn@1", "--metrics", "low.json")
    assert (done["passed"], done["metrics"]) == (False, low)
    assert [r["holds"] for r in done["requirements"]] == [False, True]
    assert project.ok("validate", "churn@1", "--metrics", "low.json", "--passed")["passed"] is False
    assert project.ok("validate", "churn@1", "--failed")["passed"] is False
    project.ok("pipeline", "deploy", "--env", "production")
    project.ok("validate", "churn@1", "--metrics", "low.json")
    refused = project.lineage("guard", "churn@1", "--env", "production")
    assert refused.code == 3
    assert "auc >= 0.80 does not hold: auc is 0.7" in refused.out


def test_init_keeps_what_is_there(repository):
    first = repository.ok("init")
    assert first["config_created"]
    assert first["registry_created"]
    assert sorted(first["environments_created"]) == ["production", "staging"]
    repository.write({"lineage.toml": "[models.churn]\n"})
    registry = (repository.path / ".lineage/registry.db").read_bytes()
    again = repository.ok("init")
    assert not again["config_created"]
    assert not again["registry_created"]
    assert again["environments_created"] == []
    assert (repository.path / "lineage.toml").read_text() == "[models.churn]\n"
    assert (repository.path / ".lineage/registry.db").read_bytes() == registry
    assert repository.git("status", "--short").strip() == "?? lineage.toml"


def test_init_makes_a_project_of_the_current_folder(repository):
    (repository.path / "team/churn").mkdir(parents=True)
    repository.ok("init", cwd="team/churn")
    assert (repository.path / "team/churn/lineage.toml").exists()
    assert not (repository.path / "lineage.toml").exists()
    assert repository.ok("init", cwd="team/churn")["config_created"] is False


@FILE_AND_SERVER
def test_a_hooks_environment_does_not_lead_astray(project, tmp_path):
    """Git sets GIT_DIR for its hooks; it would make every repository look like the hook's own."""
    (tmp_path / "other").mkdir()
    project.command("git", "init", "--quiet", str(tmp_path / "other"))
    env = {"GIT_DIR": str(tmp_path / "other/.git"), "GIT_INDEX_FILE": str(tmp_path / "none")}
    done = project.lineage("register", "churn", "--json", env=env)
    assert done.code == 0, done.err
    assert done.json["code"] == "git:" + project.git("rev-parse", "HEAD").strip()


@FILE_AND_SERVER
def test_control_characters_do_not_reach_a_terminal(project):
    project.ok("register", "churn")
    project.lineage("validate", "churn@1", env={"LINEAGE_ACTOR": "eve\x1b]0;owned\x07"})
    told = project.lineage("log").out
    assert "eve" in told
    assert not {"\x1b", "\x07"} & set(told)
    done = project.lineage("show", "churn@9\x1b[2J")
    assert "\x1b" not in done.err


@FILE_AND_SERVER
def test_a_poor_terminal_gets_escapes_instead_of_an_error(project):
    project.ok("register", "churn")
    done = project.lineage(
        "guard", "churn@1", "--env", "production", env={"PYTHONIOENCODING": "ascii"}
    )
    assert done.code == 3
    assert "\\u2192" in done.out


@FILE_AND_SERVER
def test_environments(project):
    assert project.ok("env", "create", "canary", "--kind", "experimental")["created"] is True
    assert project.ok("env", "create", "canary", "--kind", "experimental")["created"] is False
    assert project.lineage("env", "create", "canary").code == 5
    assert project.lineage("env", "create", "Canary").code == 2
    assert [(e["name"], e["kind"]) for e in project.ok("env", "list")] == [
        ("canary", "experimental"), ("production", "production"), ("staging", "experimental"),
    ]  # fmt: skip
    assert project.ok("env", "show", "canary")["slots"] == []


@FILE_AND_SERVER
def test_words_for_people(project):
    project.ok("register", "churn")
    project.ok("validate", "churn@1")
    project.ok("pipeline", "deploy", "--env", "production")
    told = project.lineage("promote", "churn@1", "--env", "production").out
    assert told.startswith("churn@1 now serves in production\n")
    assert "\x1b[" not in told, "no colour where stdout is no terminal"
    for words in (
        ["serving"], ["versions", "churn"], ["show", "churn@1"], ["log"], ["env", "list"],
        ["env", "show", "production"], ["pipeline", "show", "churn"], ["pipeline", "capture"],
        ["guard", "churn@1", "--env", "production"], ["audit", "verify"], ["db", "check"],
        ["token", "list"], ["diff", "churn@1", "churn@production"], ["serving", "churn"],
    ):  # fmt: skip
        done = project.lineage(*words)
        assert done.code == 0, (words, done.err)
        assert done.out.strip()
        assert not done.err
        assert max(map(len, done.out.splitlines())) < 200


@FILE_AND_SERVER
def test_a_model_in_a_subfolder_is_found_from_anywhere_below(project):
    assert project.ok("register", "churn", cwd="src")["ref"] == "churn@1"
    same = ("register", "churn", "--weights", "../models/model.bin", "--data", "../data/raw.csv")
    assert project.ok(*same, cwd="src")["created"] is False


@FILE_AND_SERVER
def test_the_registry_may_be_named_by_flag_or_environment(project, tmp_path):
    elsewhere = f"sqlite:///{tmp_path}/elsewhere/registry.db"
    assert project.lineage("--registry", elsewhere, "serving").code == 7
    assert project.lineage("--registry", elsewhere, "init").code == 0
    done = project.lineage("register", "churn", "--json", env={"LINEAGE_REGISTRY": elsewhere})
    assert done.json["ref"] == "churn@1"
    assert project.ok("--registry", elsewhere, "versions", "churn")
    assert project.lineage("versions", "churn").code == 4


@FILE_AND_SERVER
def test_the_actor_is_kept(project):
    done = project.lineage("register", "churn", "--json", env={"LINEAGE_ACTOR": "ann@example.com"})
    assert done.json["registered_by"] == "ann@example.com"
    project.git("config", "user.email", "git@example.com")
    project.lineage("validate", "churn@1", env={"LINEAGE_ACTOR": ""})
    assert project.ok("log")[0]["actor"] == "git@example.com"


@pytest.mark.parametrize(
    "words", [[], ["--help"], ["pipeline", "--help"], ["promote", "-h"], ["--version"]]
)
def test_help_needs_no_registry(folder, words):
    done = folder.lineage(*words)
    assert done.code in (0, 2)
    assert "lineage" in done.out + done.err


@FILE_AND_SERVER
def test_a_digest_without_its_algorithm_is_told_to_be_one(project):
    project.ok("register", "churn")
    digest = project.ok("show", "churn@1")["pipeline"]
    bare = digest[5:17]
    for words, meant in (
        (("pipeline", "show", bare), f"xxh3:{bare}"),
        (("pipeline", "show", f"churn@{bare}"), f"churn@xxh3:{bare}"),
        (("pipeline", "diff", bare, "."), f"xxh3:{bare}"),
        (("validate", "churn@1", "--pipeline", bare), f"xxh3:{bare}"),
    ):
        refused = project.lineage(*words)
        assert refused.code in (2, 4), words
        assert refused.err.strip().endswith(f": {meant}"), words
    assert project.ok("pipeline", "show", f"churn@xxh3:{bare}")["digest"] == digest
    assert "xxh3:" not in project.lineage("pipeline", "show", "chrun").err


def test_an_older_registry_is_to_be_upgraded_and_not_compared_with_a_backup(project):
    url = f"sqlite:///{project.path}/old.db"
    migrate_to(url, "0016")
    old = ("--registry", url)
    refused = project.lineage(*old, "db", "check")
    assert refused.code == 6
    assert "lineage db upgrade" in refused.err
    assert "backup" not in refused.err
    assert project.lineage(*old, "db", "upgrade").code == 0
    assert project.lineage(*old, "db", "check").code == 0


def test_a_pair_that_was_taken_back_is_told_from_the_one_that_serves(project):
    project.ok("register", "churn")
    project.ok("validate", "churn@1")
    project.ok("pipeline", "deploy", "churn", "--env", "production")
    project.ok("promote", "churn@1", "--env", "production")
    project.edit("params.yaml", "top: 20", "top: 30")
    project.commit("Another pipeline")
    project.ok("validate", "churn@1")
    project.ok("pipeline", "deploy", "churn", "--env", "production")
    done = project.lineage("rollback", "churn", "--env", "production", "--with-pipeline")
    assert done.code == 0, done.err
    assert "churn@1 with the pipeline of before was taken back" in done.out
