"""Files and directories: right digests, one read, and an error where a digest would be a lie."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest
from blake3 import blake3
from xxhash import xxh3_128_hexdigest

from lineage.errors import CaptureError
from lineage.hashing.blocks import BLOCK, BLOCKS
from lineage.hashing.cache import StatCache
from lineage.hashing.files import ONE_READ, hash_path


@pytest.mark.parametrize(
    "size", [0, 1, ONE_READ - 1, ONE_READ, ONE_READ + 1, BLOCK * BLOCKS * 2 + 7]
)
@pytest.mark.parametrize("with_blake3", [True, False])
def test_a_file_has_the_digests_of_its_bytes(tmp_path, size, with_blake3):
    data = os.urandom(size)
    path = tmp_path / "file.bin"
    path.write_bytes(data)
    seen: list[int] = []
    hashed = hash_path(path, with_blake3=with_blake3, progress=seen.append)
    assert hashed.xxh3 == "xxh3:" + xxh3_128_hexdigest(data)
    assert hashed.blake3 == ("blake3:" + blake3(data).hexdigest() if with_blake3 else None)
    assert (hashed.size, hashed.files, sum(seen)) == (size, 1, size)


def test_a_directory_has_the_digest_that_anyone_can_compute(tmp_path):
    files = {"b.bin": b"b", "a/z.txt": b"zz", "a.txt": b"", "é/ü.bin": b"u"}
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/config").write_text("left out")
    encoding = b"lineage-tree/1\n" + b"".join(
        f"{len(name.encode())} {name} {len(data)} {xxh3_128_hexdigest(data)}\n".encode()
        for name, data in sorted(files.items(), key=lambda item: item[0].encode())
    )
    hashed = hash_path(tmp_path, with_blake3=True)
    assert hashed.xxh3 == "xxh3:" + xxh3_128_hexdigest(encoding)
    assert (hashed.files, hashed.size) == (4, 4)


def test_the_name_of_a_file_counts(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    before = hash_path(tmp_path).xxh3
    (tmp_path / "a").rename(tmp_path / "b")
    assert hash_path(tmp_path).xxh3 != before


def test_ignored_files_are_left_out(tmp_path):
    weights = tmp_path / "models"
    (weights / "logs").mkdir(parents=True)
    (weights / "model.bin").write_bytes(b"m")
    before = hash_path(weights, project=tmp_path).xxh3
    (weights / "logs/run.log").write_bytes(b"l")
    (weights / "scratch.tmp").write_bytes(b"s")
    assert hash_path(weights, project=tmp_path).xxh3 != before
    (tmp_path / ".lineageignore").write_text("*.tmp\nmodels/logs/\n")
    assert hash_path(weights, project=tmp_path).xxh3 == before


def test_a_link_to_a_file_counts_as_the_file(tmp_path):
    plain, linked = tmp_path / "plain", tmp_path / "linked"
    plain.mkdir()
    linked.mkdir()
    (plain / "model.bin").write_bytes(b"m")
    (linked / "model.bin").symlink_to(plain / "model.bin")
    assert hash_path(linked).xxh3 == hash_path(plain).xxh3


def _dangling(folder: Path) -> None:
    (folder / "link").symlink_to("nowhere")


def _cyclic(folder: Path) -> None:
    (folder / "link").symlink_to("link")


def _to_folder(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "link").symlink_to("real")


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


def _socket(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(folder)
        try:
            server.bind("socket")
        finally:
            os.chdir(here)


def _not_utf8(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.bin")).write_bytes(b"")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_dangling, "points to nothing"),
        (_cyclic, "points to itself"),
        (_to_folder, "does not point to a file"),
        (_pipe, "a pipe or a device"),
        (_socket, "socket"),
        (_not_utf8, "not UTF-8"),
    ],
)
def test_what_has_no_bytes_of_its_own_is_a_clear_error(tmp_path, make, says):
    make(tmp_path)
    with pytest.raises(CaptureError, match=says):
        hash_path(tmp_path)


def test_a_named_pipe_alone_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CaptureError, match="neither a file nor a directory"):
        hash_path(tmp_path / "pipe")


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"x" * BLOCK * 3)
    grown = False

    def grow(_: int) -> None:
        nonlocal grown
        if not grown:
            grown = True
            with path.open("ab") as file:
                file.write(b"more")

    with pytest.raises(CaptureError, match="changed while it was read"):
        hash_path(path, progress=grow)


def test_a_file_that_vanishes_while_it_is_read_is_an_error(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"x" * BLOCK * 3)
    with pytest.raises(CaptureError, match="changed while it was read"):
        hash_path(path, progress=lambda _: path.unlink(missing_ok=True))


def test_a_file_that_is_replaced_while_it_is_read_is_an_error(tmp_path):
    path, other = tmp_path / "file.bin", tmp_path / "other.bin"
    path.write_bytes(b"x" * BLOCK * 3)
    other.write_bytes(b"y" * BLOCK * 3)

    def replace(_: int) -> None:
        if other.exists():
            other.rename(path)

    with pytest.raises(CaptureError, match="changed while it was read"):
        hash_path(path, progress=replace)


def _aged(path: Path) -> Path:
    """The file as if it had lain there for a while: its change time is behind the cache's clock."""
    os.utime(path, (1_600_000_000, 1_600_000_000))
    return path


@pytest.fixture
def settled(monkeypatch):
    """A clock ten seconds ahead: what was just written counts as settled."""
    import time

    now = time.time_ns
    monkeypatch.setattr("lineage.hashing.cache.time.time_ns", lambda: now() + 10 * 10**9)


@pytest.mark.usefixtures("settled")
def test_an_unchanged_file_is_not_read_again(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"content")
    with StatCache(tmp_path / "cache.db") as cache:
        first = hash_path(path, with_blake3=True, cache=cache)
    status = path.stat()
    with StatCache(tmp_path / "cache.db") as cache:
        assert cache.look_up(status, "xxh3") == first.xxh3.value
        assert cache.look_up(status, "blake3") == first.blake3.value
        path.chmod(0)
        assert cache.look_up(path.stat(), "xxh3") is None, "its change time moved"


@pytest.mark.usefixtures("settled")
def test_an_unchanged_file_of_a_directory_is_not_opened_again(tmp_path):
    top = tmp_path / "models"
    top.mkdir()
    for name in ("a", "b"):
        (top / name).write_bytes(name.encode() * 100)
    (top / "link").symlink_to("a")
    with StatCache(tmp_path / "cache.db") as cache:
        first = hash_path(top, with_blake3=True, cache=cache)
    opened: list[str] = []
    watching = True

    def watch(event: str, args: tuple) -> None:
        if watching and event == "open":
            opened.append(str(args[0]))

    sys.addaudithook(watch)
    with StatCache(tmp_path / "cache.db") as cache:
        assert hash_path(top, with_blake3=True, cache=cache) == first
    watching = False
    assert opened, "the cache itself was opened"
    assert not [name for name in opened if name.endswith(("models/a", "models/b"))]
    (top / "b").write_bytes(b"c" * 100)
    with StatCache(tmp_path / "cache.db") as cache:
        changed = hash_path(top, with_blake3=True, cache=cache)
    assert changed == hash_path(top, with_blake3=True)
    assert changed != first


@pytest.mark.usefixtures("settled")
def test_the_same_size_and_time_do_not_hide_a_change(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    _aged(path)
    with StatCache(tmp_path / "cache.db") as cache:
        old = hash_path(path, cache=cache).xxh3
    path.write_bytes(b"new")
    _aged(path)
    with StatCache(tmp_path / "cache.db") as cache:
        assert hash_path(path, cache=cache).xxh3 != old


def test_a_file_that_was_just_written_is_not_remembered(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"content")
    with StatCache(tmp_path / "cache.db") as cache:
        hash_path(path, cache=cache)
    with StatCache(tmp_path / "cache.db") as cache:
        assert cache.look_up(path.stat(), "xxh3") is None


@pytest.mark.usefixtures("settled")
def test_what_is_added_later_joins_what_is_known(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"content")
    for with_blake3 in (False, True, False):
        with StatCache(tmp_path / "cache.db") as cache:
            hash_path(path, with_blake3=with_blake3, cache=cache)
    with StatCache(tmp_path / "cache.db") as cache:
        cache.remember("md5", [(path.stat(), "0" * 32)])
    with StatCache(tmp_path / "cache.db") as cache:
        assert cache.look_up(path.stat(), "blake3") is not None
        assert cache.look_up(path.stat(), "md5") == "0" * 32
        assert cache.look_up(path.stat(), "md5-dos2unix") is None


@pytest.mark.usefixtures("settled")
def test_a_damaged_cache_costs_time_and_nothing_else(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"content")
    (tmp_path / "cache.db").write_bytes(b"not a database" * 100)
    for _ in range(2):
        with StatCache(tmp_path / "cache.db") as cache:
            assert hash_path(path, cache=cache).xxh3 == "xxh3:" + xxh3_128_hexdigest(b"content")
    with StatCache(tmp_path / "cache.db") as cache:
        assert cache.look_up(path.stat(), "xxh3") is not None, "the next run healed it"
