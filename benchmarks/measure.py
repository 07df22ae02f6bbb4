"""Measuring things in turn, so that what the machine does meanwhile hits them all alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CACHE: Final = Path(__file__).parents[1] / ".cache/benchmarks"
BIN: Final = Path(sys.executable).parent


def seconds(run: Callable[[], object]) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def best(candidates: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Each candidate's shortest time in seconds over some rounds, in each of which all run once."""
    times = dict.fromkeys(candidates, float("inf"))
    for _ in range(rounds):
        for name, run in candidates.items():
            times[name] = min(times[name], seconds(run))
    return times


def turns(
    number: int, candidates: dict[str, Callable[[], object]], rounds: int
) -> list[dict[str, float]]:
    """The same, some times over."""
    return [best(candidates, rounds) for _ in range(number)]


def command(*words: str | Path, cwd: Path | None = None, **env: str) -> Callable[[], None]:
    """A program to be measured as a whole process."""
    line = [os.fspath(word) for word in words]

    def run() -> None:
        done = subprocess.run(
            line,
            cwd=cwd,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=os.environ | {"DVC_NO_ANALYTICS": "1"} | env,
        )
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()[-500:]
            raise RuntimeError(f"{' '.join(line)} ended with {done.returncode}: {said}")

    return run


class Loading:
    """A process that asks a server (`benchmarks.load`), on its way."""

    def __init__(self, streams: Sequence[dict[str, Any]]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[1],
        )
        self._streams = json.dumps(list(streams)).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(self._streams)
        self._process.stdin.close()

    def ended(self) -> list[dict[str, Any]]:
        """What each stream found, once it has run."""
        assert self._process.stdout is not None
        said = self._process.stdout.read()
        if self._process.wait(60) != 0:
            raise RuntimeError("the load was not answered as it should be")
        found: list[dict[str, Any]] = json.loads(said)
        return found


def loaded(*streams: dict[str, Any]) -> list[dict[str, Any]]:
    """Ask a server by some streams, in a process of its own; what each found."""
    return Loading(streams).ended()
