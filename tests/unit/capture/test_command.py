"""What a command took: its processors' time and memory, with what it started."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lineage.capture import metrics
from lineage.capture.command import Place, Run, Usage, run
from lineage.capture.watch import watch
from lineage.errors import CaptureError

MB = 1 << 20
GRABS = "b = bytearray(500 << 20)"
WORKS = "import time\nwhile time.process_time() < 0.3: pass"
BY_ANOTHER = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"


def test_processors_and_memory_of_what_a_command_starts_are_its_own() -> None:
    """Asked of a small process: the memory of one that holds more than the command counts first."""
    asked = (
        "import sys; from lineage.capture.command import run; "
        "took = run([sys.executable, '-c', *sys.argv[1:]], quiet_stdout=True).usage; "
        "print(took.cpu_seconds, took.peak_memory_bytes, took.is_bound)"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked, BY_ANOTHER, f"{GRABS}\n{WORKS}"],
        capture_output=True,
        text=True,
        check=True,
    )
    cpu_seconds, peak, is_bound = done.stdout.split()
    assert float(cpu_seconds) >= 0.3
    assert 500 * MB < int(peak) < 1200 * MB
    assert is_bound == "False"


def test_a_small_program_is_not_said_to_hold_what_the_one_that_starts_it_holds(tmp_path) -> None:
    held = bytearray(300 * MB)
    held[::4096] = b"x" * len(held[::4096])
    alone = run(["true"], quiet_stdout=True)
    assert alone.usage is not None
    assert alone.usage.is_bound, "counted with this process's own, so at the most"
    done, _ = watch(["sleep", "0.2"], tmp_path, quiet_stdout=True)
    assert done.usage is not None
    assert (done.usage.is_bound, done.usage.peak_memory_bytes < 100 * MB) == (False, True)


def test_what_takes_too_long_is_ended(tmp_path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run(["sleep", "60"], quiet_stdout=True, place=Place(tmp_path, 0.05))
    assert run(["false"], quiet_stdout=True, place=Place(tmp_path, 60)).exit_status == 1
    killed = run(["sh", "-c", "kill -9 $$"], quiet_stdout=True)
    assert (killed.exit_status, killed.measured()["seconds"]) == (-9, round(killed.seconds, 3))


def test_what_it_took_stands_under_a_name_that_nothing_else_has() -> None:
    done = Run(("x",), "/", "host", "2026-01-01T00:00:00Z", 1.23456, 0, Usage(0.98765, 5))
    took = {"seconds": 1.235, "cpu_seconds": 0.988, "peak_memory_bytes": 5}
    assert metrics.with_command({"auc": 1}, done) == {"auc": 1, "command": took}
    for values in ({"command": {"seconds": 0.1}}, {"command.seconds": 0.1}, {"command": 1}):
        with pytest.raises(CaptureError, match="'command"):
            metrics.checked(values)
    assert metrics.checked({"commands": 1, "x": {"command": 1}}) == {
        "commands": 1,
        "x": {"command": 1},
    }
