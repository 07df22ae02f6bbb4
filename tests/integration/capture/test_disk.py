"""A ``.git`` that says otherwise than the disk is a finding, and never a source."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import pytest

from lineage.capture.code import capture_code
from lineage.capture.git import GitRepository
from lineage.capture.source import Revision, WorkingTree
from lineage.errors import CaptureError, DirtyTree
from lineage.identity.digest import blake3_of

OLD, NEW = b"rate = 1\n", b"rate = 2\n"


@pytest.fixture
def clone(repository):
    repository.write(
        {"src/a.py": OLD.decode(), "src/b.py": "import a\n", ".gitignore": "secret.py\n"}
    )
    repository.commit()
    return repository


def _code(workspace, *described: str, clean: bool = True, named=("src",)):
    git = GitRepository(workspace.path)
    try:
        return capture_code(git, "", named, described or ["src/a.py", "src/b.py"], clean=clean)
    finally:
        git.close()


def _digest(workspace, path: str = "src/a.py"):
    git = GitRepository(workspace.path)
    try:
        return WorkingTree(git.top, git).code_digest(path)
    finally:
        git.close()


def _forge(workspace, oid: str, kind: str, data: bytes) -> None:
    """Put other bytes under an object's id."""
    path = workspace.path / ".git/objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.write_bytes(zlib.compress(f"{kind} {len(data)}\0".encode() + data))


def _change_unnoticed(workspace) -> None:
    """Other bytes of the same size in the same file, with its times put back."""
    path = workspace.path / "src/a.py"
    before = path.stat()
    with path.open("r+b") as file:
        file.write(NEW)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    "settings",
    [
        {"core.checkStat": "minimal", "core.trustctime": "false"},
        {"core.ignoreStat": "true"},
        {"core.untrackedCache": "true", "core.fsmonitor": "true"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_times_that_were_put_back_hide_nothing(clone, settings):
    for key, value in settings.items():
        clone.git("config", key, value)
    clone.git("status")
    assert not _code(clone).dirty
    _change_unnoticed(clone)
    assert _digest(clone) == blake3_of(NEW)
    with pytest.raises(DirtyTree, match=r"src/a\.py"):
        _code(clone)


def test_an_index_that_holds_the_new_bytes_for_the_old_hides_nothing(clone):
    """The file is added, and the commit's tree is not what the index says."""
    _change_unnoticed(clone)
    clone.git("add", "src/a.py")
    with pytest.raises(DirtyTree):
        _code(clone)


@pytest.mark.parametrize("kind", ["blob", "tree", "commit"])
def test_a_forged_object_is_a_finding(clone, kind):
    name = {"blob": "HEAD:src/a.py", "tree": "HEAD:src", "commit": "HEAD"}[kind]
    oid = clone.git("rev-parse", name).strip()
    git = GitRepository(clone.path)
    command = ["git", "cat-file", kind, oid]
    data = git._repo.git.execute(command, stdout_as_string=False, strip_newline_in_stdout=False)
    forged = {"blob": NEW, "tree": data.replace(b"b.py", b"c.py"), "commit": data + b"!"}[kind]
    _forge(clone, oid, kind, forged)
    head = oid if kind == "commit" else clone.git("rev-parse", "HEAD").strip()
    with pytest.raises(CaptureError, match=r"other bytes than its id stands for|hash mismatch"):
        Revision(git, head).code_digest("src/a.py")
    git.close()
    if kind == "blob":
        assert _digest(clone) == blake3_of(OLD), "what lies on the disk is no forgery"
    else:
        with pytest.raises(CaptureError):
            _code(clone)


def test_a_replaced_object_is_not_read(clone):
    old = clone.git("rev-parse", "HEAD:src/a.py").strip()
    first = clone.git("rev-parse", "HEAD").strip()
    clone.write({"src/a.py": NEW.decode()})
    second = clone.commit()
    clone.git("replace", old, clone.git("rev-parse", "HEAD:src/a.py").strip())
    clone.git("replace", first, second)
    git = GitRepository(clone.path)
    assert Revision(git, first).code_digest("src/a.py") == blake3_of(OLD)
    git.close()


def test_another_working_tree_in_the_configuration_is_not_looked_at(clone, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    clone.git("worktree", "list")
    clone.git("archive", "--output", str(elsewhere / "all.tar"), "HEAD")
    clone.command("tar", "-xf", str(elsewhere / "all.tar"), "-C", str(elsewhere))
    clone.git("config", "core.worktree", str(elsewhere))
    (clone.path / "src/a.py").write_bytes(NEW)
    assert _digest(clone) == blake3_of(NEW)
    with pytest.raises(DirtyTree, match=r"src/a\.py"):
        _code(clone)


def test_what_only_git_itself_is_told_to_ignore_counts(clone):
    (clone.path / ".git/info").mkdir(exist_ok=True)
    (clone.path / ".git/info/exclude").write_text("# mine\nscaling.py\n")
    clone.git("config", "core.excludesFile", str(clone.path / ".git/info/exclude"))
    clone.write({"src/scaling.py": "K = 2\n"})
    assert clone.git("status", "--short") == ""
    with pytest.raises(DirtyTree, match=r"src/scaling\.py"):
        _code(clone)


def test_what_a_person_ignores_everywhere_does_not_count(clone, monkeypatch, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    (home / "git").mkdir()
    (home / "git/ignore").write_text("*.swp\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    (clone.path / ".git/info/exclude").write_text("*.orig\n")
    clone.write({"src/.a.py.swp": "x"})
    assert not _code(clone).dirty


@pytest.mark.parametrize("name", ["secret.py", "src/new.py", "link.py"])
def test_a_commit_must_hold_what_describes_a_version(clone, name):
    clone.write({"src/secret.py": "K = 1\n"})
    if name == "link.py":
        (clone.path / name).symlink_to("src/secret.py")
        clone.commit()
    else:
        clone.write({name: "K = 1\n"})
    assert _code(clone, clean=False).dirty is (name == "src/new.py")
    with pytest.raises(DirtyTree, match=name):
        _code(clone, name)


@pytest.mark.parametrize(
    ("attributes", "on_disk"),
    [
        ("*.py text eol=crlf", b"rate = 1\r\n"),
        ("src/a.py text working-tree-encoding=UTF-16LE", OLD.decode().encode("utf-16-le")),
        ("*.py ident", OLD),
    ],
    ids=["eol", "encoding", "ident"],
)
def test_what_git_would_check_out_is_what_it_stores(clone, attributes, on_disk):
    clone.write({".gitattributes": attributes + "\n"})
    clone.git("add", ".gitattributes")
    clone.git("commit", "--quiet", "--message", "attributes")
    (clone.path / "src/a.py").unlink()
    clone.git("checkout", "--", "src/a.py")
    assert (clone.path / "src/a.py").read_bytes() == on_disk
    (clone.path / "src/a.py").touch()
    assert not _code(clone).dirty
    assert _digest(clone) == blake3_of(OLD)


def test_line_ends_that_were_stored_before_the_attribute_are_as_they_lie(clone):
    clone.write({"src/a.py": "rate = 1\r\n"})
    clone.commit()
    clone.write({".gitattributes": "* text=auto\n"})
    clone.commit()
    git = GitRepository(clone.path)
    at = Revision(git, git.head or "").code_digest("src/a.py")
    git.close()
    assert _digest(clone) == at == blake3_of(b"rate = 1\r\n")


def test_a_filter_that_the_user_defines_is_run_also_where_the_repository_repeats_it(
    clone, monkeypatch, tmp_path_factory
):
    settings = tmp_path_factory.mktemp("home") / "config"
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    for key, value in {"clean": "tr 2 1", "smudge": "tr 1 2", "required": "true"}.items():
        for scope in (["--file", str(settings)], ["--local"]):
            clone.git("config", *scope, f"filter.twice.{key}", value)
    clone.write({".gitattributes": "src/a.py filter=twice\n", "src/a.py": NEW.decode()})
    clone.git("-c", "filter.twice.clean=tr 2 1", "add", "--all")
    clone.git("commit", "--quiet", "--message", "filtered")
    (clone.path / "src/a.py").touch()
    assert not _code(clone).dirty
    assert _digest(clone) == blake3_of(OLD)
    clone.git("config", "filter.twice.process", "touch run")
    with pytest.raises(DirtyTree):
        _code(clone)
    assert not (clone.path / "run").exists()


def test_a_sparse_checkout_has_the_digests_of_the_whole(clone, tmp_path_factory):
    target = tmp_path_factory.mktemp("sparse") / "clone"
    clone.git("clone", "--quiet", "--no-checkout", f"file://{clone.path}", str(target))
    sparse = type(clone)(target)
    sparse.git("sparse-checkout", "set", "--no-cone", "/src/b.py")
    sparse.git("checkout", "--quiet")
    assert not (target / "src/a.py").exists()
    assert not _code(sparse).dirty
    assert _digest(sparse) == blake3_of(OLD)


def test_objects_of_another_kind_of_id_are_told_in_one_sentence(tmp_path_factory, clone):
    folder = tmp_path_factory.mktemp("sha256")
    clone.git("init", "--quiet", "--object-format=sha256", str(folder))
    with pytest.raises(CaptureError, match="SHA256"):
        GitRepository(folder)


def test_settings_of_the_users_own_variables_stay(clone, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.email")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "ann@example.com")
    git = GitRepository(clone.path)
    assert git.identity() == "ann@example.com"
    assert git.modified == frozenset()
    git.close()


@pytest.mark.parametrize("change", ["deep", "new"])
def test_what_changes_below_a_submodule_is_seen(clone, tmp_path_factory, change):
    inner, outer = (type(clone)(tmp_path_factory.mktemp(name)) for name in ("inner", "outer"))
    for made in (inner, outer):
        made.git("init", "--quiet", "--initial-branch", "main")
    inner.write({"deep.py": "A = 1\n"})
    inner.commit()
    local = ("-c", "protocol.file.allow=always", "submodule", "--quiet")
    outer.git(*local, "add", str(inner.path), "inner")
    outer.commit()
    clone.git(*local, "add", str(outer.path), "lib")
    clone.git(*local, "update", "--init", "--recursive")
    clone.commit()
    clean = _digest(clone, "lib")
    (clone.path / "lib/__pycache__").mkdir()
    (clone.path / "lib/__pycache__/a.pyc").write_bytes(b"")
    assert not _code(clone, "lib/inner/deep.py").dirty
    where = {"deep": "lib/inner/deep.py", "new": "lib/inner/more.py"}[change]
    Path(clone.path / where).write_text("A = 2\n")
    assert _digest(clone, "lib") != clean
    with pytest.raises(DirtyTree, match="lib"):
        _code(clone, named=["lib/inner/deep.py"])
    assert _code(clone, clean=False).dirty is (change == "deep"), (
        "what is new counts where it is named"
    )


def test_a_large_file_is_read_in_a_stream_and_not_from_the_store(clone, monkeypatch):
    monkeypatch.setattr("lineage.capture.disk.LARGEST", 4)
    monkeypatch.setattr(GitRepository, "blob", None)
    assert _digest(clone) == blake3_of(OLD)
    (clone.path / "src/a.py").write_bytes(NEW)
    assert _digest(clone) == blake3_of(NEW)
