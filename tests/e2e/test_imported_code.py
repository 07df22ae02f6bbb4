"""The accident that no dependency names: an imported helper changes, and nothing else does."""

from __future__ import annotations

import dataclasses
import sys

import pytest

from lineage.capture.project import Project
from lineage.capture.version import VersionCapture
from lineage.connection import connect
from lineage.contract.captured import CapturedPipelineVersion, CaptureRequest
from lineage.identity.components import Kind
from lineage.identity.digest import hash_object
from tests.conftest import a_copy
from tests.support.encodings import as_before

HELPER = "src/common/scaling.py"


def _serve(project) -> None:
    project.write({HELPER: "def scaled(text):\n    return text * 2\n"})
    project.edit(
        "src/featurize.py",
        "open('data/features.csv', 'w').write(open('data/clean.csv').read() * 2)",
        "from common.scaling import scaled\n"
        "open('data/features.csv', 'w').write(scaled(open('data/clean.csv').read()))",
    )
    project.dvc("repro", "--quiet")
    project.commit("Scale in a module of its own")
    project.ok("register", "churn")
    project.ok("validate", "churn@1")
    project.ok("pipeline", "deploy", "--env", "production")
    project.ok("promote", "churn@1", "--env", "production")


@pytest.fixture
def copied(request, copied, made_in_place):
    return made_in_place(_serve) if "serving" in request.fixturenames else copied


@pytest.fixture
def serving(project):
    """churn serves, and its featurize stage imports a helper that dvc.yaml does not name."""
    return project


def test_an_imported_helper_that_changes_is_refused_with_the_line(serving):
    serving.edit(HELPER, "* 2", "* 30")  # another size, or Python may run what it compiled before
    serving.dvc("repro", "--quiet", "--force")
    serving.commit("Another scale")
    serving.ok("register", "churn")
    serving.ok("validate", "churn@2")
    refused = serving.lineage("promote", "churn@2", "--env", "production")
    assert refused.code == 3
    assert f"featurize: {HELPER} changed" in refused.out
    assert "text * 3" in refused.out
    assert f"reached: {HELPER} ← src/featurize.py:1 ← " in refused.out
    reached = serving.ok("impact", HELPER)["versions"]
    assert [(one["ref"], one["how"]) for one in reached] == [
        ("churn@2", "code"),
        ("churn@1", "code"),
    ]
    assert [side["environment"] for side in reached[1]["held"]] == ["production"]
    assert f"code  {HELPER}  blake3:" in serving.lineage("trace", "churn@2").out
    gate = serving.lineage("guard", "churn@1", "--env", "production", "--working-tree", "--json")
    assert (gate.code, gate.json["allowed"]) == (3, False)


def test_a_capture_says_how_each_file_came_in_and_what_it_cannot_see(serving):
    captured = serving.ok("pipeline", "capture")
    assert HELPER in captured["manifest"]["stages"]["featurize"]["code"]
    assert captured["unseen"] == []
    assert captured["why"]["featurize"][HELPER].startswith(f"{HELPER} ← src/featurize.py:1")
    way = f"code    {HELPER} ← src/featurize.py:1"
    assert way in serving.lineage("pipeline", "capture", "--why").out
    assert way in serving.lineage("pipeline", "show", "--why").out

    serving.edit("src/featurize.py", "import scaled", "import scaled\n__import__(input())")
    (unseen,) = serving.ok("pipeline", "capture")["unseen"]
    assert (unseen["stage"], unseen["where"]) == ("featurize", "src/featurize.py:2")
    assert unseen["what"] == "computed import"
    assert "unseen  featurize: src/featurize.py:2" in serving.lineage("pipeline", "capture").out


def test_a_recorded_version_says_why_it_holds_its_files(serving):
    recorded = serving.ok("pipeline", "show", "churn@1", "--why")
    assert recorded["why"] == serving.ok("pipeline", "capture")["why"]
    assert recorded["unseen"] == []
    assert "why" not in serving.ok("pipeline", "show", "churn@1")
    way = f"code    {HELPER} ← src/featurize.py:1 ← "
    assert way in serving.lineage("pipeline", "show", "churn@1", "--why").out

    serving.edit(HELPER, "* 2", "* 3")
    assert way in serving.lineage("pipeline", "show", "churn@1", "--why").out, "from its commit"
    serving.ok("validate", "churn@1", "--passed")
    uncommitted = serving.ok("pipeline", "capture")["digest"]
    assert HELPER in serving.ok("pipeline", "show", uncommitted, "--why")["why"]["featurize"]
    serving.edit(HELPER, "* 3", "* 4")
    gone = serving.lineage("pipeline", "show", uncommitted, "--why")
    assert gone.code == 4
    assert "with uncommitted changes" in gone.err
    assert "lineage pipeline show --why" in gone.err


def test_reasons_are_of_one_version(serving):
    refused = serving.lineage("pipeline", "show", "churn", "--why")
    assert refused.code == 2
    assert "Name one by its digest" in refused.err


def test_a_project_in_a_folder_says_why_by_its_own_paths(repository):
    repository.write(
        {
            "one/dvc.yaml": "stages:\n  a:\n    cmd: python a.py\n    deps: [a.py]\n",
            "one/lineage.toml": "[models.churn]\n",
            "one/a.py": "import sys\nsys.path.append('../shared')\nimport lib\nexec(x)\n",
            "shared/lib.py": "",
        }
    )
    repository.commit()
    captured = repository.ok("pipeline", "capture", cwd="one")
    assert sorted(captured["manifest"]["stages"]["a"]["code"]) == ["../shared/lib.py", "a.py"]
    assert captured["why"]["a"]["../shared/lib.py"].startswith("../shared/lib.py ← a.py:3 ← ")
    assert [thing["where"] for thing in captured["unseen"]] == ["a.py:4"]


def _match(workspace, ref="churn@1", env="production"):
    words = ("guard", ref, "--env", env, "--working-tree")
    decided = workspace.lineage(*words, "--json")
    return next(check for check in decided.json["checks"] if check["code"] == "pipeline-match")


def test_declared_dependencies_alone_are_captured_where_imports_are_switched_off(serving):
    before = serving.ok("pipeline", "capture")
    assert before["manifest"]["code"] == "followed"
    serving.edit(
        "lineage.toml", "[models.churn.pipeline]", "[models.churn.pipeline]\nimports = false"
    )
    declared = serving.ok("pipeline", "capture")
    assert declared["manifest"]["code"] == "declared"
    assert HELPER not in declared["manifest"]["stages"]["featurize"]["code"]
    way = "src/featurize.py ← declared"
    assert declared["why"]["featurize"] == {"src/featurize.py": way}
    assert declared["unseen"] == []
    said = serving.lineage("pipeline", "show").out
    assert "code    declared dependencies alone: imports = false" in said
    said = serving.lineage("pipeline", "show", "--why").out
    assert "code    declared dependencies alone: imports = false" in said
    assert f"code    {way}  blake3:" in said

    check = _match(serving)
    assert check["status"] == "fail"
    said, removed = check["details"]["explanation"]
    assert "the deployed version was captured without imports (imports = false)" in said
    assert removed == f"featurize: {HELPER} removed"
    assert check["details"]["places"][0] == {"path": "lineage.toml", "line": None}
    serving.ok("validate", "churn@1")
    check = _match(serving)
    assert (check["status"], "imports = false" in check["summary"]) == ("pass", True)


def _recorded_before(workspace, commit):
    """churn@1 as it was registered and validated before what stages run was followed."""
    captured = VersionCapture(
        Project.find(workspace.path), "churn", CaptureRequest(Kind.EXPERIMENT)
    ).capture()
    version = as_before(captured.components.pipeline, without=[HELPER])
    components = dataclasses.replace(captured.components, pipeline=version)
    captured = dataclasses.replace(captured, components=components, stored=(a_copy(),))
    with connect(f"sqlite:///{workspace.path / '.lineage/registry.db'}") as registry:
        ref = registry.register("churn", captured, kind=Kind.EXPERIMENT, actor="tester").ref
        pipeline = CapturedPipelineVersion("churn", version, commit)
        registry.validate(ref, pipeline, passed=True, actor="tester")


@pytest.fixture
def upgraded(project):
    """churn@1, recorded before what stages run was followed; featurize imports a helper."""
    project.write({HELPER: "def scaled(text):\n    return text * 2\n"})
    first = "open('data/features.csv'"
    project.edit("src/featurize.py", first, f"import common.scaling\n{first}")
    project.dvc("repro", "--quiet")
    _recorded_before(project, project.commit())
    return project


def test_the_guard_lists_the_files_that_an_older_version_does_not_hold(upgraded):
    details = _match(upgraded, env="staging")["details"]
    encoding, scope, again, added = details["explanation"]
    assert "recorded before lineage-pipeline/2" in encoding
    assert scope.startswith("the validated version holds declared dependencies alone")
    assert again.endswith("one side holds more of what its stages run:")
    assert added == f"featurize: {HELPER} added"
    assert details["reached"] == [f"{HELPER} ← src/featurize.py:1 ← declared"]
    assert details["encodings"]["same"] is False
    assert details["carry_over"] is None, "nobody knows what it was validated with"
    assert upgraded.lineage("validate", "churn@1", "--carry-over").code == 3
    diff = upgraded.ok("pipeline", "diff", "churn@1", ".")
    assert diff["explanation"] == details["explanation"]
    assert diff["reached"] == details["reached"]
    assert diff["changes"][1] == {
        "stage": None,
        "kind": "code",
        "name": "code",
        "validated": None,
        "deployed": "followed",
    }


def test_the_files_of_an_older_version_are_all_declared(upgraded):
    shown = upgraded.lineage("pipeline", "show", "churn@1", "--why").out
    assert "code    declared dependencies alone: recorded before what runs was followed" in shown
    assert "code    src/featurize.py ← declared  blake3:" in shown
    assert HELPER not in shown
    assert "declared dependencies alone" not in upgraded.lineage("pipeline", "show").out


def test_what_differs_besides_is_told_with_the_files_that_an_older_version_does_not_hold(upgraded):
    upgraded.edit("params.yaml", "20", "20.0")
    again, *differs = _match(upgraded, env="staging")["details"]["explanation"][2:]
    assert again.endswith("it differs:")
    assert differs == [
        "featurize: parameter featurize.top 20 → 20.0",
        f"featurize: {HELPER} added",
    ]


def test_an_older_version_is_validated_anew_as_its_refusal_says(upgraded):
    run = ("--", sys.executable, "-c", "open('eval/metrics.json', 'a').write(' ')")
    refused = upgraded.lineage("validate", "churn@1", *run)
    assert refused.code == 9
    here = upgraded.ok("pipeline", "capture")["digest"]
    named = ("validate", "churn@1", "--pipeline", f"churn@xxh3:{here[5:17]}")
    assert f"lineage {' '.join(named)} -- COMMAND" in refused.err
    assert upgraded.lineage(*named, *run).code == 0
    assert _match(upgraded, env="staging")["status"] == "pass"
    upgraded.ok("pipeline", "deploy", "churn", "--env", "production")


def test_a_pipeline_that_imports_nothing_is_written_as_one_that_declares_all(project):
    captured = project.ok("pipeline", "capture")
    manifest = captured["manifest"]
    assert sorted(manifest) == ["encoding", "files", "settings", "stages"]
    assert captured["digest"] == hash_object("lineage-pipeline/2", manifest)
