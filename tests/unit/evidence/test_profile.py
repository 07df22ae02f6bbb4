"""Profiles: they add, they are read back as written, and what is none is refused in a sentence."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.errors import UsageError
from lineage.evidence.columns import CategoryColumn, NumberColumn, TimeColumn
from lineage.evidence.counts import Counts
from lineage.evidence.profile import ENCODING, Profile
from lineage.identity.digest import hash_object
from tests.unit.evidence.profiles import profile_of, profiles, rows_of, scales

FEW = settings(max_examples=25, deadline=None)


@FEW
@given(profiles(3))
def test_merging_is_associative_and_commutative(three):
    a, b, c = three
    assert a.merge(b) == b.merge(a)
    assert a.merge(b).merge(c) == a.merge(b.merge(c))


@FEW
@given(scales().flatmap(lambda s: st.tuples(st.just(s), rows_of(s), rows_of(s))))
def test_the_profile_of_both_is_the_merge_of_their_profiles(case):
    scale, first, second = case
    assert profile_of(scale, first + second) == profile_of(scale, first).merge(
        profile_of(scale, second)
    )


@FEW
@given(profiles())
def test_a_profile_is_read_back_as_it_was_written(one):
    (profile,) = one
    read = Profile.from_bytes(profile.canonical, "profile.json")
    assert read == profile
    assert read.digest == profile.digest == hash_object(ENCODING, profile.to_dict())


@FEW
@given(profiles(2))
def test_what_is_left_out_is_in_no_part_and_the_rest_adds_as_before(two):
    one, other = two
    name = next(iter(one.columns))
    rest = one.without([name])
    assert Profile.from_bytes(rest.canonical, "profile.json") == rest
    assert rest.merge(other.without([name])) == one.merge(other).without([name])
    for part in (rest, *rest.groups.values(), *rest.windows.values()):
        assert part.columns.keys() == one.columns.keys() - {name}
    assert (rest.rows, rest.score, rest.roles) == (one.rows, one.score, one.roles)


COMMON = {"rows": 3, "null": 1, "wrong_type": 0}
NUMBER = NumberColumn(
    **COMMON, nan=0, infinite=0, edges=(1.5,), low=1.0, high=2.0, bins=(1, 0), below=1, above=0
)
CATEGORY = CategoryColumn(**COMMON, values=("S",), complete=False, counts=(1,), other=1, new=0)
TIME = TimeColumn(**COMMON, hours=(2,) + (0,) * 167)
PROFILE = Profile(rows=3, columns={"fare": NUMBER, "port": CATEGORY, "at": TIME})


def with_value(path: str, value: object) -> dict:
    body = copy.deepcopy(PROFILE.to_dict())
    inner = body
    *keys, last = path.split(".")
    for key in keys:
        inner = inner[key]
    inner[last] = value
    return body


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("encoding", "lineage-profile/9", "lineage-profile/9"),
        ("rows", -1, "the profile.rows holds what is no count"),
        ("rows", True, "no count"),
        ("rows", 2**53, "no count"),
        ("rows", 4, "a column of other rows than its own"),
        ("extra", 1, "unknown key 'extra'"),
        ("columns", [], "is no object of at most"),
        ("columns.a\0b", NUMBER.to_dict(), "has a name"),
        ("columns.fare.kind", "picture", "unknown kind, 'picture'"),
        ("columns.fare.kind", None, "unknown kind"),
        ("columns.fare.null", 2, "column 'fare' of the profile has counts that do not add up"),
        ("columns.fare.edges", [2, 1], "does not ascend"),
        ("columns.fare.edges", [1, 1], "does not ascend"),
        ("columns.fare.edges", ["1"], "no finite number"),
        ("columns.fare.edges", [10**400], "no finite number"),
        ("columns.fare.edges", list(range(32)), "at most 31 numbers"),
        ("columns.fare.bins", [1], "no list of 2 counts"),
        ("columns.fare.low", 3, "no range"),
        ("columns.fare.high", None, "no range"),
        ("columns.port.values", ["S", "S"], "no list of 1 counts|twice"),
        ("columns.port.values", ["S" * 257], "at most 256 characters"),
        ("columns.port.values", ["\ud800"], "no text"),
        ("columns.port.complete", 1, "neither true nor false"),
        ("columns.port.new", 1, "where there can be none"),
        ("columns.at.hours", [2] + [0] * 166, "no list of 168 counts"),
        ("score", {"kind": "number"}, "the score of the profile is of an unknown kind"),
        ("target", [], "the target of the profile is no object"),
        ("groups", {"sex=f": {"rows": 0, "columns": {}, "score": None, "target": None}}, "other columns than"),
        ("groups", {str(n): {} for n in range(641)}, "at most 640"),
        ("windows", {"monday": {}}, "has no 'rows'|window_seconds"),
        ("window_seconds", 86400, "window_seconds goes with windows"),
    ],
)  # fmt: skip
def test_what_is_no_profile_is_refused_by_what_is_wrong_with_it(path, value, said):
    with pytest.raises(UsageError, match=said) as caught:
        Profile.parse(with_value(path, value))
    assert caught.value.remedy


@pytest.mark.parametrize("start", ["monday", "2024-13-41T00:00:00Z", "2024-01-01T99:00:00Z"])
def test_a_window_begins_at_a_moment(start):
    counts = Counts(rows=PROFILE.rows, columns=PROFILE.columns, score=PROFILE.score)
    whole = replace(PROFILE, target=None, groups={}, windows={start: counts}, window_seconds=86_400)
    with pytest.raises(UsageError, match="is no moment"):
        Profile.parse(whole.to_dict())


@pytest.mark.parametrize(
    "data",
    [b"", b"[1]", b"{", b"\xff", b'{"rows": NaN}', b'{"rows": 1, "rows": 2}', b"[" * 100_000],
)
def test_bytes_that_are_no_profile_are_refused(data):
    with pytest.raises(UsageError, match=r"profile"):
        Profile.from_bytes(data, "profile.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("a\0\ud800"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("ab"), inner),
    max_leaves=8,
)


@FEW
@given(st.sampled_from(sorted(json.loads(PROFILE.canonical))), JSON)
def test_hostile_json_is_a_profile_or_a_sentence(key, value):
    try:
        profile = Profile.parse(with_value(key, value))
    except UsageError:
        return
    assert Profile.parse(json.loads(profile.canonical)) == profile


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"fare": NUMBER, "port": CATEGORY}, "column 'at' is in one alone"),
        (PROFILE.columns | {"at": CATEGORY}, "column 'at' is time in one and category"),
        (
            PROFILE.columns | {"port": CategoryColumn(**COMMON, values=("C",), complete=False, counts=(1,), other=1, new=0)},
            "column 'port' has other values",
        ),
    ],
)  # fmt: skip
def test_profiles_of_other_scales_are_not_merged(columns, said):
    with pytest.raises(UsageError, match=said):
        PROFILE.merge(Profile(rows=3, columns=columns))
