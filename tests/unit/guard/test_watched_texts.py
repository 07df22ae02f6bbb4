"""What a person reads of `pipeline-complete`: what a run read, or nobody saw."""

from __future__ import annotations

import dataclasses

import pytest

from lineage.identity.digest import blake3_of
from lineage.identity.pipeline import PipelineVersion, Stage
from lineage.identity.watched import Role, Undeclared
from tests.conftest import pipeline
from tests.unit.guard.test_evaluate import _check, _verdict, _watched
from tests.unit.guard.test_rule_texts import OUTSIDE, _told

WATCH_AGAIN = (
    "Watch its stages at its commit (lineage run --force), then register it again: "
    "lineage register churn"
)
STAGES = dict(pipeline().manifest.stages)
STAGES |= {
    name: Stage((f"python {name}.py",), {f"{name}.py": blake3_of(name.encode())})
    for name in ("score", "train")
}
THREE = PipelineVersion(dataclasses.replace(pipeline().manifest, stages=STAGES))


def _ran(*code: str, gaps: tuple[str, ...] = ()):
    """A watched run of the pipeline of three stages."""
    watched = _watched(code=code, gaps=gaps)
    return dataclasses.replace(watched, pipeline=str(THREE.blake3))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"deployed": None}, "needs a deployed pipeline to compare"),
        ({"deployed": OUTSIDE}, "the deployed pipeline is known by its digest alone"),
        (
            {"watched": (_watched(text="new"),), "verdicts": (_verdict("new"),)},
            "no verdict is on the deployed pipeline version",
        ),
    ],
)
def test_what_runs_read_is_not_asked_where_there_is_nothing_to_compare(changes, why):
    assert _told(_check("pipeline-complete", **changes)) == ("skipped", why, None)


def test_runs_with_another_pipeline_version_warn_of_what_nobody_watched():
    check = _check("pipeline-complete", watched=(_watched(text="new"), _watched(text="third")))
    assert _told(check) == (
        "warn",
        "nobody watched a run of churn@7 with the deployed pipeline version: it holds the code "
        "that 2 watched runs with another read",
        WATCH_AGAIN,
    )
    assert check.details == {"runs": 0}


@pytest.mark.parametrize(
    ("runs", "idle", "says"),
    [
        (
            (_ran("featurize.py", "score.py"),),
            ["train"],
            "a watched run of churn@7 ran no code of train: what it reads",
        ),
        (
            (_ran("featurize.py"), _ran("featurize.py")),
            ["score", "train"],
            "2 watched runs of churn@7 ran no code of score, train: what they read",
        ),
        (
            (_ran("featurize.py"), _ran("score.py")),
            ["train"],
            "2 watched runs of churn@7 ran no code of train: what it reads",
        ),
    ],
)
def test_stages_that_no_run_was_watched_in_are_named(runs, idle, says):
    check = _check("pipeline-complete", deployed=THREE, watched=runs)
    assert _told(check) == ("warn", f"{says} is known as far as it is declared", WATCH_AGAIN)
    assert check.details == {"idle": idle, "runs": len(runs)}


ALL = tuple(f"{name}.py" for name in STAGES)
HOLDS_WHAT = "the deployed pipeline holds what a watched run of churn@7 read"


@pytest.mark.parametrize(
    ("gaps", "status", "seen", "remedy"),
    [
        ((), "pass", "", None),
        (("lscpu was not observed",), "pass", ", as far as it was seen: lscpu was not observed", None),
        (
            ("python3 was not observed", "lscpu was not observed"),
            "warn",
            ", as far as it was seen: lscpu was not observed, python3 was not observed",
            "Let each Python of the run start with the environment that it is given, and without "
            "-I, -E or -S, and end before the command does; then watch its stages (lineage run "
            "--force) and register it again: lineage register churn",
        ),
    ],
)  # fmt: skip
def test_what_a_run_left_unseen_is_told_and_warns_where_somebody_can_help_it(
    gaps, status, seen, remedy
):
    check = _check("pipeline-complete", deployed=THREE, watched=(_ran(*ALL, gaps=gaps),))
    assert _told(check) == (status, f"{HOLDS_WHAT}{seen}", remedy)
    assert check.details == {"runs": 1, "gaps": sorted(gaps)}


@pytest.mark.parametrize(
    ("count", "named"),
    [(1, "a.py"), (3, "a.py, b.py, c.py"), (4, "a.py, b.py, c.py and 1 more"),
     (5, "a.py, b.py, c.py and 2 more")],
)  # fmt: skip
def test_of_many_files_three_are_named_and_all_are_listed(count, named):
    files = [Undeclared(f"{letter}.py", Role.CODE, True) for letter in "abcde"[:count]]
    check = _check("pipeline-complete", watched=(_watched(*files),))
    assert check.summary == (
        f"a watched run of churn@7 read {named}, which the deployed pipeline does not hold"
    )
    assert check.details["undeclared"] == [file.to_json() for file in files]
