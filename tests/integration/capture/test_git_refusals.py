"""What git says no to is one sentence that names what it is about, and a remedy that works as typed."""

from __future__ import annotations

import os
import shlex
import shutil

import pytest

from lineage.capture.git import GitRepository
from lineage.capture.git_objects import folders_in
from lineage.capture.source import Revision, WorkingTree
from lineage.errors import CaptureError
from tests.conftest import Workspace


@pytest.fixture
def clone(repository):
    repository.write({"src/a.py": "a = 1\n", "src/deep/b.py": "b = 1\n", "lineage.toml": ""})
    repository.commit()
    repository.git("config", "uploadpack.allowFilter", "true")
    return repository


def _partial(clone, kind, target):
    address = f"file://{clone.path}"
    clone.git("clone", "--quiet", "--no-checkout", f"--filter={kind}", address, str(target))
    return Workspace(target)


def _typed(workspace, remedy):
    """Run the command that a remedy ends in."""
    workspace.git(*shlex.split(remedy.rpartition(": git ")[2]))


@pytest.mark.parametrize(
    ("kind", "path"), [("blob:none", "src/a.py"), ("tree:0", "the top folder"), ("tree:1", "src/")]
)
def test_what_a_partial_clone_left_out_is_named_and_the_remedy_brings_it(
    clone, tmp_path, kind, path
):
    partial = _partial(clone, kind, tmp_path / "partial")

    def read():
        git = GitRepository(partial.path)
        return Revision(git, git.head).read("src/a.py", 100)

    with pytest.raises(CaptureError, match=f"Object [0-9a-f]{{40}} of {path} is not in") as error:
        read()
    _typed(partial, error.value.remedy)
    assert read() == b"a = 1\n"


@pytest.mark.parametrize("path", ["src", "src/deep"])
def test_a_folder_that_is_missing_is_named(clone, path):
    oid = clone.git("rev-parse", f"HEAD:{path}").strip()
    (clone.path / ".git/objects" / oid[:2] / oid[2:]).unlink()
    git = GitRepository(clone.path)
    with pytest.raises(CaptureError, match=f"Object {oid} of {path}/ is not in this clone"):
        Revision(git, git.head)


def test_many_files_of_a_partial_clone_are_each_there_or_not(clone, tmp_path):
    clone.write({f"src/{number}.py": f"x = {number}\n" for number in range(40)})
    clone.commit()
    partial = _partial(clone, "blob:none", tmp_path / "partial")
    git = GitRepository(partial.path)
    oids = [entry.oid for entry in git.tree(git.head).values()]
    assert {data for _, data in git.blobs(oids)} == {None}


def test_the_folders_of_a_tree_are_read_from_its_object(clone):
    (clone.path / "src/link").symlink_to("deep")
    clone.commit()
    git = GitRepository(clone.path)
    tree = clone.git("rev-parse", "HEAD:src").strip()
    data = git._repo.odb.stream(bytes.fromhex(tree)).read()
    assert dict(folders_in(data)) == {"deep": clone.git("rev-parse", "HEAD:src/deep").strip()}


def test_a_broken_index_is_made_anew_as_the_remedy_says(clone):
    (clone.path / ".git/index").write_bytes(b"garbage")
    with pytest.raises(CaptureError, match=r"index file smaller than expected\.") as error:
        WorkingTree(clone.path, GitRepository(clone.path))
    assert "rm .git/index && git reset" in error.value.remedy
    (clone.path / ".git/index").unlink()
    clone.git("reset")
    git = GitRepository(clone.path)
    assert not git.modified


def _garbage(path):
    path.write_text("garbage\n")


@pytest.mark.parametrize(
    ("name", "put"),
    [
        ("", lambda path: (shutil.rmtree(path), path.mkdir())),
        ("", lambda path: (shutil.rmtree(path), path.write_text("gitdir: /nowhere\n"))),
        ("", lambda path: (shutil.rmtree(path), path.write_text("garbage\n"))),
        ("HEAD", _garbage),
        ("HEAD", os.unlink),
    ],
)
def test_a_damaged_repository_is_not_called_none(clone, name, put):
    put(clone.path / ".git" / name)
    with pytest.raises(CaptureError, match="it is damaged") as error:
        GitRepository(clone.path)
    assert "git init" not in error.value.remedy


@pytest.mark.parametrize("name", ["", "HEAD", "config", "index", "packed-refs", "info/exclude"])
def test_a_pipe_in_git_is_not_waited_for(clone, name):
    path = clone.path / ".git" / name
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    done = clone.lineage("pipeline", "capture", "churn")
    assert done.code == 9
    assert f"{path} is no file, but a pipe" in done.err


@pytest.mark.parametrize("name", [".gitignore", "src/deep/.gitattributes", "new/.gitignore"])
@pytest.mark.parametrize("what", ["a pipe", "gigabytes"])
def test_rules_that_git_would_not_end_to_read_are_refused(clone, name, what):
    path = clone.path / name
    path.parent.mkdir(exist_ok=True)
    if what == "a pipe":
        os.mkfifo(path)
    else:
        path.touch()
        os.truncate(path, 3 << 30)
    done = clone.lineage("pipeline", "capture", "churn")
    assert done.code == 9
    says = "is no file, but a pipe" if what == "a pipe" else "is larger than 16,777,216 bytes"
    assert f"{name} {says}" in done.err


def test_a_commit_that_is_gone_is_to_be_fetched(clone):
    shutil.rmtree(clone.path / ".git/objects")
    (clone.path / ".git/objects").mkdir()
    with pytest.raises(CaptureError, match="bad object HEAD") as error:
        _ = GitRepository(clone.path).modified
    assert "git fetch --refetch --no-filter" in error.value.remedy


def test_a_line_of_the_configuration_is_named(clone):
    (clone.path / ".git/config").write_text("[core\n")
    with pytest.raises(CaptureError, match=r"bad config line 1 in file \.git/config\.") as error:
        GitRepository(clone.path)
    assert "Mend that line" in error.value.remedy


def test_a_folder_that_is_gone_is_said(clone, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"cd {gone} && rm -r {gone} && exec lineage pipeline capture churn"
    done = clone.command("sh", "-c", script)
    assert done.code == 2
    assert "The current folder does not exist any more." in done.err
