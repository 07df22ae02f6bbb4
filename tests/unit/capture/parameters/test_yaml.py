"""YAML parameter files: what every reader takes alike is equal, and nothing else is."""

from __future__ import annotations

import json
import re
import warnings
from contextlib import suppress

import dpath
import pytest
import yaml
from dvc.utils.serialize import parse_yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from lineage.capture.bounded_yaml import DEEPEST
from lineage.capture.parameters.as_dvc import construct
from lineage.capture.parameters.yaml_document import YamlDocument
from lineage.capture.parameters.yaml_nodes import single
from lineage.errors import CaptureError
from lineage.identity.digest import Digest, blake3_of, canonical_bytes, normalise
from lineage.identity.first_encoding import UNTOLD, first_value
from lineage.identity.parameters import Typed, natural, shown
from lineage.identity.pipeline import Manifest, PipelineVersion, Stage
from lineage.identity.yaml_scalars import Plain, read_plain

PATH = "params.yaml"


def document(text: str, *, ordered: bool = True) -> YamlDocument:
    content = Digest(blake3_of(text.encode()))
    return YamlDocument(PATH, text, single(text, PATH), lambda: content, ordered=ordered)


def written(text: str, *, ordered: bool = True) -> bytes:
    return canonical_bytes(document(text, ordered=ordered).whole())


def by_readers(text: str) -> list[str]:
    """What PyYAML and ruamel.yaml make of a document, with types and the order of keys."""
    reader = YAML(typ="safe", pure=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return [_typed(yaml.load(text, Loader=yaml.SafeLoader)), _typed(reader.load(text))]
        except Exception:
            return ["invalid"]


def _typed(value: object) -> str:
    if isinstance(value, dict):
        return f"map({', '.join(f'{_typed(k)}: {_typed(v)}' for k, v in value.items())})"
    if isinstance(value, list):
        return f"list({', '.join(map(_typed, value))})"
    return f"{type(value).__name__} {value!r}"


ALIKE = [
    ("a: b", "'a': 'b'"), ("a: b", '"a": "b"'), ("a: b", "{a: b}"), ("a: b", "? a\n: b"),
    ("a: b # why", "# first\na:   b\n"), ("a:\n  - 1\n  - 2", "a: [1, 2]"), ("a:\n- 1", "a:\n    -   1"),
    ('a: "\\x41\\u00e9"', "a: Aé"), ("a: |\n  x\n", 'a: "x\\n"'), ("a: >-\n  x\n  y", "a: x y"),
    ("a: x\n  y", "a: x y"), ("a: &x [1]\nb: *x", "a: [1]\nb: [1]"), ("a: &x 1", "a: 1"),
    ("a: 1", "--- \na: 1\n...\n"), ("a: ~", "a:"), ("a: null", "a: Null"), ("a: true", "a: TRUE"),
    ("a: 1", "a: +1"), ("a: 31", "a: 0x1F"), ("a: 0.5", "a: .50"), ("a: 1.5e+3", "a: 1500.0"),
    ("a: !!str 1", "a: '1'"), ("a: !!int '1'", "a: 1"), ("a: !!float 1.0", "a: 1.0"), ("a: !!map {}", "a: {}"),
    ("a: .nan", "a: .NaN"), ("a: 1\r\nb: 2\r\n", "a: 1\nb: 2\n"), ("%YAML 1.2\n---\na: 1", "a: 1"),
    ("a: !!binary aGk=", "a: !!binary |\n  aG\n  k=\n"), ("a: x-1", "a: 'x-1'"), ("a: 1.2.3", "a: '1.2.3'"),
]  # fmt: skip
APART = [
    ("a: 1", "a: 1.0"), ("a: 1", "a: '1'"), ("a: 1", "a: true"), ("a: 0.0", "a: -0.0"), ("a: 0", "a: -0"),
    ("{a: 1, b: 2}", "{b: 2, a: 1}"), ("a: {b: 1, c: 2}", "a: {c: 2, b: 1}"), ("a: [1, 2]", "a: [2, 1]"),
    ("a: on", "a: 'on'"), ("a: on", "a: true"), ("a: on", "a: yes"), ("a: y", "a: 'y'"), ("a: n", "a: no"),
    ("a: 012", "a: 12"), ("a: 012", "a: 10"), ("a: 0o12", "a: 10"), ("a: 1_000", "a: 1000"), ("a: 0b1", "a: 1"),
    ("a: 1e-3", "a: 0.001"), ("a: 1e-3", "a: '1e-3'"), ("a: 1:30", "a: 90"), ("a: 1:30", "a: '1:30'"),
    ("a: 1:30.5", "a: 90.5"), ("a: -.5", "a: -0.5"), ("a: =", "a: '='"), ("a: ~", "a: '~'"), ("a:", "a: ''"),
    ("a: 2001-12-14", "a: '2001-12-14'"), ("a: 9007199254740993", "a: 9007199254740992"),
    ("a: 9007199254740993", "a: 9007199254740992.0"), ("1: a", "'1': a"), ("1: a", "1.0: a"), ("on: a", "'on': a"),
    ("? [a, b]\n: 1", "'[a, b]': 1"), ("x: {<<: {a: 1}}", "x: {a: 1}"), ("x: {<<: {a: 1}}", "x: {'<<': {a: 1}}"),
    ("a: !!set {x, y}", "a: {x: , y: }"), ("a: !!omap [x: 1]", "a: [x: 1]"), ("a: !!binary aGk=", "a: hi"),
    ("a: !!pairs [x: 1]", "a: !!omap [x: 1]"), ("a: !!timestamp 2001-01-01", "a: 2001-01-01"), ("a: !!float 1", "a: 1"),
    ("a: ! 1", "a: 1"), ("a: []", "a: {}"), ("a: []", "a:"), ("a: |\n  x\n", "a: x"), ("a: 'x '", "a: x"),
    ("a: 'é'", "a: 'e\u0301'"), ("%YAML 1.1\n---\na: on", "a: on"), ("a: .inf", "a: -.inf"), ("a: nan", "a: .nan"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_two_spellings_that_every_reader_takes_alike_are_equal(one, other):
    assert written(one) == written(other)


@pytest.mark.parametrize(("one", "other"), APART)
def test_what_some_reader_tells_apart_is_not_equal(one, other):
    assert written(one) != written(other)


SPELLINGS = st.sampled_from(
    [
        *("1", "+1", "01", "'1'", "1.0", "1.00", "on", "yes", "'on'", '"on"', "true", "True", "y"),
        *("~", "null", "", "''", "012", "0012", "12", "10", "1e3", "1.0e+3", "1000.0", "x", "'x'"),
        *('"x"', "!!str x", "[x]", "[ 'x' ]", "{x: 1}", "{'x': 1}", "{x: 1, y: 2}", "{y: 2, x: 1}"),
        *("0x1f", "31", "1_0", ".5", "0.5", "-0", "0", "0.0", "-0.0", "2001-01-01", ".inf", "1:30"),
    ]
)
LAYOUTS = st.sampled_from(
    [
        "a: {0}\nb: {1}\n",
        "{{a: {0}, b: {1}}}",
        "# c\n'a':   {0} # d\n\n\"b\": {1}\n",
        "b: {1}\na: {0}",
    ]
)
TEXTS = st.builds(lambda layout, one, two: layout.format(one, two), LAYOUTS, SPELLINGS, SPELLINGS)


@given(TEXTS, TEXTS)
def test_equal_means_that_pyyaml_and_ruamel_read_the_same(one, other):
    if written(one) == written(other):
        assert by_readers(one) == by_readers(other)
    elif by_readers(one) == by_readers(other) != ["invalid"]:
        assert "plain" in f"{written(one)!r}{written(other)!r}", (
            "a stricter reader tells them apart"
        )


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029\ufeff"), max_size=8)
).filter(lambda leaf: not (isinstance(leaf, str) and isinstance(read_plain(leaf), Plain)))
keys = st.text(st.sampled_from("abcxyz_é"), min_size=1, max_size=3).filter(
    lambda key: read_plain(key) == key
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=10,
)
styles = st.fixed_dictionaries(
    {
        "default_flow_style": st.booleans(),
        "default_style": st.sampled_from([None, '"', "'"]),
        "indent": st.integers(2, 8),
        "width": st.integers(20, 200),
        "allow_unicode": st.booleans(),
        "explicit_start": st.booleans(),
    }
)


@given(st.dictionaries(keys, values, max_size=3), styles, styles)
def test_style_changes_nothing(value, one, other):
    texts = [yaml.dump(value, Dumper=yaml.SafeDumper, sort_keys=False, **s) for s in (one, other)]
    assert written(texts[0]) == written(f"# a comment\n{texts[1]}")
    assert first_value(document(texts[0]).whole()) == normalise(parse_yaml(texts[0], PATH))


@given(st.dictionaries(keys, values, min_size=1, max_size=3), values)
def test_another_value_is_another_digest(value, new):
    key = next(iter(value))
    texts = [yaml.safe_dump(v, sort_keys=False) for v in (value, value | {key: new})]
    same = _typed(value[key]) == _typed(new)
    assert (written(texts[0]) == written(texts[1])) is same


@given(TEXTS | st.dictionaries(keys, values, max_size=3).map(yaml.safe_dump))
def test_dvc_reads_the_same_of_our_nodes(text):
    composed = single(text, PATH)
    try:
        expected = parse_yaml(text, PATH)
    except Exception:
        with pytest.raises(CaptureError):
            construct(composed, PATH)
        return
    assert _typed(construct(composed, PATH)) == _typed(expected)


NESTED = """\
a: {b: {c: 1}, 1: x, "2": y, on: z, d: [10, {e: 2}]}
base: &base {lr: 1, deep: {x: 1}}
more: &more {lr: 3, momentum: 2}
train: {<<: *base, lr: 2}
both: {<<: [*base, *more]}
e: ['p', q]
"""
NAMES = st.lists(
    st.sampled_from(
        [
            *(
                "a",
                "b",
                "c",
                "d",
                "e",
                "0",
                "1",
                "2",
                "-1",
                "+1",
                "on",
                "true",
                "base",
                "lr",
                "deep",
            ),
            *("x", "train", "both", "momentum", "<<", "**", "*", "?", "[ab]", "", "nope"),
        ]
    ),
    min_size=1,
    max_size=4,
).map(".".join)


@given(NAMES)
def test_a_parameter_is_found_as_dvc_finds_it(name):
    if name.strip(".") == "":
        return
    if name.split(".").count("**") > 1:
        with pytest.raises(CaptureError, match=r"has '\*\*' twice"):
            document(NESTED).select(name)
        return
    try:
        expected = dpath.get(parse_yaml(NESTED, PATH), name, separator=".")
    except KeyError:
        with pytest.raises(KeyError):
            document(NESTED).select(name)
        return
    except ValueError:
        with pytest.raises(CaptureError, match="places"):
            document(NESTED).select(name)
        return
    found = first_value(document(NESTED).select(name))
    assert found is UNTOLD or found == normalise(expected)


@pytest.mark.parametrize(
    ("text", "name", "other"),
    [
        ("x: {1: a}", "x.1", "x: {'1': a}"),
        ("x: {1: a}", "x.1", "x: [b, a]"),
        ("x: {on: {y: 1}}", "x.on.y", "x: {'on': {y: 1}}"),
        ("b: &b {lr: 1}\nx: {<<: *b}", "x.lr", "b: &b {lr: 1}\nx: {lr: 1}"),
    ],
)
def test_the_keys_above_a_value_are_kept_where_the_name_does_not_tell_them(text, name, other):
    assert document(text).select(name) != document(other).select(name)


def test_the_keys_above_a_value_have_no_order():
    one, other = document("x: {a: 1, b: 2}"), document("x: {b: 2, a: 1}")
    assert one.select("x.a") == other.select("x.a")
    assert one.select("x") != other.select("x")


def test_order_means_nothing_in_a_file_that_is_called_unordered():
    one, other = "x: {a: {p: 1, q: 2}, b: 2}", "x: {b: 2, a: {q: 2, p: 1}}"
    assert written(one, ordered=False) == written(other, ordered=False)
    assert written(one) != written(other)
    assert written("x: [1, 2]", ordered=False) != written("x: [2, 1]", ordered=False)


@pytest.mark.parametrize("end", ["\x85", "\u2028", "\u2029"])
def test_a_line_that_ends_for_some_readers_only_makes_the_content_count(end):
    text = f"a: 1 # x{end}b: 2\nc: 3\n"
    found = document(text)
    assert found.select("c") == {"content": blake3_of(text.encode())} == found.whole()
    assert "U+2028" in found.notes[0]
    assert document(f'a: "\\N{end}"').whole() == {
        "content": document(f'a: "\\N{end}"').whole()["content"]
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\nb: 2\na: 3", "the duplicate key 'a' of one mapping stands in lines 1 and 3"),
        ("x:\n  1: a\n  1.0: b", "the duplicate key '1.0' of one mapping stands in lines 2 and 3"),
        ("true: a\nTrue: b", "the duplicate key 'True'"),
        ("{a: 1, a: 2}", "in line 1"),
        ("<<: {a: 1}\n<<: {b: 2}", "the duplicate key '<<'"),
        ("? [a]\n: 1\n? [a]\n: 2", "collection"),
        ("a: &x\n  b: *x", "the value in line 2 contains itself"),
        ("a: 1\nb: !custom x", "does not know the tag '!custom' in line 2"),
        ("a: !!python/object:os.system x", "does not know the tag"),
        ("a: 1\nb: *nowhere", "nowhere"),
        ("a: 1\n---\nb: 2", "several documents"),
        ("a: 1\nb: [1", "in line"),
        ("a: 1\nb: " + "1" * 5_000, "the number in line 2 has too many digits"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(text, says):
    with pytest.raises(CaptureError, match=r"params\.yaml cannot be read") as error:
        document(text)
    assert says in str(error.value)


@pytest.mark.parametrize("opening", ["{a: ", "[", "!!omap [ a: ", "!!set {? ", "!!pairs {a: "])
def test_the_deepest_that_is_read_is_read_back_from_the_registry(opening):
    closing = {"{": "}", "[": "]"}[re.sub(r"[^{\[]", "", opening)]
    for depth in range(DEEPEST - 30, DEEPEST + 2):
        text = opening * depth + "x" + closing * depth
        try:
            value = document(text).whole()
        except CaptureError as error:
            assert "deeper than" in str(error)
            continue
        version = PipelineVersion(Manifest({"a": Stage(params={PATH: {"x": Typed(value)}})}))
        again = Manifest.from_json(json.loads(version.canonical))
        assert PipelineVersion(again).blake3 == version.blake3
        shown(value), json.dumps(natural(value))
    with pytest.raises(CaptureError, match="deeper than"):
        document(opening * 70 + "x" + closing * 70)


def test_a_name_that_means_two_places_names_both():
    with pytest.raises(
        CaptureError, match=r"The parameter x\.1 means 2 places of params\.yaml, in lines 2 and 3"
    ):
        document("x:\n  1: a\n  '1': b\n").select("x.1")


def test_names_with_wildcards_are_bounded(monkeypatch):
    monkeypatch.setattr("lineage.capture.parameters.document.MOST_VISITED", 500_000)
    found = document("x: {" + ", ".join(f"k{n}: {{a: 1}}" for n in range(30_000)) + "}")

    def select_many() -> None:
        for n in range(200):
            with suppress(KeyError):
                found.select(f"*.*.nope{n}")

    with pytest.raises(CaptureError, match="too much"):
        select_many()


@given(
    st.text(max_size=40) | st.text(st.sampled_from("[]{}:,&*!%|>-?#'\"<ab01.~ \n\t"), max_size=40)
)
def test_nothing_makes_it_fail_but_with_a_sentence(text):
    with suppress(CaptureError):
        found = single(text, PATH)
        written(text)
        construct(found, PATH)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("base: &b {x: 1}\ny: {<<: *b}\nd: 2026-13-01", "'2026-13-01' is no timestamp in line 3."),
        ("y: {=: 1}\nd: !!bool maybe", "'maybe' is no bool in line 2."),
        ("base: &b {x: 1}\ny: {<<: *b}\nd: !!set [a]", "but found sequence in line 3."),
        ("base: &b {x: 1}\ny: {<<: *b}\nd: 1\nd: 2", 'found duplicate key "d"'),
        ("y: {<<: 5}", "for merging, but found scalar in line 1."),
    ],
)
def test_the_value_that_cannot_be_read_is_named_with_its_line(text: str, said: str) -> None:
    with pytest.raises(CaptureError) as error:
        construct(single(text, PATH), PATH)
    assert said in str(error.value)


def test_what_cannot_be_read_is_told_in_a_short_sentence() -> None:
    text = f"a: &a '{'x' * 100_000}'\nb: &b [*a, *a]\nk: {{x: *b, x: *b}}"
    with pytest.raises(CaptureError, match="found duplicate key") as error:
        construct(single(text, PATH), PATH)
    assert len(str(error.value)) < 500
