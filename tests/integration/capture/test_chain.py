"""How much of what DVC recorded is kept with one version."""

from __future__ import annotations

from contextlib import closing

from lineage.capture import chain
from lineage.capture.dvc import DvcProject
from lineage.capture.git import GitRepository
from lineage.capture.source import WorkingTree

STAGES = """\
stages:
  first: {cmd: a, deps: [raw.csv], outs: [a.csv]}
  second: {cmd: b, deps: [a.csv], outs: [b.csv]}
"""
LOCK = """\
schema: '2.0'
stages:
  first:
    cmd: a
    deps: [{path: raw.csv, hash: md5, md5: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, size: 1}]
    outs: [{path: a.csv, hash: md5, md5: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb, size: 1}]
  second:
    cmd: b
    deps: [{path: a.csv, hash: md5, md5: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb, size: 1}]
    outs: [{path: b.csv, hash: md5, md5: cccccccccccccccccccccccccccccccc, size: 1}]
"""


def _read(project):
    with closing(GitRepository(project.path)) as repository:
        dvc = DvcProject(WorkingTree(project.path, repository), "")
        return chain.ChainReader(dvc, project.path, None, check=False).read(None, ["b.csv"], "")


def test_a_run_past_the_files_of_one_chain_is_left_out_and_said(project, monkeypatch):
    project.write({"dvc.yaml": STAGES, "dvc.lock": LOCK})
    both = _read(project)
    assert {run.name for run in both.runs} == {"first", "second"}
    assert not both.gaps
    monkeypatch.setattr(chain, "MOST_OF_CHAIN", 3)
    some = _read(project)
    assert len(some.runs) == 1
    (kept,), (gap,) = some.runs, some.gaps
    (left_out,) = {"first", "second"} - {kept.name}
    assert gap.startswith(f"The run of {left_out} is left out: ")
    assert "3 files" in gap
