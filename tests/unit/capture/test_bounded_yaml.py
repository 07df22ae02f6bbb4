"""Parsing within budgets: a hostile file costs a message, no more."""

from __future__ import annotations

import time

import pytest

from lineage.capture.bounded_yaml import DEEPEST, check_yaml, decode, load_strings
from lineage.errors import CaptureError

ALIAS_BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(12)
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ALIAS_BOMB, "aliases"),
        ("[" * 100_000, "nested deeper"),
        ("- " * 10_000 + "x", "nested deeper"),
        ("a: [1, 2", "line"),
        ("a: b: c", "line 1"),
        ("\t- x", "line 1"),
        ("a: *nowhere", "undefined alias"),
        ("[" + "x," * 600_000 + "]", "more than"),
        ("<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> other\n", "line"),
    ],
    ids=[
        "alias bomb",
        "deep flow",
        "deep block",
        "open",
        "colon",
        "tab",
        "no anchor",
        "wide",
        "merge conflict",
    ],
)
def test_broken_or_hostile_yaml_is_refused_quickly(text, says):
    began = time.perf_counter()
    with pytest.raises(CaptureError, match=says):
        load_strings(text, "dvc.lock")
    assert time.perf_counter() - began < 5


def test_what_is_within_the_budget_is_read():
    nested = "x"
    for _ in range(DEEPEST - 2):
        nested = f"[{nested}]"
    check_yaml(nested, "params.yaml")
    aliased = "a: &a {k: 1}\nb: *a\nc: {<<: *a}"
    check_yaml(aliased, "params.yaml")
    assert load_strings("outs: [{md5: 0123, size: 007, ok: yes}]", "x.dvc") == {
        "outs": [{"md5": "0123", "size": "007", "ok": "yes"}]
    }


def test_what_is_not_utf8_is_refused():
    with pytest.raises(CaptureError, match="UTF-8"):
        decode(b"\xff\xfe", "params.yaml")
    assert decode(b"\xef\xbb\xbfa: 1", "params.yaml") == "a: 1"
