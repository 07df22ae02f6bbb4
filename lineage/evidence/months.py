"""Months of what was served: what moved, and the estimated AUC beside the realised one. Pure.

Days are too few rows for an AUC, and outcomes come late: by months both can be read side by side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.evidence.performance import estimated_auc
from lineage.evidence.realised import realised

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lineage.evidence.columns import Score
    from lineage.evidence.performance import Calibration


def of_months(
    calibration: Calibration | None,
    served: Iterable[tuple[str, int, Score | None]],
    outcomes: Iterable[tuple[str, Score | None]],
    changes: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """JSON of each month in which something was served, in order.

    Args:
        calibration: the validation's; None where its scores or outcomes are not known.
        served: of each window its start, its rows and its scores.
        outcomes: of each window of outcomes its start and its scores with the positives.
        changes: JSON of what changed, as :func:`lineage.evidence.told.of_changes` tells it.

    Returns:
        ``start``; ``rows``; ``alarms`` (changes told in it); ``columns`` (of the changes that went
        on in it); ``estimated`` and ``realised``, an AUC with its interval (``value``, ``low``,
        ``high``) each, None where nobody can tell; and ``beyond_estimate``, whether the interval of
        what was realised lies outside that of the estimate.
    """
    rows: dict[str, int] = {}
    scores: dict[str, list[int]] = {}
    for start, many, score in served:
        month = start[:7]
        rows[month] = rows.get(month, 0) + many
        if score is not None:
            scores[month] = _sum(scores.get(month), score.bins)
    bins: dict[str, list[int]] = {}
    positives: dict[str, list[int]] = {}
    for start, score in outcomes:
        month = start[:7]
        if score is not None and score.positives is not None:
            bins[month] = _sum(bins.get(month), score.bins)
            positives[month] = _sum(positives.get(month), score.positives)
    return [
        _month(
            month,
            rows[month],
            estimate(calibration, scores.get(month)),
            outcome(calibration, bins.get(month), positives.get(month)),
            changes,
        )
        for month in sorted(rows)
    ]


def estimate(calibration: Calibration | None, bins: Sequence[int] | None) -> dict[str, Any] | None:
    """The AUC that is estimated of rows with these scores; None where nobody can."""
    if calibration is None or bins is None:
        return None
    found = estimated_auc(calibration, bins)
    return None if found is None else _interval(found.value, found.low, found.high)


def outcome(
    calibration: Calibration | None, bins: Sequence[int] | None, positives: Sequence[int] | None
) -> dict[str, Any] | None:
    """The AUC of rows whose outcomes are known; None where none are, or there is one outcome."""
    if calibration is None or bins is None or positives is None:
        return None
    found = realised(calibration, bins, positives)
    if found["auc"] is None:
        return None
    return _interval(found["auc"], found["auc_low"], found["auc_high"])


def _month(
    month: str,
    rows: int,
    estimated: dict[str, Any] | None,
    realised_auc: dict[str, Any] | None,
    changes: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    going_on = [
        change
        for change in changes
        if change["since"][:7] <= month
        and (change["ended"] is None or change["ended"][:7] >= month)
    ]
    columns = dict.fromkeys(one["name"] for change in going_on for one in change["columns"])
    return {
        "start": f"{month}-01T00:00:00Z",
        "rows": rows,
        "alarms": sum(change["told"][:7] == month for change in changes),
        "columns": list(columns),
        "estimated": estimated,
        "realised": realised_auc,
        "beyond_estimate": estimated is not None
        and realised_auc is not None
        and (realised_auc["low"] > estimated["high"] or realised_auc["high"] < estimated["low"]),
    }


def _interval(value: float, low: float, high: float) -> dict[str, Any]:
    return {"value": round(value, 6), "low": round(low, 6), "high": round(high, 6)}


def _sum(so_far: Sequence[int] | None, more: Sequence[int]) -> list[int]:
    return list(more) if so_far is None else [a + b for a, b in zip(so_far, more, strict=True)]
