"""Policies, approvals, releases and waivers as people type them."""

from __future__ import annotations

import pytest

from ..conftest import FILE_AND_SERVER

POLICY = """\
[environments.production]
kind = "production"
require = ["auc >= serving.auc - 0.005"]
promote_from = "staging"
approvals = 1
not_approvers = ["ci"]
backup = true
accept_carried = false

[environments.production.models.churn]
require = ["slices.*.auc >= 0.75"]

[environments.production.waive]
approvals = ["boss"]
pipeline-match = ["*"]
"""


@pytest.fixture
def governed(project):
    """churn@1 serves in production, and then the policy is applied."""
    project.ok("register", "churn")
    project.ok("validate", "churn@1")
    project.ok("pipeline", "deploy", "--env", "production")
    project.ok("promote", "churn@1", "--env", "production")
    project.write({"environments.toml": POLICY})
    return project


def _as(project, who: str, *words: str):
    return project.lineage(*words, env={"LINEAGE_ACTOR": who})


def test_applying_shows_the_plan_first_and_a_second_time_does_nothing(governed):
    dry = governed.lineage("env", "apply", "environments.toml", "--dry-run")
    assert "change  production" in dry.out
    assert 'require: none → ["auc >= serving.auc - 0.005"]' in dry.out
    assert dry.out.endswith("Nothing was changed: this is a dry run.\n")
    assert governed.ok("env", "show", "production")["policy"]["approvals"] == 0
    done = governed.lineage("env", "apply", "environments.toml")
    assert done.out.endswith("Applied.\n")
    again = governed.lineage("env", "apply", "environments.toml")
    assert again.out == "keep    production\nNothing to do.\n"
    assert "only claims a name" in again.err
    document = governed.ok("env", "apply", "environments.toml")
    (kept,) = document.pop("plan")
    assert document == {"applied": False, "dry_run": False}
    assert len(kept.pop("notes")) == 1
    assert kept == {"environment": "production", "action": "keep", "changes": []}
    shown = governed.lineage("env", "show", "production").out
    for line in (
        "require    auc >= serving.auc - 0.005",
        "require    churn: slices.*.auc >= 0.75",
        "path       from staging",
        "approvals  1, not ci",
        "backup     demanded",
        "evidence   verdicts of the basis run or stated",
        "waive      approvals: boss",
    ):
        assert f"  {line}\n" in shown


METRICS = "eval/metrics.json"
WRITES = ("sh", "-c", f"cp {METRICS} copy && mv copy {METRICS}")
EVIDENCE = """\
[environments.production]
kind = "production"

[environments.production.evidence]
accept = ["run"]
validators = ["ci", "tester"]
not_registrant = true
"""


def test_an_environment_says_which_verdicts_count(governed):
    governed.write({"evidence.toml": EVIDENCE})
    done = governed.lineage("env", "apply", "evidence.toml")
    assert 'evidence.validators: none → ["ci","tester"]\n' in done.out
    assert done.err.startswith("production counts persons, and whoever works without a token only")
    shown = governed.lineage("env", "show", "production").out
    assert "  evidence   verdicts of the basis run, of ci, tester, of others than who" in shown
    told = _refusal(governed, "tester", "validate", "churn@1")
    assert "was only stated" in told
    assert "Let ci or tester validate it with the deployed pipeline, by a run (lineage " in told
    told = _refusal(governed, "tester", "validate", "churn@1", "--", *WRITES)
    assert "is tester's, who registered it and may not be its validator" in told
    assert _refusal(governed, "CI", "validate", "churn@1", "--", *WRITES) == ""


def _refusal(governed, who: str, *words: str) -> str:
    """What the guard says against the version after something was done; nothing where it passes."""
    done = _as(governed, who, *words)
    assert done.code == 0, done.err
    decision = governed.lineage("guard", "churn@1", "--env", "production", "--json").json
    (check,) = (one for one in decision["checks"] if one["code"] == "validated")
    return f"{check['summary']} {check['remedy']}" if check["status"] == "fail" else ""


@FILE_AND_SERVER
def test_a_feature_is_approved_with_the_pipeline_that_it_brings(project):
    """What a pull request and its reviewer type, from the branch to the release."""
    project.ok("register", "churn")
    project.ok("validate", "churn@1")
    project.ok("pipeline", "deploy", "--env", "production")
    project.ok("promote", "churn@1", "--env", "production")
    project.write({"environments.toml": "[environments.production]\napprovals = 1\n"})
    project.ok("env", "apply", "environments.toml")
    project.edit("params.yaml", "20", "40")
    project.dvc("repro", "--quiet")
    project.commit("More features")
    history = project.ok("log")
    gate = ("guard", "churn@1", "--env", "production", "--working-tree")
    unknown = project.lineage(*gate)
    assert (unknown.code, "churn@1 was validated with pipeline churn@xxh3:" in unknown.out) == (
        3,
        True,
    )
    early = project.lineage("approve", "churn@1", "--env", "production", "--working-tree")
    assert (early.code, "of pipeline churn is recorded" in early.err) == (4, True)
    assert project.ok("log") == history, "nothing is recorded by asking"

    project.ok("register", "churn")
    project.ok("validate", "churn@2")
    gate = ("guard", "churn@2", "--env", "production", "--working-tree")
    decision = project.lineage(*gate, "--json").json
    assert [c["code"] for c in decision["checks"] if c["status"] == "fail"] == ["approvals"]
    captured = project.ok("pipeline", "capture")
    pair = f"{captured['name']}@{captured['digest']}"
    assert decision["pipeline"] == {"name": captured["name"], "digest": captured["digest"]}
    said = project.lineage(*gate).out
    assert f"\n  with {pair}, the pipeline in this checkout\n" in said
    short = f"churn@{captured['digest'][:17]}"
    assert f"lineage approve churn@2 --env production --pipeline {short}\n" in said
    assert _as(project, "ann", "approve", "churn@2", "--env", "production", "--pipeline", pair).out == (
        f"churn@2 with {short} approved for production by ann, a name that no token proves (1 of 1)\n"
    )  # fmt: skip
    both = _as(project, "bob", "approve", "churn@2", "--env", "production", "--working-tree", "--pipeline", pair)  # fmt: skip
    assert (both.code, "Leave one of the two out." in both.err) == (2, True)
    here = _as(project, "bob", "approve", "churn@2", "--env", "production", "--working-tree")
    assert "(2 of 1)" in here.out
    assert project.lineage(*gate).code == 0
    done = project.ok("release", "--env", "production", "--pipeline", pair, "--model", "churn@2")
    assert done["models"][0]["serving"]["ref"] == "churn@2"


def test_the_whole_way_of_a_governed_release(governed):
    governed.ok("env", "apply", "environments.toml")
    governed.edit("params.yaml", "20", "40")
    governed.dvc("repro", "--quiet")
    governed.commit("More features")
    governed.ok("register", "churn")
    governed.ok("validate", "churn@2")
    refused = governed.lineage("guard", "churn@2", "--env", "production", "--json")
    failing = {c["code"] for c in refused.json["checks"] if c["status"] == "fail"}
    assert failing == {"pipeline-match", "promotion-path", "approvals"}
    governed.ok("promote", "churn@2", "--env", "staging")
    assert _as(governed, "ann", "approve", "churn@2", "--env", "production").out == (
        "churn@2 approved for production by ann, a name that no token proves (1 of 1)\n"
    )
    release = ("release", "--env", "production", "--pipeline", "churn", "--model", "churn@2")
    dry = governed.lineage(*release, "--dry-run")
    assert dry.code == 0
    assert "serving churn@1 → churn@2" in dry.out
    assert "backup  - → churn@1, with its pipeline" in dry.out
    assert "dry run" in dry.out
    assert governed.ok("serving", "churn")["serving"]["version"] == 1
    done = governed.lineage(*release)
    assert done.out.startswith("plan: churn@xxh3:")
    slot = governed.ok("serving", "churn")
    assert (slot["serving"]["version"], slot["backup"]["version"]) == (2, 1)
    assert (slot["backup"]["ready"], slot["backup"]["moves_pipeline"]) == (True, True)
    assert governed.ok("audit", "verify")["valid"]


def test_a_plan_says_why_nothing_stands_by(governed):
    governed.edit("params.yaml", "20", "40")
    governed.dvc("repro", "--quiet")
    governed.commit("More features")
    governed.ok("register", "churn")
    governed.ok("validate", "churn@2")
    old = governed.ok("serving", "churn")["pipeline"]["digest"]
    governed.ok("validate", "churn@1", "--failed", "--pipeline", old, "--elsewhere")
    dry = governed.lineage(
        "release", "--env", "production", "--pipeline", "churn", "--model", "churn@2", "--dry-run"
    )
    assert "churn@1 does not stand by: churn@1 failed its newest validation" in dry.out
    deploy = governed.lineage("pipeline", "deploy", "--env", "staging", "--dry-run")
    assert "no model is touched" in deploy.out


def test_a_waiver_is_told_wherever_the_version_is(governed):
    policy = POLICY.replace("backup = true\n", "").replace('promote_from = "staging"\n', "")
    governed.write({"environments.toml": policy})
    governed.ok("env", "apply", "environments.toml")
    governed.edit("src/train.py", "weights of", "more weights of")
    governed.dvc("repro", "--quiet")
    governed.commit("Other weights")
    governed.ok("register", "churn")
    governed.ok("validate", "churn@2")
    waive = ("--waive", "approvals", "--reason", "the\nhouse burns")
    not_asked = _as(governed, "eve", "promote", "churn@2", "--env", "production", *waive)
    assert (not_asked.code, "eve may not waive approvals" in not_asked.err) == (8, True)
    until = ("--until", "2099-01-01")
    done = _as(governed, "boss", "promote", "churn@2", "--env", "production", *waive, *until)
    assert done.code == 0, done.err
    told = "waived    approvals by boss on"
    assert told in done.out
    assert "until 2099-01-01 00:00:00: the house burns" in governed.lineage("serving", "churn").out
    assert governed.ok("serving", "churn")["waiver"]["reason"] == "the house burns"
    guard = governed.lineage("guard", "churn@production", "--env", "production")
    assert guard.code == 0
    log = governed.lineage("log").out
    assert "churn@2  waived approvals" in log
    assert "revision 1" in log
    unused = _as(
        governed, "boss", "promote", "churn@2", "--env", "production", "--waive", "pipeline-match",
        "--reason", "r",
    )  # fmt: skip
    assert "note: pipeline-match did not fail, so nothing was waived for it." in unused.err


def test_weights_are_looked_for_where_they_are_stored(governed):
    look = {"store": "local", "state": "intact", "deep": True, "detail": None, "sample": None}
    assert governed.ok("verify", "churn@1") == {
        "ref": "churn@1",
        "state": "intact",
        "place": "local",
        "looks": [look],
    }
    (stored,) = (governed.path / ".lineage/store/files").rglob("??/*")
    stored.chmod(0o644)
    stored.write_text("x" * stored.stat().st_size)
    changed = governed.lineage("verify", "churn@1")
    assert (changed.code, changed.out) == (
        6,
        "churn@1: the weights are changed at local\n  local  changed: the file holds other bytes\n",
    )
    stored.unlink()
    assert governed.lineage("verify", "--all", "--json").json[0]["state"] == "missing"
    guard = governed.lineage("guard", "churn@1", "--env", "production")
    assert guard.code == 3
    assert "the weights of churn@1 were missing in store local" in guard.out


def test_an_experiments_weights_are_looked_for_where_they_were_registered(governed):
    governed.ok("register", "churn", "--kind", "experiment")
    assert governed.ok("verify", "churn@2")["place"] == "models/model.bin"
    governed.write({"models/model.bin": "others"})
    changed = governed.lineage("verify", "churn@2")
    assert (changed.code, changed.out) == (
        6,
        "churn@2: the weights are changed at models/model.bin\n",
    )
    (governed.path / "models/model.bin").unlink()
    assert governed.lineage("verify", "churn@2", "--json").json["state"] == "missing"


def test_two_versions_are_compared_over_all_four_components(governed):
    governed.write({"data/raw.csv": "A,B,C\n1,2,3\n", "more.csv": "x\n"})
    governed.dvc("add", "--quiet", "data/raw.csv")
    governed.edit("src/featurize.py", "* 2", "* 3")
    governed.edit("dvc.yaml", "  featurize:", "  features:")
    governed.edit("lineage.toml", '"featurize"]', '"features"]')
    governed.edit("lineage.toml", 'data = ["data/raw.csv"]', 'data = ["data/raw.csv", "more.csv"]')
    governed.dvc("repro", "--quiet")
    governed.commit("Another way")
    governed.ok("register", "churn")
    found = governed.ok("diff", "churn@1", "churn@2")
    assert found["data"]["changes"] == [
        {"name": "data/raw.csv", "change": "changed", "size_before": 8, "size_after": 12},
        {"name": "more.csv", "change": "added", "size_before": None, "size_after": 2},
    ]
    assert found["data"]["explanation"] == [
        "data/raw.csv changed (8 bytes → 12 bytes)", "more.csv added (2 bytes)",
    ]  # fmt: skip
    assert [commit["subject"] for commit in found["code"]["commits"]] == ["Another way"]
    assert found["pipeline"]["explanation"][0] == "stage featurize renamed to features"
    assert "features: src/featurize.py changed" in found["pipeline"]["explanation"][1]
    assert found["pipeline"]["diffs"][0]["path"] == "src/featurize.py"
    assert found["weights"]["explanation"]
    text = governed.lineage("diff", "churn@1", "churn@2").out
    assert "+open('data/features.csv'" in text
    assert "Another way" in text
    headers = ["--- churn@1/src/featurize.py", "+++ churn@2/src/featurize.py"]
    assert [line.strip() for line in text.splitlines() if line.strip() in headers] == headers
    here = governed.ok("pipeline", "diff", "churn@1", ".")["diffs"][0]["lines"]
    assert here[:2] == ["--- churn@1/src/featurize.py", "+++ ./src/featurize.py"]
    same = governed.ok("pipeline", "diff", "churn@1", "churn@2")
    assert same["explanation"] == found["pipeline"]["explanation"]
    backwards = governed.ok("diff", "churn@2", "churn@1")
    assert backwards["data"]["explanation"][1] == "more.csv removed (2 bytes)"
