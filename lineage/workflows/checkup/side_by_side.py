"""Making examinations side by side, each within its time: what hangs delays nothing else."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lineage.errors import LineageError
from lineage.workflows.checkup.findings import Examined, Finding, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

OUTSIDE: Final = 5.0
"""Seconds that anything outside this machine is waited for."""

HERE: Final = 30.0
"""Seconds that what lies on this machine is waited for."""


@dataclass(frozen=True)
class Examination:
    """Some checks that are made one after the other, by one function, within some seconds.

    What it raises is told of the first check that it has told nothing of.
    """

    codes: tuple[str, ...]
    examine: Callable[[Examined], None]
    seconds: float = HERE


def examine(examinations: Sequence[Examination]) -> Report:
    """Make examinations side by side; the findings in their order."""
    running = []
    began = time.monotonic()
    for one in examinations:
        examined = Examined(one.codes)
        thread = threading.Thread(target=_run, args=(one, examined), daemon=True)
        thread.start()
        running.append((one, examined, thread))
    findings: list[Finding] = []
    unfinished: list[str] = []
    for one, examined, thread in running:
        thread.join(max(0.0, began + one.seconds - time.monotonic()))
        if thread.is_alive() and examined.cleaning_up:
            thread.join(one.seconds)
        over = not thread.is_alive()
        if not over:
            unfinished += one.codes
        findings += examined.closed(one.seconds, over=over)
    return Report(tuple(findings), tuple(unfinished))


def _run(examination: Examination, examined: Examined) -> None:
    try:
        examination.examine(examined)
    except LineageError as error:
        _tell(examined, error)
    except Exception as error:  # told like any other, for a checkup that ends helps nobody
        said = " ".join(str(error).split())[:300]
        _tell(
            examined,
            LineageError(
                f"it could not be looked at: {type(error).__name__}: {said}",
                remedy="This is a defect of lineage-guard: please report it.",
            ),
        )


def _tell(examined: Examined, error: LineageError) -> None:
    code = examined.next_code()
    if code is not None:
        examined.failed(code, error)
