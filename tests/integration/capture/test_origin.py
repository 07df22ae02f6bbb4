"""How far back the history of a lock is read."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from lineage.capture import git, origin
from lineage.capture.dvc import DvcProject
from lineage.capture.dvc_hash import DvcHasher
from lineage.capture.git import GitRepository
from lineage.capture.origin import OriginReader
from lineage.capture.source import WorkingTree
from lineage.errors import CaptureError

if TYPE_CHECKING:
    from lineage.identity.origin import WeightsOrigin

    from ...conftest import Workspace


def _read(project: Workspace) -> WeightsOrigin:
    with closing(GitRepository(project.path)) as repository:
        source = WorkingTree(project.path, repository)
        dvc, hasher = DvcProject(source, ""), DvcHasher(source, "", None, None)
        reader = OriginReader("churn", dvc, repository, hasher)
        return reader.read(project.path / "models/model.bin", project.path)


def test_a_history_that_is_not_read_to_the_run_cannot_tell(project, monkeypatch):
    made = project.git("rev-parse", "HEAD").strip()
    for comment in ("a", "b"):
        lock = (project.path / "dvc.lock").read_text(encoding="utf-8")
        project.write({"dvc.lock": f"{lock}# {comment}\n"})
        project.commit("A comment in the lock")
    assert _read(project).commit == made
    for module in (git, origin):
        monkeypatch.setattr(module, "MOST_VERSIONS", 2)
    with pytest.raises(
        CaptureError, match=r"The oldest of the 2 commits of dvc\.lock that are read holds"
    ):
        _read(project)
