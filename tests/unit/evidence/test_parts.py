"""Parts of windows: read back as they were written, added as they merge, refused where they differ."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.errors import UsageError
from lineage.evidence.counts import Counts
from lineage.evidence.parts import Part, added
from lineage.evidence.profile import Profile
from lineage.evidence.tally import Tally
from tests.unit.evidence.profiles import rows_of, scales


@given(st.data())
def test_the_json_of_parts_adds_as_they_merge(data):
    columns = data.draw(scales())
    scale = Profile(rows=0, columns=columns)
    parts = []
    for _ in range(2):
        tally = Tally(scale)
        tally.add(data.draw(rows_of(columns).filter(len)))
        parts.append(tally.take())
    one, other = parts
    assert Part.parse(json.loads(json.dumps(one.to_dict())), scale) == one
    merged = one.merge(other)
    assert added(one.to_dict(), other.to_dict()) == merged.to_dict()
    grouped = Part(rows=one.rows, columns=columns, groups={"a=b": Counts(rows=2, columns={})})
    both = grouped.merge(Part(rows=0, columns=columns, groups={"a=b": Counts(rows=1, columns={})}))
    assert both.groups["a=b"].rows == 3


def test_counts_that_are_none_are_named():
    scale = Profile(rows=0, columns={})
    body = Part(rows=0, columns={}).to_dict()
    for wrong, why in (
        ([], "The counts are not valid: the window is no object"),
        (body | {"rows": -1}, "the window.rows holds what is no count"),
        (body | {"score": {}}, "has a score or a target where the whole has none"),
        (body | {"groups": []}, "is no object of at most 640 groups"),
        (body | {"groups": {"\0": {}}}, "is no name"),
        (body | {"groups": {"a=b": {}}}, "has no 'rows'"),
    ):
        with pytest.raises(UsageError, match=why) as caught:
            Part.parse(wrong, scale)
        assert "send what was counted as it is" in caught.value.remedy


def test_counting_loads_nothing_beyond_the_standard_library():
    program = (
        "import sys; before = set(sys.modules); import lineage.evidence.tally; "
        "print(*{n.partition('.')[0] for n in set(sys.modules) - before} - sys.stdlib_module_names)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert {*done.stdout.split()} <= {"lineage", "typing_extensions"}
