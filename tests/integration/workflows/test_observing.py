"""Batches of production: counted by windows, recorded once, refused where nothing can be compared."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lineage.contract.windows import NewWindow, NewWindows
from lineage.errors import NotFound, UsageError
from lineage.evidence.columns import NumberColumn
from lineage.evidence.parts import Part
from lineage.evidence.profile import Roles
from lineage.evidence.reader import LARGEST_COUNT
from lineage.evidence.reading import served
from lineage.evidence.reading.profiling import profile_of
from lineage.workflows import observing
from lineage.workflows.observing import Batch, observe
from tests.conftest import BOTH
from tests.integration.registry.test_windows import PROFILE, serve

VALIDATION = """\
fare,port,score,late
0.5,A,0.2,0
1.5,B,0.8,1
"""
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


@pytest.fixture
def files(tmp_path):
    for name, text in (("validation", VALIDATION), ("batch", BATCH), ("labels", LABELS)):
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


@pytest.fixture
def profile(files):
    roles = Roles(score="score", target="late", groups=("port",))
    return profile_of(files / "validation.csv", roles=roles)[0]


def recorded(registry, batch, **more):
    return observe(registry, "churn", "production", batch, actor="t", **more)


def test_what_a_batch_lacks_is_named_but_for_what_came_true(registry, files, profile):
    registry.add_model("churn", actor="t")
    serve(registry, profile)
    (files / "part.csv").write_text("port\nA\n")
    found = recorded(registry, Batch(files / "part.csv"))
    assert found.to_json()["missing"] == ["fare", "score"]


def test_a_batch_counts_once(registry, files, profile, monkeypatch):
    registry.add_model("churn", actor="t")
    with pytest.raises(NotFound, match="Nothing of churn serves in production"):
        recorded(registry, Batch(files / "batch.csv"))
    serve(registry, profile)
    monkeypatch.setattr(observing, "AT_ONCE", 1)
    batch = Batch(files / "batch.csv", time="at")
    found = recorded(registry, batch)
    assert (found.recorded, found.rows, found.untimed) == (2, 3, 1)
    assert (found.served.unknown, found.served.missing) == (("at", "extra"), ())
    assert (recorded(registry, batch).recorded, recorded(registry, batch).repeated) == (0, 2)
    first, second = registry.windows("churn", "production")
    assert (first["start"], first.rows, second.rows) == ("2013-05-01T00:00:00Z", 2, 1)
    part = Part.parse(second.counts, profile)
    assert (part.columns["port"].new, part.columns["fare"].above) == (1, 1)
    assert part.score.positives is None
    named = recorded(registry, Batch(files / "batch.csv", name="monday"))
    assert (named.recorded, named.rows, len(named.windows)) == (1, 4, 1)
    assert recorded(registry, Batch(files / "labels.csv", name="monday")).recorded == 0

    labels = Batch(files / "labels.csv", time="at", name="monday")
    came_true = recorded(registry, labels, kind="outcomes")
    assert came_true.recorded == 2, "another batch, however it is called"
    assert came_true.unscored == 0
    first, second = registry.outcomes("churn", "production")
    assert (first.metrics["rows"], first.metrics["auc"], second.metrics["auc"]) == (3, 1.0, None)
    assert {name: one["rows"] for name, one in first.groups.items()} == {"port=A": 2, "port=B": 1}


@BOTH
def test_a_batch_that_is_refused_in_part_goes_on_where_it_ended(
    registry, files, profile, monkeypatch
):
    pipeline = serve(registry, profile)
    monkeypatch.setattr(observing, "AT_ONCE", 1)
    day = NewWindow(
        version=1, pipeline=pipeline, profile=str(profile.digest), start="2013-05-02T00:00:00Z",
        seconds=86_400, counts=_so_many(profile, LARGEST_COUNT), sequence=1,
    )  # fmt: skip
    full = NewWindows(instance="batch", stream="full", windows=(day,), batch=True)
    registry.record_windows("churn", "production", full, actor="t")
    batch = Batch(files / "batch.csv", time="at")
    with pytest.raises(UsageError, match="would count more") as refused:
        recorded(registry, batch)
    assert str(refused.value).endswith(
        "1 of 2 windows of the batch are recorded, those before 2013-05-02T00:00:00Z."
    )
    name = re.search(r"batch=(batch-[0-9a-f]+) time=at»", refused.value.remedy)
    (files / "batch.csv").write_text(
        BATCH.replace("2013-05-02", "2013-05-03").replace("0.1,A", "0.3,A")
    )
    again = recorded(registry, replace(batch, name=name[1]))
    assert (again.recorded, again.repeated) == (1, 1)
    rows = [one.rows for one in registry.windows("churn", "production")]
    assert rows == [2, LARGEST_COUNT, 1]


def _so_many(profile, rows):
    """Counts of so many rows without any value."""
    without = {"rows": rows, "null": rows, "wrong_type": 0}
    part = Part(
        rows=rows,
        columns={
            name: replace(column, **without, **_empty(column))
            for name, column in profile.columns.items()
        },
        score=replace(
            profile.score, **without, bins=(0,) * len(profile.score.bins), positives=None
        ),
    )
    return part.to_dict()


def _empty(column):
    if isinstance(column, NumberColumn):
        return {"bins": (0,) * len(column.bins)}
    return {"counts": (0,) * len(column.counts)}


def test_what_cannot_be_counted_or_compared_is_named(registry, files, profile, monkeypatch):
    serve(registry, profile)
    batch, labels = files / "batch.csv", files / "labels.csv"
    for wrong, more, why in (
        (Batch(batch, time="missing"), {}, "has no column 'missing'"),
        (Batch(batch, score="missing"), {}, "has no column 'missing'"),
        (Batch(labels, target="fare"), {"kind": "outcomes"}, "has no column 'fare'"),
        (Batch(batch), {"kind": "outcomes"}, "has no column 'late'"),
        (Batch(batch), {"reference": PROFILE}, "none of the columns"),
        (Batch(files / "none.csv"), {}, "does not exist"),
        (Batch(batch, at="2999-01-01"), {}, "cannot be known yet"),
        (Batch(batch, at="yesterday"), {}, "'yesterday' is not a time"),
        (Batch(batch, time="port"), {}, "No row of .* has a time in 'port'"),
        (Batch(labels, target="at"), {"kind": "outcomes"}, "has a score in 'score' and an outcome"),
    ):
        with pytest.raises(UsageError, match=why):
            recorded(registry, wrong, **more)
    other = profile_of(batch)[0]
    with pytest.raises(UsageError, match="counted on another scale"):
        recorded(registry, Batch(batch), reference=other)
    with pytest.raises(UsageError, match="no score beside a target"):
        recorded(registry, Batch(labels), reference=other, kind="outcomes")
    with pytest.raises(NotFound, match="Nothing of churn served in production at 2013-01-01"):
        recorded(registry, Batch(batch, at="2013-01-01"))
    (files / "none.csv").write_text("fare,port\n")
    with pytest.raises(UsageError, match="has no rows"):
        recorded(registry, Batch(files / "none.csv"))
    assert list(registry.windows("churn", "production")) == []
    monkeypatch.setattr(served, "MOST_WINDOWS", 1)
    with pytest.raises(UsageError, match="of 2 windows of 86400 seconds"):
        served.inputs(batch, profile, served.Named(time="at"))
