"""What an observation says of itself."""

from __future__ import annotations

import json

import pytest

from lineage.capture.watch import File, Folder, Observed, ProgramKind, Unobserved
from lineage.identity.watched import Distribution, Interpreter, Module

WHOLE = Observed(
    0,
    (File("a.py", True, False, None, ("a.py",)), File("out", False, True)),
    (Folder("data", 5, True, False),),
    (Module("a", "a.py"),),
    (Distribution("numpy", "2.4.6", ("a.py",)),),
    ("homemade",),
    (Interpreter("cpython", "3.11.7", "linux-x86_64", 2),),
    processes=3,
)


def test_json():
    assert json.loads(json.dumps(WHOLE.to_json())) == {
        "complete": True,
        "gaps": [],
        "exit_status": 0,
        "files": [
            {"path": "a.py", "target": None, "input": True, "written": False, "by": ["a.py"]},
            {"path": "out", "target": None, "input": False, "written": True, "by": []},
        ],
        "folders": [{"path": "data", "files": 5, "input": True, "written": False}],
        "modules": [{"name": "a", "path": "a.py"}],
        "distributions": [{"name": "numpy", "version": "2.4.6", "by": ["a.py"]}],
        "unknown_modules": ["homemade"],
        "interpreters": [
            {
                "implementation": "cpython",
                "version": "3.11.7",
                "platform": "linux-x86_64",
                "processes": 2,
            }
        ],
        "processes": 3,
        "unobserved": [],
        "unfinished": 0,
        "still_running": 0,
        "lost": 0,
        "truncated": False,
        "failures": [],
    }


@pytest.mark.parametrize(
    ("facts", "gap"),
    [
        ({"failures": ("x",)}, "watching failed: x"),
        ({"unobserved": (Unobserved("sh", ProgramKind.LAUNCHER, 1),)}, "sh was not observed"),
        (
            {"unobserved": (Unobserved("R", ProgramKind.OTHER, 3),)},
            "R (3 times) was not observed",
        ),
        ({"unfinished": 1}, "1 process ended without saying so"),
        ({"unfinished": 2}, "2 processes ended without saying so"),
        ({"still_running": 1}, "1 process ran on after the command had ended"),
        ({"lost": 4}, "4 records were lost"),
        ({"is_truncated": True}, "there was more than is kept"),
        ({"processes": 0}, "nothing was observed"),
    ],
)
def test_whatever_is_missing_is_said(facts, gap):
    observed = Observed(**({"exit_status": 0, "processes": 1} | facts))
    assert observed.gaps == (gap,)
    assert not observed.is_complete
    assert observed.to_json()["complete"] is False
