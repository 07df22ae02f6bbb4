"""What can only behave alike, and what cannot be proven to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.explain.equivalence import same_behaviour

PYTHON = b'''#!/usr/bin/env python3
"""What it does."""
import os


def f(a, b=1):
    if a:  # why
        return (a +
                b)
    return f"{a}"
'''

ALIKE = {
    "a new comment": PYTHON.replace(b"import os", b"import os  # paths"),
    "a comment of its own line": PYTHON.replace(b"import os\n", b"import os\n# more\n"),
    "another indentation": PYTHON.replace(b"    ", b"  "),
    "tabs": PYTHON.replace(b"    ", b"\t"),
    "a wrapped line": PYTHON.replace(b"f(a, b=1)", b"f(\n    a,\n    b=1\n)"),
    "blank lines": PYTHON.replace(b"import os\n\n\n", b"\n\nimport os\n"),
    "spaces": PYTHON.replace(b"b=1", b"b = 1"),
    "other line ends": PYTHON.replace(b"\n", b"\r\n").replace(b"python3\r\n", b"python3\n"),
    "no last line end": PYTHON.rstrip(b"\n"),
}
OTHERS = {
    "a docstring": PYTHON.replace(b"What it does", b"What it did"),
    "a number": PYTHON.replace(b"b=1", b"b=1.0"),
    "a name": PYTHON.replace(b"import os", b"import sys"),
    "quotes": PYTHON.replace(b'f"{a}"', b"f'{a}'"),
    "a comment in a string": PYTHON.replace(b"{a}", b"{a}#"),
    "an interpreter": PYTHON.replace(b"python3", b"python3 -O"),
    "a dedent": PYTHON.replace(b"    return f", b"        return f"),
    "a line taken out of its block": PYTHON.replace(
        b"        return (a", b"        pass\n    return (a"
    ),
    "a magic comma": PYTHON.replace(b"b=1)", b"b=1,)"),
    "a syntax error": PYTHON + b"def",
    "not UTF-8": PYTHON.replace(b"why", b"\xff"),
    "too deep to parse": PYTHON + b"x = " + b"-" * 100_000 + b"1",
}


@pytest.mark.parametrize("new", ALIKE.values(), ids=ALIKE)
def test_python_that_differs_in_nothing_that_runs(new):
    assert new != PYTHON
    assert same_behaviour("src/f.py", PYTHON, new)


@pytest.mark.parametrize("new", OTHERS.values(), ids=OTHERS)
def test_python_that_may_behave_otherwise(new):
    assert not same_behaviour("src/f.py", PYTHON, new)


def test_the_spaces_that_an_f_string_prints_count():
    """Python 3.12 and later take f-strings apart, and drop them from the tokens."""
    assert not same_behaviour("f.py", b'print(f"{a=}")\n', b'print(f"{a = }")\n')


def test_what_python_warns_of_in_others_code_is_not_said(recwarn):
    assert same_behaviour("f.py", b"x = '\\d'  # digits\n", b"x = '\\d'\n")
    said = [one for one in recwarn if one.category is not ResourceWarning]  # of other tests
    assert not said


@pytest.mark.parametrize(
    ("path", "old", "new", "alike"),
    [
        ("a.yaml", "a: 1\nb: [x, z]\n", "# c\na: 1\nb:\n  - x\n  - 'z'\n", True),
        ("a.yaml", "a: [y, n]\n", "a: ['y', 'n']\n", False),
        ("a.yaml", "a: 1\nb: 2\n", "b: 2\na: 1\n", False),
        ("a.yaml", "a: {b: 1, c: 2}\n", "a: {c: 2, b: 1}\n", False),
        ("a.yaml", "a: 012\n", "a: 12\n", False),
        ("a.yaml", "a: 1\n---\nb: 2\n", "# c\na: 1\n---\n{b: 2}\n", True),
        ("a.yaml", "a: 1 # x\u2028b: 2\n", "a: 1 # y\u2028b: 2\n", False),
        ("a.yml", "a: 1\n", "a: 1.0\n", False),
        ("a.yaml", "a: 1\n", "a: true\n", False),
        ("a.yaml", "a: 0.50\n", "a: 0.5\n", True),
        ("a.yaml", "a: [x, y]\n", "a: [y, x]\n", False),
        ("a.yaml", "a: on\n", "a: yes\n", False),
        ("a.yaml", "a: on\n", "a: true\n", False),
        ("a.yaml", "a: .nan\n", "a: .NaN\n", True),
        ("a.yaml", "a: 1\n", "a: 1\n---\nb: 2\n", False),
        ("a.yaml", "a: 1\n", "a: [\n", False),
        ("a.yaml", "a: 1\n", "a: 1\na: 1\n", False),
        ("a.yaml", "a: &x [1]\nb: *x\n", "a: [1]\nb: [1]\n", True),
        ("a.yaml", "a: 1\n", "a: !!python/object:os.system 1\n", False),
        ("a.toml", 'a = 1 # x\nb = "c"\n', "a = 1\nb = 'c'\n", True),
        ("a.toml", "a = 1\nb = 2\n", "b = 2\na = 1\n", False),
        ("a.json", '{"a": 1, "b": 2}', '{"b": 2, "a": 1}', False),
        ("a.toml", "a = 1\n", "a = 1.0\n", False),
        ("a.toml", "a = 1\n", "a = \n", False),
        ("a.json", '{"a": [1, 2]}', '{ "a":\n [1,2] }', True),
        ("a.json", '{"a": 1}', '{"a": 1.0}', False),
        ("a.json", '{"a": 1}', '{"a": 2, "a": 1}', False),
        ("a.json", '{"a": 1}', "{", False),
        ("uv.lock", "a = 1\n", "a = 1 # x\n", False),
        ("run.sh", "x\n", "x # c\n", False),
        ("Makefile", "a:\n", "a: \n", False),
        ("A.PY", "x=1\n", "x = 1\n", True),
    ],
)
def test_documents_are_compared_by_what_they_say(path, old, new, alike):
    assert same_behaviour(path, old.encode(), new.encode()) is alike


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("a.yaml", "a: {b: 1, c: 2}\nd: 1\n", "d: 1\na: {c: 2, b: 1}\n"),
        ("a.toml", "a = 1\nb = 2\n", "b = 2\na = 1\n"),
        ("a.json", '{"a": 1, "b": 2}', '{"b": 2, "a": 1}'),
    ],
)
def test_order_means_nothing_only_in_a_file_that_is_called_unordered(path, old, new):
    assert same_behaviour(path, old.encode(), new.encode(), ordered=False)
    assert not same_behaviour(path, old.encode(), new.encode())
    assert not same_behaviour("a.py", b"x = {1: 1, 2: 2}", b"x = {2: 2, 1: 1}", ordered=False)


@given(st.binary(max_size=60), st.sampled_from(["a.py", "a.yaml", "a.toml", "a.json", "a"]))
def test_nothing_makes_it_fail_and_the_same_is_the_same(content, path):
    assert same_behaviour(path, content, content)
    assert same_behaviour(path, content, b"x") in (True, False)


def test_depth_costs_an_answer_and_no_more():
    deep = b"[" * 100_000
    for path in ("a.py", "a.yaml", "a.json", "a.toml"):
        assert not same_behaviour(path, deep, b"1")
