"""The environment that a verdict was reached in."""

from __future__ import annotations

import dataclasses

import pytest

from lineage.identity.run_environment import (
    MOST_CHANGES,
    RunEnvironment,
    changes_json,
    normalised,
)
from lineage.identity.watched import Distribution, Interpreter, WatchedRun

RUN = WatchedRun(
    {"command": ["python", "evaluate.py"]},
    distributions=(Distribution("Scikit_Learn", "1.7.0"), Distribution("numpy", "2.4.6")),
    interpreters=(Interpreter("cpython", "3.11.7", "linux-x86_64", 2),),
)


def of(*runs: WatchedRun) -> RunEnvironment:
    found = RunEnvironment.of_runs(runs)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "name", ["scikit-learn", "Scikit.Learn", "scikit__learn", "SCIKIT-_.LEARN"]
)
def test_names_are_compared_normalised(name):
    assert normalised(name) == "scikit-learn"


def test_a_run_tells_its_environment():
    found = of(RUN)
    assert found == RunEnvironment(
        ("cpython 3.11.7",),
        ("linux-x86_64",),
        {"numpy": ("2.4.6",), "scikit-learn": ("1.7.0",)},
    )
    assert RunEnvironment.from_json(found.to_json()) == found


def test_what_dvc_alone_imports_is_none_of_the_environment():
    evaluate = "src/evaluate.py"
    by_dvc = dataclasses.replace(
        RUN,
        distributions=(
            Distribution("Scikit_Learn", "1.7.0", (evaluate,)),
            Distribution("numpy", "2.4.6", ("dvc", evaluate)),
            Distribution("dvc-data", "3.18.3", ("dvc",)),
            Distribution("fsspec", "2026.9.0", ("-m dvc",)),
        ),
    )
    assert of(by_dvc) == of(RUN)


def test_runs_of_one_validation_are_one_environment():
    other = dataclasses.replace(
        RUN,
        distributions=(Distribution("numpy", "1.26.0"),),
        interpreters=(Interpreter("cpython", "3.12.1", "linux-x86_64", 1),),
        gaps=("Rscript was not observed",),
    )
    found = of(RUN, other)
    assert found.packages["numpy"] == ("1.26.0", "2.4.6")
    assert found.interpreters == ("cpython 3.11.7", "cpython 3.12.1")
    assert found.gaps == ("Rscript was not observed",)
    assert of(other, RUN) == found


def test_a_run_in_which_no_python_was_seen_tells_nothing():
    assert RunEnvironment.of_runs([]) is None
    assert RunEnvironment.of_runs([dataclasses.replace(RUN, interpreters=())]) is None


def test_what_differs_is_told_in_words():
    after = RunEnvironment(
        ("cpython 3.12.1",), ("linux-aarch64",), {"numpy": ("2.5.0",), "joblib": ("1.4.2",)}
    )
    assert list(map(str, of(RUN).changes_to(after))) == [
        "Python cpython 3.11.7 → cpython 3.12.1",
        "platform linux-x86_64 → linux-aarch64",
        "joblib not imported → 1.4.2",
        "numpy 2.4.6 → 2.5.0",
        "scikit-learn 1.7.0 → not imported",
    ]
    assert of(RUN).changes_to(of(RUN)) == ()


def test_no_more_changes_are_named_than_somebody_reads():
    many = {f"p{number}": ("1",) for number in range(MOST_CHANGES + 7)}
    changes = of(RUN).changes_to(dataclasses.replace(of(RUN), packages=many | of(RUN).packages))
    told = changes_json(changes)
    assert (len(told["changes"]), len(told["explanation"]), told["more"]) == (100, 100, 7)
