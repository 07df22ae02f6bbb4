"""What it costs to watch a run: beside the same command, run as it was before."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

from benchmarks.measure import CACHE
from benchmarks.rows import Row, at_most, ratios, shown
from lineage.capture import command as execution
from lineage.capture.watch import watch
from lineage.capture.watch.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from benchmarks.bench import Bench

STARTS: Final = 10
MINUTE: Final = 60.0
TRAINING: Final = """\
import numpy, pandas, time
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score
frame = pandas.DataFrame(numpy.random.default_rng(0).normal(size=(4_000, 20)))
frame.to_csv("frame.csv")
data = pandas.read_csv("frame.csv").to_numpy()
cross_val_score(RandomForestClassifier(50, n_jobs=2), data[:, :-1], data[:, -1] > 0, cv=5)
"""
OPENING: Final = """\
for number in range({}):
    with open(f"many/{{number % 100}}/{{number}}.txt") as file:
        file.read()
"""
COPYING: Final = """\
import copy
copy.deepcopy([[number, [str(number)]] for number in range(250_000)])
"""


def watching(bench: Bench) -> Iterator[Row]:
    """Runs as they are and watched: what a start, an import, an open and a training cost more.

    The goal is about what is added to a run of a minute that does it once.
    """
    folder = CACHE / f"watched-{bench.sizes.watched}"
    _many(folder / "many", bench.sizes.watched)
    programs = {
        "imports of numpy, pandas and scikit-learn": "import numpy, pandas, sklearn.ensemble",
        f"opening {bench.sizes.watched:,} files": OPENING.format(bench.sizes.watched),
        "a training": TRAINING,
        "copy.deepcopy of 1,000,000 values": COPYING,
    }
    here = os.getcwd()  # noqa: PTH109 - to come back
    os.chdir(folder)
    try:
        yield _starts(bench, folder)
        for name, program in programs.items():
            words = [sys.executable, "-c", program]
            turns = bench.turns({"bare": _bare(words), "watched": _watched(words, folder)}, 1)
            yield _row(name, turns)
    finally:
        os.chdir(here)


def _row(name: str, turns: list[dict[str, float]]) -> Row:
    more = tuple((turn["watched"] - turn["bare"]) / MINUTE * 100 for turn in turns)
    said = {
        one: f"{shown(min(turn[one] for turn in turns) * 1000)} ms" for one in ("bare", "watched")
    }
    said["ratio"] = f"{min(ratios(turns, 'watched', 'bare')):.2f} ×"
    return Row(f"watched: {name}", more, "a minute", "% more", at_most(5), said)


def _starts(bench: Bench, folder: Path) -> Row:
    """The time that the recorder adds to the start of a Python."""
    session = Session(folder)
    try:
        watched = session.environment()
        words = [sys.executable, "-c", "pass"]
        candidates: dict[str, Callable[[], Any]] = {
            "bare": lambda: subprocess.run(words, check=True),
            "watched": lambda: subprocess.run(words, check=True, env=watched),
        }
        turns = bench.turns(candidates, STARTS)
    finally:
        session.remove()
    more = tuple((turn["watched"] - turn["bare"]) * 1000 for turn in turns)
    return Row("watched: python -c pass", more, "unwatched", "ms more", at_most(5))


def _bare(words: list[str]) -> Callable[[], object]:
    return lambda: execution.run(words, quiet_stdout=True)


def _watched(words: list[str], root: Path) -> Callable[[], object]:
    def run() -> None:
        _, observed = watch(words, root, quiet_stdout=True)
        if observed.exit_status != 0 or observed.failures:
            raise RuntimeError(f"a watched run failed: {observed.failures}")

    return run


def _many(folder: Path, number: int) -> None:
    if (folder / ".ready").exists():
        return
    for name in range(100):
        (folder / str(name)).mkdir(parents=True, exist_ok=True)
    for one in range(number):
        (folder / str(one % 100) / f"{one}.txt").write_text("1")
    (folder / ".ready").touch()
