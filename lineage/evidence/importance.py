"""Permutation importance: how much worse a function predicts without what one feature says. Pure.

The values of one feature are put in another order, and what the metric loses by it is what the
function relies on it for (Breiman, 2001). Of features that say the same each seems to matter less.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from lineage.display import Shown
from lineage.errors import UsageError
from lineage.evidence.batches import count, features, permuted
from lineage.evidence.frames import numbers, outcomes
from lineage.evidence.slices import Rows, auc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, repr=False)
class Importance(Shown):
    """What the metric is, and what it loses without each feature.

    Attributes:
        metric: of the rows as they are.
        losses: by feature, what the metric loses each time that its values are put in another
            order.
        rows: how many there are.
    """

    metric: float
    losses: Mapping[str, Sequence[float]]
    rows: int

    @property
    def means(self) -> dict[str, float]:
        """By feature, what the metric loses in the mean, the greatest loss first."""
        means = {name: math.fsum(lost) / len(lost) for name, lost in self.losses.items()}
        return dict(sorted(means.items(), key=lambda pair: (-pair[1], pair[0])))

    @override
    def to_json(self) -> dict[str, Any]:
        """The metrics, below ``importance``: the loss in the mean, to four digits."""
        return {"importance": {name: round(mean, 4) + 0.0 for name, mean in self.means.items()}}

    @override
    def _line(self) -> str:
        first = [f"{name} {mean:.3f}" for name, mean in list(self.means.items())[:3]]
        return f"importance of {len(self.losses)} features: {', '.join(first)}"

    @override
    def _facts(self) -> dict[str, object]:
        return {name: round(mean, 4) for name, mean in self.means.items()}


def importance(
    predict: Callable[[Any], Any],
    rows: Any,  # noqa: ANN401 - any frame or array
    target: Sequence[Any],
    *,
    metric: Callable[[Sequence[Any], Any], float] | None = None,
    repeats: int = 5,
    seed: int = 0,
) -> Importance:
    """Measure what a function relies on.

    Args:
        predict: gives a score for each of some rows.
        rows: what it predicts: the features alone.
        target: the outcomes, in the order of the rows.
        metric: of outcomes and scores, the greater the better; by default the AUC.
        repeats: how often the values of each feature are put in another order.
        seed: of these orders.

    Raises:
        UsageError: there are no rows or no features, or not as many outcomes.
    """
    many = count(rows) if not isinstance(rows, dict) else len(target)
    given = list(target)
    if repeats < 1 or len(given) != many:
        raise UsageError(
            f"There are {len(given):,} outcomes of {many:,} rows, and {repeats} repeats.",
            remedy="Give an outcome for each row, and repeat it once or more.",
        )
    names = features(rows)
    if len({str(name) for name in names}) < len(names) or not names:
        raise UsageError(
            "The rows have no features, or two of one name.", remedy="Name each feature once."
        )
    measured = metric or _auc
    whole = measured(given, predict(rows))
    chance = random.Random(seed)  # noqa: S311 # nosec B311 - orders, no secrets
    losses: dict[str, list[float]] = {}
    for name in names:
        for _ in range(repeats):
            order = chance.sample(range(many), many)
            lost = whole - measured(given, predict(permuted(rows, name, order)))
            losses.setdefault(str(name), []).append(lost)
    return Importance(whole, losses, many)


def _auc(target: Sequence[Any], scores: Any) -> float:  # noqa: ANN401 - a sequence of any library
    plain = scores.tolist() if hasattr(scores, "tolist") else list(scores)
    return auc(Rows(numbers(plain, "the scores"), outcomes(target, "the target"), 0.5))[0]
