"""Values of parameters as `lineage-pipeline/2` writes them."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.errors import UsageError
from lineage.identity.digest import Digest, blake3_of, canonical_bytes
from lineage.identity.parameters import (
    Content,
    Members,
    Tagged,
    Typed,
    check,
    encode,
    located,
    natural,
    shown,
)
from lineage.identity.yaml_scalars import Plain

CODE = Content(Digest(blake3_of(b"code")))
APART = [
    *(None, True, False, "", "null", "true", "1", "1.0", "on", "012"),
    *(0, 1, 1.0, -0.0, 0.0, 12, 10, 2**53, 2**53 + 1, float(2**53), -(2**53), 1e308, math.inf),
    *(-math.inf, math.nan, ".inf", ".nan", Plain("on"), Plain("012"), Plain("-0"), Plain("1.0")),
    *([], (), {}, Members(()), [1], (1,), {1: 1}, Members((1,)), [[1]], [1, 2], [2, 1]),
    *({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": {"b": 2}}, {"a.b": 2}, {1: "a"}, {"1": "a"}),
    *({1.0: "a"}, {None: "a"}, {True: "a"}, {(1, 2): "a"}, {"map": [["a", 1]]}, {"float": "1"}),
    *(dt.date(2026, 1, 2), "2026-01-02", dt.datetime(2026, 1, 2), dt.time(1, 2), "01:02:00"),
    *(dt.datetime(2026, 1, 2, tzinfo=dt.UTC), b"x", "eA==", CODE, CODE.digest, Tagged("!!set", {})),
]  # fmt: skip

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(leaves, inner, max_size=3),
    max_leaves=12,
)


def test_what_a_program_can_tell_apart_is_written_differently():
    for one, other in itertools.combinations(APART, 2):
        assert canonical_bytes(encode(one)) != canonical_bytes(encode(other)), (one, other)


@given(values)
def test_what_is_written_is_well_formed_and_survives_json(value):
    written = encode(value)
    check(written)
    again = json.loads(json.dumps(written))
    check(again)
    assert canonical_bytes(again) == canonical_bytes(written)
    assert canonical_bytes(json.loads(canonical_bytes(written))) == canonical_bytes(written)
    assert Typed(written) == value


@given(values)
def test_what_a_person_reads_is_plain_json_and_one_line(value):
    json.dumps(natural(encode(value)), allow_nan=False)
    assert "\n" not in shown(encode(value))


@given(st.dictionaries(st.text(max_size=3), st.integers(), min_size=2, max_size=5))
def test_order_does_not_count_where_the_project_says_so(mapping):
    turned = dict(reversed(mapping.items()))
    assert encode(mapping, ordered=False) == encode(turned, ordered=False)
    assert encode(mapping) != encode(turned)
    assert encode(mapping, ordered=False) != encode(mapping), "to say so is a difference itself"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"), (1.0, "1.0"), (-0.0, "-0.0"), (0.1, "0.1"), (1e300, "1e+300"), (math.inf, "inf"),
        (2**60, str(2**60)), (None, "null"), (True, "true"), ("a b", "a b"), ("1", '"1"'),
        ("on", '"on"'), (Plain("on"), "on"), ("", '""'), ("a\nb", '"a\\nb"'), ([1, "a"], '[1, "a"]'),
        ({"a": 1.0, 1: None}, "{a: 1.0, 1: null}"), ((1, 2), "tuple(1, 2)"), (CODE, f"code {CODE.digest[7:13]}"),
        (dt.date(2026, 1, 2), "2026-01-02"), (Tagged("python:class", {"x": 1}), "class {x: 1}"),
        (Typed(located(["a", 1], 2)), "2 (at a.1)"),
    ],
)  # fmt: skip
def test_a_value_is_shown_as_a_person_reads_it(value, text):
    assert shown(encode(value)) == text


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (1.0, 1.0), (math.nan, "nan"), (2**60, 2**60), ({"a": 1, "b": [1.5]}, {"a": 1, "b": [1.5]}),
        ({1: "a", "b": 2}, {"1": "a", "b": 2}), ({1: "a", "1": 2}, [[1, "a"], ["1", 2]]),
        (Plain("on"), "on"), ((1,), [1]), (b"x", "eA=="), (Tagged("t", [1]), [1]),
        (Typed(located([1], 2.0)), None), (Typed(located([1], 2)), 2),
    ],
)  # fmt: skip
def test_plain_json_is_what_people_expect(value, plain):
    if plain is not None:
        assert natural(encode(value)) == plain


@pytest.mark.parametrize(
    "value",
    [
        1.5, 2**53, {"int": "1"}, {"int": "09007199254740993"}, {"int": 1}, {"int": "x" * 20},
        {"float": "1.0"}, {"float": 1.0}, {"float": "1e5"}, {"float": "Infinity"}, {"a": 1}, {},
        {"map": [], "set": []}, {"map": [["a"]]}, {"map": [["a", 1], ["a", 2]]}, {"map": {"a": 1}},
        {"unordered": [["b", 1], ["a", 2]]}, {"plain": 1}, {"tagged": [1, 2]}, {"tagged": ["a"]},
        {"content": "blake3:0"}, {"at": ["a", 1]}, {"index": -1}, [[1.5]], {"tuple": 1}, b"x",
    ],
)  # fmt: skip
def test_what_the_encoding_would_not_write_is_refused(value):
    with pytest.raises(UsageError, match="no parameter of lineage-pipeline/2"):
        check(value)


def test_depth_is_bounded():
    deep: list = []
    for _ in range(10_000):
        deep = [deep]
    with pytest.raises(UsageError, match="nested"):
        check(deep)


@pytest.mark.parametrize("value", [object(), 1j, ..., pytest.param(16**5_000, id="huge")])
def test_what_has_no_form_is_refused(value):
    with pytest.raises(UsageError):
        encode(value)
