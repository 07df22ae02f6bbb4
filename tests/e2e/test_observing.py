"""What production sees: batches counted on the validation's scale, and recorded by windows."""

from __future__ import annotations

import json

from lineage.connection import connect
from lineage.evidence.parts import Part
from tests.e2e.test_profiles import EVIDENCE, measured

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


def test_a_batch_is_counted_on_the_scale_of_what_serves_and_counts_once(project):
    project.write({"batch.csv": BATCH})
    project.ok("register", "churn")
    words = ("observe", "churn", "--env", "production", "--data", "batch.csv")
    refused = project.lineage(*words)
    assert (refused.code, "nobody can say which version saw" in refused.err) == (4, True)
    project.ok("validate", "churn@1", "--passed")
    project.ok("pipeline", "deploy", "--env", "production")
    project.ok("promote", "churn@1", "--env", "production")
    refused = project.lineage(*words)
    assert (refused.code, "lineage validate churn@1 --profile" in refused.err) == (4, True)

    config = project.path / "lineage.toml"
    project.write({"lineage.toml": config.read_text() + EVIDENCE})
    assert measured(project, "churn@1", 0).code == 0
    done = project.lineage(*words, "--time", "at")
    assert "3 rows of churn@1 in production, 2 windows" in done.out
    assert "no column 'extra'" in done.err
    assert "1 rows have no time" in done.err
    again = project.ok(*words, "--time", "at")
    assert (again["recorded"], again["repeated"], again["rows"]) == (0, 2, 3)
    with connect(f"sqlite:///{project.path / '.lineage/registry.db'}") as registry:
        first, second = registry.windows("churn", "production")
        profile = registry.profile("churn@1")
    assert (first["start"], first.rows, second.rows) == ("2013-05-01T00:00:00Z", 2, 1)
    part = Part.parse(second.counts, profile)
    assert (part.columns["port"].new, part.columns["fare"].above) == (1, 1)
    assert part.score.positives is None
    now = project.ok(*words, "--batch", "monday")
    assert (now["rows"], len(now["windows"]), now["profile"]) == (4, 1, first.profile)

    project.write({"labels.csv": LABELS})
    asked = ("outcomes", "churn", "--env", "production")
    shown = project.lineage(*asked, "--data", "labels.csv", "--time", "at").out
    assert "4 rows of churn@1 in production, 2 windows" in shown
    (first, second) = project.ok(*asked)["windows"]
    assert (first["metrics"]["rows"], first["metrics"]["auc"], second["metrics"]["auc"]) == (
        3,
        1.0,
        None,
    )
    assert {name: one["rows"] for name, one in first["groups"].items()} == {
        "port=A": 2,
        "port=B": 1,
    }
    again = project.ok(*asked, "--data", "labels.csv", "--time", "at", "--since", "2013-05-02")
    assert (again["recorded"]["recorded"], again["windows"]) == (0, [second])
    refused = project.lineage(*asked, "--data", "batch.csv")
    assert (refused.code, "has no column 'late'" in refused.err) == (2, True)

    project.write({"other.json": json.dumps(project.ok("profile", "batch.csv"))})
    for more, why in (
        (("--reference", "other.json"), "counted on another scale"),
        (("--time", "missing"), "has no column 'missing'"),
        (("--at", "2013-01-01"), "Nothing of churn served in production"),
    ):
        refused = project.lineage(*words, *more)
        assert why in refused.err
