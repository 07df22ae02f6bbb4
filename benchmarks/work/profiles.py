"""Profiles: a large Parquet file by `lineage profile`, beside data frames that count the same."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.measure import BIN
from benchmarks.profiled import COLUMNS
from benchmarks.rows import Row, shown
from lineage.evidence.reading.source import MEMORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.bench import Bench

FRAMES = ("polars", "pandas")


def profiles(bench: Bench) -> Iterator[Row]:
    """Many rows of 20 columns through `lineage profile`, beside naive counts of the same file."""
    rows = bench.sizes.profiled
    path = bench.new_folder() / "rows.parquet"
    _run(sys.executable, "-m", "benchmarks.profiled", path, str(rows))  # what a parent holds counts
    size = f"{rows:,} rows of {COLUMNS} columns"
    kept = path.with_name("profile.json")
    took, memory, said = _run(BIN / "lineage", "profile", path, "--out", kept)
    yield Row(
        f"lineage profile of {size}: rows a second",
        (rows / took,),
        figures={"file": f"{shown(path.stat().st_size / 1e9)} GB"} | said,
        unit="rows/s",
    )
    yield Row(
        f"lineage profile of {size}: peak memory", (memory,), f"{MEMORY} that DuckDB may hold",
        unit="MiB",
    )  # fmt: skip
    again, _, said = _run(
        BIN / "lineage", "profile", path, "--reference", kept, "--out", path.with_name("again.json")
    )
    yield Row(
        f"with --reference, {size}: rows a second", (rows / again,), unit="rows/s", figures=said
    )
    for frame in FRAMES:
        needed, _, said = _run(sys.executable, "-m", "benchmarks.naive_counts", frame, path)
        yield Row(
            f"naive counts by {frame} of {size}, a column at a time: time", (needed / took,),
            "lineage profile", figures=said,
        )  # fmt: skip
    path.unlink()


def _run(*words: str | Path) -> tuple[float, float, dict[str, str]]:
    """The seconds that a program takes, the MiB that it holds at most, and both in words."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [os.fspath(word) for word in words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))} ended with {process.returncode}")
    took, memory = time.perf_counter() - began, used.ru_maxrss / 1024
    said = {
        "time": f"{shown(took)} s, {shown(used.ru_utime + used.ru_stime)} s of processors",
        "peak memory": f"{shown(memory)} MiB",
    }
    return took, memory, said
