"""Windows as a profile, which drift holds against that of the validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lineage.errors import UsageError
from lineage.evidence.columns import NumberColumn
from lineage.evidence.drift import drift_between
from lineage.evidence.production import profile_of_windows
from lineage.evidence.profile import Profile
from lineage.evidence.tally import Tally

if TYPE_CHECKING:
    from lineage.evidence.parts import Part

EMPTY = NumberColumn(
    rows=0, null=0, wrong_type=0, nan=0, infinite=0,
    edges=(1.0, 2.0, 3.0), low=0.0, high=4.0, bins=(0,) * 4, below=0, above=0,
)  # fmt: skip
SCALE = Profile(rows=0, columns={"age": EMPTY})


def counted(*ages: float) -> Part:
    tally = Tally(SCALE)
    tally.add({"age": list(ages)})
    part = tally.take()
    assert part is not None
    return part


DAYS = {f"2013-01-{day:02}T00:00:00Z": counted(*[0.5, 1.5, 2.5, 3.5] * 20) for day in range(1, 29)}
REFERENCE = Profile(
    rows=80 * 28, columns={"age": counted(*[0.5, 1.5, 2.5, 3.5] * 560).columns["age"]},
    windows=DAYS, window_seconds=86_400,
)  # fmt: skip


def window(start: str, part: Part, **other: object) -> dict[str, object]:
    told = {"kind": "inputs", "profile": str(REFERENCE.digest), "seconds": 3600, "hosts": None}
    return {"start": start, "counts": part.to_dict(), **told, **other}


def test_hours_become_the_days_of_the_reference_and_drift_reads_them():
    windows = [
        window(f"2013-02-{day:02}T{hour:02}:00:00Z", counted(*[9.0] * 40), hosts={"a": counted(9.0).to_dict()})
        for day in range(1, 15)
        for hour in (3, 23)
    ]  # fmt: skip
    windows += [
        window("2013-01-01T00:00:00Z", counted(1), seconds=31 * 86_400),
        window("2013-02-01T00:00:00Z", counted(1), profile="xxh3:0"),
        window("2013-02-01T00:00:00Z", counted(1), kind="outcomes"),
    ]
    served = profile_of_windows(REFERENCE, windows)
    assert (served.rows, len(served.windows)) == (14 * 80, 14)
    assert served.windows["2013-02-01T00:00:00Z"].columns["age"].above == 80
    hosts = {"a": profile_of_windows(REFERENCE, windows, "a")}
    assert hosts["a"].rows == 28
    (change,) = drift_between(REFERENCE, served, hosts=hosts).timeline.changes
    assert (change.kind, change.columns, change.question) == ("hard", ("age",), "contract:above")


def test_without_windows_it_says_what_to_do():
    with pytest.raises(UsageError, match="No window was counted on the profile"):
        profile_of_windows(REFERENCE, [])
    with pytest.raises(UsageError, match="has no windows"):
        profile_of_windows(SCALE, [])
