"""A seal's file, and the files of a host beside it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lineage.errors import LineageError, PipelineMismatch
from lineage.host import seal_file
from lineage.host.own_pipeline import ClaimedPipeline, SealedPipeline, named_pipeline, own_pipeline
from lineage.identity.seal import SealedFile
from tests.unit.identity.test_seal import CODE, MAIN, SEAL, document, resealed

NAME = "pipeline.seal.json"


@pytest.fixture
def image(tmp_path):
    """A service's folder, as it was built."""
    root = tmp_path / "image"
    (root / "app").mkdir(parents=True)
    (root / "app/features.py").write_bytes(CODE)
    (root / "app/main.py").write_bytes(MAIN)
    (root / "params.yaml").write_bytes(b"top: 20\n")
    (root / NAME).write_bytes(SEAL.to_bytes())
    return root


def check(root, text=NAME):
    own = named_pipeline(str(root / text))
    own.check_files()
    return own


def test_a_folder_as_it_was_built(image, tmp_path):
    assert check(image).digest == SEAL.version.blake3
    (tmp_path / "seal.json").symlink_to(image / NAME)
    apart = named_pipeline(str(tmp_path / "seal.json"), image)
    apart.check_files()
    assert isinstance(apart, SealedPipeline)


def test_a_path_from_the_current_folder(image, monkeypatch):
    monkeypatch.chdir(image)
    named_pipeline(NAME).check_files()
    monkeypatch.setenv("LINEAGE_PIPELINE", NAME)
    own_pipeline("churn", "production", None).check_files()


def _swap(root):
    (root / "app/features.py").write_bytes(CODE.replace(b"2", b"0"))


def _truncate(root):
    (root / "app/features.py").write_bytes(CODE[:-1])


def _huge(root):
    with (root / "app/features.py").open("r+b") as file:
        file.truncate(1 << 40)


def _link_out(root):
    (root / "app/features.py").rename(root.parent / "features.py")
    (root / "app/features.py").symlink_to(root.parent / "features.py")


def _link_folder_out(root):
    (root / "app").rename(root.parent / "elsewhere")
    (root / "app").symlink_to(root.parent / "elsewhere")


def _pipe(root):
    (root / "app/features.py").unlink()
    os.mkfifo(root / "app/features.py")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_swap, "app/features.py differs"),
        (_truncate, "app/features.py differs"),
        (_huge, "app/features.py differs"),
        (_link_out, "app/features.py leads out of the folder"),
        (_link_folder_out, "app/main.py leads out of the folder"),
        (_pipe, "app/features.py is no file"),
        (lambda root: (root / "app/features.py").unlink(), "app/features.py is missing"),
        (lambda root: (root / "app/main.py").write_bytes(b"#"), "app/main.py differs"),
        (lambda root: (root / "params.yaml").write_bytes(b"top: 21\n"), "params.yaml differs"),
    ],
)
def test_what_differs_is_named(image, change, says):
    change(image)
    with pytest.raises(PipelineMismatch, match=says) as refused:
        check(image)
    assert NAME in str(refused.value)
    assert "pipeline seal" in refused.value.remedy
    assert (refused.value.exit_code, refused.value.http_status) == (3, 409)


def test_a_root_that_is_not_there_has_none_of_the_files(image):
    with pytest.raises(PipelineMismatch, match=r"app/features.py is missing, app/main.py is"):
        named_pipeline(str(image / NAME), image / "none").check_files()


def test_a_link_below_the_root_is_followed(image):
    (image / "app/features.py").rename(image / "real.py")
    (image / "app/features.py").symlink_to("../real.py")
    check(image)


def test_many_files_are_named_up_to_a_number(image):
    body = document()
    body["own"] = {f"own/{n:03}.py": SealedFile(SEAL.digest, 1).to_json() for n in range(100)}
    (image / NAME).write_text(json.dumps(resealed(body)))
    with pytest.raises(PipelineMismatch, match=r"own/019.py is missing and 80 more\.$"):
        check(image)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        ("{}".encode("utf-16"), "not UTF-8"),
        (b'{"format": "lineage-seal/1", "format": "lineage-seal/1"}', "stands twice"),
        (b"[" * 200_000, "no JSON"),
        (b'{"format": NaN}', "no JSON"),
        (b'{"format": 1e999}', "no JSON"),
        (b"[]", "no seal of the form"),
        (SEAL.to_bytes().replace(b'"size": 8', b'"size": 9'), "was changed"),
        (SEAL.to_bytes().replace(b"app/features.py", b"../../etc/passwd"), "was changed"),
        (SEAL.to_bytes()[:-3], "no JSON"),
    ],
)
def test_what_is_no_seal_is_refused_before_any_file_is_read(image, data, says):
    (image / NAME).write_bytes(data)
    (image / "app/main.py").unlink()
    with pytest.raises(PipelineMismatch, match=says):
        check(image)


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "app/../../x.py", "a\\..\\b"])
def test_a_seal_that_was_digested_anew_leads_nowhere_else(image, path):
    body = document()
    body["files"][path] = body["files"].pop("app/features.py")
    (image / NAME).write_text(json.dumps(resealed(body)))
    with pytest.raises(PipelineMismatch, match="is no path below a folder"):
        check(image)


def test_a_seal_that_is_huge_missing_or_a_folder(image):
    with (image / "huge.json").open("wb") as file:
        file.truncate(seal_file.LARGEST + 1)
    (image / "folder.json").mkdir()
    for name, says in (
        ("huge.json", "is larger than"),
        ("none.json", "is missing"),
        ("folder.json", "is no file"),
    ):
        with pytest.raises(PipelineMismatch, match=says):
            check(image, name)


def test_what_is_neither_a_seal_nor_a_digest(tmp_path):
    assert isinstance(named_pipeline("xxh3:01234567"), ClaimedPipeline)
    assert isinstance(named_pipeline("x:1.json"), ClaimedPipeline)
    for text in ("nonsense", "xxh3:0123"):
        with pytest.raises(LineageError):
            named_pipeline(text)
    with pytest.raises(LineageError, match="no seal whose files"):
        named_pipeline("xxh3:01234567", tmp_path)


def test_a_relative_root_stays_what_it_was_where_the_service_changes_its_folder(
    image, tmp_path, monkeypatch
):
    monkeypatch.chdir(image)
    own = named_pipeline("pipeline.seal.json", Path())
    monkeypatch.chdir(tmp_path)
    own.check_files()
