"""Copies that become objects of a folder: made in the read that hashes, each byte read back."""

from __future__ import annotations

import os
import random
from contextlib import suppress
from pathlib import Path

import pytest

from lineage.errors import CaptureError, StoreUnreachable
from lineage.hashing import blocks
from lineage.hashing.files import as_one, hash_files, hash_path
from lineage.weights import placing, upload
from lineage.weights.parallel import SMALL
from lineage.weights.staging import staging
from lineage.weights.store import open_store
from tests.support.weights_stores import Folder

SIZE = SMALL + 12345


@pytest.fixture
def place(tmp_path):
    return Folder(tmp_path / "store")


@pytest.fixture
def store(place):
    return open_store(place.address())


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(random.Random(1).randbytes(SIZE))
    return path


def store_it(store, source: Path):
    with staging(store) as copies:
        return upload.put_files(store, hash_files(source, copies=copies), copies)


def waiting(place) -> list[Path]:
    """What lies beside the objects and is none of them."""
    return [path for path in place.path.rglob("*") if ".lineage-incoming/" in str(path)]


def test_each_byte_is_read_once(store, place, source, monkeypatch):
    read, read_block, read_back, preadv = [0], blocks.read_block, [0], os.preadv

    def counted(descriptor, block):
        count = read_block(descriptor, block)
        read[0] += count
        return count

    def counted_back(descriptor, buffers, offset):
        count = preadv(descriptor, buffers, offset)
        read_back[0] += count
        return count

    monkeypatch.setattr(blocks, "read_block", counted)
    monkeypatch.setattr(os, "preadv", counted_back)
    copy = store_it(store, source)
    assert (read[0], read_back[0]) == (SIZE, SIZE)
    assert place.objects() == {copy.object: source.read_bytes()}
    assert not waiting(place)


def test_what_was_hashed_is_stored_whatever_becomes_of_the_file(store, place, source):
    data = source.read_bytes()
    with staging(store) as copies:
        files = hash_files(source, copies=copies)
        source.write_bytes(data[::-1])
        copy = upload.put_files(store, files, copies)
    assert place.objects() == {copy.object: data}


def test_a_store_that_gives_back_something_else_keeps_nothing(store, place, source, monkeypatch):
    preadv = os.preadv

    def other(descriptor, buffers, offset):
        count = preadv(descriptor, buffers, offset)
        if offset:
            buffers[0][count // 2] ^= 1
        return count

    monkeypatch.setattr(os, "preadv", other)
    with pytest.raises(StoreUnreachable, match="gives back other bytes"):
        store_it(store, source)
    assert place.objects() == {}
    assert not waiting(place)


def test_one_that_gives_back_less_keeps_nothing(store, place, source, monkeypatch):
    preadv = os.preadv
    monkeypatch.setattr(os, "preadv", lambda *words: preadv(*words) - 1)
    with pytest.raises(StoreUnreachable, match="gives back other bytes"):
        store_it(store, source)
    assert place.objects() == {}


def test_another_file_under_its_name_is_found_out(store, source, monkeypatch):
    put_file = store.put_file

    def put_another(object_id, file):
        put_file(object_id, file)
        beside = Path(f"{store.local(object_id)}.new")
        beside.write_bytes(bytes(SIZE))
        beside.replace(store.local(object_id))

    monkeypatch.setattr(store, "put_file", put_another)
    with pytest.raises(StoreUnreachable, match="another file has its name"):
        store_it(store, source)


def test_it_is_on_the_disk_before_it_has_its_name_and_so_is_the_name(store, source, monkeypatch):
    synced: list[int] = []
    sync = os.fsync

    def note(descriptor):
        sync(descriptor)
        synced.append(os.fstat(descriptor).st_ino)

    put_file = store.put_file

    def put(object_id, file):
        assert file.stat().st_ino in synced
        put_file(object_id, file)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(store, "put_file", put)
    copy = store_it(store, source)
    assert Path(store.local(copy.object)).parent.stat().st_ino in synced


def test_a_file_that_changes_while_it_is_read_leaves_nothing(store, place, source):
    def grow(_: int) -> None:
        with source.open("ab") as file:
            file.write(b"more")

    with suppress(CaptureError), staging(store) as copies:
        hash_files(source, copies=copies, progress=grow)
        raise AssertionError("it changed")
    assert not waiting(place)


@pytest.mark.parametrize("known", ["sync_file_range", "nothing"])
def test_the_disk_may_begin_before_the_file_ends(tmp_path, monkeypatch, known):
    monkeypatch.setattr(placing, "AHEAD", 1000)
    if known == "nothing":
        monkeypatch.setattr(placing, "_c_function", lambda _: None)
    data = random.Random(2).randbytes(10_007)
    with (
        (tmp_path / "file").open("wb", buffering=0) as file,
        placing.written_ahead(file.fileno()) as write,
    ):
        for start in range(0, len(data), 333):
            write(memoryview(data)[start : start + 333])
    assert (tmp_path / "file").read_bytes() == data


def test_what_is_to_be_stored_has_the_digests_that_it_has_anyway(tmp_path, source):
    folder = tmp_path / "folder"
    (folder / "é").mkdir(parents=True)
    for number, name in enumerate(("b.bin", "é/ü.bin", "a.txt", "empty")):
        (folder / name).write_bytes(name.encode() * number)
    (folder / "link").symlink_to("b.bin")
    (folder / "large").write_bytes(source.read_bytes())
    for path in (source, folder):
        assert as_one(hash_files(path)) == hash_path(path, with_blake3=True)
