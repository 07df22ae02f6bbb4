"""What a checkup finds: a line a check, and an exit code for all of them.

Nothing that is found here holds a secret: what libraries and files say passes through the masks.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lineage.guard.decision import Check, Status
from lineage.masking import masked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lineage.errors import LineageError

_GRAVEST: Final = (6, 8, 7, 2, 9, 4, 5, 1)
"""Exit codes (docs/design.md), the one first that stands for all that were found."""

_TIMED_OUT: Final = 7


@dataclass(frozen=True)
class Finding:
    """What one check came to; ``exit_code`` says of what kind a failure is, and is 0 otherwise."""

    check: Check
    exit_code: int = 0

    def to_json(self) -> dict[str, Any]:
        """JSON of the finding."""
        document = self.check.to_json()
        del document["details"]
        return document | {"exit_code": self.exit_code}


@dataclass(frozen=True)
class Report:
    """All that was found; ``unfinished`` are checks that were not waited for any longer."""

    findings: tuple[Finding, ...]
    unfinished: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 where nothing fails; else the exit code of the gravest failure."""
        found = {finding.exit_code for finding in self.findings}
        return next((code for code in _GRAVEST if code in found), 0)

    def to_json(self) -> dict[str, Any]:
        """JSON of `doctor`."""
        return {
            "well": all(one.check.status in (Status.PASS, Status.SKIPPED) for one in self.findings),
            "exit_code": self.exit_code,
            "checks": [finding.to_json() for finding in self.findings],
        }


class Examined:
    """Takes what one examination finds, check by check, while others run beside it."""

    def __init__(self, codes: Sequence[str]) -> None:
        self._codes = codes
        self._found: dict[str, Finding] = {}
        self._lock = threading.Lock()
        self.cleaning_up = False
        """Whether it is doing what it has to take back: it is given longer then."""

    def passed(self, code: str, summary: str) -> None:
        """A check holds."""
        self._tell(code, Status.PASS, summary)

    def skipped(self, code: str, why: str) -> None:
        """A check is not made."""
        self._tell(code, Status.SKIPPED, why)

    def warned(self, code: str, summary: str, remedy: str) -> None:
        """Something works, and not for long or not for all."""
        self._tell(code, Status.WARN, summary, remedy)

    def failed(self, code: str, error: LineageError) -> None:
        """Something does not work: what an error says of it."""
        self._tell(code, Status.FAIL, str(error), error.remedy, error.exit_code)

    @contextmanager
    def taking_back(self) -> Iterator[None]:
        """Do something that is taken back at the end."""
        self.cleaning_up = True
        try:
            yield
        finally:
            self.cleaning_up = False

    def next_code(self) -> str | None:
        """The first check of which nothing was told yet; None where all are."""
        with self._lock:
            return next((code for code in self._codes if code not in self._found), None)

    def closed(self, seconds: float, *, over: bool) -> list[Finding]:
        """What was found, in the order of the checks; what was not is said to be so.

        Args:
            seconds: how long it was waited for.
            over: whether the examination came to its end.
        """
        with self._lock:
            found = dict(self._found)
            codes = self._codes
            self._codes = ()
        missing = [code for code in codes if code not in found]
        if missing and not over:
            summary = f"it took longer than {seconds:g} s"
            remedy = "Try again; if it goes on, look at the network and the disk that it needs."
            check = Check(missing[0], Status.FAIL, summary, remedy)
            found[missing[0]] = Finding(check, _TIMED_OUT)
        for code in missing:
            why = "what it needs is told above"
            found.setdefault(code, Finding(Check(code, Status.SKIPPED, why)))
        return [found[code] for code in codes]

    def _tell(
        self,
        code: str,
        status: Status,
        summary: str,
        remedy: str | None = None,
        exit_code: int = 0,
    ) -> None:
        check = Check(code, status, masked(summary), masked(remedy) if remedy else None)
        with self._lock:
            self._found[code] = Finding(check, exit_code)
