"""Recorded windows are added up to days as room is: of what packs well there is no end."""

import json
import zlib

import pytest

from lineage.registry import recorded_days

DAY = 86_400
WRITTEN = json.dumps({"rows": 1, "bins": [1, 0]}).encode()


@pytest.mark.parametrize(
    ("room", "most", "found"),
    [
        (9, 9, [("03", 2), ("02", 2), ("01", 1)]),
        (9, 2, [("03", 2), ("02", 2)]),
        (5, 9, [("03", 2), ("02", 2), ("01", 1)]),
        (4, 9, [("03", 2), ("02", 2)]),
        (3, 9, [("03", 2)]),
        (1, 9, [("03", 1)]),
    ],
)
def test_days_are_whole_or_left_out_but_for_a_single_one(monkeypatch, room, most, found):
    monkeypatch.setattr(recorded_days, "MOST_BYTES", room * len(WRITTEN))
    starts = ["03T07", "03T00", "02T07", "02T00", "01T00"]
    rows = [(f"2026-11-{start}:00:00Z", zlib.compress(WRITTEN)) for start in starts]
    days = recorded_days.days_of(rows, DAY, most)
    assert [(day[8:10], counts["rows"]) for day, counts in days.items()] == found
