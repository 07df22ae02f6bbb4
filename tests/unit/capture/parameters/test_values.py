"""JSON, TOML and Python parameter files."""

from __future__ import annotations

import json
import tomllib
from contextlib import suppress

import pytest
from dvc.utils.serialize import parse_py
from hypothesis import given
from hypothesis import strategies as st

from lineage.capture.parameters.python_document import PythonDocument
from lineage.capture.parameters.value_document import ValueDocument, load_json, load_toml
from lineage.errors import CaptureError
from lineage.identity.digest import Digest, blake3_of, canonical_bytes, normalise
from lineage.identity.first_encoding import first_value

LOADERS = {"p.json": load_json, "p.toml": load_toml}


def document(path: str, text: str) -> ValueDocument:
    if path.endswith(".py"):
        return PythonDocument(path, text, Digest(blake3_of(text.encode())))
    return ValueDocument(path, LOADERS[path](text, path))


def written(path: str, text: str) -> bytes:
    return canonical_bytes(document(path, text).whole())


@pytest.mark.parametrize(
    ("path", "one", "other", "alike"),
    [
        ("p.json", '{"a": [1, 2]}', '{ "a":\n [1,2] }', True),
        ("p.json", '{"a": "\\u0041"}', '{"a": "A"}', True),
        ("p.json", '{"a": 1e3}', '{"a": 1000.0}', True),
        ("p.json", '{"a": 1}', '{"a": 1.0}', False),
        ("p.json", '{"a": 0}', '{"a": -0}', False),
        ("p.json", '{"a": 0.0}', '{"a": -0.0}', False),
        ("p.json", '{"a": 9007199254740993}', '{"a": 9007199254740992}', False),
        ("p.json", '{"a": 1, "b": 2}', '{"b": 2, "a": 1}', False),
        ("p.json", '{"a": NaN}', '{"a": "NaN"}', False),
        ("p.json", '{"a": "on"}', '{"a": true}', False),
        ("p.toml", "a = 1 # c\n", "a=1", True),
        ("p.toml", "a = 1_000", "a = 1000", True),
        ("p.toml", "a = 0x10", "a = 16", True),
        ("p.toml", "[x]\ny = 1", "x.y = 1", True),
        ("p.toml", "[x]\ny = 1", "x = {y = 1}", True),
        ("p.toml", "a = 'x'", 'a = "x"', True),
        ("p.toml", "a = 1", "a = 1.0", False),
        ("p.toml", "a = 0.0", "a = -0.0", False),
        ("p.toml", "a = inf", "a = 'inf'", False),
        ("p.toml", "a = 1\nb = 2", "b = 2\na = 1", False),
        ("p.toml", "a = 2026-01-02", "a = '2026-01-02'", False),
        ("p.toml", "a = 2026-01-02T00:00:00", "a = 2026-01-02", False),
        ("p.toml", "a = 2026-01-02T00:00:00", "a = 2026-01-02T00:00:00Z", False),
        ("p.toml", "a = 00:00:00", "a = '00:00:00'", False),
        ("p.toml", "a = 9223372036854775807", "a = 9223372036854775806", False),
        ("p.py", "A = 1  # c\n", "'''doc'''\nA=1\n", True),
        ("p.py", "A = 'x' 'y'", 'A = "xy"', True),
        ("p.py", "A: int = 1", "A = 1", True),
        ("p.py", "class T:\n    x = 1", "class T:\n  'doc'\n  x = 1\n", True),
        ("p.py", "A = 1", "A = 1.0", False),
        ("p.py", "A = 1", "A = True", False),
        ("p.py", "A = (1, 2)", "A = [1, 2]", False),
        ("p.py", "A = {1, 2}", "A = {2, 1}", False),
        ("p.py", "A = {'a': 1, 'b': 2}", "A = {'b': 2, 'a': 1}", False),
        ("p.py", "A = 1\nB = 2", "B = 2\nA = 1", False),
        ("p.py", "A = b'x'", "A = 'x'", False),
        ("p.py", "class T:\n    x = 1", "T = {'x': 1}", False),
        ("p.py", "A = 2 * 0.1", "A = 9 * 0.1", False),
        ("p.py", "A = 1\nimport os", "A = 1\nimport sys", False),
        ("p.py", "A = 1\nA = 2", "A = 1\nA = 3", False),
        ("p.py", "A = '\u00e9'", "# coding: latin-1\nA = '\u00e9'", False),
        ("p.py", "A = 1\n#+AAo-A = 2", "# coding: utf-7\nA = 1\n#+AAo-A = 2", False),
    ],
)
def test_files_are_equal_exactly_where_every_reader_takes_them_alike(path, one, other, alike):
    assert (written(path, one) == written(path, other)) is alike


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(json_values, st.integers(0, 4) | st.none(), st.booleans())
def test_the_layout_of_json_changes_nothing(value, indent, ascii_only):
    one, other = json.dumps(value), json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert written("p.json", one) == written("p.json", other)
    assert first_value(document("p.json", one).whole()) == normalise(json.loads(one))


@given(json_values)
def test_literals_of_python_are_read_as_dvc_reads_them(value):
    text = f"A = {value!r}\nclass B:\n    c = {value!r}\n"
    if any(word in text for word in ("nan", "inf")):
        return
    found = document("p.py", text)
    assert found.notes == []
    expected = parse_py(text, "p.py")
    assert first_value(found.select("A")) == normalise(expected["A"])
    assert first_value(found.select("B.c")) == normalise(expected["B"]["c"])


CONTENT = "content"


@pytest.mark.parametrize(
    ("text", "literals", "computed"),
    [
        ("A = 1\nRATE = 2 * 0.1\nOPTIONS = dict(depth=3)", ["A"], ["RATE", "OPTIONS"]),
        ("A = 1\nA = 2\nB = 1\nB += 1\nC = 3", ["C"], ["A", "B"]),
        ("A = 1\ndef f():\n    global A\n    A = 2\nB = 1\ndef g():\n    B = 2", ["B"], ["A"]),
        ("for i in range(3):\n    A = i\nB = 1\nif True:\n    B = 2", [], ["A", "B", "i"]),
        ("X = Y = 1\n(a, b) = 1, 2\nwith f() as c:\n    pass", [], ["X", "Y", "a", "c"]),
        ("L = [1]\nL.append(2)\nM = [1]\nM[0] = 2\nN = [1]\nn = len(N)", ["N"], ["L", "M", "n"]),
        ("L = [1]\nM = [[1]]\nn = list(L)\nm = list(M)\nm[0].append(2)", ["L"], ["M", "n", "m"]),
        ("D = {'a': [1]}\nE = {'a': (1,)}\ndict(D)['a'].append(2)\nsorted(E)", ["E"], ["D"]),
        ("L = [1]\ndef len(x):\n    x.append(2)\nn = len(L)", [], ["L", "n"]),
        ("L = [1]\nimport sys\ngetattr(sys.modules[__name__], 'L').append(2)", [], ["L"]),
        ("L = [1]\nfrom p import L as M\nM.append(2)", [], ["L", "M"]),
        ("L = [1]\nshuffle(L)\nT = (1, 2)\nfirst = T[0]", ["T"], ["L", "first"]),
        ("import os\nfrom base import RATE\nA = 1", ["A"], ["RATE"]),
        ("from base import *\nA = 1", [], ["A", "ANYTHING"]),
        ("A = 1\nexec('A = 2')", [], ["A"]),
        ("A = 1\nglobals()['A'] = 2", [], ["A"]),
        ("A = 1\nimport sys\nsys.modules[__name__].A = 2", [], ["A"]),
        ("A = 1\n[A := 2 for _ in x]", [], ["A"]),
        ("A = 1\ndef f(x=(A := 2)): pass\nB = 1\nlambda x=(B := 2): x", [], ["A", "B"]),
        ("A = 1\n@d(A := 2)\ndef f(): pass\nB = 1\ndef g(x: (B := 2)): pass", [], ["A", "B"]),
        ("A = 1\nclass T((A := int)): pass\nB = 1\n@(B := d)\nclass U: pass", [], ["A", "B"]),
        ("A = 1\ndef f(A=2): (B := 3)\nB = 1\nlambda: (B := 2)", ["A", "B"], []),
        ("A = 1\nf.__globals__['A'] = 2", [], ["A"]),
        ("A = 1\nimport sys\nsys._getframe().f_globals['A'] = 2", [], ["A"]),
        ("A = 1\ntry:\n    pass\nexcept E as A:\n    pass", [], ["A"]),
        ("A = 1\nmatch x:\n    case {'a': A, **rest}:\n        pass", [], ["A"]),
        ("A = 1\ndel A", [], ["A"]),
        ("class T:\n    x = 1\nclass U:\n    x = 2", ["T.x", "U.x", "T"], []),
        ("class T:\n    x = 1\nT.x = 2\nclass U:\n    x = 3", ["U.x"], ["T.x"]),
        ("class T:\n    x = 1\nt = T()\nt.x = 2", [], ["T.x"]),
        ("class T(Base):\n    x = 1", ["T.x"], ["T.inherited"]),
        (
            "class T:\n    def __init__(self):\n        self.x = 1\n        self.y = f()",
            ["T.x"],
            ["T.y"],
        ),
        ("@dataclass\nclass T:\n    x: int = 1\n    y: float", ["T.x", "T"], []),
        ("@scaled\nclass T:\n    x = 1", [], ["T", "T.x"]),
        ("class T:\n    x = 1\nsetattr(T, 'x', 2)", [], ["T.x"]),
        ("A = 1j\nB = ...\nC = f'{1}'\nD = [*X]\nE = {**X}\nF = {[1]: 2}", [], list("ABCDEF")),
        ("A: f() = 1", ["A"], []),
    ],
)
def test_what_is_no_literal_is_the_content_of_the_file(text, literals, computed):
    found = document("p.py", text)
    for name in literals:
        assert CONTENT not in json.dumps(found.select(name)), name
    assert found.notes == []
    for name in computed:
        assert CONTENT in found.select(name), name
        assert name in found.notes[-1]


@pytest.mark.parametrize(
    "text",
    [
        "A = 1\nRATE = 2 * 0.1", "import os\nA = 1", "def f(): pass", "class T(Base):\n    x = 1", "A: f() = 1",
        "class T:\n    x = g()", "if True:\n    A = 1", "f()", "class T:\n    def m(self): pass", "A = 1\nA = 2",
    ],
)  # fmt: skip
def test_a_file_with_more_than_literals_counts_as_a_whole_by_its_content(text):
    found = document("p.py", text)
    assert CONTENT in json.dumps(found.whole())
    assert "p.py holds more than literals" in found.notes[0]
    assert written("p.py", text) != written("p.py", text + "  # even a comment")


def test_what_a_class_or_a_set_nests_is_bounded_like_all_else():
    deep = "(" * 80 + "1," + "),".join([""] * 80) + ")"
    for text in (f"class T:\n    x = {deep}", f"A = {{{deep}}}"):
        with pytest.raises(CaptureError, match="deeper than"):
            document("p.py", text).whole()


def test_a_name_that_nothing_binds_is_missing():
    for name in ("B", "A.x", "T.y"):
        with pytest.raises(KeyError):
            document("p.py", "A = 1\nimport os\nclass T:\n    x = 1").select(name)


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        ("p.json", '{\n"a": {\n"x": 1,\n"x": 2}}', "the duplicate key 'x' stands in the object that begins in line 2"),
        ("p.json", '{"a":\n\n}', "line 3"),
        ("p.json", "[" * 100_000, "nested too deeply"),
        ("p.json", "[" * 150 + "]" * 150, "deeper than"),
        ("p.json", "1" * 5_000, "too many digits"),
        ("p.json", '{"a": "\\ud800"}', "surrogate"),
        ("p.json", '{"\\ud800": 1}', "surrogate"),
        ("p.json", "[" + "1," * 600_000 + "1]", "more than"),
        ("p.toml", "a = 1\nb = 2\na = 3\n", "line 3 ('a = 3')"),
        ("p.toml", "a = ", "line 1 ('a =')"),
        ("p.toml", "a = " + "[" * 100_000, "nested too deeply"),
        ("p.py", "A = 1\ndef", "line 2"),
        ("p.py", "A = " + "(" * 1_000, "p.py cannot be read"),
        ("p.py", "A = " + "-" * 100_000 + "1", "p.py cannot be read"),
        ("p.py", "A = " + "+".join("1" * 100_000), "p.py cannot be read"),
        ("p.py", "A = '\\ud800'", "surrogate"),
        ("p.py", "# coding: klingon\nA = 1", "unknown encoding"),
        ("p.py", "A = 1\0", "p.py cannot be read"),
        ("p.py", "A = " + "1" * 5_000, "p.py cannot be read"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_sentence(path, text, says):
    with pytest.raises(CaptureError, match="cannot be read") as error:
        document(path, text).whole()
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_toml_reads_what_a_strict_parser_reads():
    text = "a = [1, 2.5, 'x']\nd = 2026-01-02\n[t]\nu = {v = true}\n"
    assert first_value(document("p.toml", text).whole()) == normalise(tomllib.loads(text))


@given(
    st.sampled_from(["p.json", "p.toml", "p.py"]),
    st.text(max_size=40) | st.text(st.sampled_from("[]{}():,=\"'#ab01.- \n\\"), max_size=40),
)
def test_nothing_makes_a_reader_fail_but_with_a_sentence(path, text):
    with suppress(CaptureError):
        canonical_bytes(document(path, text).whole())
