"""What was fetched before: read once, believed while nobody wrote to it, and bounded."""

from __future__ import annotations

import datetime as dt
import errno
import fcntl
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lineage.errors import StoreUnreachable, UsageError
from lineage.hashing import blocks
from lineage.hashing.tree import follow_any
from lineage.identity.digest import blake3_of
from lineage.weights import cache_bounds, download, fetcher, placing, upload
from lineage.weights.cache import WeightsCache
from lineage.weights.cache_bounds import Bounds
from lineage.weights.leases import Lease, unused
from lineage.weights.store import open_store
from tests.support.weights import stored, weights_of
from tests.support.weights_stores import Folder

SIZE = 3 << 20
SETTLED = 0.12
"""Seconds after which a file's times are believed (see lineage.weights.verified)."""


@pytest.fixture
def cache(tmp_path):
    return WeightsCache(tmp_path / "cache")


@pytest.fixture
def far(monkeypatch):
    """Folder stores lie on another disk than the cache."""
    monkeypatch.setattr(fetcher, "on_same_disk", lambda *_: False)


@pytest.fixture
def counted(monkeypatch):
    """The bytes of files that were read whole, from here on."""
    count = [0]
    read, data = blocks.read_block, os.pread

    def read_block(descriptor, block):
        found = read(descriptor, block)
        count[0] += found
        return found

    def pread(descriptor, most, start):
        found = data(descriptor, most, start)
        count[0] += len(found)
        return found

    monkeypatch.setattr(blocks, "read_block", read_block)
    monkeypatch.setattr(os, "pread", pread)
    return count


def put(tmp_path, name="model.bin", seed=1):
    source = tmp_path / "models" / name
    source.parent.mkdir(exist_ok=True)
    source.write_bytes(random.Random(seed).randbytes(SIZE))
    weights = weights_of(source)
    store = open_store(Folder(tmp_path / "store").address())
    return stored(weights, upload.put(store, source, weights, follow=follow_any)), source


def whole_of(cache):
    (found,) = (path for path in (cache.folder / "whole").rglob("*") if path.is_file())
    return found


def settle():
    time.sleep(SETTLED)


def test_a_byte_is_read_once_on_its_way(tmp_path, cache, counted):
    there, source = put(tmp_path)
    counted[0] = 0
    out = download.pull(there, tmp_path / "out", cache=cache)
    assert counted[0] == SIZE
    assert out.read_bytes() == source.read_bytes()
    assert not list((cache.folder / "files").rglob("*")), "what is on this disk is not kept twice"


def test_what_only_passed_by_takes_no_place(tmp_path, cache):
    there, _ = put(tmp_path)
    download.pull(there, tmp_path / "out", cache=cache)
    usage = cache_bounds.usage(cache)
    assert (usage.size, usage.files, usage.in_use) == (0, 0, 0)
    assert cache_bounds.clean(cache, Bounds()).freed == 0


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_a_folder_that_gives_nothing_is_a_store_that_cannot_be_used(
    tmp_path, cache, monkeypatch, number
):
    there, _ = put(tmp_path)
    name = "open" if number == errno.EACCES else "readv"
    do = getattr(os, name)

    def fail(what, *more, **named):
        if name == "readv" or "files/md5" in str(what):
            raise OSError(number, os.strerror(number), str(what))
        return do(what, *more, **named)

    monkeypatch.setattr(os, name, fail)
    with pytest.raises(StoreUnreachable):
        download.pull(there, tmp_path / "out", cache=cache)
    assert not list((tmp_path / "out").iterdir())


def test_what_is_in_the_cache_is_not_read_again_until_it_is_asked_for(tmp_path, cache, counted):
    there, _ = put(tmp_path)
    counted[0] = 0
    download.pull(there, cache=cache)
    assert counted[0] == SIZE, "once, as it comes in"
    settle()
    download.pull(there, cache=cache)  # what just changed is not remembered
    counted[0] = 0
    download.pull(there, cache=cache)
    assert counted[0] == 0
    download.pull(there, cache=cache, verify=True)
    assert counted[0] == SIZE
    download.pull(there, tmp_path / "out", cache=cache)
    assert counted[0] == 2 * SIZE, "a copy is read as it is made"


@pytest.mark.parametrize("how", ["in place", "replaced", "times set back", "cut off", "a link"])
def test_a_cache_that_was_written_to_is_found_out(tmp_path, cache, how):
    there, source = put(tmp_path)
    for _ in range(2):
        kept = download.pull(there, cache=cache)
        settle()
    before = kept.stat()
    bad = source.read_bytes()[:-1] + b"?"
    kept.chmod(0o644)
    if how in ("in place", "times set back"):
        with kept.open("r+b") as file:
            file.write(bad)
    if how == "times set back":
        os.utime(kept, ns=(before.st_atime_ns, before.st_mtime_ns))
    if how == "cut off":
        os.truncate(kept, 10)
    if how in ("replaced", "a link"):
        kept.unlink()
        (tmp_path / "bad").write_bytes(bad)
        kept.symlink_to(tmp_path / "bad") if how == "a link" else kept.write_bytes(bad)
    assert download.pull(there, cache=cache).read_bytes() == source.read_bytes()
    assert download.pull(there, tmp_path / "out", cache=cache).read_bytes() == source.read_bytes()


@pytest.mark.parametrize("to_place", [False, True])
def test_so_is_one_that_was_written_to_while_it_was_pulled(
    tmp_path, cache, far, monkeypatch, to_place
):
    """Between the read of a file and the end of its pull, with its time put back."""
    there, source = put(tmp_path)
    end = download._Pulling.close

    def write_and_end(pulling):
        for file in filter(Path.is_file, (cache.folder / "files").rglob("*")):
            before = file.stat()
            file.chmod(0o644)
            with file.open("r+b") as opened:
                opened.write(b"EVIL")
            file.chmod(0o444)
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        settle()
        end(pulling)

    monkeypatch.setattr(download._Pulling, "close", write_and_end)
    download.pull(there, tmp_path / "first" if to_place else None, cache=cache)
    monkeypatch.setattr(download._Pulling, "close", end)
    assert download.pull(there, cache=cache).read_bytes() == source.read_bytes()


def test_nothing_is_believed_over_a_start_of_the_machine(tmp_path, cache, counted, monkeypatch):
    there, _ = put(tmp_path)
    for _ in range(2):
        download.pull(there, cache=cache)
        settle()
    (tmp_path / "boot").write_text("another\n")
    for boot in (tmp_path / "boot", tmp_path / "nobody says"):
        monkeypatch.setattr("lineage.weights.verified._BOOT", boot)
        counted[0] = 0
        download.pull(there, cache=cache)
        assert counted[0] == SIZE


def test_a_damaged_memory_of_what_is_right_costs_a_read(tmp_path, cache, counted):
    there, source = put(tmp_path)
    for _ in range(2):
        download.pull(there, cache=cache)
        settle()
    (memory,) = cache.folder.glob("verified-*.db")
    memory.write_bytes(b"no database")
    counted[0] = 0
    assert download.pull(there, cache=cache).read_bytes() == source.read_bytes()
    assert counted[0] == SIZE


def test_who_writes_to_what_was_pulled_writes_to_nothing_of_the_cache(tmp_path, cache, far):
    there, source = put(tmp_path)
    out = download.pull(there, tmp_path / "out", cache=cache)
    kept = cache.path(download.Entry("", SIZE, there.blake3))
    assert kept.read_bytes() == source.read_bytes()
    assert out.stat().st_ino != kept.stat().st_ino
    out.write_bytes(b"mine")
    assert kept.read_bytes() == source.read_bytes()
    assert download.pull(there, tmp_path / "again", cache=cache).read_bytes() == source.read_bytes()


def test_where_the_file_system_can_files_are_cloned(tmp_path, cache, far, counted, monkeypatch):
    """The request is the kernel's where it can, else played: here a copy stands in for it."""
    asked = []

    def ioctl(target, request, source):
        asked.append(request)
        data = Path(f"/proc/self/fd/{source}").read_bytes()
        os.pwrite(target, data, 0)

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    there, source = put(tmp_path)
    download.pull(there, tmp_path / "out", cache=cache)
    settle()
    download.pull(there, tmp_path / "out", cache=cache)
    counted[0] = 0
    out = download.pull(there, tmp_path / "out", cache=cache)
    assert out.read_bytes() == source.read_bytes()
    assert counted[0] == 0, "it is known to be right, and so is its clone"
    assert set(asked) == {0x40049409}
    kept = cache.path(download.Entry("", SIZE, there.blake3))
    kept.chmod(0o644)
    kept.write_bytes(b"?" * SIZE)
    out = download.pull(there, tmp_path / "out", cache=cache)
    assert out.read_bytes() == source.read_bytes(), "a clone of what was written to is read"


def test_whether_this_disk_clones_nothing_is_wrong(tmp_path):
    (tmp_path / "source").write_bytes(b"the bytes")
    with (tmp_path / "source").open("rb") as source, (tmp_path / "target").open("w+b") as target:
        cloned = placing.clone(source.fileno(), target.fileno())
    assert (tmp_path / "target").read_bytes() == (b"the bytes" if cloned else b"")


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no tmpfs here")
def test_a_cache_on_a_file_system_in_memory(tmp_path, tmp_path_factory):
    there, source = put(tmp_path)
    folder = Path("/dev/shm") / f"lineage-{os.getpid()}"
    try:
        cache = WeightsCache(folder)
        for out in (tmp_path / "out", None, tmp_path / "out", None):
            assert download.pull(there, out, cache=cache).read_bytes() == source.read_bytes()
    finally:
        subprocess.run(["rm", "-rf", folder], check=True)


def test_many_files_are_written_through_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(placing, "MOST_SYNCED", 1)
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    for name in "abc":
        (tmp_path / name).write_text(name)
    placing.write_through(tmp_path)
    assert not synced


# bounds


def pulled(tmp_path, cache, number):
    """So many weights, each used later than the one before."""
    found = []
    for seed in range(number):
        there, _ = put(tmp_path, f"model-{seed}.bin", seed)
        download.pull(there, cache=cache)
        used = 1_000_000_000 + seed * 1000
        os.utime(cache.lease_file(there.blake3.value), (used, used))
        found.append(there)
    return found


def has(cache, there):
    return (
        cache.whole(there.blake3).exists()
        and cache.path(download.Entry("", SIZE, there.blake3)).exists()
    )


def test_what_was_used_longest_ago_goes_first(tmp_path, cache):
    first, second, third = pulled(tmp_path, cache, 3)
    assert cache_bounds.usage(cache).size == 3 * SIZE
    assert cache_bounds.clean(cache, Bounds(at_most=3 * SIZE)).removed == 0
    cleaned = cache_bounds.clean(cache, Bounds(at_most=2 * SIZE))
    assert (cleaned.freed, cleaned.removed, cleaned.size) == (SIZE, 1, 2 * SIZE)
    assert [has(cache, there) for there in (first, second, third)] == [False, True, True]
    download.pull(second, tmp_path / "out", cache=cache)  # now it was used last
    cache_bounds.clean(cache, Bounds(at_most=SIZE))
    assert [has(cache, there) for there in (second, third)] == [True, False]
    cache_bounds.clean(cache, Bounds(older_than=dt.timedelta(days=1)))
    assert has(cache, second)
    cleaned = cache_bounds.clean(cache, Bounds())
    assert (cleaned.size, cache_bounds.usage(cache).files) == (0, 0)
    assert download.pull(second, cache=cache).stat().st_size == SIZE


def test_what_is_in_use_stays_until_it_is_released(tmp_path, cache):
    first, second = pulled(tmp_path, cache, 2)
    lease = cache.lease(first.blake3)
    assert cache_bounds.usage(cache).in_use == 1
    cleaned = cache_bounds.clean(cache, Bounds())
    assert (has(cache, first), has(cache, second), cleaned.in_use) == (True, False, 1)
    lease.release()
    cache_bounds.clean(cache, Bounds())
    assert not has(cache, first)


def test_a_killed_process_uses_nothing(tmp_path, cache):
    (there,) = pulled(tmp_path, cache, 1)
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from lineage.weights.leases import Lease\n"
        "lease = Lease(Path(sys.argv[1]))\n"
        "print('held', flush=True)\n"
        "time.sleep(60)\n"
    )
    words = [sys.executable, "-c", code, cache.lease_file(there.blake3.value)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        cache_bounds.clean(cache, Bounds())
        assert has(cache, there)
    finally:
        process.kill()
        process.communicate()
    cache_bounds.clean(cache, Bounds())
    assert not has(cache, there)


def test_a_lease_is_never_on_a_file_that_was_taken_away(tmp_path):
    file = tmp_path / "leases" / "x"
    with unused(file) as free:
        assert free
        file.unlink()
        lease = Lease(file)
    with unused(file) as free:
        assert not free
    lease.release()


def test_a_host_keeps_its_cache_within_its_bounds(tmp_path, cache, monkeypatch):
    monkeypatch.setenv("LINEAGE_CACHE_SIZE", str(2 * SIZE))
    there = pulled(tmp_path, cache, 4)
    assert [has(cache, weights) for weights in there] == [False, False, True, True]
    monkeypatch.setenv("LINEAGE_CACHE_SIZE", "1")
    download.pull(there[0], cache=cache)
    assert [has(cache, weights) for weights in there] == [True, False, False, False], "itself stays"
    monkeypatch.setenv("LINEAGE_CACHE_SIZE", "much")
    with pytest.raises(UsageError, match="'much' is no size"):
        download.pull(there[1], cache=cache)


def test_files_that_versions_share_stay_with_the_last_of_them(tmp_path, cache):
    store = open_store(Folder(tmp_path / "store").address())
    both = []
    for own in (b"first", b"second"):
        source = tmp_path / "models" / "shards"
        source.mkdir(parents=True, exist_ok=True)
        (source / "shared").write_bytes(b"s" * SIZE)
        (source / "own").write_bytes(own)
        weights = weights_of(source)
        there = stored(weights, upload.put(store, source, weights, follow=follow_any))
        download.pull(there, cache=cache)
        used = 1_000_000_000 + len(both)
        os.utime(cache.lease_file(there.blake3.value), (used, used))
        both.append(there)
    size = cache_bounds.usage(cache).size
    assert size < 2 * SIZE
    cache_bounds.clean(cache, Bounds(at_most=size - 1))
    assert not cache.whole(both[0].blake3).exists()
    shared = download.Entry("", SIZE, blake3_of(b"s" * SIZE))
    assert cache.path(shared).exists()
    kept = download.pull(both[1], cache=cache)
    assert (kept / "shared").stat().st_size == SIZE
    assert cache_bounds.clean(cache, Bounds()).size == 0


def test_a_beginning_that_somebody_goes_on_with_stays(tmp_path, cache, far):
    there, _ = put(tmp_path)
    entry = download.Entry("", SIZE, there.blake3)
    with cache.locked(entry):
        cache.part(entry).write_bytes(b"the beginning")
        cache_bounds.clean(cache, Bounds())
        assert cache.part(entry).exists()
    cache_bounds.clean(cache, Bounds())
    assert not cache.part(entry).exists()


@pytest.mark.parametrize(
    ("text", "size"),
    [("7", 7), ("2k", 2048), ("500M", 500 << 20), ("1.5 GiB", 3 << 29), ("20GB", 20 << 30)],
)
def test_sizes(text, size):
    assert cache_bounds.size_of(text) == size


def test_pulls_and_a_cleaning_at_once(tmp_path, cache):
    """What two processes fetch while a third takes everything away is right, each time."""
    there, source = put(tmp_path)
    code = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "from lineage.weights import cache_bounds, download, fetcher\n"
        "from lineage.weights.cache import WeightsCache\n"
        "from lineage.weights.copies import StoredWeights\n"
        "fetcher.on_same_disk = lambda *_: False\n"
        "cache = WeightsCache(Path(sys.argv[1]))\n"
        "there = StoredWeights.from_json(json.loads(sys.argv[2]))\n"
        "for number in range(12):\n"
        "    if sys.argv[3] == 'clean':\n"
        "        cache_bounds.clean(cache, cache_bounds.Bounds())\n"
        "    else:\n"
        "        lease = cache.lease(there.blake3)\n"
        "        out = Path(sys.argv[3]) if number % 2 else None\n"
        "        assert download.pull(there, out, cache=cache).read_bytes() == Path(sys.argv[4]).read_bytes()\n"
        "        lease.release()\n"
    )

    words = [sys.executable, "-c", code, cache.folder, json.dumps(there.to_json())]
    running = [
        subprocess.Popen([*words, what, source], stderr=subprocess.PIPE, text=True)
        for what in (tmp_path / "a", tmp_path / "b", "clean")
    ]
    for process in running:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
