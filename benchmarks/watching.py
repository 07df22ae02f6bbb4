"""What it costs to watch a run: beside the same command, run as it was before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lineage.capture import command as execution
from lineage.capture.watch import watch
from lineage.capture.watch.session import Session

from .timing import CACHE, best, show

if TYPE_CHECKING:
    from collections.abc import Callable

FILES: Final = 100_000
STARTS: Final = 50
TRAINING: Final = """\
import numpy, pandas, time
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score
frame = pandas.DataFrame(numpy.random.default_rng(0).normal(size=(4_000, 20)))
frame.to_csv("frame.csv")
data = pandas.read_csv("frame.csv").to_numpy()
cross_val_score(RandomForestClassifier(50, n_jobs=2), data[:, :-1], data[:, -1] > 0, cv=5)
"""
PROGRAMS: Final = {
    "imports of numpy, pandas and scikit-learn": "import numpy, pandas, sklearn.ensemble",
    f"opening {FILES:,} files": f"""\
for number in range({FILES}):
    with open(f"many/{{number % 100}}/{{number}}.txt") as file:
        file.read()
""",
    "a training": TRAINING,
    "copy.deepcopy of 1,000,000 values (each asks id())": """\
import copy
copy.deepcopy([[number, [str(number)]] for number in range(250_000)])
""",
}


def watching() -> None:
    """Runs as they are and watched: what a start, an import, an open and a training cost more."""
    folder = CACHE / "watched"
    _many(folder / "many")
    here = Path.cwd()
    os.chdir(folder)
    try:
        _starts(folder)
        for name, program in PROGRAMS.items():
            command = [sys.executable, "-c", program]
            times = best({"bare": _bare(command), "watched": _watched(command, folder)}, 3)
            show(name, times, "bare")
            more = times["watched"] - times["bare"]
            print(f"  added to a run of a minute that does it: {more / 60:.2%}   goal: at most 5 %")
    finally:
        os.chdir(here)


def _starts(folder: Path) -> None:
    """The time that the recorder adds to the start of a Python, by the fastest of many."""
    session = Session(folder)
    try:
        watched = session.environment()
        command = [sys.executable, "-c", "pass"]
        candidates: dict[str, Callable[[], object]] = {
            "bare": lambda: subprocess.run(command, check=True),
            "watched": lambda: subprocess.run(command, check=True, env=watched),
        }
        times = best(candidates, STARTS)
    finally:
        session.remove()
    show("python -c pass", times, "bare")
    more = (times["watched"] - times["bare"]) * 1000
    print(f"  a start: {more:.1f} ms more   goal: at most 5 ms")


def _bare(command: list[str]) -> Callable[[], object]:
    return lambda: execution.run(command, quiet_stdout=True)


def _watched(command: list[str], root: Path) -> Callable[[], object]:
    def run() -> None:
        _, observed = watch(command, root, quiet_stdout=True)
        assert observed.exit_status == 0
        assert observed.failures == ()

    return run


def _many(folder: Path) -> None:
    if (folder / ".ready").exists():
        return
    for name in range(100):
        (folder / str(name)).mkdir(parents=True, exist_ok=True)
    for number in range(FILES):
        (folder / str(number % 100) / f"{number}.txt").write_text("1")
    (folder / ".ready").touch()
