"""A lock of any shape: it is read, or refused in a sentence."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from dvc.utils.serialize import dumps_yaml, parse_yaml
from hypothesis import HealthCheck, example, given, reject, settings
from hypothesis import strategies as st

from lineage.capture.dvc import DvcProject
from lineage.capture.dvc_hash import DvcHasher
from lineage.capture.lock import Lock, _typed
from lineage.capture.origin import OriginReader
from lineage.capture.source import WorkingTree
from lineage.errors import CaptureError, LineageError

if TYPE_CHECKING:
    from pathlib import Path

STAGES = """\
stages:
  prepare:
    cmd: python prepare.py
    deps: [raw.csv]
    params: [top]
    outs: [clean.csv]
  train:
    cmd: python train.py
    deps: [clean.csv]
    outs: [model.bin]
"""
FILES = {"dvc.yaml": STAGES, "params.yaml": "top: 1\n", "model.bin": "m", "raw.csv": "1\n"}
LOCK = {
    "schema": "2.0",
    "stages": {
        "prepare": {
            "cmd": "python prepare.py",
            "deps": [{"path": "raw.csv", "hash": "md5", "md5": "0" * 32, "size": 2}],
            "params": {"params.yaml": {"top": 1}},
            "outs": [{"path": "clean.csv", "hash": "md5", "md5": "0" * 32, "size": 2}],
        },
        "train": {
            "cmd": "python train.py",
            "deps": [{"path": "clean.csv", "hash": "md5", "md5": "0" * 32, "size": 2}],
            "outs": [{"path": "model.bin", "size": 1, "etag": "x", "files": [{"relpath": "a"}]}],
        },
    },
}
KEYS = st.sampled_from(["path", "md5", "hash", "deps", "outs", "params", "files", "size", "cmd"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / ".dvc").mkdir()
    return tmp_path


def _read(top: Path, lock: Any) -> None:
    (top / "dvc.lock").write_text(lock if isinstance(lock, str) else json.dumps(lock))
    source = WorkingTree(top, None)
    reader = OriginReader("churn", DvcProject(source, ""), None, DvcHasher(source, "", None, None))
    reader.read(top / "model.bin", top)


def _places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document, the top of it included."""
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    return [place, *(p for key, one in inner for p in _places(one, (*place, key)))]


def _put(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    """The document with another value at a place."""
    if not place:
        return new
    key, *rest = place
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[key] = _put(copy[key], tuple(rest), new)
    return copy


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.sampled_from(_places(LOCK)), value=VALUES)
@example(place=("stages", "prepare", "deps"), value=5)
@example(place=("stages", "prepare", "deps"), value=True)
@example(place=("stages", "train", "deps", 0, "path"), value=["a"])
@example(place=("stages", "train", "outs", 0, "size"), value="²")
def test_a_lock_of_any_shape_raises_nothing_but_our_errors(
    project: Path, place: tuple[Any, ...], value: Any
) -> None:
    with suppress(LineageError):
        _read(project, _put(LOCK, place, value))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("!!bool maybe", "'maybe' is no bool in line 2."),
        ("!!int ''", "'' is no int in line 2."),
        ("!!float ''", "'' is no float in line 2."),
        ("!!timestamp soon", 'failed to construct timestamp from "soon" in line 2.'),
        ("2026-13-01", "'2026-13-01' is no timestamp in line 2."),
        ("!!binary é", "failed to convert base64 data into ascii"),
        ("!!set [1]", "expected a mapping node, but found sequence in line 2."),
    ],
)
def test_a_value_that_its_type_does_not_fit_is_refused(project: Path, value: str, why: str) -> None:
    text = json.dumps(LOCK).replace('"size": 2', f'"size":\n {value}')
    with pytest.raises(CaptureError, match=re.escape(f"dvc.lock cannot be read: {why}")):
        _read(project, text)


ODD = (
    "a: 0.1\t", "a:\t0.1", "a: v\tw", "a: |\t", "a: |# c", "a: !!str\t1", "%YAML 1.2\t\n---\na: 1",
    "{a: !!str, b: 0.1}", "[!!str, 1]", "{*b: 1}", "x: &a 1\n*a: 2", "a: &b:c 0.1", "&a: 1",
    "a:\n  \x85b: 1", "a:\n  \u2028b: 1", "a: 1\n\ufeff", "!!merge <<: {a: 1}", "<<: {a: 1}",
    "x: &a {b: 1}\ny: {<<: *a}", "<<: 5", "<<: [{a: 1}, 5]", "a: 1:30", "%YAML 1.1\n---\na: 1:30",
    "a: 010", "%YAML 1.1\n---\na: 010", "a: .nan", "a: 1_0", "a: >-\n  b\n  c", "? a\n: 1", "a: b #c",
    "a: 'b: c'", "a: python b.py && echo {x} > c", "- a", "a", "a: 1\na: 2", "a: [b, {c: d}]",
)  # fmt: skip
"""What libyaml alone reads otherwise than DVC, and what both read alike."""


@pytest.mark.parametrize("text", ODD)
def test_a_lock_is_read_as_dvc_reads_it(text: str) -> None:
    try:
        expected = parse_yaml(text, "dvc.lock")
    except Exception:
        expected = None
    if isinstance(expected, dict):
        assert repr(_typed(text, "dvc.lock")) == repr(expected)
    else:
        with pytest.raises(CaptureError, match=r"dvc\.lock"):
            _typed(text, "dvc.lock")


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
            max_leaves=9,
        ),
        max_size=4,
    )
)
def test_what_dvc_writes_is_read_as_dvc_reads_it(value: dict[str, Any]) -> None:
    try:
        text = dumps_yaml(value)
        expected = parse_yaml(text, "dvc.lock")
    except Exception:  # DVC cannot write it, or not read what it wrote
        reject()
    assert repr(_typed(text, "dvc.lock")) == repr(expected or {})


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("1", "2", "the parameter top of prepare was 1, not 2"),
        (f'"{"x" * 300}"', "2", f"the parameter top of prepare was '{'x' * 79}…, not 2"),
        (f"0x{'f' * 5000}", "2", "top of prepare was a number of more than 4,300 digits, not 2"),
        (".nan", ".nan", None),
        ("[1, .nan]", "[1, .nan]", None),
        (".nan", "1.5", "the parameter top of prepare was nan, not 1.5"),
    ],
)
def test_a_parameter_that_changed_is_told_in_one_line(
    project: Path, was: str, now: str, said: str | None
) -> None:
    (project / "params.yaml").write_text(f"top: {now}\n")
    (project / "dvc.lock").write_text(json.dumps(LOCK).replace('"top": 1', f'"top": {was}'))
    dvc = DvcProject(WorkingTree(project, None), "")
    (stage,) = dvc.making("clean.csv")
    told = [one for one in Lock(dvc, None).differences(stage) if "parameter" in one]
    assert told == [] if said is None else said in told[0]


SHAPES = {
    "the lock": ((), [], "it is no mapping"),
    "stages": (("stages",), 5, "its stages are no mapping"),
    "a stage": (("stages", "train"), ["cmd"], "the stage train is no mapping"),
    "no entry": (("stages", "train"), None, "the stage train is no mapping"),
    "cmd": (("stages", "train", "cmd"), 5, "cmd of the stage train"),
    "deps": (("stages", "train", "deps"), 5, "deps of the stage train"),
    "no deps": (("stages", "train", "deps"), None, "deps of the stage train"),
    "deps as text": (("stages", "train", "deps"), ["clean.csv"], "deps of the stage train"),
    "a path": (("stages", "train", "deps", 0, "path"), ["a"], "deps of the stage train"),
    "outs": (("stages", "train", "outs"), {"path": "a"}, "outs of the stage train"),
    "params": (("stages", "prepare", "params"), ["top"], "params of the stage prepare"),
    "a file's": (
        ("stages", "prepare", "params"), {"params.yaml": ["top"]}, "params of the stage prepare",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_not_of_dvcs_shape_is_refused_by_its_name(project: Path, name: str) -> None:
    place, value, says = SHAPES[name]
    with pytest.raises(CaptureError, match=f"dvc.lock is not what DVC writes: {says}"):
        _read(project, _put(LOCK, place, value))


@pytest.mark.parametrize("size", ["²", "9" * 5000, "-1", "1e3"])
def test_a_size_that_is_no_number_counts_for_nothing(project: Path, size: str) -> None:
    place = ("stages", "train", "outs", 0, "size")
    with pytest.raises(CaptureError, match="were not made of what is here"):
        _read(project, _put(LOCK, place, size))
