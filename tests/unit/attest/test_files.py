"""What lies at a path is all of it: no name, no link, nothing hidden escapes who verifies it."""

from __future__ import annotations

import os

import pytest

from lineage.attest.files import files_at
from lineage.errors import CaptureError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model.sig").write_text("a signature")
    (tmp_path / "w").write_text("weights")
    return tmp_path


def paths(folder):
    signed = files_at(folder, [folder / "model.sig"])[1]["sha256"]
    return sorted(file.path for file in signed.files)


def test_the_signature_alone_is_no_part_of_it(folder):
    assert paths(folder) == ["w"]
    (folder / "extra").symlink_to("model.sig")
    (folder / "sub").mkdir()
    (folder / "sub" / ".hidden").symlink_to("../model.sig")
    assert paths(folder) == ["extra", "sub/.hidden", "w"]


def test_a_signature_is_known_by_another_way_to_it(folder, tmp_path_factory):
    way = tmp_path_factory.mktemp("way") / "link"
    way.symlink_to(folder)
    assert [f.path for f in files_at(folder, [way / "model.sig"])[1]["blake3"].files] == ["w"]


@pytest.mark.parametrize("bad", ["link", "folder link", "pipe", "name"])
def test_what_has_no_bytes_or_no_name_is_refused_in_a_sentence(folder, bad):
    place = folder / bad
    if bad == "pipe":
        os.mkfifo(place)
    elif bad == "name":
        (folder / os.fsdecode(b"\xff")).write_text("x")
    else:
        place.symlink_to(folder.parent if bad == "folder link" else "nothing")
    with pytest.raises(CaptureError) as refused:
        paths(folder)
    assert refused.value.remedy
