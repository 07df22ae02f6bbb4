"""Realised outcomes as measurements of a version at an age: one for each month of what it served.

The AUC of a day is of too few rows; the months are those that `drift` tells, too. A month of which
a verdict on the version tells already is passed over: both would be of the same rows.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from lineage import timestamps
from lineage.contract.results.retraining import MetricAtAge
from lineage.database import profiles, windows
from lineage.evidence.drift import calibration_of
from lineage.evidence.parts import Part
from lineage.evidence.realised import realised

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lineage.registry.sight import Sight

METRIC: Final = "auc"
"""The metric that outcomes tell, as verdicts call it."""

MOST_ROWS: Final = 5_000
"""Recorded windows that are read, the newest."""

_DAY: Final = 86_400.0


def outcomes_at_age(
    sight: Sight,
    model: str,
    born: Mapping[int, dt.datetime],
    verdicts: Sequence[MetricAtAge],
) -> Iterator[MetricAtAge]:
    """The AUC of each version's months of outcomes, in the environments that are open.

    Args:
        sight: a transaction that reads, and who asks.
        model: the model's present name.
        born: when versions were new, where verdicts tell; else when they were registered.
        verdicts: the measurements that verdicts are, whose months are passed over.
    """
    told = {(one.ref, one.pipeline, f"{one.at:%Y-%m}") for one in verdicts}
    months: dict[tuple[Any, ...], _Month] = {}
    session = sight.session
    for row in windows.outcomes_of_model(session.connection(), model, MOST_ROWS):
        if sight.environments is not None and row["environment"] not in sight.environments:
            continue
        key = (row["number"], row["pipeline"], row["profile"], row["start"][:7])
        if key not in months:
            new = born.get(row["version_id"]) or timestamps.moment(row["registered_at"])
            months[key] = _Month(new)
        like = profiles.known(session, row["profile"])
        months[key].add(row, Part.parse(row["counts"], like))
    for (number, pipeline, profile, month), counted in months.items():
        ref = f"{model}@{number}"
        calibration = calibration_of(profiles.known(session, profile))
        if calibration is None or not counted.bins or (ref, pipeline, month) in told:
            continue
        found = realised(calibration, counted.bins, counted.positives)
        age = (counted.middle - counted.new).total_seconds() / _DAY
        if found[METRIC] is None or age < 0:
            continue
        yield MetricAtAge(
            ref,
            pipeline,
            "outcomes",
            None,
            counted.middle,
            "windows",
            round(age, 6),
            found[METRIC],
            None,
            found["rows"],
            f"outcomes of {month}",
        )


class _Month:
    """The outcomes of a month, added up."""

    def __init__(self, new: dt.datetime) -> None:
        self.new = new
        self.bins: list[int] = []
        self.positives: list[int] = []
        self._moments = 0.0

    def add(self, row: Mapping[str, Any], part: Part) -> None:
        """Add a window of it."""
        score = part.score
        if score is None or score.positives is None:
            return
        empty = [0] * len(score.bins)
        self.bins = [a + b for a, b in zip(self.bins or empty, score.bins, strict=True)]
        self.positives = [
            a + b for a, b in zip(self.positives or empty, score.positives, strict=True)
        ]
        middle = timestamps.moment(row["start"]).timestamp() + row["seconds"] / 2
        self._moments += sum(score.bins) * middle

    @property
    def middle(self) -> dt.datetime:
        """The mean moment of its rows."""
        rows = sum(self.bins) or 1
        return dt.datetime.fromtimestamp(self._moments / rows, dt.UTC)
