"""Weights into real stores and out again, and everything that can go wrong on the way."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from lineage.errors import (
    CaptureError,
    Conflict,
    IntegrityFailure,
    LineageError,
    NotFound,
    StoreUnreachable,
    UsageError,
)
from lineage.hashing.files import hash_files
from lineage.hashing.tree import follow_any
from lineage.identity.digest import blake3_of, tree_bytes
from lineage.weights import check, download, dvc_remotes, upload
from lineage.weights.cache import WeightsCache
from lineage.weights.copies import CopyState, NewCopy, StoreAddress
from lineage.weights.dvc_remotes import remote_of
from lineage.weights.listing import Entry, read_listing
from lineage.weights.parallel import SMALL
from lineage.weights.store import open_store
from tests.support import LONG, commands
from tests.support.once import ROOT
from tests.support.weights import stored, weights_of
from tests.support.weights_stores import CREDENTIALS, ENDPOINT, Folder, Wire, new_bucket

if TYPE_CHECKING:
    from pathlib import Path

LARGE = 4 * SMALL + 12345
HUGE = 5_000_000_000 if LONG else 600_000_000
MANY = 20_000 if LONG else 2_000
ROUNDS = 200 if LONG else 4
AT_ONCE = 3 if LONG else 2
WRITES = 20 if LONG else 4


@pytest.fixture(params=["folder", "s3"])
def place(request, tmp_path):
    """A store from behind: a folder, or a bucket of the S3 server."""
    if request.param == "folder":
        return Folder(tmp_path / "store with space")
    return new_bucket(request.getfixturevalue("s3"))


def test_a_store_that_is_asked_takes_something_and_keeps_none_of_it(place):
    open_store(place.address()).try_writing()
    if isinstance(place, Folder):
        assert not place.path.exists()
        place.path.write_text("no folder")
        with pytest.raises(StoreUnreachable, match="Store folder"):
            open_store(place.address()).try_writing()
    else:
        found = place.client.list_objects_v2(Bucket=place.name)
        assert found["KeyCount"] == 0
        place.client.delete_bucket(Bucket=place.name)
        with pytest.raises(StoreUnreachable, match="cannot be used"):
            open_store(place.address()).try_writing()


@pytest.fixture(params=["small", "large", "folder"])
def source(request, tmp_path):
    """Weights: a small file, one that is moved in several pieces, or a folder."""
    return make(tmp_path / "models", request.param, 1)


def make(folder: Path, kind: str, seed: int) -> Path:
    chance = random.Random(seed)
    folder.mkdir(exist_ok=True)
    target = folder / f"model.{kind}"
    if kind == "small":
        target.write_bytes(chance.randbytes(3000))
    elif kind == "large":
        target.write_bytes(chance.randbytes(LARGE))
    else:
        (target / "sub folder").mkdir(parents=True)
        (target / "empty").write_bytes(b"")
        (target / "tokenizer.json").write_bytes(b"shared")
        (target / "twin.json").write_bytes(b"shared")
        (target / "sub folder" / "süß.bin").write_bytes(chance.randbytes(2000))
        (target / "large.bin").write_bytes(chance.randbytes(SMALL + 77))
    return target


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LINEAGE_CACHE", str(tmp_path / "cache"))
    return WeightsCache(tmp_path / "cache")


def put(place, source: Path, address: StoreAddress | None = None):
    """Put weights into a store; what a registry would say of them."""
    weights = weights_of(source)
    store = open_store(address or place.address())
    return stored(weights, upload.put(store, source, weights, follow=follow_any))


def contents(path: Path) -> dict[str, bytes]:
    if path.is_file():
        return {"": path.read_bytes()}
    found = (file for file in path.rglob("*") if file.is_file())
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in found}


def nothing_in(out: Path) -> bool:
    """Whether neither a name nor anything half-written is there."""
    return not out.exists() or not list(out.iterdir())


def test_what_goes_in_comes_out(place, source, cache, tmp_path):
    there = put(place, source)
    copy = there.copies[0]
    assert not copy.found_there
    out = download.pull(there, tmp_path / "out")
    assert out == tmp_path / "out" / source.name
    assert contents(out) == contents(source)
    kept = download.pull(there)
    assert kept.name == source.name
    assert contents(kept) == contents(source)
    names = set(place.objects())
    assert {copy.object, *([copy.listing] if copy.listing else [])} <= names
    md5 = {file.md5 for file in hash_files(source)}
    assert names == md5 | ({copy.object, copy.listing} if copy.listing else set())


def test_putting_again_puts_nothing(place, source, cache):
    first = put(place, source).copies[0]
    before = place.objects()
    again = put(place, source).copies[0]
    assert (again.object, again.listing, again.found_there) == (first.object, first.listing, True)
    assert place.objects() == before


def test_what_is_damaged_is_put_again(place, source, cache, tmp_path):
    there = put(place, source)
    good = place.objects()
    for name, data in good.items():
        place.put(name, data[:-1] + b"?" if data else b"?")
    assert not put(place, source).copies[0].found_there
    assert place.objects() == good
    assert contents(download.pull(there, tmp_path / "out")) == contents(source)


def test_dvc_pulls_what_we_put(place, source, cache, repository):
    """A DVC repository that tracks the same bytes finds them in the same remote."""
    put(place, source)
    url = place.address().url.removeprefix("file://").replace("%20", " ")
    repository.env |= CREDENTIALS
    repository.dvc("init", "--quiet")
    target = repository.path / source.name
    subprocess.run(["cp", "-r", source, target], check=True)
    repository.dvc("add", "--quiet", source.name)
    repository.dvc("remote", "add", "--default", "store", url)
    if "endpointurl" in place.address().config:
        endpoint = str(place.address().config["endpointurl"])
        repository.dvc("remote", "modify", "store", "endpointurl", endpoint)
    before = contents(target)
    subprocess.run(["rm", "-rf", target, repository.path / ".dvc/cache"], check=True)
    repository.dvc("pull", "--quiet")
    assert contents(target) == before


def test_what_dvc_pushed_is_not_put_twice(place, source, cache, repository):
    there = put(place, source)
    before = place.objects()
    repository.dvc("init", "--quiet")
    remote = place.address()
    url = remote.url.removeprefix("file://").replace("%20", " ")
    repository.dvc("remote", "add", "--default", "My_Store", url)
    repository.dvc("remote", "modify", "My_Store", "jobs", "2")
    found = remote_of(repository.path, None)
    assert (found.name, found.url, found.config) == ("my_store", remote.url, {"jobs": "2"})
    assert put(place, source).copies[0].object == there.copies[0].object
    assert place.objects() == before


def test_a_remote_may_stand_on_another_and_be_named_from_anywhere(repository, monkeypatch):
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9/")
    repository.dvc("init", "--quiet")
    repository.dvc("remote", "add", "--default", "near", "../near")
    (repository.path / "sub").mkdir()
    near = remote_of(repository.path / "sub", None)
    assert near.url == (repository.path / "../near").resolve().as_uri()
    repository.dvc("remote", "add", "base", "s3://bucket")
    repository.dvc("remote", "modify", "base", "endpointurl", "http://127.0.0.1:9")
    repository.dvc("remote", "modify", "--local", "base", "access_key_id", "AKIA")
    repository.dvc("remote", "modify", "--local", "base", "secret_access_key", "secret")
    repository.dvc("remote", "add", "--default", "on-it", "remote://base/weights")
    found = remote_of(repository.path, None)
    assert (found.url, found.config) == (
        "s3://bucket/weights", {"endpointurl": "http://127.0.0.1:9"},
    )  # fmt: skip
    monkeypatch.chdir(repository.path)
    assert dvc_remotes.settings_of(found)["access_key_id"] == "AKIA"
    repository.dvc("remote", "add", "far", "ssh://host/x")
    repository.dvc("remote", "add", "--default", "on-far", "remote://far/x")
    far = remote_of(repository.path, None)
    assert far.url == "ssh://host/x/x"
    with pytest.raises(StoreUnreachable, match="dvc-ssh"):
        open_store(far)


def damage(place, name: str, how: str, chance: random.Random, others: dict[str, bytes]) -> None:
    data = others[name]
    if how == "deleted":
        place.delete(name)
    elif how == "truncated":
        place.put(name, data[: chance.randrange(len(data))])
    elif how == "flipped":
        changed = bytearray(data)
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        place.put(name, bytes(changed))
    elif how == "longer":
        place.put(name, data + b"x")
    else:
        other = chance.choice([one for one in others if one != name] or [name])
        place.put(name, others[other] if other != name else data[::-1])


HOW = ("deleted", "truncated", "flipped", "longer", "swapped")


@pytest.mark.parametrize("how", HOW)
def test_a_damaged_object_is_found_and_never_given_out(place, source, cache, tmp_path, how):
    there = put(place, source)
    chance = random.Random(how)
    good = place.objects()
    damaged = [name for name, data in good.items() if data]
    for round_, name in enumerate(damaged):
        damage(place, name, how, chance, good)
        look = check.check_copy(open_store(place.address()), there, there.copies[0], deep=True)
        assert look.state in (CopyState.MISSING, CopyState.CHANGED), look
        assert look.state is CopyState.MISSING or how != "deleted", look
        out = tmp_path / f"out{round_}"
        fresh = WeightsCache(tmp_path / f"cache{round_}")
        try:  # where an empty file is said to be does not matter: it is made
            assert contents(download.pull(there, out, cache=fresh)) == contents(source)
            assert name.endswith(".dir")
        except IntegrityFailure as error:
            assert error.exit_code == 6
            assert nothing_in(out)
        for waiting in ("incoming", "partial"):
            left = (
                []
                if out.exists()
                else [file for file in (fresh.folder / waiting).glob("*") if file.suffix != ".lock"]
            )
            assert not left
        place.put(name, good[name])
        assert contents(download.pull(there, out, cache=fresh)) == contents(source)
    look = check.check_copy(open_store(place.address()), there, there.copies[0], deep=True)
    assert look.state is CopyState.INTACT


def test_a_cheap_look_finds_what_is_gone_or_short(place, cache, tmp_path):
    source = make(tmp_path / "models", "large", 2)
    there = put(place, source)
    copy = there.copies[0]
    store = open_store(place.address())
    good = place.objects()[copy.object]
    place.put(copy.object, good[:-1])
    assert check.check_copy(store, there, copy, deep=False).state is CopyState.CHANGED
    place.delete(copy.object)
    assert check.check_copy(store, there, copy, deep=False).state is CopyState.MISSING
    place.put(copy.object, good)
    assert check.check_copy(store, there, copy, deep=False).state is CopyState.INTACT


def test_another_copy_stands_in(s3, cache, tmp_path):
    source = make(tmp_path / "models", "folder", 3)
    bucket, folder = new_bucket(s3), Folder(tmp_path / "second")
    first = put(bucket, source)
    target = open_store(folder.address())
    second = upload.copy_over(open_store(bucket.address()), first.copies[0], target, first)
    there = stored(weights_of(source), first.copies[0].as_new, second)
    for name in bucket.objects():
        bucket.delete(name)
    assert contents(download.pull(there, tmp_path / "out")) == contents(source)


def test_a_bad_copy_is_not_copied(place, source, cache, tmp_path):
    there = put(place, source)
    chance, good = random.Random(4), place.objects()
    for name in [name for name, data in good.items() if data]:
        damage(place, name, "flipped", chance, good)
        target = Folder(tmp_path / f"second-{name}")
        with pytest.raises(IntegrityFailure):
            upload.copy_over(
                open_store(place.address()), there.copies[0], open_store(target.address()), there
            )
        for other, data in (target.objects() if target.path.exists() else {}).items():
            assert data == good[other], "what was copied before is right"
        place.put(name, good[name])


def test_weights_that_change_meanwhile_are_refused(place, source, cache):
    """What was captured is stored, or nothing: the object would be wrong under a final name."""
    weights = weights_of(source)
    victim = source if source.is_file() else source / "large.bin"
    victim.write_bytes(victim.read_bytes()[::-1])
    store = open_store(place.address())
    with pytest.raises(CaptureError, match="changed while they were registered"):
        upload.put(store, source, weights, follow=follow_any)
    _only_right_names(place)


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.03])
def test_a_writer_beside_us_never_spoils_an_object(place, cache, tmp_path, delay):
    source = make(tmp_path / "models", "large", 5)
    code = (
        "import sys, time, os\n"
        f"time.sleep({delay})\n"
        "with open(sys.argv[1], 'r+b') as f:\n"
        "    end = time.time() + 3\n"
        "    while time.time() < end:\n"
        "        f.seek(int.from_bytes(os.urandom(3)) % 16000000); f.write(os.urandom(9))\n"
        "        f.flush()\n"
    )
    weights = weights_of(source)
    writer = subprocess.Popen([sys.executable, "-c", code, source])
    try:
        for _ in range(WRITES):
            with contextlib.suppress(CaptureError):
                upload.put(open_store(place.address()), source, weights, follow=follow_any)
    finally:
        writer.kill()
        writer.wait()
    _only_right_names(place)


def _only_right_names(place) -> None:
    """Every object is what its name says: DVC would believe it."""
    from dvc_data.hashfile.hash import get_hasher

    for name, data in place.objects().items():
        hasher = get_hasher("md5")
        hasher.update(data)
        assert hasher.hexdigest() == name.removesuffix(".dir")


# names that want out


@pytest.mark.parametrize(
    "path",
    ["../evil", "/etc/evil", "a/../../evil", "a//b", "./a", "a/.", "", "a\\..\\b", "nul\0", ".."],
)
def test_a_listing_cannot_leave_its_folder(place, cache, tmp_path, path):
    """Whoever registered such weights, nothing is written outside of the target."""
    text = tree_bytes([(path, 4, blake3_of(b"evil").value), ("good", 4, blake3_of(b"good").value)])
    with pytest.raises(IntegrityFailure, match="would leave their folder"):
        read_listing(text, blake3_of(text), "churn@1")
    source = make(tmp_path / "models", "folder", 6)
    weights = weights_of(source)
    there = put(place, source)
    copy = there.copies[0]
    place.put(copy.listing, text)
    rows = [{"relpath": path, "md5": "a" * 32}, {"relpath": "good", "md5": "b" * 32}]
    place.put(copy.object, json.dumps(rows).encode())
    forged = stored(type(weights)(weights.xxh3, blake3_of(text), "models/model", 8, 2), copy.as_new)
    before = sorted(tmp_path.rglob("evil*"))
    with pytest.raises(IntegrityFailure):
        download.pull(forged, tmp_path / "out")
    assert sorted(tmp_path.rglob("evil*")) == before
    assert nothing_in(tmp_path / "out")


@pytest.mark.parametrize("path", ["..", "models/..", "/", "models/\n"])
def test_weights_without_a_name_are_not_written(cache, tmp_path, path):
    weights = weights_of(make(tmp_path / "models", "small", 7))
    copy = NewCopy(StoreAddress("store", (tmp_path / "store").as_uri()), "a" * 32)
    nameless = stored(type(weights)(weights.xxh3, weights.blake3, path, weights.size), copy)
    with pytest.raises(IntegrityFailure, match="have no name"):
        download.pull(nameless, tmp_path / "out")


@pytest.mark.parametrize("text", [b"", b"{}", b"[1]", b'[{"relpath": 1}]', b"\xff", b"[" * 100000])
def test_a_list_of_files_that_is_none_is_an_integrity_failure(place, cache, tmp_path, text):
    source = make(tmp_path / "models", "folder", 8)
    there = put(place, source)
    place.put(there.copies[0].object, text)
    with pytest.raises(IntegrityFailure):
        download.pull(there, tmp_path / "out")
    look = check.check_copy(open_store(place.address()), there, there.copies[0], deep=False)
    assert look.state is CopyState.CHANGED


# where it appears


def test_what_stands_in_the_way(place, source, cache, tmp_path):
    there = put(place, source)
    out = tmp_path / "out"
    target = out / source.name
    target.mkdir(parents=True)
    (target / "precious").write_text("mine")
    with pytest.raises(Conflict, match="was not pulled"):
        download.pull(there, out)
    assert (target / "precious").read_text() == "mine"
    assert contents(download.pull(there, out, force=True)) == contents(source)
    assert [path.name for path in out.iterdir()] == [source.name], "nothing is left beside it"
    victim = target if target.is_file() else target / "large.bin"
    victim.write_bytes(b"spoiled")
    assert contents(download.pull(there, out)) == contents(source), "it was pulled: it is ours"


def test_a_link_in_the_way_is_replaced_and_not_followed(place, source, cache, tmp_path):
    there = put(place, source)
    (tmp_path / "out").mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir() if source.is_dir() else elsewhere.write_text("mine")
    (tmp_path / "out" / source.name).symlink_to(elsewhere)
    assert contents(download.pull(there, tmp_path / "out")) == contents(source)
    assert elsewhere.read_text() == "mine" if elsewhere.is_file() else not list(elsewhere.iterdir())


def test_a_spoiled_cache_is_asked_once(place, source, cache, tmp_path):
    there = put(place, source)
    download.pull(there)
    for file in cache.folder.rglob("*"):
        if file.is_file() and "pulled" not in file.parts:
            file.chmod(0o644)
            data = file.read_bytes()
            file.write_bytes(data[:-1] + b"?" if data else b"")
    assert contents(download.pull(there, tmp_path / "out")) == contents(source)
    assert contents(download.pull(there)) == contents(source)


def test_versions_share_what_is_the_same(place, cache, tmp_path):
    first = make(tmp_path / "models", "folder", 9)
    there = put(place, first)
    download.pull(there)
    (first / "sub folder" / "süß.bin").write_bytes(b"another")
    second = put(place, first)
    changed = hash_files(first)
    own = next(file for file in changed if "süß" in file.path)
    for name in set(place.objects()) - {own.md5, second.copies[0].object, second.copies[0].listing}:
        place.delete(name)
    assert contents(download.pull(second, tmp_path / "out")) == contents(first)


def test_a_target_that_cannot_be_written_is_said_so(place, source, cache, tmp_path):
    there = put(place, source)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        download.pull(there, tmp_path / "file" / "out")


# stores that do not answer


def test_a_store_that_is_not_there(tmp_path, cache, s3, monkeypatch):
    source = make(tmp_path / "models", "small", 10)
    weights = weights_of(source)
    addresses = [
        StoreAddress("s3", "s3://no-such-bucket/x", {"endpointurl": s3}),
        StoreAddress("s3", "s3://bucket/x", {"endpointurl": "http://127.0.0.1:9"}),
        StoreAddress("gone", "file:///proc/no/such"),
    ]
    for address in addresses:
        monkeypatch.setenv(ENDPOINT, str(address.config.get("endpointurl", "")))
        with pytest.raises(StoreUnreachable) as error:
            upload.put(open_store(address), source, weights, follow=follow_any)
        assert error.value.exit_code == 7
        assert "secret" not in str(error.value)


def test_wrong_credentials_are_said_so(s3, cache, tmp_path, monkeypatch):
    bucket = new_bucket(s3)
    source = make(tmp_path / "models", "small", 11)
    there = put(bucket, source)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    look = check.check_copy(open_store(bucket.address()), there, there.copies[0], deep=False)
    assert look.state is CopyState.UNREACHABLE
    with pytest.raises(StoreUnreachable, match="credentials"):
        download.pull(there, tmp_path / "out")
    assert nothing_in(tmp_path / "out")


def test_a_store_that_says_nothing_is_given_up(tmp_path, cache, s3, monkeypatch):
    monkeypatch.setattr(
        "lineage.weights.store.PATIENCE", {"s3": {"connect_timeout": 1, "read_timeout": 1}}
    )
    monkeypatch.setattr("lineage.weights.store.S3_ATTEMPTS", 1)
    source = make(tmp_path / "models", "small", 17)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        endpoint = f"http://127.0.0.1:{mute.getsockname()[1]}"
        monkeypatch.setenv(ENDPOINT, endpoint)
        address = StoreAddress("s3", "s3://bucket/x", {"endpointurl": endpoint})
        began = time.monotonic()
        with pytest.raises(StoreUnreachable, match="timeout"):
            upload.put(open_store(address), source, weights_of(source), follow=follow_any)
        assert time.monotonic() - began < 30


def test_a_store_without_its_plugin_says_which():
    with pytest.raises(StoreUnreachable) as error:
        open_store(StoreAddress("gs", "gs://bucket/x")).size("a" * 32)
    assert "pip install 'dvc[gs]'" in error.value.remedy


def test_a_full_store_keeps_nothing_half(tmp_path, cache):
    """No file may grow beyond 1 MiB, which fails in the middle of a write as a full disk does."""
    source = make(tmp_path / "models", "large", 12)
    folder = Folder(tmp_path / "store")
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from lineage.weights import upload\n"
        "from lineage.errors import LineageError\n"
        "from lineage.hashing.tree import follow_any\n"
        "from lineage.weights.copies import StoreAddress\n"
        "from lineage.weights.store import open_store\n"
        "from tests.support.weights import weights_of\n"
        "source = Path(sys.argv[1]); weights = weights_of(source)\n"
        "store = open_store(StoreAddress('folder', sys.argv[2]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "try:\n"
        "    upload.put(store, source, weights, follow=follow_any)\n"
        "except LineageError as error:\n"
        "    print(type(error).__name__, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, source, folder.address().url],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert "StoreUnreachable" in done.stdout, done
    assert not any(len(data) for data in folder.objects().values())


# cut off


def _start(action: str, there, where: Path):
    words = [sys.executable, "-m", "tests.integration.weights.mover", action]
    moved = [json.dumps(there.to_json()), os.fspath(where)]
    return commands.start([*words, *moved], ROOT, os.environ, pipe=True)


def _run(action: str, there, where: Path, kill_after: float | None) -> bool:
    """Push or pull in a process of its own; whether it came to its end."""
    process = _start(action, there, where)
    assert process.stdout.readline() == "ready\n"
    if kill_after is not None:
        time.sleep(kill_after)
        process.kill()
    out, _ = process.communicate(timeout=120)
    return out.endswith("done\n")


def test_a_push_that_is_killed_is_completed_by_the_next(place, cache, tmp_path):
    source = make(tmp_path / "models", "folder", 13)
    (source / "more.bin").write_bytes(random.Random(13).randbytes(6 * SMALL))
    there = put(place, source)
    good = place.objects()
    for name in good:
        place.delete(name)
    for number in itertools.count():
        if _run("push", there, source, 0.08 * number if number < 7 else None):
            break
        for name, data in place.objects().items():
            assert data == good[name], "what is there under its name is whole"
    assert place.objects() == good


def test_a_pull_that_is_killed_is_completed_by_the_next(place, cache, tmp_path):
    source = make(tmp_path / "models", "large", 14)
    source.write_bytes(random.Random(14).randbytes(24 * SMALL))
    there = put(place, source)
    out = tmp_path / "out"
    for number in itertools.count():
        if _run("pull", there, out, 0.07 * number if number < 7 else None):
            break
        assert not (out / source.name).exists() or contents(out / source.name) == contents(source)
    assert contents(out / source.name) == contents(source)


def test_a_pull_goes_on_where_it_was_cut_off(place, cache, tmp_path, monkeypatch):
    monkeypatch.setattr("lineage.weights.fetcher.on_same_disk", lambda *_: False)
    source = make(tmp_path / "models", "large", 15)
    there = put(place, source)
    entry = Entry("", there.size, there.blake3)
    part = cache.part(entry)
    part.parent.mkdir(parents=True)
    part.write_bytes(source.read_bytes()[: SMALL + 100])
    read = []
    assert contents(download.pull(there, tmp_path / "out", progress=read.append)) == contents(
        source
    )
    assert sum(read) == LARGE - SMALL - 100
    cache.drop(entry)
    part.write_bytes(b"x" * (SMALL + 100))
    assert contents(download.pull(there, tmp_path / "again")) == contents(source)


@pytest.mark.parametrize("source", [*(["small"] * LONG), "large", "folder"], indirect=True)
def test_two_who_push_and_pull_the_same_at_once(place, source, cache, tmp_path):
    there = put(place, source)
    good = place.objects()
    for name in good:
        place.delete(name)
    for what, where in (("push", source), ("pull", tmp_path / "out")):
        moving = [_start(what, there, where) for _ in range(AT_ONCE)]
        assert all(process.communicate(120)[0].endswith("done\n") for process in moving)
        assert [process.returncode for process in moving] == [0] * AT_ONCE
        assert place.objects() == good
    assert contents(tmp_path / "out" / source.name) == contents(source)


# a bad way to a good store


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_on_a_bad_wire_nothing_wrong_is_ever_kept(s3, cache, tmp_path, monkeypatch, seed):
    """Connections break, bits turn: it works or it fails, and what is there is right."""
    monkeypatch.setattr(
        "lineage.weights.store.PATIENCE", {"s3": {"connect_timeout": 2, "read_timeout": 2}}
    )
    bucket = new_bucket(s3)
    source = make(tmp_path / "models", ("small", "folder", "large")[seed % 3], seed)
    weights = weights_of(source)
    wire = Wire(bucket.endpoint, seed, 0.1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", wire.endpoint)
    try:
        there = None
        for _ in range(3):
            try:
                there = put(bucket, source, bucket.address(endpoint=wire.endpoint))
                break
            except LineageError as error:
                assert isinstance(error, StoreUnreachable | IntegrityFailure), error
        if there is not None:
            look = check.check_copy(open_store(bucket.address()), there, there.copies[0], deep=True)
            assert look.state is CopyState.INTACT, "what is said to be stored is there"
        good = put(bucket, source)
        bad = stored(
            weights,
            NewCopy(
                bucket.address(endpoint=wire.endpoint),
                good.copies[0].object,
                good.copies[0].listing,
            ),
        )
        for attempt in range(2):
            out = tmp_path / f"out{attempt}"
            try:
                assert contents(download.pull(bad, out)) == contents(source)
            except LineageError as error:
                assert isinstance(error, StoreUnreachable | IntegrityFailure), error
                assert nothing_in(out)
    finally:
        wire.close()


# large ones


def test_thousands_of_files(tmp_path, cache):
    source = tmp_path / "models" / "shards"
    for number in range(MANY):
        folder = source / f"{number % 100:02}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}").write_bytes(b"%d" % number)
    folder = Folder(tmp_path / "store")
    there = put(folder, source)
    assert contents(download.pull(there, tmp_path / "out")) == contents(source)
    look = check.check_copy(open_store(folder.address()), there, there.copies[0], deep=True)
    assert look.state is CopyState.INTACT


def test_a_huge_file_in_bounded_memory(tmp_path, cache):
    """A sparse file: nothing of it is ever held whole. The pull goes on near its end."""
    source = tmp_path / "model.bin"
    with source.open("wb") as file:
        file.truncate(HUGE)
        file.seek(HUGE - 10)
        file.write(b"the end ..")
    code = (
        "import json, resource, sys\n"
        "from pathlib import Path\n"
        "from lineage.weights import check, download, upload\n"
        "from lineage.hashing.tree import follow_any\n"
        "from lineage.weights.copies import StoreAddress\n"
        "from lineage.weights.store import open_store\n"
        "from tests.support.weights import stored, weights_of\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "source = Path(sys.argv[1]); weights = weights_of(source)\n"
        "store = open_store(StoreAddress('folder', sys.argv[2]))\n"
        "there = stored(weights, upload.put(store, source, weights, follow=follow_any))\n"
        "assert check.check_copy(store, there, there.copies[0], deep=False).state == 'intact'\n"
        "from lineage.weights.listing import Entry\n"
        "entry = Entry('', source.stat().st_size, weights.blake3)\n"
        "cache = download.WeightsCache.default()\n"
        "cache.part(entry).parent.mkdir(parents=True)\n"
        "import os; os.truncate(cache.part(entry).open('wb').name, entry.size - 10_000_000)\n"
        "out = download.pull(there)\n"
        "assert out.stat().st_size == entry.size\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, source, (tmp_path / "store").as_uri()],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert int(done.stdout) < 256 * 1024, "KiB"


def test_nothing_known_is_said_so(tmp_path, cache):
    weights = weights_of(make(tmp_path / "models", "small", 16))
    with pytest.raises(NotFound, match="knows no store"):
        download.pull(stored(weights), tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "url", "config", "says"),
    [
        ("Bad Name", "s3://b/x", {}, "not a valid store name"),
        ("s3", "s3://b/x", {"secret_access_key": "hush"}, "not recorded"),
        ("s3", "https://user:pass@host/x", {}, "no password"),
        ("s3", "s3://b/x?token=hush", {}, "no query"),
        ("s3", "ext::sh -c evil", {}, "not the URL of a store"),
        ("s3", "remote://other/x", {}, "not the URL of a store"),
        ("s3", "file:///", {}, "not the URL of a store"),
        ("s3", "s3://", {}, "not the URL of a store"),
        ("s3", "s3://[", {}, "not the URL of a store"),
    ],
)
def test_what_cannot_be_a_store(name, url, config, says):
    with pytest.raises(UsageError, match=says) as error:
        StoreAddress(name, url, config)
    assert "hush" not in str(error.value) + error.value.remedy
