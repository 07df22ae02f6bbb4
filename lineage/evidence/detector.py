"""Change detection whose false alarms are bounded by one number, at any time one looks. Pure.

For each question (k of n rows) and each of some changed levels, the likelihood ratio of a window is
an e-value: its mean is at most 1 as long as nothing has changed. A Shiryaev-Roberts sum of their
products, M = (M + 1)·e, is an e-detector, and so is the mean of many, however they depend on each
other: on average it takes at least T windows until it passes T (Shin, Ramdas and Rinaldo 2022,
arXiv:2203.03532). T is the number of windows for which one false alarm is granted.

Which columns changed is told by e-BH (Wang and Ramdas 2022), which holds the share of false ones
down under any dependence. It rejects something only where the mean passes T.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from .expected import Expected, log_e_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOST: Final = 1e280


class Question:
    """The detectors of one question, with where the change that they see seems to begin."""

    __slots__ = ("begins", "evidence", "expected", "sums", "totals")

    def __init__(self, expected: Expected) -> None:
        self.expected = expected
        self.evidence = 0.0
        """The mean of the e-detectors."""
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        number = self.expected.alternatives
        self.sums = [0.0] * number
        self.totals = [0.0] * number
        self.begins = [0] * number
        self.evidence = 0.0

    def see(self, place: int, start: float, k: int, n: int) -> float:
        """Take the next window; the mean of the e-detectors.

        Args:
            place: of the window in the time line.
            start: its start.
            k: rows of ``n``.
            n: rows.
        """
        if n <= 0:
            return self.evidence
        logs = log_e_values(k, n, self.expected.at(start), self.expected)
        for at, log in enumerate(logs):
            e = math.exp(min(600.0, log))
            self.sums[at] = min(_MOST, (self.sums[at] + 1) * e)
            if self.totals[at] <= 0:
                self.totals[at], self.begins[at] = 0.0, place
            self.totals[at] += log
        self.evidence = sum(self.sums) / len(self.sums)
        return self.evidence

    @property
    def since(self) -> int:
        """The place of the window where the change begins, by the detector that saw most of it."""
        most = max(range(len(self.sums)), key=lambda at: (self.sums[at], self.totals[at]))
        return self.begins[most]


def changed_columns(evidence: Mapping[str, float], granted: float) -> list[str]:
    """The columns that changed, by e-BH at one false discovery in ``granted`` windows.

    Args:
        evidence: each column's e-detector.
        granted: windows for which one false alarm is granted.

    Returns:
        Those of most evidence first; nothing where there is not enough.
    """
    ranked = sorted(evidence, key=lambda name: (-evidence[name], name))
    number = len(ranked)
    last = 0
    for place, name in enumerate(ranked, 1):
        if evidence[name] >= number * granted / place:
            last = place
    return ranked[:last]


def mean_evidence(questions: Sequence[Question]) -> float:
    """One column's e-detector: half of it is what breaks the contract, half what the values say."""
    halves = [
        sum(one.evidence for one in half) / len(half)
        for half in (
            [one for one in questions if one.expected.contract],
            [one for one in questions if not one.expected.contract],
        )
        if half
    ]
    return sum(halves) / len(halves) if halves else 0.0
