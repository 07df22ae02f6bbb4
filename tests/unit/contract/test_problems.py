"""The server's problem becomes the same error at the client."""

from __future__ import annotations

import importlib
import json
import pkgutil

import pytest

import lineage
from lineage.contract import problems
from lineage.errors import CarryRefused, LineageError, UsageError
from lineage.guard.decision import Check, Decision, GuardRefused, Status
from lineage.guard.facts import Transition

DECISION = Decision(
    "churn",
    7,
    "production",
    (Check("pipeline-match", Status.FAIL, "It differs."),),
    Transition.RETURN,
)
OTHERS = {
    GuardRefused: {"decisions": (DECISION, DECISION)},
    CarryRefused: {"details": {"stages": ["featurize"]}},
}


def kinds(kind=LineageError):
    """Every kind with a code of its own; another goes by the code of the one above it."""
    if "code" in vars(kind):
        yield kind
    for below in kind.__subclasses__():
        yield from kinds(below)


def test_every_error_is_told_apart_by_its_code():
    for module in pkgutil.walk_packages(lineage.__path__, "lineage."):
        if module.name.startswith(("lineage.guard", "lineage.identity", "lineage.errors")):
            importlib.import_module(module.name)
    codes = [kind.code for kind in kinds()]
    assert len(codes) == len(set(codes))
    assert {"guard-refused", "carry-over-refused", "dirty-tree"} <= set(codes)


@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.code)
def test_an_error_comes_back_as_it_was_raised(kind):
    error = kind("It is so.", remedy="Do this.", **OTHERS.get(kind, {}))
    document = {
        "code": error.code, "status": error.http_status, "detail": str(error),
        "remedy": error.remedy,
    } | problems.details_of(error)  # fmt: skip
    read = problems.error_from_json(json.loads(json.dumps(document)))
    assert type(read) is kind
    assert (str(read), read.remedy) == ("It is so.", "Do this.")
    assert vars(read) == vars(error)


@pytest.mark.parametrize(
    ("status", "kind"), [(422, UsageError), (409, UsageError), (500, LineageError)]
)
def test_an_error_of_a_later_version_goes_by_its_status(status, kind):
    problem = {"code": "of-tomorrow", "status": status, "detail": "d", "remedy": "r"}
    assert type(problems.error_from_json(problem)) is kind
