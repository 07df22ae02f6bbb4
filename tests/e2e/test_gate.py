"""The gate in CI: the action, the GitLab component, the hook, and what the guide tells to paste.

Each is linted by its service's own schema, and its scripts are run as the service would, but for
what needs the service itself: checking out, and installing from the registry of packages.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from ..conftest import BIN, ENVIRONMENT, FILE_AND_SERVER, Workspace
from ..support import commands

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/guides/ci.md").read_text(encoding="utf-8")
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
_, COMPONENT = yaml.safe_load_all((ROOT / "templates/guard.yml").read_text(encoding="utf-8"))


def _pasted(name: str) -> str:
    """The block of the guide that begins with a file's name."""
    blocks = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    return next(block for block in blocks if block.startswith(f"# {name}\n"))


def _lint(schema: str, path: Path) -> None:
    from check_jsonschema import main

    done = CliRunner().invoke(main, ["--builtin-schema", schema, str(path)])
    assert done.exit_code == 0, done.output


def _bash(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder, env=ENVIRONMENT | {"PATH": commands.path()} | variables, capture_output=True,
        text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def copied(request, copied, made_in_place):
    return made_in_place(_serve) if "serving" in request.fixturenames else copied


def _serve(project):
    project.ok("register", "churn")
    project.ok("validate", "churn@1")
    project.ok("pipeline", "deploy", "--env", "production")
    project.ok("promote", "churn@1", "--env", "production")


@pytest.fixture
def serving(project):
    """churn@1 serves in production."""
    return project


@pytest.fixture
def changed(serving):
    """The same, and a pull request that changes the features."""
    serving.edit("params.yaml", "20", "40")
    serving.edit("src/featurize.py", "* 2", "* 3")
    serving.commit("More features")
    return serving


NOTHING = "Nothing serves for churn in production yet: there is nothing to decide on."

# linted


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ("vendor.github-workflows", ".github/workflows/lineage.yml"),
        ("vendor.gitlab-ci", ".gitlab-ci.yml"),
    ],
)
def test_what_the_guide_tells_to_paste_is_valid(schema, name, tmp_path):
    path = tmp_path / "pasted.yml"
    path.write_text(_pasted(name))
    _lint(schema, path)


def test_the_action_is_valid():
    _lint("vendor.github-actions", ROOT / "action.yml")


def test_the_component_is_valid(tmp_path):
    path = tmp_path / "component.yml"
    path.write_text(yaml.safe_dump(COMPONENT))
    _lint("vendor.gitlab-ci", path)


def test_the_hook_is_valid():
    done = subprocess.run(
        [BIN / "pre-commit", "validate-manifest", ROOT / ".pre-commit-hooks.yaml"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_script_of_the_action_holds_an_input():
    """An expression in a script is how a name becomes a command."""
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step["run"]
    for job in yaml.safe_load(_pasted(".github/workflows/lineage.yml"))["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")


# run


def _action(workspace: Workspace, tmp_path: Path, **inputs: str):
    """The action's deciding step, with the inputs given or their defaults."""
    step = next(step for step in ACTION["runs"]["steps"] if step.get("id") == "guard")
    values = {name: one.get("default", "") for name, one in ACTION["inputs"].items()} | inputs
    named = {
        key: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda m: values[m[1]], text)
        for key, text in step["env"].items()
    }
    (tmp_path / "lineage-guard/bin").mkdir(parents=True)
    (tmp_path / "lineage-guard/bin/lineage").symlink_to(commands.programs() / "lineage")
    output, summary = tmp_path / "output", tmp_path / "summary"
    done = _bash(
        step["run"], workspace.path, RUNNER_TEMP=str(tmp_path), GITHUB_OUTPUT=str(output),
        GITHUB_STEP_SUMMARY=str(summary), **named,
    )  # fmt: skip
    outputs = dict(line.split("=") for line in output.read_text().splitlines())
    return done, outputs, summary.read_text() if summary.exists() else ""


def test_the_action_lets_a_good_pull_request_pass(serving, tmp_path):
    done, outputs, summary = _action(serving, tmp_path, ref="churn@production")
    assert (done.returncode, outputs) == (0, {"exit-code": "0", "allowed": "true"}), done.stderr
    assert summary.startswith("## ✅ churn@1 may serve in production")
    assert "::error" not in done.stdout


def test_the_first_pull_request_passes_in_the_action(project, tmp_path):
    done, outputs, summary = _action(project, tmp_path, ref="churn@production")
    assert (done.returncode, outputs) == (0, {"exit-code": "0", "allowed": "true"}), done.stderr
    assert summary == f"## ✅ {NOTHING}\n\n"
    assert done.stdout == f"{NOTHING}\n"


@pytest.mark.parametrize(
    "inputs", [{"ref": "churn@production", "if-serving": "false"}, {"ref": "churn@1"}]
)
def test_the_action_passes_over_nothing_else(project, tmp_path, inputs):
    """Neither where that is not wanted, nor a version that is named: it is there, or it is not."""
    done, outputs, _ = _action(project, tmp_path, **inputs)
    assert (done.returncode, outputs["allowed"]) == (4, "false"), done.stdout


def test_the_action_annotates_the_lines_that_a_pull_request_changed(changed, tmp_path):
    done, outputs, summary = _action(
        changed, tmp_path, **{"ref": "churn@production", "sarif-file": "lineage.sarif"}
    )
    assert (done.returncode, outputs) == (3, {"exit-code": "3", "allowed": "false"})
    assert "::error file=params.yaml,line=2,title=lineage pipeline-match::" in done.stdout
    assert "::error file=src/featurize.py,line=1,title=lineage pipeline-match::" in done.stdout
    assert "More features (Tester)" in summary
    assert "```diff" in summary
    document = json.loads((changed.path / "lineage.sarif").read_text())
    results = [(one["ruleId"], one["level"]) for one in document["runs"][0]["results"]]
    assert results == [("pipeline-match", "error")] * 2 + [("pipeline-complete", "warning")]


def test_the_action_fails_closed_where_the_registry_is_gone(serving, tmp_path):
    done, outputs, _ = _action(
        serving, tmp_path, ref="churn@production", registry="sqlite:///nowhere.db"
    )
    assert (done.returncode, outputs["allowed"]) == (7, "false")
    assert "::error title=lineage guard::There is no registry" in done.stdout


def test_the_action_decides_on_what_is_deployed_where_asked(changed, tmp_path):
    done, outputs, _ = _action(changed, tmp_path, **{"ref": "churn@1", "working-tree": "false"})
    assert (done.returncode, outputs["allowed"]) == (0, "true"), done.stdout


def test_an_input_is_never_a_command(serving, tmp_path):
    done, outputs, _ = _action(serving, tmp_path, ref="$(touch pwned) --help; touch pwned")
    assert outputs["exit-code"] == "2"
    assert done.returncode == 2
    assert not (serving.path / "pwned").exists()


@pytest.mark.parametrize(("tree", "expected"), [("true", 3), ("false", 0)])
def test_the_component_writes_junit_and_ends_with_the_guards_exit_code(changed, tree, expected):
    job = COMPONENT["lineage-guard"]
    inputs = {
        "ref": "churn@1",
        "environment": "production",
        "working_tree": tree,
        "if_serving": "true",
        "requirement": "x",
    }
    variables = {
        key: re.sub(r"\$\[\[ inputs\.(\w+) \]\]", lambda m: inputs[m[1]], text)
        for key, text in job["variables"].items()
    }
    script = "\n".join(line for line in job["script"] if "pip install" not in line)
    done = _bash(script, changed.path, **variables)
    assert done.returncode == expected, done.stderr
    report = (changed.path / job["artifacts"]["reports"]["junit"]).read_text()
    assert ("<failure" in report) is (expected == 3)


def test_the_pasted_jobs_run(changed):
    gitlab = yaml.safe_load(_pasted(".gitlab-ci.yml"))["lineage-guard"]["script"]
    done = _bash("\n".join(line for line in gitlab if "pip install" not in line), changed.path)
    assert done.returncode == 3
    assert "<failure" in (changed.path / "lineage-guard.xml").read_text()
    jobs = yaml.safe_load(_pasted(".github/workflows/lineage.yml"))["jobs"]
    scripts = {
        name: [step["run"] for step in job["steps"] if "run" in step and "pip" not in step["run"]]
        for name, job in jobs.items()
    }
    asked = _bash(scripts["pipeline"][0], changed.path)
    assert asked.returncode == 3
    assert "::error file=params.yaml" in asked.stdout
    for script in scripts["promote"]:
        assert _bash(script, changed.path, REF="churn@1").returncode == 0


def test_the_hook_runs_in_a_repository_of_its_user(changed, tmp_path):
    """pre-commit runs the hook's own entry; only its environment is ours instead of a new one."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    local = hook | {"language": "system", "args": ["churn@production", "--env", "production"]}
    config = {"repos": [{"repo": "local", "hooks": [local]}]}
    changed.write({".pre-commit-config.yaml": yaml.safe_dump(config)})
    changed.git("add", ".pre-commit-config.yaml")
    refused = changed.command(
        str(BIN / "pre-commit"),
        "run",
        "--all-files",
        env={"PRE_COMMIT_HOME": str(tmp_path / "home"), "PATH": commands.path()},
    )
    assert refused.code == 1
    assert "parameter featurize.top 20 → 40" in refused.out
    changed.git("checkout", "--quiet", "HEAD~1", "--", "params.yaml", "src")
    passed = changed.command(
        str(BIN / "pre-commit"),
        "run",
        "--all-files",
        env={"PRE_COMMIT_HOME": str(tmp_path / "home"), "PATH": commands.path()},
    )
    assert passed.code == 0, passed.out


# what nothing serves yet

ASK = ("guard", "churn@production", "--env", "production", "--working-tree", "--if-serving")


@FILE_AND_SERVER
def test_the_first_pull_request_passes_and_is_told_why(project):
    assert project.lineage(*ASK).out == f"{NOTHING}\n", "nobody registered it, lineage.toml has it"
    project.ok("register", "churn")
    assert project.lineage(*ASK[:-1]).code == 4, "who does not ask so is told that nothing serves"
    assert project.ok(*ASK) == {
        "allowed": True, "model": "churn", "version": None, "environment": "production",
        "pipeline": {"name": None, "digest": None}, "checks": [], "nothing_serves": True,
    }  # fmt: skip
    forms = {form: project.lineage(*ASK, "--format", form) for form in ("github", "junit", "sarif")}
    assert {done.code for done in forms.values()} == {0}
    assert forms["github"].out == f"{NOTHING}\n"
    assert 'tests="0" failures="0"' in forms["junit"].out
    assert json.loads(forms["sarif"].out)["runs"][0]["results"] == []
    project.ok("validate", "churn@1")
    project.ok("pipeline", "deploy", "--env", "production")
    project.ok("promote", "churn@1", "--env", "production")
    assert project.lineage(*ASK).code == 0
    project.edit("params.yaml", "20", "40")
    assert project.lineage(*ASK).code == 3, "from the first promotion on it decides"


@pytest.mark.parametrize(
    ("ref", "env"),
    [
        ("chrun@production", "production"),
        ("churn@production", "prod"),
        ("churn@prod", "production"),
    ],
)
def test_a_misspelt_gate_is_never_green(project, ref, env):
    done = project.lineage("guard", ref, "--env", env, "--if-serving")
    assert (done.code, "Nothing serves" in done.out) == (4, False), done.out


@pytest.mark.parametrize("ref", ["churn@1", "churn@999", "churn@latest"])
def test_a_version_may_not_serve_just_because_nothing_does(project, ref):
    done = project.lineage("guard", ref, "--env", "production", "--if-serving")
    assert (done.code, "Nothing serves" in done.out) == (2, False), done.out
    assert "lineage guard churn@production --env production --if-serving" in done.err


# formats on the command line


def test_every_format_is_a_document_of_its_own_on_stdout(changed):
    said = {
        form: changed.lineage(
            "guard", "churn@production", "--env", "production", "--working-tree", "--format", form
        )
        for form in ("text", "json", "github", "junit", "sarif")
    }
    assert {done.code for done in said.values()} == {3}
    decision = said["json"].json
    assert json.loads(said["sarif"].out)["version"] == "2.1.0"
    assert said["junit"].out.startswith('<?xml version="1.0" encoding="UTF-8"?>')
    match = next(c for c in decision["checks"] if c["code"] == "pipeline-match")["details"]
    assert match["places"] == [
        {"path": "params.yaml", "line": 2}, {"path": "src/featurize.py", "line": 1},
    ]  # fmt: skip
    assert [commit["subject"] for commit in match["commits"]] == ["More features"]
    (diff,) = match["diffs"]
    assert diff["lines"][3:] == [
        "-open('data/features.csv', 'w').write(open('data/clean.csv').read() * 2)",
        "+open('data/features.csv', 'w').write(open('data/clean.csv').read() * 3)",
    ]
    assert "-open('data/features.csv'" in said["text"].out


def test_a_broken_requirement_is_annotated_where_it_is_written(serving):
    serving.write({"eval/metrics.json": '{"auc": 0.7, "slices": {"new": {"auc": 0.8}}}'})
    serving.ok("validate", "churn@1")
    done = serving.lineage("guard", "churn@1", "--env", "production", "--format", "github")
    assert done.code == 3
    assert "::error file=lineage.toml,line=5,title=lineage requirements::" in done.out
