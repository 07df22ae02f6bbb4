"""The same answer from a working tree, a revision, a shallow clone and another working tree."""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING

import pytest

from lineage.capture.code_graph.graph import CodeGraph
from lineage.capture.code_graph.source_files import SourceFiles
from lineage.capture.code_graph.values import StageCode, StageToFollow
from lineage.capture.git import GitRepository
from lineage.capture.source import Revision, WorkingTree

if TYPE_CHECKING:
    from pathlib import Path

STAGE = StageToFollow(("python src/run.py",))


def git(folder: Path, *arguments: str) -> None:
    identity = [
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.com",
        "-c",
        "protocol.file.allow=always",
    ]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def write(folder: Path, **files: str) -> None:
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_py", ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    write(folder, shared__src__run_py="import a\nimport lib.x", shared__src__a_py="exec(x)")
    (folder / "src").symlink_to("shared/src")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    return folder


def in_tree(folder: Path) -> StageCode:
    repository = GitRepository(folder)
    code = CodeGraph(SourceFiles(WorkingTree(repository.top, repository))).follow(STAGE)
    repository.close()
    return code


def at(folder: Path, revision: str = "HEAD") -> StageCode:
    repository = GitRepository(folder)
    source = Revision(repository, repository.resolve(revision))
    code = CodeGraph(SourceFiles(source)).follow(STAGE)
    repository.close()
    return code


def test_everywhere_the_same(top: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth", "1", top.as_uri(), "shallow")
    git(top, "worktree", "add", "-q", "--detach", str(tmp_path / "worktree"))
    git(tmp_path, "clone", "-q", "--config", "core.symlinks=false", str(top), "without-links")
    answers = [
        in_tree(top),
        at(top),
        in_tree(tmp_path / "shallow"),
        at(tmp_path / "shallow"),
        in_tree(tmp_path / "worktree"),
        in_tree(tmp_path / "without-links"),
    ]
    assert all(answer == answers[0] for answer in answers)
    assert set(answers[0].files) == {"shared/src/run.py", "shared/src/a.py"}
    assert [str(one.place) for one in answers[0].unseen] == ["shared/src/a.py:1"]


def test_line_ends_of_a_checkout_change_nothing(top: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--config", "core.autocrlf=true", str(top), "windows")
    assert b"\r\n" in (tmp_path / "windows/shared/src/run.py").read_bytes()
    assert in_tree(tmp_path / "windows") == at(top)


def test_a_working_tree_is_read_as_it_is(top: Path) -> None:
    write(top, shared__src__a_py="import fresh, gone", shared__src__fresh_py="")
    write(top, shared__src__gone_py="")
    git(top, "add", "shared/src/gone.py")
    (top / "shared/src/gone.py").unlink()
    code = in_tree(top)
    assert set(code.files) == {f"shared/src/{n}.py" for n in ("run", "a", "fresh", "gone")}
    assert [(str(u.place), u.kind.value) for u in code.unseen] == [
        ("shared/src/gone.py", "missing")
    ]
    assert set(at(top).files) == {"shared/src/run.py", "shared/src/a.py"}


def test_a_link_that_became_a_folder_is_read_as_it_is(top: Path) -> None:
    (top / "src").unlink()
    write(top, src__run_py="import other", src__other_py="")
    assert set(in_tree(top).files) == {"src/run.py", "src/other.py"}


def test_a_submodules_code_is_its_commit_checked_out_or_not(top: Path, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    write(inner, x_py="import numpy")
    git(inner, "add", "-A")
    git(inner, "commit", "-qm", "x")
    git(top, "submodule", "add", "-q", str(inner), "shared/src/lib")
    git(top, "commit", "-qm", "submodule")
    git(tmp_path, "clone", "-q", str(top), "empty")
    answers = [in_tree(top), at(top), in_tree(tmp_path / "empty")]
    assert all(answer == answers[0] for answer in answers)
    assert "shared/src/lib" in answers[0].files
    assert ("shared/src/lib", "submodule") in {
        (str(one.place), one.kind.value) for one in answers[0].unseen
    }


def test_nothing_of_the_repository_is_run(top: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    touch = f"open({str(trace)!r}, 'w')"
    write(top, shared__src__run_py=f"{touch}\nimport a\n", shared__src__a_py=touch)
    write(top, setup_py=touch, conftest_py=touch, sitecustomize_py=touch)
    git(top, "add", "-A")
    with contextlib.chdir(top):
        in_tree(top)
    assert not trace.exists()


def test_a_link_out_of_the_repository_is_never_read(top: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text("import a")
    (top / "shared/src/lib").symlink_to(tmp_path)
    write(top, shared__src__run_py="import lib.secret")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "link")
    for code in (in_tree(top), at(top)):
        assert set(code.files) == {"shared/src/run.py"}
        assert [one.kind.value for one in code.unseen] == ["outside the repository"]
