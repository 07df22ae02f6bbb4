"""Data that git tracks: one digest in a checkout and at the revision, whatever the checkout does."""

from __future__ import annotations

import shutil
import zlib

import pytest

from lineage.capture.project import Project
from lineage.capture.version import VersionCapture
from lineage.contract.captured import CaptureRequest
from lineage.errors import CaptureError
from lineage.identity.components import Kind

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"
LFS = b"weights that are large\n"
LFS_OID = "6e72d2c6621a33f21818569528ed7c37a8ebe7d3f895911b7ba6f8df318b2e8e"


@pytest.fixture(autouse=True)
def _inside(project, monkeypatch):
    monkeypatch.chdir(project.path)


@pytest.fixture
def data(project):
    """A folder of data that git tracks, with one file that DVC tracks and one output inside."""
    folder = project.path / "tracked"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.csv").write_bytes(b"x\n1\n")
    (folder / "deep" / "b.csv").write_bytes(b"y\n2\n")
    (folder / "picture.bin").write_bytes(b"\r\n\0\r\n")
    project.git("add", "-A")
    project.git("commit", "-qm", "data")
    return folder


def _items(project, *names, revision=None):
    wanted = CaptureRequest(Kind.EXPERIMENT, data=names, revision=revision)
    captured = VersionCapture(Project.find(project.path), "churn", wanted).capture()
    return {item.name: item.digest for item in captured.components.data.items}


def _both(project, *names):
    """The items of a clean checkout and of its commit."""
    assert not project.git("status", "--porcelain").strip()
    return _items(project, *names), _items(project, *names, revision="HEAD")


def _check_out_again(project, *paths):
    for path in paths:
        (project.path / path).unlink()
    project.git("checkout", "-q", "--", *paths)


@pytest.mark.parametrize(
    "attributes",
    [
        "*.csv text eol=crlf\n",
        "* text=auto eol=crlf\n",
        "*.csv ident\n",
        "*.csv -text\n",
    ],
)
@pytest.mark.parametrize("name", ["tracked/a.csv", "tracked"])
def test_what_git_checks_out_otherwise_has_the_digest_of_the_commit(
    project, data, attributes, name
):
    before = _items(project, name)
    (project.path / ".gitattributes").write_text(attributes)
    project.git("add", "-A")
    project.git("commit", "-qm", "attributes")
    _check_out_again(project, "tracked/a.csv", "tracked/deep/b.csv", "tracked/picture.bin")
    here, there = _both(project, name)
    assert here == there == before


def test_an_encoding_of_the_checkout_changes_no_digest(project, data):
    before = _items(project, "tracked")
    attributes = "a.csv text working-tree-encoding=UTF-16LE eol=crlf\n"
    (project.path / ".gitattributes").write_text(attributes)
    (data / "a.csv").write_bytes("x\r\n1\r\n".encode("utf-16-le"))
    project.git("add", "-A")
    project.git("commit", "-qm", "encoding")
    assert _both(project, "tracked") == (before, before)


def test_a_setting_of_the_person_changes_no_digest(project, data):
    before = _items(project, "tracked")
    project.git("config", "core.autocrlf", "true")
    _check_out_again(project, "tracked/a.csv", "tracked/deep/b.csv")
    assert b"\r\n" in (data / "a.csv").read_bytes()
    assert _both(project, "tracked") == (before, before)


def test_data_that_changed_is_not_taken_for_what_git_holds(project, data):
    (project.path / ".gitattributes").write_text("*.csv text eol=crlf\n")
    project.git("add", "-A")
    project.git("commit", "-qm", "attributes")
    before = _items(project, "tracked")
    (data / "a.csv").write_bytes(b"x\r\n2\r\n")
    assert _items(project, "tracked") != before


def test_what_dvc_tracks_inside_a_folder_is_an_item_of_its_own(project):
    here, there = _both(project, "data")
    assert here == there
    assert set(here) == {"data", "data/raw.csv", "data/clean.csv", "data/features.csv"}
    alone = _items(project, "data/raw.csv")
    assert here["data/raw.csv"] == alone["data/raw.csv"]


def test_an_output_that_was_never_recorded_is_no_data(project):
    before = _items(project, "data")
    definition = (project.path / "dvc.yaml").read_text()
    assert "data/features.csv" in definition
    (project.path / "dvc.yaml").write_text(
        definition.replace("outs: [data/features.csv]", "outs: [data/features.csv, data/later.csv]")
    )
    (project.path / "data/later.csv").write_text("made")
    assert set(_items(project, "data")) == set(before)


def test_one_name_may_be_given_beside_the_folder_around_it(project):
    both = _items(project, "data", "data/raw.csv")
    assert both == _items(project, "data")


def test_what_lineageignore_leaves_out_is_left_out_at_a_revision_too(project, data):
    (project.path / ".lineageignore").write_text("deep/\n")
    (data / ".lineageignore").write_text("\ufeff*.bin\n", encoding="utf-8")
    project.git("add", "-A")
    project.git("commit", "-qm", "ignore")
    before = _both(project, "tracked")
    assert before[0] == before[1]
    (data / "picture.bin").write_bytes(b"other")
    (data / "deep" / "b.csv").write_bytes(b"other")
    assert _items(project, "tracked") == before[0]


def test_links_to_files_are_their_files_at_a_revision_too(project, data):
    (data / "link.csv").symlink_to("deep/b.csv")
    (project.path / ".gitattributes").write_text("*.csv text eol=crlf\n")
    project.git("add", "-A")
    project.git("commit", "-qm", "link")
    _check_out_again(project, "tracked/deep/b.csv")
    here, there = _both(project, "tracked")
    assert here == there


def test_a_file_in_git_lfs_is_its_own_bytes_in_both(project, data):
    stored = project.path / ".git/lfs/objects" / LFS_OID[:2] / LFS_OID[2:4] / LFS_OID
    (data / "large.bin").write_bytes(POINTER.format(oid=LFS_OID, size=len(LFS)).encode())
    project.git("add", "-A")
    project.git("commit", "-qm", "pointer")
    with pytest.raises(CaptureError, match="pointer of Git LFS") as absent:
        _items(project, "tracked", revision="HEAD")
    assert "git lfs fetch" in absent.value.remedy
    stored.parent.mkdir(parents=True)
    stored.write_bytes(LFS)
    there = _items(project, "tracked/large.bin", revision="HEAD")
    (data / "large.bin").write_bytes(LFS)
    assert _items(project, "tracked/large.bin") == there
    stored.write_bytes(b"other bytes")
    with pytest.raises(CaptureError, match="other bytes"):
        _items(project, "tracked/large.bin", revision="HEAD")


def test_a_submodule_in_data_is_named_at_a_revision(project, data, tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    shutil.copy(data / "a.csv", inner)
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "inner")):
        project.git("-C", str(inner), *words)
    project.git(
        "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner), "tracked/sub"
    )
    project.git("commit", "-qm", "sub")
    with pytest.raises(CaptureError, match="tracked/sub in the data tracked is a submodule"):
        _items(project, "tracked", revision="HEAD")


def test_an_input_that_nothing_versions_is_named_at_a_revision(project):
    (project.path / "loose.csv").write_text("1\n")
    with (project.path / ".gitignore").open("a") as ignored:
        ignored.write("/loose.csv\n")
    definition = (project.path / "dvc.yaml").read_text()
    (project.path / "dvc.yaml").write_text(
        definition.replace("[data/raw.csv, ", "[data/raw.csv, loose.csv, ", 1)
    )
    project.git("add", "-A")
    project.git("commit", "-qm", "loose")
    wanted = CaptureRequest(Kind.EXPERIMENT, revision="HEAD")
    captured = VersionCapture(Project.find(project.path), "churn", wanted).capture()
    assert captured.notes == (
        "what loose.csv held is not known: nothing versions it, and the revision does not hold it",
    )


@pytest.mark.parametrize("name", [".", "tracked", "tracked/deep", "tracked/deep/b.csv"])
def test_a_sparse_checkout_makes_no_smaller_data(project, data, name):
    project.git("sparse-checkout", "set", "--no-cone", "/*", "!/tracked/deep/")
    with pytest.raises(CaptureError, match="sparse checkout leaves out tracked/deep"):
        _items(project, name)
    project.git("sparse-checkout", "disable")
    assert _items(project, name) == _items(project, name, revision="HEAD")


@pytest.mark.parametrize("size", [4, 4096])
def test_an_object_that_holds_other_bytes_is_no_data(project, data, size):
    (data / "a.csv").write_bytes(b"1" * size)
    project.git("add", "-A")
    project.git("commit", "-qm", "of that size", "--allow-empty")
    oid = project.git("rev-parse", "HEAD:tracked/a.csv").strip()
    stored = project.path / ".git/objects" / oid[:2] / oid[2:]
    stored.chmod(0o644)
    stored.write_bytes(zlib.compress(b"blob %d\0" % size + b"2" * size))
    with pytest.raises(CaptureError, match="other bytes than its id stands for"):
        _items(project, "tracked/a.csv", revision="HEAD")
