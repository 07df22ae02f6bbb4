"""The ways between DVC's stages: in order, and where they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lineage.capture.dvc import DvcProject
from lineage.capture.source import WorkingTree
from lineage.capture.stages_from import stages_behind, stages_from
from lineage.errors import CaptureError

if TYPE_CHECKING:
    from pathlib import Path

DIAMOND = {
    "evaluate": (["raw.csv", "c.csv", "b.csv", "model"], "metrics.json"),
    "train": (["c.csv", "seeds"], "model"),
    "seed": (["raw.csv"], "seeds"),
    "c": (["b.csv", "a.csv"], "c.csv"),
    "b": (["a.csv"], "b.csv"),
    "a": (["raw.csv"], "a.csv"),
}


def project(folder: Path, stages: dict[str, tuple[list[str], str]], frozen: str = "") -> DvcProject:
    lines = ["stages:"]
    for name, (deps, out) in stages.items():
        lines += [f"  {name}:", f"    cmd: make {name}", f"    deps: [{', '.join(deps)}]"]
        lines += [f"    outs: [{out}]", f"    frozen: {str(name == frozen).lower()}"]
    (folder / "dvc.yaml").write_text("\n".join(lines))
    (folder / ".dvc").mkdir()
    return DvcProject(WorkingTree(folder, None), "")


def test_what_stages_are_made_from_comes_before_them_and_the_weights_end_the_way(tmp_path: Path):
    dvc = project(tmp_path, DIAMOND)
    (end,) = dvc.making("metrics.json")
    behind = [stage.name for stage in stages_behind(dvc, "model", [end])]
    assert behind == ["a", "b", "c", "evaluate"]
    assert {one.name for one in stages_behind(dvc, "other", [end])} == {*DIAMOND}
    assert [stage.name for stage in stages_from(dvc, "model", [end])] == ["evaluate"]
    assert [stage.name for stage in stages_from(dvc, "a.csv", [end])][-1] == "evaluate"


def test_what_a_frozen_stage_is_made_from_is_not_asked(tmp_path: Path):
    dvc = project(tmp_path, DIAMOND, frozen="c")
    (end,) = dvc.making("c.csv")
    assert [stage.name for stage in stages_behind(dvc, "model", [end])] == ["c"]


def test_stages_that_are_made_from_each_other_are_refused(tmp_path: Path):
    dvc = project(tmp_path, {"a": (["b.csv"], "a.csv"), "b": (["a.csv"], "b.csv")})
    with pytest.raises(CaptureError, match="in a circle"):
        stages_behind(dvc, "model", dvc.making("a.csv"))
