"""Measuring things in turn, so that what the machine does meanwhile hits them all alike."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CACHE = Path(__file__).parents[1] / ".cache/benchmarks"
BIN = Path(sys.executable).parent


def best(candidates: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Each candidate's shortest time in seconds over some rounds, in each of which all run once."""
    times = dict.fromkeys(candidates, float("inf"))
    for _ in range(rounds):
        for name, run in candidates.items():
            began = time.perf_counter()
            run()
            times[name] = min(times[name], time.perf_counter() - began)
    return times


def command(*words: str | Path, cwd: Path | None = None) -> Callable[[], None]:
    """A program to be measured as a whole process."""

    def run() -> None:
        subprocess.run(
            [os.fspath(word) for word in words],
            cwd=cwd,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"DVC_NO_ANALYTICS": "1"},
        )

    return run


def peer(package: str) -> Path:
    """The `bin` folder of an environment that holds a peer, made on first use."""
    home = CACHE / f"env-{package}"
    if not (home / ".ready").exists():
        print(f"installing {package} into {home} …", flush=True)
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([home / "bin/pip", "install", "--quiet", package], check=True)
        (home / ".ready").touch()
    return home / "bin"


def show(
    title: str, times: dict[str, float], base: str, goals: dict[str, str] | None = None
) -> None:
    """Print times and their ratios to ``base``, with the design's goals beside them."""
    print(f"\n{title}")
    for name, seconds in times.items():
        goal = f"   goal: {goals[name]}" if goals and name in goals else ""
        ratio = seconds / times[base]
        print(f"  {name:<44} {seconds * 1000:>10.1f} ms   {ratio:>7.2f} x {base}{goal}")
