"""What a store is known by, and what a cheap look asks."""

from __future__ import annotations

import dataclasses
import json
import os
import random

import pytest

from lineage import timestamps
from lineage.errors import IntegrityFailure
from lineage.hashing.tree import follow_any
from lineage.weights import check, upload
from lineage.weights.any_store import MARKER
from lineage.weights.copies import CopyState, StoreAddress
from lineage.weights.store import open_store
from tests.support.weights import stored, weights_of
from tests.support.weights_stores import Folder, new_bucket


@pytest.fixture(params=["folder", "s3"])
def place(request, tmp_path):
    if request.param == "folder":
        return Folder(tmp_path / "store")
    return new_bucket(request.getfixturevalue("s3"))


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(random.Random(1).randbytes(3000))
    return path


def put(place, source, address=None):
    """Put weights into a store; what a registry would say of them, looked at in full just now."""
    weights = weights_of(source)
    store = open_store(address or place.address())
    there = stored(weights, upload.put(store, source, weights, follow=follow_any))
    read = dataclasses.replace(there.copies[0], deep_at=timestamps.now())
    return dataclasses.replace(there, copies=(read,))


def look(place, there, *, deep=False):
    return check.check_copy(open_store(place.address()), there, there.copies[0], deep=deep)


def write_marker(place, text: bytes | None) -> None:
    if isinstance(place, Folder):
        (place.path / MARKER).unlink(missing_ok=True)
        if text is not None:
            (place.path / MARKER).write_bytes(text)
    elif text is None:
        place.client.delete_object(Bucket=place.name, Key=f"weights/{MARKER}")
    else:
        place.client.put_object(Bucket=place.name, Key=f"weights/{MARKER}", Body=text)


def test_a_place_has_one_marker_under_every_name(place, source):
    assert open_store(place.address()).marker() is None
    first = put(place, source).copies[0].store.marker
    assert len(first) == 32
    assert open_store(place.address()).mark() == first
    assert put(place, source, place.address("other")).copies[0].store.marker == first
    assert open_store(place.address()).marker() == first
    if isinstance(place, Folder):
        alias = place.path.parent / "alias"
        alias.symlink_to(place.path)
        assert open_store(Folder(alias).address()).marker() == first
        assert [p.name for p in place.path.iterdir() if p.is_file()] == [MARKER]


def test_a_place_that_was_emptied_keeps_the_marker_that_is_recorded(place, source):
    recorded = dataclasses.replace(place.address(), marker="a" * 32)
    assert put(place, source, recorded).copies[0].store.marker == "a" * 32


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"id": 7}', b'{"id": "../x"}', b"x" * 9000])
def test_a_marker_that_is_none_counts_for_nothing(place, text):
    if isinstance(place, Folder):
        place.path.mkdir()
    write_marker(place, text)
    assert open_store(place.address()).marker() is None


def test_a_place_that_takes_no_marker_is_usable():
    assert open_store(StoreAddress("gone", "file:///proc/no/such")).mark() is None


def test_another_place_behind_the_url_is_noticed(place, source):
    there = put(place, source)
    assert look(place, there).state is CopyState.INTACT
    write_marker(place, json.dumps({"id": "b" * 32}).encode())
    found = look(place, there)
    assert found.state is CopyState.CHANGED
    assert found.detail.startswith("Another place is behind ")
    recorded = dataclasses.replace(place.address(), marker=there.copies[0].store.marker)
    store = open_store(recorded)
    with pytest.raises(IntegrityFailure, match="Another place"):
        check.require_place(store)


def test_where_the_marker_is_gone_every_byte_says_what_is_there(place, source, monkeypatch):
    monkeypatch.setattr(check, "READ_ANYWAY", 0)
    there = put(place, source)
    assert look(place, there).deep is False
    write_marker(place, None)
    found = look(place, there)
    assert (found.state, found.deep) == (CopyState.INTACT, True)
    name = there.copies[0].object
    place.put(name, bytes(3000))
    assert look(place, there).state is CopyState.CHANGED


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_was_written_to_in_a_folder_since_is_read(tmp_path, source, monkeypatch, kind):
    """Bytes of the same size, found by a look that is not deep."""
    monkeypatch.setattr(check, "READ_ANYWAY", 0)
    place = Folder(tmp_path / "store")
    if kind == "folder":
        (tmp_path / "model").mkdir()
        source = source.rename(tmp_path / "model/weights.bin").parent
    there = put(place, source)
    assert look(place, there).deep is False, "nothing was written since"
    files = (path for path in (place.path / "files").rglob("*") if path.is_file())
    (file,) = (path for path in files if path.stat().st_size == 3000)
    data = bytearray(file.read_bytes())
    data[99] ^= 1
    file.chmod(0o644)
    file.write_bytes(data)
    os.utime(file, (0, 0))
    found = look(place, there)
    what = "the file" if kind == "file" else "weights.bin"
    assert (found.state, found.detail) == (CopyState.CHANGED, f"{what} holds other bytes")


@pytest.fixture
def many(tmp_path, s3, monkeypatch):
    """A folder of twenty files in a bucket, of which a cheap look asks two for their sizes."""
    monkeypatch.setattr(check, "READ_ANYWAY", 0)
    monkeypatch.setattr(check, "SAMPLE", 2)
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number}.bin").write_bytes(bytes([number]) * 99)
    bucket = new_bucket(s3)
    return bucket, put(bucket, folder)


def test_a_sample_is_called_one_and_is_never_deep(many):
    bucket, there = many
    found = look(bucket, there)
    assert found.to_json() == {
        "store": "s3", "state": "intact", "deep": False, "detail": None,
        "sample": {"files": 2, "of": 20},
    }  # fmt: skip
    whole = look(bucket, there, deep=True)
    assert (whole.deep, whole.sample) == (True, None)


def test_a_file_that_is_gone_is_found_whichever_are_sampled(many):
    bucket, there = many
    gone = next(name for name, data in bucket.objects().items() if data == bytes([7]) * 99)
    bucket.delete(gone)
    found = look(bucket, there)
    assert (found.state, found.detail) == (CopyState.MISSING, "7.bin is gone")


def test_a_look_is_deep_only_where_every_byte_was_read(place, source):
    """What was meant to be read and was not is no deep look, whatever it found."""
    there = put(place, source)
    (copy,) = there.copies

    def deep():
        (found,) = check.check_copies(there, deep=True)
        return found.state.value, found.deep

    assert deep() == ("intact", True)
    place.put(copy.object, bytes(3000))
    assert deep() == ("changed", True)
    place.put(copy.object, bytes(9000))
    assert deep() == ("changed", False)
    place.delete(copy.object)
    assert deep() == ("missing", False)
    write_marker(place, json.dumps({"id": "b" * 32}).encode())
    assert deep() == ("changed", False)
    far = dataclasses.replace(copy, store=StoreAddress("far", "gs://bucket/weights"))
    (found,) = check.check_copies(dataclasses.replace(there, copies=(far,)), deep=True)
    assert (found.state, found.deep) == (CopyState.UNREACHABLE, False)
    dead = StoreAddress("dead", "http://127.0.0.1:9/weights")
    found = check.check_copy(
        open_store(dead), there, dataclasses.replace(copy, store=dead), deep=True
    )
    assert (found.state, found.deep) == (CopyState.UNREACHABLE, False)


def test_a_folder_that_lacks_a_file_was_not_read_whole(many):
    bucket, there = many
    objects = bucket.objects()
    first, second = (
        next(name for name, data in objects.items() if data == bytes([n]) * 99) for n in (3, 7)
    )
    bucket.put(first, bytes(99))
    found = look(bucket, there, deep=True)
    assert (found.state, found.deep, found.detail) == (
        CopyState.CHANGED, True, "3.bin holds other bytes",
    )  # fmt: skip
    bucket.delete(second)
    found = look(bucket, there, deep=True)
    assert (found.state, found.deep, found.detail) == (CopyState.MISSING, False, "7.bin is gone")
