"""What a watched command finds in its environment."""

from __future__ import annotations

import os

import pytest

from lineage.capture.watch.session import Session


@pytest.fixture
def session(tmp_path):
    """One whose root stands for another checkout."""
    for name in ("there", "here"):
        (tmp_path / name).mkdir()
    made = Session(tmp_path / "there", tmp_path / "here")
    yield made
    made.remove()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{top}/here/src", "{top}/there/src"),
        ("{top}/here", "{top}/there"),
        ("{top}/link/src:src:/elsewhere", "{top}/there/src:src:/elsewhere"),
        ("{top}/here-too", "{top}/here-too"),
    ],
)
def test_a_search_path_into_the_other_checkout_leads_to_the_root(
    session, tmp_path, monkeypatch, before, after
):
    (tmp_path / "link").symlink_to(tmp_path / "here")
    monkeypatch.setenv("PYTHONPATH", before.format(top=tmp_path))
    expected = os.pathsep.join((str(session.hook), after.format(top=tmp_path)))
    assert session.environment()["PYTHONPATH"] == expected


def test_without_a_search_path_there_is_the_hook_alone(session, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert session.environment()["PYTHONPATH"] == str(session.hook)
