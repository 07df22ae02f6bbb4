"""Captures that wait, damaged and changed: what is in them is held against its schema."""

from __future__ import annotations

import copy
import json

import pytest

from lineage.capture.project import Project
from lineage.workflows import unsent
from lineage.workflows.destination import Destination

PIPELINE = "blake3:" + "2" * 64
RUN = {"command": ["python"], "exit_status": 0, "started_at": "2026-11-27T03:15:00Z"}
WATCHED = {
    "run": RUN,
    "undeclared": [],
    "code": ["train.py"],
    "modules": [],
    "distributions": [],
    "interpreters": [],
}
VERSION = {
    "request": {
        "kind": "experiment",
        "code": {"commit": "1" * 40, "difference": None},
        "pipeline": {"name": "churn", "stated": PIPELINE},
        "run": RUN,
        "watched": [WATCHED],
    },
    "to_store": False,
    "after": 0,
}
VERDICT = {
    "request": {
        "pipeline": {"name": "churn", "stated": PIPELINE},
        "passed": False,
        "metrics": {"auc": 0.1},
        "run": RUN,
        "watched": [WATCHED],
    },
    "tuple": "xxh3:" + "3" * 32,
    "after": 7,
}
REGISTRY = Destination("sqlite:///registry.db", "4" * 32)


def _changed(body: dict, *path: object, to: object) -> dict:
    body = copy.deepcopy(body)
    inner = body
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    return body


def _waiting(folder, verb: str, body: dict) -> unsent.Unsent | unsent.Unreadable:
    """What is read of a capture that was written with this body, by its own digest."""
    place = folder / ".lineage/unsent/20261127031500-0a1b2c.json"
    place.parent.mkdir(parents=True)
    about = "churn" if verb == unsent.REGISTER else "churn@1"
    unsent.Unsent(place, REGISTRY, verb, about, "2026-11-27T03:15:00Z", body).write()
    (found,) = unsent.listed(Project(folder, folder, None, in_git=False))
    return found


@pytest.mark.parametrize(("verb", "body"), [("register", VERSION), ("validate", VERDICT)])
def test_what_was_written_is_read(tmp_path, verb, body):
    found = _waiting(tmp_path, verb, body)
    assert isinstance(found, unsent.Unsent), found
    assert (found.body, found.registry) == (body, REGISTRY)
    assert found.to_json()["passed"] is (None if verb == "register" else False)


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("register", _changed(VERSION, "request", "watched", 0, "code", 0, to=["a"])),
        ("register", _changed(VERSION, "request", "watched", 0, "code", 0, to={})),
        ("register", _changed(VERSION, "request", "pipeline", "name", to=10**30)),
        ("register", _changed(VERSION, "request", "run", to=None)),
        ("register", _changed(VERSION, "request", "run", "started_at", to="yesterday")),
        ("register", _changed(VERSION, "to_store", to="no")),
        ("register", _changed(VERSION, "after", to=10**30)),
        ("register", VERDICT),
        ("validate", _changed(VERDICT, "request", "passed", to="true")),
        ("validate", _changed(VERDICT, "request", "run", "started_at", to=None)),
        ("validate", _changed(VERDICT, "after", to=None)),
        ("validate", _changed(VERDICT, "request", "more", to=1)),
        ("validate", []),
    ],
)
def test_what_is_no_capture_is_not_sent(tmp_path, verb, body):
    found = _waiting(tmp_path, verb, body)
    assert isinstance(found, unsent.Unreadable), found
    assert found.problem.startswith("is damaged")


def test_a_capture_that_was_changed_by_hand_is_not_sent(tmp_path):
    found = _waiting(tmp_path, "validate", VERDICT)
    document = json.loads(found.path.read_text())
    document["body"]["request"]["passed"] = True
    found.path.write_text(json.dumps(document))
    (now,) = unsent.listed(Project(tmp_path, tmp_path, None, in_git=False))
    assert isinstance(now, unsent.Unreadable)
    assert now.problem == "is damaged: it is not what was written"


def test_it_is_said_where_it_is_damaged(tmp_path):
    body = _changed(VERSION, "request", "watched", 0, "code", 0, to=["a"])
    found = _waiting(tmp_path, "register", body)
    assert isinstance(found, unsent.Unreadable)
    assert "request.watched.0.code.0: Input should be a valid string" in found.problem
