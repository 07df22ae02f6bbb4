"""A registry from before `lineage-pipeline/2`: what was recorded stays, and is explained."""

from __future__ import annotations

import dataclasses

import pytest

from lineage.capture.project import Project
from lineage.capture.version import VersionCapture
from lineage.connection import connect
from lineage.contract.captured import CapturedPipelineVersion, CaptureRequest
from lineage.identity.components import Kind
from lineage.identity.digest import blake3_of
from lineage.identity.pipeline import Encoding, Manifest, PipelineVersion
from tests.conftest import a_copy
from tests.support.encodings import as_before

RECORDED = (
    "xxh3:1979a138324e4dff55f3fdfd4ef7c5a5",
    "blake3:224a8d6225a42be722c301ee4fed8c9b621e5dd6fc4ec9cdf822d171148b5fa8",
)
"""What the pipeline of the churn project was recorded as before `lineage-pipeline/2` was there."""


@pytest.fixture
def upgraded(project):
    """The churn project, registered and validated as `lineage-pipeline/1` at HEAD."""
    commit = project.git("rev-parse", "HEAD").strip()
    _record(project, commit)
    return project


def _record(workspace, commit: str, *, dirty: bool = False) -> None:
    found = Project.find(workspace.path)
    captured = VersionCapture(found, "churn", CaptureRequest(Kind.EXPERIMENT)).capture()
    version = as_before(captured.components.pipeline)
    difference = blake3_of(b"a difference") if dirty else None
    code = dataclasses.replace(captured.components.code, commit=commit, difference=difference)
    components = dataclasses.replace(captured.components, pipeline=version, code=code)
    captured = dataclasses.replace(captured, components=components, stored=(a_copy(),))
    with connect(f"sqlite:///{workspace.path / '.lineage/registry.db'}") as registry:
        pipeline = CapturedPipelineVersion("churn", version, commit, dirty)
        registry.validate(
            registry.register("churn", captured, kind=Kind.EXPERIMENT, actor="tester").ref,
            pipeline,
            passed=True,
            actor="tester",
        )


def match(workspace) -> dict:
    words = ("guard", "churn@1", "--env", "staging", "--working-tree")
    decided = workspace.lineage(*words, "--json")
    return next(c for c in decided.json["checks"] if c["code"] == "pipeline-match")


def test_a_version_recorded_before_stays_what_it_was(upgraded):
    shown = upgraded.ok("pipeline", "show", "churn@1")
    assert (shown["digest"], shown["blake3"]) == RECORDED
    assert "encoding" not in shown["manifest"]
    stage = shown["manifest"]["stages"]["featurize"]
    assert stage["params"] == {"params.yaml": {"featurize.top": 20}}
    again = Manifest.from_json(shown["manifest"])
    assert again.encoding is Encoding.FIRST
    assert (PipelineVersion(again).xxh3, PipelineVersion(again).blake3) == RECORDED


def test_where_nothing_but_the_encoding_differs_the_guard_says_so_and_the_verdict_carries(upgraded):
    check = match(upgraded)
    assert check["status"] == "warn", "staging is experimental"
    assert [change["kind"] for change in check["details"]["changes"]] == ["encoding"]
    assert "recorded before lineage-pipeline/2" in check["details"]["explanation"][0]
    assert check["details"]["explanation"][1].endswith("nothing differs but the encoding")
    assert check["details"]["encodings"]["same"] is True
    assert "Only the encoding differs" in check["remedy"]
    assert check["details"]["carry_over"] == "lineage validate churn@1 --carry-over"
    carried = upgraded.ok("validate", "churn@1", "--carry-over")
    assert carried["basis"] == "carried"
    assert "nothing differs but the encoding" in carried["difference"]
    assert match(upgraded)["status"] == "pass"


def test_what_only_the_new_encoding_tells_apart_is_not_carried_over(upgraded):
    upgraded.edit("params.yaml", "20", "20.0")
    upgraded.commit()
    details = match(upgraded)["details"]
    assert [change["kind"] for change in details["changes"]] == ["encoding"], "1 = 1.0 in the first"
    assert details["encodings"]["same"] is False
    assert "featurize: parameter featurize.top 20 → 20.0" in details["encodings"]["explanation"]
    assert details["carry_over"] is None
    refused = upgraded.lineage("validate", "churn@1", "--carry-over")
    assert refused.code == 3
    assert "featurize.top 20 → 20.0" in refused.err


def test_a_change_that_both_encodings_hold_is_told_at_once(upgraded):
    upgraded.edit("params.yaml", "20", "40")
    upgraded.edit("src/featurize.py", "* 2", "* 3")
    details = match(upgraded)["details"]
    assert [change["kind"] for change in details["changes"]] == ["encoding", "parameter", "file"]
    assert "featurize: parameter featurize.top 20 → 40" in details["explanation"]


def test_without_the_commit_it_says_that_it_cannot_be_told(project):
    _record(project, "c" * 40)
    details = match(project)["details"]
    assert details["encodings"] == {
        "same": None,
        "commit": None,
        "changes": [],
        "explanation": details["explanation"][-1],
    }
    assert "cannot be told" in details["explanation"][-1]
    assert project.lineage("validate", "churn@1", "--carry-over").code == 3


def test_what_was_captured_of_a_dirty_tree_cannot_be_captured_again(project):
    _record(project, project.git("rev-parse", "HEAD").strip(), dirty=True)
    details = match(project)["details"]
    assert details["encodings"]["same"] is None
    assert "was not captured at a clean commit" in details["explanation"][-1]


def test_a_commit_that_gives_something_else_than_was_recorded_proves_nothing(project):
    older = project.git("rev-parse", "HEAD").strip()
    project.edit("params.yaml", "20", "40")
    project.commit()
    _record(project, older)
    details = match(project)["details"]
    assert details["encodings"]["same"] is None
    assert "gives another pipeline than was recorded there" in details["explanation"][-1]


def test_pipeline_diff_explains_it_too(upgraded):
    digest = upgraded.ok("pipeline", "show", "churn@1")["digest"]
    result = upgraded.ok("pipeline", "diff", digest, ".")
    assert result["same"] is False
    assert result["encodings"]["same"] is True
    assert result["explanation"][-1].endswith("nothing differs but the encoding")
