"""Inputs outside the repository are data by what can be had of them, and are named where nothing can."""

from __future__ import annotations

import os
import shutil

import pytest

from lineage.capture.outside import splits_outside
from lineage.capture.outside_address import shown_address

MODEL = '[models.churn]\nweights = "model.bin"\n'
STAGE = "stages:\n  train:\n    cmd: echo w > model.bin\n    outs: [model.bin]\n    deps: [%s]\n"


@pytest.fixture
def reading(repository):
    """A project whose one stage reads something outside; called with its deps and the lock's."""
    repository.dvc("init", "--quiet")
    repository.write({"lineage.toml": MODEL})

    def make(*deps: str, locked: str = ""):
        repository.write({"dvc.yaml": STAGE % ", ".join(f'"{dep}"' for dep in deps)})
        if locked:
            lock = "schema: '2.0'\nstages:\n  train:\n    cmd: echo w > model.bin\n    deps:\n"
            repository.write({"dvc.lock": lock + locked, "model.bin": "w\n"})
        repository.ok("init")
        repository.commit()
        return repository

    return make


@pytest.fixture
def elsewhere(tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "d.csv").write_text("a,b\n")
    return folder


def register(project, *words):
    """A registered experiment's data items by their names, and what was noted of it."""
    done = project.lineage("register", "churn", "--kind", "experiment", "--json", *words)
    assert done.code == 0, done.err
    shown = project.ok("show", done.json["ref"])
    return {item["name"]: item for item in shown["components"]["data"] or ()}, done.err


def test_a_file_of_this_machine_is_hashed_and_its_change_is_seen(reading, elsewhere):
    path = os.fspath(elsewhere / "d.csv")
    project = reading(path)
    project.write({"model.bin": "w"})
    before, _ = register(project)
    assert before[path]["known"] == "asserted"
    assert before[path]["digest"].startswith("xxh3:")
    assert before[path]["size"] == 4
    (elsewhere / "d.csv").write_text("a,b,c\n")
    after, _ = register(project)
    assert after[path]["digest"] != before[path]["digest"]
    told = project.ok("diff", "churn@1", "churn@2")
    assert path in str(told["components"]["data"] if "components" in told else told)


def test_what_dvc_recorded_of_it_is_its_digest_at_a_revision_and_here(reading, elsewhere):
    (elsewhere / "folder").mkdir()
    (elsewhere / "folder/part.csv").write_text("1\n")
    project = reading(os.fspath(elsewhere / "d.csv"), os.fspath(elsewhere / "folder"))
    project.dvc("repro", "--quiet")
    project.commit()
    here, _ = register(project)
    there, _ = register(project, "--rev", "HEAD")
    assert here == there
    assert {item["digest"].partition(":")[0] for item in here.values()} == {"md5"}
    assert len(here) == 2
    shutil.rmtree(elsewhere / "folder")
    left, said = register(project)
    assert set(left) == {os.fspath(elsewhere / "d.csv")}
    assert f"nothing is known of {elsewhere}/folder" in said


@pytest.mark.parametrize(
    ("fact", "digest"),
    [
        ("etag: 0123456789abcdef0123456789abcdef", "etag:0123456789abcdef0123456789abcdef"),
        ("checksum: '\"1234-5678\"'", 'checksum:"1234-5678"'),
        ("version_id: aBc.123_x", "version-id:aBc.123_x"),
        (
            "hash: md5\n      md5: 12345678901234567890123456789012",
            "md5:" + "1234567890" * 3 + "12",
        ),
    ],
)
def test_what_dvc_recorded_of_a_bucket_stands_for_it(reading, fact, digest):
    locked = f"    - path: s3://bucket/d.csv\n      {fact}\n      size: 12\n"
    items, said = register(reading("s3://bucket/d.csv", locked=locked))
    assert items["s3://bucket/d.csv"] == {
        "name": "s3://bucket/d.csv",
        "digest": digest,
        "known": "asserted",
        "size": 12,
    }
    assert "nothing is known" not in said


def test_what_was_imported_is_known_by_the_import(reading):
    project = reading("azure://container/d.csv")
    project.write({
        "model.bin": "w",
        "d.csv.dvc": "frozen: true\ndeps:\n- path: azure://container/d.csv\n  etag: '0x8D'\n"
        "outs:\n- path: d.csv\n  md5: d41d8cd98f00b204e9800998ecf8427e\n",
    })  # fmt: skip
    items, _ = register(project)
    assert items["azure://container/d.csv"]["digest"] == "etag:0x8D"


def test_where_nothing_can_be_had_it_is_named(reading):
    project = reading("hf://datasets/a/b", "s3://bucket/x")
    project.write({"model.bin": "w"})
    items, said = register(project)
    assert items == {}
    assert "note: nothing is known of hf://datasets/a/b: " in said
    assert "note: nothing is known of s3://bucket/x: " in said


@pytest.mark.parametrize("place", ["/dev/zero", "/proc/self/environ", "/", "pipe"])
def test_what_has_no_end_is_not_read(reading, elsewhere, place):
    if place == "pipe":
        os.mkfifo(elsewhere / "pipe")
        place = os.fspath(elsewhere / "pipe")
    project = reading(place)
    project.write({"model.bin": "w"})
    items, said = register(project)
    assert items == {}
    assert f"nothing is known of {place}: " in said


def test_credentials_are_neither_recorded_nor_shown(reading):
    address = "https://me:hunter2@host/d.csv?X-Amz-Signature=hunter2&versionId=3"
    project = reading(address)
    project.write({"model.bin": "w"})
    _, said = register(project)
    assert "nothing is known of https://host/d.csv?versionId=3: " in said
    captured = project.lineage("pipeline", "capture", "--json")
    assert "hunter2" not in said + captured.out + captured.err
    assert captured.json["manifest"]["stages"]["train"]["inputs"] == [
        "https://host/d.csv?versionId=3"
    ]
    refused = project.lineage("register", "churn")
    assert "hunter2" not in refused.out + refused.err
    assert b"hunter2" not in (project.path / ".lineage/registry.db").read_bytes()


def test_configured_data_outside_is_recorded_and_production_needs_it_known(reading, elsewhere):
    path = os.fspath(elsewhere / "d.csv")
    project = reading()
    project.write(
        {"model.bin": "w", "lineage.toml": f'{MODEL}data = ["{path}", "s3://bucket/x"]\n'}
    )
    project.commit()
    items, said = register(project)
    assert set(items) == {path}
    assert "nothing is known of s3://bucket/x: " in said
    refused = project.lineage("register", "churn")
    assert refused.code == 9
    assert "Nothing is known of the data s3://bucket/x" in refused.err


def test_what_a_stage_makes_outside_is_no_input(reading, elsewhere):
    made = os.fspath(elsewhere / "made.csv")
    project = reading(made)
    text = (project.path / "dvc.yaml").read_text()
    make = f"  make:\n    cmd: echo 1 > {made}\n    outs: [{{'{made}': {{cache: false}}}}]\n"
    project.write({"dvc.yaml": text + make, "model.bin": "w"})
    items, said = register(project)
    assert items == {}
    assert "nothing is known" not in said


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("s3://bucket/a b?c", "s3://bucket/a b"),
        ("https://token@host/x", "https://host/x"),
        ("https://a:b@c:d@host/x", "https://host/x"),
        ("https://host/x#token", "https://host/x"),
        ("azure://c/x?sv=1&sig=secret&snapshot=2", "azure://c/x?snapshot=2"),
        ("/a:b@c?d", "/a:b@c?d"),
    ],
)
def test_an_address_is_shown_without_what_lets_people_in(address, shown):
    assert shown_address(address) == shown


def test_configured_names_are_told_apart():
    names = ["d.csv", "../sibling/d", "../../d", "/d", "s3://b/d", "d=s3://b/d@1", "a=b"]
    inside, outside = splits_outside(names, "ml")
    assert inside == ["d.csv", "../sibling/d", "d=s3://b/d@1", "a=b"]
    assert outside == ["../../d", "/d", "s3://b/d"]
