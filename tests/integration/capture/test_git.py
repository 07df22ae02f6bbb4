"""Code from real git repositories: what counts as clean, and nothing of a hostile one is run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lineage.capture.code import capture_code
from lineage.capture.git import GitRepository
from lineage.capture.source import Revision, WorkingTree
from lineage.errors import CaptureError, DirtyTree
from lineage.identity.digest import blake3_of


@pytest.fixture
def clone(repository):
    repository.write({"src/a.py": "a = 1\n", ".gitignore": "ignored.csv\n"})
    repository.commit()
    return repository


def _code(workspace, *, clean=True, named=()):
    return capture_code(GitRepository(workspace.path), "", named, clean=clean)


def test_a_clean_tree_is_its_commit(clone):
    clone.git("remote", "add", "origin", "https://user:secret@example.com/team/churn.git")
    code = _code(clone)
    assert code.digest == "git:" + clone.git("rev-parse", "HEAD").strip()
    assert (code.branch, code.dirty) == ("main", False)
    assert code.remote == "https://example.com/team/churn.git"


def test_a_detached_head_has_no_branch(clone):
    clone.git("checkout", "--quiet", "--detach")
    assert _code(clone).branch is None


@pytest.mark.parametrize(
    "change",
    [
        lambda path: (path / "src/a.py").write_text("a = 2\n"),
        lambda path: (path / "src/a.py").unlink(),
        lambda path: (path / "src/a.py").chmod(0o755),
    ],
    ids=["edited", "deleted", "mode"],
)
def test_a_tracked_change_is_dirty(clone, change):
    change(clone.path)
    with pytest.raises(DirtyTree, match=r"src/a\.py"):
        _code(clone)
    assert _code(clone, clean=False).dirty


def test_a_staged_file_is_dirty(clone):
    clone.write({"src/b.py": ""})
    clone.git("add", "src/b.py")
    with pytest.raises(DirtyTree, match=r"src/b\.py"):
        _code(clone)


def test_untracked_files_count_only_where_they_are_named(clone):
    clone.write({"notes.txt": "", "src/new.py": "", "ignored.csv": ""})
    assert not _code(clone).dirty
    for name in ("src/new.py", "src"):
        with pytest.raises(DirtyTree, match=r"src/new\.py"):
            _code(clone, named=[name])
    assert not _code(clone, named=["ignored.csv"]).dirty


def test_different_differences_have_different_digests(clone):
    clone.write({"src/a.py": "a = 2\n"})
    first = _code(clone, clean=False)
    assert _code(clone, clean=False).digest == first.digest
    clone.write({"src/a.py": "a = 3\n"})
    assert _code(clone, clean=False).digest != first.digest


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_change_that_git_was_told_to_overlook_is_seen(clone, flag):
    clone.git("update-index", flag, "src/a.py")
    assert not _code(clone).dirty
    clone.write({"src/a.py": "a = 666\n"})
    with pytest.raises(DirtyTree):
        _code(clone)
    repository = GitRepository(clone.path)
    assert WorkingTree(clone.path, repository).code_digest("src/a.py") == blake3_of(b"a = 666\n")


def test_one_listing_tells_what_is_tracked_and_what_git_overlooks(clone, tmp_path, monkeypatch):
    clone.git("update-index", "--skip-worktree", "src/a.py")
    clone.write({"src/a.py": "a = 666\n"})
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    repository = GitRepository(clone.path)
    assert set(repository.index) == {".gitignore", "src/a.py"}
    assert repository.modified == {"src/a.py"}
    assert (tmp_path / "trace").read_text().count("git ls-files") == 1


def test_line_ends_and_checkouts_agree(clone):
    """The bytes of an unmodified file are those that git stores, whatever the checkout wrote."""
    clone.write({".gitattributes": "*.py text eol=crlf\n"})
    clone.commit()
    (clone.path / "src/a.py").unlink()
    clone.git("checkout", "--", "src/a.py")
    assert b"\r\n" in (clone.path / "src/a.py").read_bytes()
    repository = GitRepository(clone.path)
    here = WorkingTree(clone.path, repository).code_digest("src/a.py")
    assert here == Revision(repository, repository.head).code_digest("src/a.py")
    assert here == blake3_of(b"a = 1\n")


def test_a_shallow_clone_works_and_says_what_it_lacks(clone, tmp_path):
    first = clone.git("rev-parse", "HEAD").strip()
    clone.write({"src/a.py": "a = 2\n"})
    clone.commit()
    clone.git("clone", "--quiet", "--depth", "1", f"file://{clone.path}", str(tmp_path / "shallow"))
    repository = GitRepository(tmp_path / "shallow")
    assert repository.head != first
    with pytest.raises(CaptureError) as error:
        repository.resolve(first)
    assert "unshallow" in error.value.remedy


@pytest.mark.parametrize(
    "revision", ["nowhere", "--help", "-q", "HEAD~99", "HEAD:src/a.py", "", "\x00", "x" * 5000]
)
def test_what_is_no_revision_is_a_clear_error(clone, revision):
    with pytest.raises(CaptureError, match="names no commit"):
        GitRepository(clone.path).resolve(revision)


def test_no_commit_and_no_repository_are_clear_errors(repository, tmp_path_factory):
    with pytest.raises(CaptureError, match="has no commit"):
        _code(repository)
    assert _code(repository, clean=False) is None
    with pytest.raises(CaptureError, match="not in a git repository"):
        GitRepository(tmp_path_factory.mktemp("bare"))


def test_what_git_itself_refuses_is_told(clone, monkeypatch):
    """Git does not trust a repository that belongs to somebody else."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(CaptureError, match="dubious ownership"):
        _code(clone)


def test_a_submodule_is_its_commit_and_its_changes(clone, tmp_path):
    inner = type(clone)(tmp_path / "inner")
    inner.path.mkdir()
    inner.git("init", "--quiet", "--initial-branch", "main")
    inner.write({"lib.py": "x = 1\n"})
    commit = inner.commit()
    clone.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.path), "vendor"
    )
    clone.commit()
    repository = GitRepository(clone.path)
    tree = WorkingTree(clone.path, repository)
    assert tree.submodule_of("vendor/lib.py") == "vendor"
    clean = tree.code_digest("vendor")
    assert clean == blake3_of(f"Subproject commit {commit}\n".encode())
    assert clean == Revision(repository, repository.head).code_digest("vendor")
    (clone.path / "vendor/lib.py").write_text("x = 2\n")
    with pytest.raises(DirtyTree, match="vendor"):
        _code(clone)
    assert WorkingTree(clone.path, GitRepository(clone.path)).code_digest("vendor") != clean


def test_nothing_that_a_hostile_repository_configures_is_run(clone):
    """Every command below would leave a file behind."""
    marks = clone.path / "marks"
    marks.mkdir()
    (clone.path / ".gitattributes").write_text("*.py filter=evil diff=evil\n")
    clone.commit()

    def run(name: str) -> str:
        return f"sh -c 'touch {marks}/{name}; cat'"

    for key, value in {
        "core.fsmonitor": f"touch {marks}/fsmonitor",
        "filter.evil.clean": run("clean"),
        "filter.evil.smudge": run("smudge"),
        "filter.evil.required": "true",
        "diff.evil.textconv": run("textconv"),
        "diff.external": run("external"),
        "core.pager": run("pager"),
        "core.sshCommand": f"touch {marks}/ssh",
        "core.alternateRefsCommand": run("alternate"),
        "alias.status": f"!touch {marks}/alias",
    }.items():
        clone.git("config", key, value)
    hook = clone.path / ".git/hooks/post-index-change"
    hook.write_text(f"#!/bin/sh\ntouch {marks}/hook\n")
    hook.chmod(0o755)
    (clone.path / "src/a.py").write_text("a = 2\n")
    repository = GitRepository(clone.path)
    assert "src/a.py" in repository.modified
    capture_code(repository, "", ["src"], clean=False)
    WorkingTree(clone.path, repository).code_digest("src/a.py")
    Revision(repository, repository.head).code_digest("src/a.py")
    with pytest.raises(DirtyTree) as error:
        capture_code(repository, "", [], clean=True)
    assert "evil" in error.value.remedy
    assert list(marks.iterdir()) == []


def test_a_partial_clone_does_not_fetch(clone, tmp_path):
    clone.git("config", "uploadpack.allowFilter", "true")
    target = tmp_path / "partial"
    clone.git(
        "clone",
        "--quiet",
        "--no-checkout",
        "--filter=blob:none",
        f"file://{clone.path}",
        str(target),
    )
    repository = GitRepository(target)
    with pytest.raises(CaptureError, match="not in this clone"):
        Revision(repository, repository.head).code_digest("src/a.py")


def test_a_link_is_followed_inside_the_repository_only(clone):
    (clone.path / "inside.py").symlink_to("src/a.py")
    (clone.path / "outside.py").symlink_to("/etc/hostname")
    (clone.path / "up.py").symlink_to("../../etc/hostname")
    (clone.path / "loop.py").symlink_to("loop.py")
    clone.commit()
    repository = GitRepository(clone.path)
    for source in (WorkingTree(clone.path, repository), Revision(repository, repository.head)):
        assert source.code_digest("inside.py") == blake3_of(b"a = 1\n")
        assert not source.is_file("loop.py")
        for name in ("outside.py", "up.py"):
            with pytest.raises(CaptureError, match="leads out of"):
                source.read(name, 100)


def test_a_name_that_is_not_utf8_is_captured_as_a_change(clone):
    name = b"odd-\xff.txt"
    Path(clone.path / "x").parent.joinpath(name.decode("utf-8", "surrogateescape")).write_text("1")
    clone.git("add", "--all")
    code = _code(clone, clean=False)
    assert code.dirty
    assert json.dumps(code.digest)
