"""What `validate` measures itself: what a version relies on, and what its training knew."""

from __future__ import annotations

import json

TABLE = """
[models.churn.evidence]
data = "new.csv"
keys = ["id"]
time = "at"
known_at = {x = "known"}
attributions = "eval/shap.csv"
leakage = "train.csv"
"""
WRITES = "import sys; open('eval/shap.csv', 'w').write(sys.argv[1])"
COPIES = "import os; m = open('eval/metrics.json').read(); os.remove('eval/metrics.json')"
RUN = ("validate", "churn@1", "--json", "--", "python", "-c")


def _with_evidence(project) -> None:
    project.write(
        {
            "train.csv": "id,x,at,known\n1,3,2013-01-01,2013-01-01\n2,5,2013-01-02,2013-01-03\n",
            "new.csv": "id,x,at,known\n3,5,2013-01-02,2013-01-03\n4,4,2013-02-01,2013-02-01\n",
        }
    )
    with (project.path / "lineage.toml").open("a") as file:
        file.write(TABLE)
    demands = 'require = ["leakage.rows == 1", "attributions.share.age >= 0.2", '
    project.edit("lineage.toml", "require = [", demands)
    project.commit("Measure it")
    project.ok("register", "churn")


def test_one_command_measures_and_demands(project):
    _with_evidence(project)
    stale = project.lineage(*RUN, f"{COPIES}; open('eval/metrics.json', 'w').write(m)")
    assert (stale.code, "did not write the attributions" in stale.err) == (9, True)
    program = f"{COPIES}; open('eval/metrics.json', 'w').write(m); {WRITES}"
    done = json.loads(project.lineage(*RUN, program, "fare,age\n3,1\n-3,1\n").out)
    found = done["metrics"]
    assert [row["holds"] for row in done["requirements"]][:2] == [True, True]
    assert found["attributions"]["share"] == {"fare": 0.75, "age": 0.25}
    assert {name: found["leakage"][name] for name in ("rows", "time_rows", "known_late")} == {
        "rows": 1, "time_rows": 1, "known_late": 1,
    }  # fmt: skip
    shown = project.lineage("show", "churn@1").out
    assert "relies on fare 75.0%, age 25.0%  (by attributions blake3:" in shown
    assert "attributions.share" not in shown

    project.write({"eval/importance.json": '{"importance": {"fare": 0.4, "postcode": 0.1}}'})
    named = ("--attributions", "eval/importance.json")
    done = project.ok("validate", "churn@1", *named)
    assert done["metrics"]["attributions"]["share"] == {"fare": 0.8, "postcode": 0.2}
    (project.path / "train.csv").unlink()
    gone = project.lineage("validate", "churn@1")
    assert gone.code == 9
    assert "The training data train.csv of churn is not here" in gone.err
    assert "leakage" not in project.ok("validate", "churn@1", "--failed")["metrics"]


def test_what_cannot_be_measured_is_told_in_one_sentence(project):
    project.ok("register", "churn")
    project.write({"a.csv": "fare\nnan\n", "m.json": '{"attributions": {}, "auc": 0.9}'})
    project.write({"ok.csv": "fare\n1\n"})
    for words, code, says in (
        (("--leakage",), 2, "is not configured"),
        (("--attributions", "a.csv"), 2, "a.csv: 'fare' holds 'nan' in row 1"),
        (("--attributions", "ok.csv", "--metrics", "m.json"), 9, "have the key 'attributions'"),
        (("--attributions", "ok.csv", "--in", "production"), 2, "named here"),
        (("--attributions", "ok.csv", "--carry-over"), 2, "takes the verdict"),
    ):
        done = project.lineage("validate", "churn@1", *words)
        assert (done.code, "Traceback" in done.err, says in done.err) == (code, False, True), done
    assert json.loads(project.lineage("show", "churn@1", "--json").out)["validations"] == []
