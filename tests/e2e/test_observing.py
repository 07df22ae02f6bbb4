"""What production sees: batches counted on the validation's scale, and recorded by windows."""

from __future__ import annotations

import datetime as dt

import lineage
from tests.e2e.test_profiles import EVIDENCE, measured
from tests.support.fading import served

BATCH = """\
fare,port,score,at,extra
0.1,A,0.5,2013-05-01 10:00:00,1
0.2,B,0.6,2013-05-01 11:00:00,1
9.9,C,0.7,2013-05-02 10:00:00,1
0.1,A,0.8,,1
"""

LABELS = """\
port,score,at,late
A,0.1,2013-05-01 10:00:00,0
A,0.9,2013-05-01 11:00:00,1
B,0.2,2013-05-01 11:00:00,0
C,0.2,2013-05-02 11:00:00,0
"""


def test_a_batch_is_counted_on_the_scale_of_what_serves_and_what_came_true_is_told(project):
    project.write({"batch.csv": BATCH, "labels.csv": LABELS})
    project.ok("register", "churn")
    project.ok("validate", "churn@1", "--passed")
    project.ok("pipeline", "deploy", "--env", "production")
    project.ok("promote", "churn@1", "--env", "production")
    words = ("observe", "churn", "--env", "production", "--data", "batch.csv")
    refused = project.lineage(*words)
    assert (refused.code, "lineage validate churn@1 --profile" in refused.err) == (4, True)

    config = project.path / "lineage.toml"
    project.write({"lineage.toml": config.read_text() + EVIDENCE})
    assert measured(project, "churn@1", 0).code == 0
    done = project.lineage(*words, "--time", "at")
    assert "3 rows of churn@1 in production, 2 windows" in done.out
    assert "the validation's data has no column 'extra'" in done.err
    assert "the data has no column" not in done.err, "what came true is not known yet"
    assert "1 rows have no time" in done.err
    again = project.ok(*words, "--time", "at", "--reference", "churn@1")
    assert (again["recorded"], again["repeated"], again["rows"]) == (0, 2, 3)

    asked = ("outcomes", "churn", "--env", "production")
    nothing = project.lineage(*asked).out
    assert "No outcomes of churn are recorded in production." in nothing
    assert "lineage outcomes churn --env production --data LABELS" in nothing
    shown = project.lineage(*asked, "--data", "labels.csv", "--time", "at").out
    assert "4 rows of churn@1 in production, 2 windows" in shown
    assert "port=A" in shown
    found = project.ok(*asked, "--since", "2013-05-02")["windows"]
    assert [one["metrics"]["rows"] for one in found] == [1]


def test_outcomes_tell_when_to_retrain_and_estimates_stand_beside(project):
    with lineage.connect(f"sqlite:///{project.path / '.lineage/registry.db'}") as registry:
        served(registry)
    costs = ("--metric", "auc", "--per-point", "10", "--retrain-cost", "500")
    told = project.lineage("retrain", "churn", *costs)
    assert told.code == 0
    assert told.out.startswith("auc of churn falls by 0.0")
    assert "from 16 measurements of 1 version on 5 data sets" in told.out
    assert told.out.count("●") > 8
    assert "To retrain every" in told.out
    assert "note: Beside what was measured: By estimate, auc of churn falls by" in told.err
    assert "cannot see concept drift" in told.err


def fares(first, day="2013-05-01"):
    """A thousand fares, ten at a time."""
    return "fare,at\n" + "".join(f"{first + i % 10},{day} 10:00:00\n" for i in range(10_000))


def test_who_was_validated_on_other_data_than_production_saw_is_refused_at_the_gate(project):
    yesterday = f"{dt.datetime.now(dt.UTC) - dt.timedelta(days=1):%Y-%m-%d}"
    policy = '[environments.production]\nkind = "production"\nlike_production = "require"\n'
    files = {"last year.csv": fares(0), "new.csv": fares(5), "batch.csv": fares(5, yesterday)}
    project.write(files | {"environments.toml": policy})
    project.ok("register", "churn")
    project.ok("validate", "churn@1", "--passed", "--profile", "last year.csv")
    project.ok("pipeline", "deploy", "--env", "production")
    project.ok("env", "apply", "environments.toml")
    assert "must be like what production saw" in project.lineage("env", "show", "production").out
    first = project.ok("promote", "churn@1", "--env", "production")
    assert first["serving"]["ref"] == "churn@1"
    project.edit("params.yaml", "top: 20", "top: 40")
    project.dvc("repro", "--quiet")
    project.commit("More features")
    project.ok("register", "churn")
    project.ok("validate", "churn@2", "--passed", "--profile", "last year.csv")
    release = ("release", "--env", "production", "--pipeline", "churn", "--model", "churn@2")
    blind = project.lineage(*release)
    assert (blind.code, "nothing is recorded of what churn saw" in blind.out) == (3, True)
    assert "lineage observe churn --env production --data BATCH" in blind.out
    project.ok("observe", "churn", "--env", "production", "--data", "batch.csv", "--time", "at")
    refused = project.lineage(*release)
    assert refused.code == 3
    assert "was validated on other data than production saw on" in refused.out
    assert "% of fare would have to change" in refused.out
    assert "lineage validate churn@2 --profile DATA" in refused.out
    assert project.ok("serving", "churn")["serving"]["version"] == 1
    told = project.lineage("explain", "data-like-production").out
    assert "unlike what production saw in the last four weeks" in " ".join(told.split())
    project.ok("validate", "churn@2", "--passed", "--profile", "new.csv")
    decision = project.ok("guard", "churn@2", "--env", "production", "--working-tree")
    (check,) = [c for c in decision["checks"] if c["code"] == "data-like-production"]
    assert (check["status"], check["details"]["days"]) == ("pass", [yesterday] * 2)
    assert project.ok(*release)["models"][0]["serving"]["ref"] == "churn@2"
    back = project.ok("rollback", "churn", "--env", "production", "--with-pipeline")
    assert back["serving"]["ref"] == "churn@1"
