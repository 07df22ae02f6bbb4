"""`lineage leakage`: its findings are metrics of the verdict, and requirements demand them."""

from __future__ import annotations

import json


def test_findings_are_metrics_that_a_requirement_demands(project):
    project.write(
        {
            "train.csv": "id,x,y\n1,a,0\n2,b,1\n",
            "new.csv": "id,x,y\n3,b,1\n4,c,0\n",
        }
    )
    looked = project.lineage(
        "leakage",
        "--train",
        "train.csv",
        "--validation",
        "new.csv",
        "--key",
        "id",
        "-o",
        "leakage.json",
    )
    assert (looked.code, looked.err) == (0, "")
    assert "1 of 2 validation rows stand in the 2 of the training" in looked.out
    found = json.loads((project.path / "leakage.json").read_text())
    assert (found["leakage"]["rows"], found["leakage"]["keys"]) == (1, 0)
    project.edit(
        "lineage.toml", "require = [", 'require = ["leakage.rows == 0", "leakage.keys == 0", '
    )
    project.commit("Demand it")
    project.ok("register", "churn")
    configured = project.path / "eval/metrics.json"
    done = project.ok(
        "validate", "churn@1", "--metrics", "eval/metrics.json", "--metrics", "leakage.json"
    )
    assert done["metrics"] == json.loads(configured.read_text()) | found
    assert [row["holds"] for row in done["requirements"]][:2] == [False, True]
    assert project.ok("validate", "churn@1")["requirements"][0]["holds"] is False, "not looked for"
    twice = project.lineage(
        "validate", "churn@1", "--metrics", "leakage.json", "--metrics", "leakage.json"
    )
    assert (twice.code, "has the key 'leakage.train_rows'" in twice.err) == (9, True)


def test_what_is_configured_of_a_model_is_looked_for(project):
    project.write(
        {
            "train.csv": "x,who,at,known\n1,a,2013-01-01,2013-01-01\n2,b,2013-01-02,2013-01-03\n",
            "new.csv": "x,who,at,known\n3,b,2013-01-02,2013-01-02\n",
        }
    )
    with (project.path / "lineage.toml").open("a") as file:
        file.write(
            '\n[models.churn.evidence]\ntime = "at"\ngroups = ["who"]\nknown_at = {x = "known"}\n'
        )
    words = ("leakage", "--train", "train.csv", "--validation", "new.csv", "--model", "churn")
    found = project.ok(*words)["leakage"]
    assert (found["groups"], found["time_rows"], found["known_late"]) == (1, 1, 1)
    assert found["found"] == {"groups": {"who": 1}, "known_late": {"x": 1}}
    assert "keys" not in found
    other = project.ok(*words, "--group", "x")["leakage"]
    assert (other["groups"], other["time_rows"]) == (0, 1)


def test_what_cannot_be_read_is_told_in_one_sentence(project):
    project.write({"a.csv": "x\n1\n", "b.txt": "x\n1\n"})
    both = ("leakage", "--train", "a.csv", "--validation")
    for words, says in (
        ((*both, "b.txt"), "b.txt is of no format"),
        ((*both, "gone.csv"), "gone.csv does not exist"),
        ((*both, "a.csv", "--key", "y"), "do not both have a column 'y'"),
        ((*both, "a.csv", "--known-at", "x"), "does not say when"),
        ((*both, "a.csv", "-o", "no/such/file"), "cannot be written"),
    ):
        done = project.lineage(*words)
        assert (done.code, "Traceback" in done.err) == (2, False)
        assert says in done.err, done.err
