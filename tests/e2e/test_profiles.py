"""Profiles of validation data: kept with a verdict, shown, compared, counted against."""

from __future__ import annotations

import json

ROWS = """\
import os, random
random.seed({seed})
os.makedirs("eval", exist_ok=True)
with open("eval/rows.csv", "w") as file:
    file.write("fare,port,score,late\\n")
    for _ in range(200):
        late = random.randint(0, 1)
        file.write(f"{{random.gauss({mean}, 1)}},{{random.choice('AB')}},{{random.random()}},{{late}}\\n")
with open("eval/metrics.json", "w") as file:
    file.write('{{"auc": 0.9, "slices": {{"new": {{"auc": 0.8}}}}}}')
"""
EVIDENCE = """
[models.churn.evidence]
data = "eval/rows.csv"
score = "score"
target = "late"
groups = ["port"]
"""


def measured(project, ref, mean, *more):
    project.write({"eval/rows.py": ROWS.format(seed=mean, mean=mean)})
    return project.lineage("validate", ref, *more, "--", "python", "eval/rows.py")


def test_a_verdict_keeps_the_profile_of_the_data_that_it_was_reached_on(project):
    config = project.path / "lineage.toml"
    project.write({"lineage.toml": config.read_text() + EVIDENCE})
    project.commit("Evidence")
    project.ok("register", "churn")
    project.edit("src/train.py", "weights of", "better weights of")
    project.dvc("repro", "--quiet")
    project.commit("Better weights")
    project.ok("register", "churn")

    assert "profile xxh3:" in measured(project, "churn@2", 0).out
    (verdict,) = project.ok("show", "churn@2")["validations"]
    shown = project.lineage("show", "churn@2").out
    assert f"profile   {verdict['profile'][:17]}" in shown
    (project.path / "profile.json").write_text(
        json.dumps(project.ok("profile", "eval/rows.csv", "--reference", "churn@2"))
    )
    assert project.ok("profile", "eval/rows.csv", "--reference", "profile.json")[
        "groups"
    ].keys() == {
        "port=A",
        "port=B",
    }
    (project.path / "theirs.json").write_bytes((project.path / "eval/metrics.json").read_bytes())
    told = ("--metrics", "theirs.json", "--profile", "profile.json", "--json")
    other = project.lineage("validate", "churn@1", "--elsewhere", *told).json
    assert other["profile"] == verdict["profile"]
    same = project.ok("diff", "churn@1", "churn@2")["profile"]
    assert (same["same"], same["changes"]) == (True, [])

    assert measured(project, "churn@2", 3).code == 0
    changes = project.ok("diff", "churn@1", "churn@2")["profile"]["changes"]
    assert changes[0]["column"] == "fare"
    assert changes[0]["distance"] > 0.7
    assert "fare  apart 0." in project.lineage("diff", "churn@1", "churn@2").out

    refused = measured(project, "churn@2", 3, "--profile", "missing.csv")
    assert (refused.code, "missing.csv does not exist" in refused.err) == (2, True)
    replayed = project.lineage("validate", "churn@2", "--in", "production", "--profile", "x.csv")
    assert (replayed.code, "[models.NAME.evidence] data" in replayed.err) == (2, True)
