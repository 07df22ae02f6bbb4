"""A commit has one pipeline: checked out in whatever way, and as git alone holds it."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineage.capture.project import Project
from lineage.errors import CaptureError
from tests.support import LONG

POINTER = "outs:\n- md5: 0cc175b9c0f1b6a831c399e269772661\n  size: 1\n  path: {}\n"
DEPS = st.lists(
    st.sampled_from(
        [
            *("src", "src/a.py", "src/deep", "lib", "link", "conf", "data", "data/raw.csv"),
            *("gen", "gen/x.csv", "inner", "inner/own.py", "linked.py"),
        ]
    ),
    max_size=4,
    unique=True,
)
PATTERNS = ["*.md", "src/deep/", "/lib", "!keep.md", "own.py", "**/x.csv", "conf/*", "!/lib/b.py"]
MADE = {"gen/x.csv": "1", "gen/log.txt": "1", "data/raw.csv": "a", "data/best.yaml": "lr: 9\n"}


@st.composite
def stages(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """A stage of one of DVC's kinds, as the JSON that YAML is too."""
    body: dict[str, Any] = {"deps": draw(DEPS)}
    if draw(st.booleans()):
        body["params"] = draw(
            st.lists(
                st.sampled_from(
                    ["lr", {"conf/p.json": ["a"]}, {"conf/q.py": []}, {"data/best.yaml": ["lr"]}]
                ),
                unique_by=str,
            )
        )
    kind = draw(st.sampled_from(["plain", "vars", "wdir", "foreach", "matrix", "mapping"]))
    body["cmd"] = f"python ${{item}}/a.py {name}" if "h" in kind else "python src/a.py"
    if kind == "vars":
        body |= {"vars": ["conf/v.yaml"], "cmd": "python ${script} ${lr}"}
    if kind == "wdir":
        body["wdir"] = "lib"
        body["deps"] = [f"../{path}" for path in body["deps"]]
        body["params"] = [{"../params.yaml": ["lr"]}]
    if kind == "foreach":
        return {"foreach": ["src", "lib"], "do": body}
    if kind == "mapping":
        return {"foreach": "${each}", "do": body | {"cmd": "python src/a.py ${item.k} ${key}"}}
    if kind == "matrix":
        return {"matrix": {"m": ["${lr}", 2], "n": ["a"]}} | body | {"cmd": "run ${item.m}"}
    return body


@st.composite
def repositories(draw: st.DrawFn) -> dict[str, str]:
    """The files of one: a ``dvc.yaml`` or two, and what they name."""
    own = {f"s{n}": draw(stages(f"s{n}")) for n in range(draw(st.integers(1, 3)))}
    own["make"] = {"cmd": "make", "outs": ["gen/x.csv"]}
    own["tune"] = {"cmd": "tune", "outs": ["data/best.yaml"]}
    files = {
        "dvc.yaml": json.dumps({"stages": own}),
        "params.yaml": "lr: 0.1\neach: {x: {k: 1}, y: {k: on}}\n",
        "conf/p.json": '{"a": 1}',
        "conf/q.py": "A = 1\n",
        "conf/v.yaml": "script: src/a.py\n",
        "src/a.py": "import b\n",
        "src/deep/c.py": "x = 1\n",
        "src/keep.md": "k",
        "lib/a.py": "y = 1\n",
        "lib/b.py": "z = 1\n",
        "inner/own.py": "w = 1\n",
        "data/raw.csv.dvc": POINTER.format("raw.csv"),
        ".gitignore": "gen/x.csv\ndata/raw.csv\ndata/best.yaml\n",
        "lineage.toml": "[models.m.pipeline]\n",
    }
    for folder in draw(st.sets(st.sampled_from(["", "src", "lib", "inner"]))):
        lines = draw(st.lists(st.sampled_from(PATTERNS), max_size=3))
        files[f"{folder}/.dvcignore".lstrip("/")] = "\n".join(lines) + "\n"
    if draw(st.booleans()):
        files["inner/.dvc/.gitignore"] = "/tmp\n"
        files["inner/dvc.yaml"] = "stages: [broken\n"
    if draw(st.booleans()):
        files["sub/dvc.yaml"] = json.dumps({"stages": {"t": {"cmd": "run", "deps": ["../src"]}}})
    if draw(st.booleans()):
        best = 'schema: "2.0"\nstages:\n  s0: {cmd: x, params: {data/best.yaml: {lr: 2.0}}}\n'
        files["dvc.lock"] = best
    return files


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


def build(folder: Path, files: dict[str, str]) -> Path:
    top = folder / "own"
    for name, text in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
    (top / ".dvc").mkdir()
    (top / ".dvc/config").touch()
    (top / "link").symlink_to("src/deep")
    (top / "linked.py").symlink_to("lib/b.py")
    git(top, "init", "--quiet")
    git(top, "add", "--all")
    git(top, "-c", "user.name=A", "-c", "user.email=a@b", "commit", "--quiet", "--message", "x")
    return top


def checked_out(top: Path, way: str) -> Path:
    """The commit in another checkout, or in its own after a run, or a pull."""
    other = top.parent / "other"
    if way == "clone":
        git(top, "clone", "--quiet", str(top), str(other))
        return other
    if way == "worktree":
        git(top, "worktree", "add", "--quiet", "--detach", str(other))
        return other
    if way.startswith("sparse"):
        git(top, "clone", "--quiet", "--no-checkout", str(top), str(other))
        cone = ["--cone", "src"] if way == "sparse cone" else ["--no-cone", "/lineage.toml", "/lib"]
        git(other, "sparse-checkout", "set", *cone)
        git(other, "checkout", "--quiet")
        return other
    if way == "after a run":
        for name, text in MADE.items():
            (top / name).parent.mkdir(exist_ok=True)
            (top / name).write_text(text)
    return top


@pytest.mark.parametrize(
    "way", ["here", "after a run", "clone", "worktree", "sparse cone", "sparse"]
)
@settings(
    max_examples=50 if LONG else 3, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(files=repositories())
def test_a_checkout_and_its_revision_have_one_digest(way, files):
    with tempfile.TemporaryDirectory() as folder:
        here = checked_out(build(Path(folder), files), way)
        there = Project.find(here).capture_pipeline("m", "HEAD").version.blake3
        assert Project.find(here).capture_pipeline("m").version.blake3 == there


def test_a_sparse_checkout_without_the_configuration_is_refused_in_these_words(tmp_path):
    files = {"lineage.toml": "[models.m.pipeline]\n", "lib/a.py": "", "dvc.yaml": "stages: {}\n"}
    other = checked_out(build(tmp_path, files | {"lib/b.py": "", "src/deep/a.py": ""}), "clone")
    git(other, "sparse-checkout", "set", "--no-cone", "/lib")
    with pytest.raises(CaptureError, match=r"sparse checkout leaves out lineage\.toml"):
        Project.find(other).capture_pipeline("m")
