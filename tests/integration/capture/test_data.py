"""Data from DVC where it tracks the path, otherwise hashed here; never a recorded lie."""

from __future__ import annotations

import shutil

import pytest
from xxhash import xxh3_128_hexdigest

from lineage.capture.project import Project
from lineage.capture.version import VersionCapture
from lineage.contract.captured import CaptureRequest
from lineage.errors import CaptureError, UsageError
from lineage.identity.components import Kind, Known


@pytest.fixture(autouse=True)
def _inside(project, monkeypatch):
    """Items are named from the current folder."""
    monkeypatch.chdir(project.path)


def _data(workspace, *names, revision=None):
    wanted = CaptureRequest(Kind.EXPERIMENT, data=names, revision=revision)
    captured = VersionCapture(Project.find(workspace.path), "churn", wanted).capture()
    return {item.name: item for item in captured.components.data.items}


def _recorded_md5(workspace, name):
    text = (workspace.path / name).read_text()
    return text.split("md5: ")[1].split()[0]


def test_what_dvc_tracks_has_the_digest_that_dvc_recorded(project):
    item = _data(project, "data/raw.csv")["data/raw.csv"]
    assert item.digest == "md5:" + _recorded_md5(project, "data/raw.csv.dvc")
    assert (item.known, item.size) == (Known.VERIFIED, 8)


def test_an_output_of_a_stage_has_the_digest_of_the_lock(project):
    item = _data(project, "data/features.csv")["data/features.csv"]
    assert item.digest in (
        "md5:" + part for part in (project.path / "dvc.lock").read_text().split()
    )
    assert item.known is Known.VERIFIED


@pytest.mark.parametrize("name", ["data/raw.csv", "data/features.csv"])
def test_data_that_no_longer_matches_its_record_is_refused(project, name):
    (project.path / name).write_text("changed")
    with pytest.raises(CaptureError, match="does not match") as error:
        _data(project, name)
    assert "dvc " in error.value.remedy


def test_what_is_not_fetched_is_asserted(project):
    (project.path / "data/raw.csv").unlink()
    assert _data(project, "data/raw.csv")["data/raw.csv"].known is Known.ASSERTED


def test_a_revision_tells_what_was_recorded_then(project):
    before = _data(project, "data/raw.csv")["data/raw.csv"]
    project.write({"data/raw.csv": "A,B\n3,4\n5,6\n"})
    project.dvc("add", "--quiet", "data/raw.csv")
    project.commit()
    then = _data(project, "data/raw.csv", revision="HEAD~1")["data/raw.csv"]
    assert then.digest == before.digest
    assert then.known is Known.ASSERTED
    assert _data(project, "data/raw.csv")["data/raw.csv"].digest != before.digest


def test_a_tracked_directory_has_dvcs_own_digest(project):
    project.write({"images/a.txt": "a", "images/sub/b.txt": "b", "images/c.tmp": "c"})
    project.write({".dvcignore": "*.tmp\n"})
    project.dvc("add", "--quiet", "images")
    project.commit()
    item = _data(project, "images")["images"]
    assert item.digest == "md5:" + _recorded_md5(project, "images.dvc")
    assert item.digest.endswith(".dir")
    part = _data(project, "images/sub/b.txt")["images/sub/b.txt"]
    assert part.known is Known.VERIFIED
    project.write({"images/sub/b.txt": "changed"})
    with pytest.raises(CaptureError, match="images does not match"):
        _data(project, "images/a.txt")


def test_line_ends_do_not_matter_to_data_of_dvc_2(project):
    """Before DVC 3 the recorded md5 was that of the text with Unix line ends."""
    (project.path / "old.csv").write_bytes(b"a\r\nb\r\n")
    project.write(
        {
            "old.csv.dvc": "outs:\n- md5: dc36fc16be893c6ddcb6448666e20a75\n  size: 6\n  path: old.csv\n"
        }
    )
    project.write({".gitignore": "/old.csv\n"})
    assert _recorded_md5(project, "old.csv.dvc")
    with pytest.raises(CaptureError, match="does not match"):
        _data(project, "old.csv")
    from dvc_data.hashfile.hash import file_md5

    digits = file_md5(str(project.path / "old.csv"), name="md5-dos2unix")
    project.edit("old.csv.dvc", "dc36fc16be893c6ddcb6448666e20a75", digits)
    assert _data(project, "old.csv")["old.csv"].digest == f"md5-dos2unix:{digits}"


def test_what_dvc_does_not_track_is_hashed_here(project):
    project.write({"plain.csv": "1,2\n", "folder/a.csv": "a"})
    project.commit()
    items = _data(project, "plain.csv", "folder")
    assert items["plain.csv"].digest == "xxh3:" + xxh3_128_hexdigest(b"1,2\n")
    encoding = f"lineage-tree/1\n5 a.csv 1 {xxh3_128_hexdigest(b'a')}\n".encode()
    assert items["folder"].digest == "xxh3:" + xxh3_128_hexdigest(encoding)
    at_revision = _data(project, "plain.csv", revision="HEAD")["plain.csv"]
    assert at_revision.digest == items["plain.csv"].digest


def test_an_outside_source_is_recorded_as_it_is_named(project):
    items = _data(project, "events=s3://bucket/events.parquet@v42", "image=oci://host/x@sha256:abc")
    assert items["events"].digest == "uri:s3://bucket/events.parquet@v42"
    assert items["image"].digest == "sha256:abc"
    assert items["events"].known is Known.ASSERTED


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("s3://bucket/x", "cannot be read"),
        ("x=s3://bucket/x", "cannot be read"),
        ("x=s3://user:secret@bucket/x@1", "credentials"),
    ],
)
def test_an_outside_source_must_be_whole_and_without_secrets(project, name, says):
    with pytest.raises(UsageError, match=says) as error:
        _data(project, name)
    assert "secret" not in str(error.value) + error.value.remedy


@pytest.mark.parametrize("name", ["../outside.csv", "/etc/passwd", "missing.csv", "data/../../x"])
def test_what_is_missing_or_outside_is_a_clear_error(project, name):
    with pytest.raises(CaptureError):
        _data(project, name)


def test_a_link_that_leads_out_is_not_read(project, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    (project.path / "link.csv").symlink_to(secret)
    with pytest.raises(CaptureError, match="leads out of"):
        _data(project, "link.csv")


def test_a_link_into_a_dvc_cache_is_the_file(project, tmp_path):
    """DVC with ``cache.type = symlink`` puts links to its cache into the workspace."""
    project.dvc("cache", "dir", str(tmp_path / "cache"))
    project.dvc("config", "cache.type", "symlink")
    (project.path / "data/raw.csv").unlink()
    project.write({"data/raw.csv": "A,B\n1,2\n"})
    project.dvc("add", "--quiet", "data/raw.csv")
    assert (project.path / "data/raw.csv").is_symlink()
    assert _data(project, "data/raw.csv")["data/raw.csv"].known is Known.VERIFIED


def test_two_items_of_one_name_are_refused(project):
    with pytest.raises(UsageError, match="both called"):
        _data(project, "x=s3://a/b@1", "x=s3://a/c@2")


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"7" * 64 + b"\nsize 75\n"


@pytest.mark.parametrize("place", ["models/model.bin", "models/part/two.bin"])
def test_weights_that_are_a_pointer_are_refused(project, place):
    if "part" in place:
        project.edit("lineage.toml", 'weights = "models/model.bin"', 'weights = "models"')
        project.edit("dvc.yaml", "outs: [models/model.bin]", "outs: [other.bin]")
        project.edit("src/train.py", "'models/model.bin'", "'other.bin'")
        project.commit()
    (project.path / place).parent.mkdir(exist_ok=True)
    (project.path / place).unlink(missing_ok=True)
    (project.path / place).write_bytes(LFS)
    done = project.lineage("register", "churn")
    assert done.code == 9
    assert "a pointer of Git LFS" in done.err
    assert f"git lfs pull --include {place}" in done.err, "from the top, as Git LFS takes it"
    (project.path / place).write_bytes(b"/annex/objects/SHA256E-s9--" + b"7" * 64 + b".bin\n")
    done = project.lineage("register", "churn")
    assert (done.code, "a pointer of git-annex" in done.err) == (9, True)
    assert f"git annex get {project.path / place}" in done.err


@pytest.mark.parametrize("pointer", ["lfs", "dvc"])
def test_data_that_are_a_pointer_are_refused(project, pointer):
    project.edit("lineage.toml", 'data = ["data/raw.csv"]', 'data = ["more"]')
    name, content = {"lfs": ("a.csv", LFS), "dvc": ("a.csv.dvc", b"outs:\n- path: a.csv\n")}[
        pointer
    ]
    (project.path / "more").mkdir()
    (project.path / "more" / name).write_bytes(content)
    project.commit()
    done = project.lineage("register", "churn", "--kind", "experiment")
    assert done.code == 9
    assert {"lfs": "git lfs pull", "dvc": "dvc pull"}[pointer] in done.err
    if pointer == "lfs":
        project.edit("lineage.toml", 'data = ["more"]', 'data = ["more/a.csv"]')
        project.commit()
        done = project.lineage("register", "churn", "--rev", "HEAD")
        assert done.code == 9
        assert "the revision holds a pointer of Git LFS" in done.err


@pytest.mark.parametrize("content", [{"more/empty.csv": ""}, {"more/.gitkeep": "", "more/b": ""}])
@pytest.mark.parametrize("revision", [(), ("--rev", "HEAD")])
def test_an_empty_placeholder_is_no_data(project, content, revision):
    project.edit("lineage.toml", 'data = ["data/raw.csv"]', 'data = ["more"]')
    project.write(content)
    project.commit()
    done = project.lineage("register", "churn", *revision)
    assert done.code == 9
    assert "The data more is empty" in done.err
    assert "dvc pull" in done.err


@pytest.mark.parametrize("weights", ["models", "models/model.bin"])
def test_weights_that_dvc_recorded_and_nobody_fetched_are_named(project, weights):
    project.edit("lineage.toml", 'weights = "models/model.bin"', f'weights = "{weights}"')
    project.write({"models/README.md": "What the model is.\n"})
    project.commit()
    (project.path / "models/model.bin").unlink()
    done = project.lineage("register", "churn")
    assert done.code == 9
    assert "The weights 'models/model.bin' cannot be read: no such file is here" in done.err
    assert "dvc pull models/model.bin" in done.err


@pytest.mark.parametrize("kind", ["weights", "data"])
def test_a_folder_that_only_git_keeps_is_neither_weights_nor_data(project, kind):
    old, new = {
        "weights": ('"models/model.bin"', '"kept"'),
        "data": ('["data/raw.csv"]', '["kept"]'),
    }[kind]
    project.edit("lineage.toml", f"{kind} = {old}", f"{kind} = {new}")
    project.write({"kept/.gitignore": "/model.bin\n", "kept/deep/.gitkeep": ""})
    project.commit()
    revisions = ((), ("--rev", "HEAD")) if kind == "data" else ((),)
    for revision in revisions:
        done = project.lineage("register", "churn", *revision)
        assert done.code == 9
        assert "are not here: only .gitignore, .gitkeep is" in done.err


def test_the_whole_project_may_be_data(project):
    here = _data(project, ".")
    there = _data(project, ".", revision="HEAD")
    assert set(here) == {
        ".",
        "data/clean.csv",
        "data/features.csv",
        "data/raw.csv",
        "models/model.bin",
    }
    assert {name: item.digest for name, item in here.items()} == {
        name: item.digest for name, item in there.items()
    }


def test_a_folder_of_which_nothing_was_fetched_is_what_dvc_recorded(project):
    project.edit("lineage.toml", 'weights = "models/model.bin"', "")
    before = _data(project, "models")
    shutil.rmtree(project.path / "models")
    after = _data(project, "models")
    assert {name: item.digest for name, item in after.items()} == {
        "models/model.bin": before["models/model.bin"].digest
    }
    assert after["models/model.bin"].known is Known.ASSERTED
