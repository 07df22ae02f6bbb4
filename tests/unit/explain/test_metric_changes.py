"""What differs between the metrics of two verdicts, and what does not count as a difference."""

from __future__ import annotations

from lineage.explain import compare


def _version(metrics):
    return {"validations": [{"metrics": metrics}] if metrics is not None else []}


def _compared(one, two):
    return compare._metrics(_version(one), _version(two))


def test_what_the_runs_took_is_no_difference_and_is_told() -> None:
    one = {"auc": 0.9, "command": {"seconds": 1.0}, "importance": {"fare": 0.4}}
    two = {"auc": 0.9, "command": {"seconds": 2.0}, "importance": {"fare": 0.4}}
    same = _compared(one, two)
    assert (same["same"], same["changes"]) == (True, [])
    assert (same["first"]["command.seconds"], same["second"]["command.seconds"]) == (1.0, 2.0)
    moved = _compared(one, two | {"importance": {"postcode": 0.3}})
    assert moved["changes"] == [
        {"name": "importance.fare", "first": 0.4, "second": None},
        {"name": "importance.postcode", "first": None, "second": 0.3},
    ]
    assert _compared(one, None)["same"] is None


def test_what_they_rely_on_is_told_by_itself() -> None:
    one = {"auc": 0.9, "attributions": {"share": {"fare": 1.0}}}
    two = {"auc": 0.9, "attributions": {"share": {"postcode": 1.0}}}
    assert _compared(one, two)["same"] is True
