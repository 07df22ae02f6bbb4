"""Digests: of one large file, and of a tree of small ones, beside xxhsum, BLAKE3 and DVC."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from blake3 import blake3

from benchmarks.measure import BIN, CACHE, command
from benchmarks.projects import random_file
from benchmarks.rows import LeftOut, Row, at_least, at_most, ratios, shown
from lineage.hashing.cache import StatCache
from lineage.hashing.files import hash_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from benchmarks.bench import Bench

XXHSUM = shutil.which("xxhsum")
FILE_SIZE = 4096
READ, XXH3, BLAKE3 = "plain read", "XXH3", "BLAKE3 alone, all threads"
BOTH = "XXH3 and BLAKE3 in one read"
DVC = "dvc add (MD5, and a copy)"


def hashing(bench: Bench) -> Iterator[Row]:
    """One large warm file: our digests against a plain read, BLAKE3 alone and xxhsum."""
    path = CACHE / "large.bin"
    if not path.exists() or path.stat().st_size != bench.sizes.large_file:
        random_file(path, bench.sizes.large_file)

    def read() -> None:
        buffer = memoryview(bytearray(1 << 20))
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass

    candidates: dict[str, Callable[[], object]] = {
        READ: read,
        XXH3: lambda: hash_path(path),
        BLAKE3: lambda: blake3(max_threads=blake3.AUTO).update_mmap(path),
        BOTH: lambda: hash_path(path, with_blake3=True),
    }
    if XXHSUM:
        candidates["xxhsum -H128"] = command(XXHSUM, "-H128", path)
    turns = bench.turns(candidates, 2)
    size = f"{bench.sizes.large_file >> 20:,} MiB"
    fastest = {name: min(turn[name] for turn in turns) for name in candidates}
    rates = {
        name: f"{shown(bench.sizes.large_file / took / 1e9)} GB/s" for name, took in fastest.items()
    }
    yield Row(f"{XXH3} of {size}", ratios(turns, XXH3, READ), READ, "", at_most(1.25), rates)
    inverse = tuple(turn[BLAKE3] / turn[BOTH] for turn in turns)
    yield Row(f"{BOTH} of {size}, its rate", inverse, BLAKE3, goal=at_least(0.65))
    if XXHSUM:
        yield Row(f"{XXH3} of {size}", ratios(turns, XXH3, "xxhsum -H128"), "xxhsum -H128")
    added = bench.turns({DVC: _dvc_add(bench.new_folder(), path)}, 1)
    values = tuple(add[DVC] / turn[XXH3] for turn, add in zip(turns, added, strict=True))
    yield Row(f"{DVC} of {size}", values, f"our {XXH3}")
    _need_xxhsum()


def tree(bench: Bench) -> Iterator[Row]:
    """A tree of small files: the first time, and unchanged."""
    top = _tree(bench)
    cache = bench.folder / "digests.db"

    def cached() -> None:
        with StatCache(cache) as known:
            hash_path(top, cache=known)

    def fresh() -> None:
        cache.unlink(missing_ok=True)
        cached()

    candidates: dict[str, Callable[[], object]] = {"first": fresh, "unchanged": cached}
    if XXHSUM:
        names = bench.folder / "names"
        names.write_text("\n".join(map(str, sorted(top.rglob("*.bin")))))
        candidates["xxhsum"] = command("xargs", "-a", names, XXHSUM, "-H128")
    turns = bench.turns(candidates)
    files = f"{bench.sizes.files:,} files of {FILE_SIZE} bytes"
    said = {name: f"{shown(min(turn[name] for turn in turns) * 1000)} ms" for name in candidates}
    values = ratios(turns, "unchanged", "first")
    yield Row(f"digest of {files}, unchanged", values, "the first time", figures=said)
    added = bench.turns({"dvc": _dvc_add(bench.new_folder(), top)}, 1)
    values = tuple(add["dvc"] / turn["first"] for turn, add in zip(turns, added, strict=True))
    yield Row(f"{DVC} of {files}", values, "our digest, first")
    if XXHSUM:
        values = ratios(turns, "first", "xxhsum")
        yield Row(f"digest of {files}, first", values, "xxhsum -H128", goal=at_most(1.5))
    _need_xxhsum()


def _need_xxhsum() -> None:
    if not XXHSUM:
        raise LeftOut(
            "the rows beside xxhsum: it is not installed (Debian's package xxhash has it)"
        )


def _tree(bench: Bench) -> Path:
    top = CACHE / f"tree-{bench.sizes.files}"
    if not top.exists():
        making = bench.new_folder()
        for number in range(bench.sizes.files):
            path = making / f"{number % 100:02}/{number:05}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            random_file(path, FILE_SIZE)
        making.rename(top)
    return top


def _dvc_add(folder: Path, source: Path) -> Callable[[], None]:
    """`dvc add` of a copy in a repository of its own, as if for the first time."""
    command("git", "init", "--quiet", cwd=folder)()
    command(BIN / "dvc", "init", "--quiet", cwd=folder)()
    copy = shutil.copytree if source.is_dir() else shutil.copyfile
    copy(source, folder / source.name)
    add = command(BIN / "dvc", "add", "--quiet", source.name, cwd=folder)

    def run() -> None:
        for known in (folder / ".dvc/cache", folder / ".dvc/tmp"):
            shutil.rmtree(known, ignore_errors=True)
        add()

    return run
