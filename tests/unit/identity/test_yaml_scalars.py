"""Plain YAML scalars, held against PyYAML (1.1) and ruamel.yaml (1.2 and 1.1)."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from lineage.identity.yaml_scalars import Plain, read_as_dvc, read_plain

DISPUTED = [
    *("y", "Y", "n", "yes", "No", "on", "OFF", "<<", "="),
    *("1e-3", "1E5", "1.5e3", ".5e3", "-.5", "+.5", "1_000", "1_0.5", "0o12", "0b1", "-0", "-00"),
    *("012", "-012", "019", "0x_1", "-0x1f", "1:30", "190:20:30", "190:20:30.15", "+_1"),
    *("2001-12-14", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43 Z", "2001-1-1 1:00:00"),
]
AGREED = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    "0": 0, "+0": 0, "00": 0, "1": 1, "+1": 1, "-1": -1, "01": 1, "-007": -7, "0x1F": 31,
    "9007199254740993": 9007199254740993,
    "1.0": 1.0, "1.": 1.0, ".5": 0.5, "-1.5": -1.5, "+1.5": 1.5, "1.5e+3": 1500.0, "01.5": 1.5,
    ".inf": float("inf"), "-.Inf": -float("inf"), "+.INF": float("inf"),
    "a": "a", "nope": "nope", "None": "None", "1.2.3": "1.2.3", "1,000": "1,000", "10k": "10k",
    "./data": "./data", "2024-run": "2024-run", "0:44": "0:44", "tRue": "tRue", "0x": "0x",
    "1-2": "1-2", "nan": "nan", "inf": "inf", "0X1F": "0X1F", "1e": "1e",
}  # fmt: skip
_INVALID = object()

scalars = st.one_of(
    st.text(st.sampled_from("0123456789+-._"), min_size=1, max_size=7),
    st.text(st.sampled_from("0123456789+-._eExobaf:"), min_size=1, max_size=7),
    st.from_regex(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ][0-9]{1,2}:[0-9]{2}:[0-9]{2})?Z?", fullmatch=True),
    st.sampled_from([*DISPUTED, *AGREED]),
    st.sampled_from(["yes", "no", "on", "off", "true", "false", "null", "y", "n"]).map(str.title),
).filter(lambda text: text.strip() == text and text != "-" and not text.endswith(":"))  # fmt: skip


def by_pyyaml(text: str) -> object:
    try:
        return yaml.load(f"- {text}", Loader=yaml.SafeLoader)[0]
    except (yaml.YAMLError, ValueError):
        return _INVALID


def by_ruamel(text: str, version: tuple[int, int] | None = None) -> object:
    reader = YAML(typ="safe", pure=True)
    reader.version = version
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return reader.load(f"- {text}")[0]
        except Exception:
            return _INVALID


def typed(value: object) -> tuple[str, str]:
    return type(value).__name__, repr(value)


@pytest.mark.parametrize("text", DISPUTED)
def test_what_readers_take_differently_is_its_text(text):
    assert isinstance(read_plain(text), Plain)


@pytest.mark.parametrize(("text", "value"), AGREED.items())
def test_what_every_reader_takes_alike_is_its_value(text, value):
    assert typed(read_plain(text)) == typed(value)


@given(scalars)
@example(".nan")
def test_a_value_is_what_each_reader_gives(text):
    read = read_plain(text)
    if not isinstance(read, Plain):
        for other in (by_pyyaml(text), by_ruamel(text), by_ruamel(text, (1, 1))):
            assert typed(other) == typed(read)


@given(scalars)
def test_a_disputed_scalar_is_read_as_dvc_reads_it(text):
    plain, other = read_plain(text), by_ruamel(text)
    if not isinstance(plain, Plain) or other is _INVALID:
        return
    read = read_as_dvc(plain)
    if isinstance(read, Plain):
        assert text == "<<" or type(other).__module__ in ("datetime", "ruamel.yaml.timestamp")
    else:
        assert typed(read) == typed(other)


@pytest.mark.parametrize(
    ("one", "other"), [("012", "0012"), ("+012", "012"), ("-012", "-00012"), ("-0", "-00")]
)
def test_zeros_that_no_reader_sees_are_not_kept(one, other):
    assert read_plain(one) == read_plain(other)


PAGE = (Path(__file__).parents[3] / "docs/reference/digests.md").read_text(encoding="utf-8")
PAGE = PAGE.partition("**YAML.**")[2].partition("**JSON and TOML**")[0]


def on_the_page(kind: str) -> list[str]:
    """The expressions, or the words, that the published page gives for a kind of scalar."""
    (row,) = re.findall(rf"^\| {kind} \| (.*) \|$", PAGE, re.MULTILINE)
    return [cell.replace("\\|", "|") for cell in re.findall("`([^`]+)`", row)]


def by_the_page(text: str) -> object:
    """A scalar as somebody reads it who has nothing but the published page."""
    if text == "" or text in on_the_page("null"):
        return None
    if text in on_the_page("true, false"):
        return text.lower() == "true"
    if any(re.fullmatch(form, text) for form in on_the_page("an integer")):
        return int(text, 16 if text.startswith("0x") else 10)
    if any(re.fullmatch(form, text) for form in on_the_page("a float")):
        return float(re.sub(r"\.(inf|nan)", r"\1", text.lower()))
    (disputed,) = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    if any(re.fullmatch(form, text) for form in disputed.splitlines()):
        octal = re.fullmatch(r"([-+]?)0+([0-7]*)", text)
        return Plain(f"{octal[1].strip('+')}0{octal[2].lstrip('0')}" if octal else text)
    return text


@pytest.mark.parametrize("text", [*DISPUTED, *AGREED])
def test_the_published_page_says_what_a_scalar_is(text):
    assert typed(by_the_page(text)) == typed(read_plain(text))


@given(scalars)
@example(".nan")
def test_the_published_page_says_all_that_there_is_to_know(text):
    assert typed(by_the_page(text)) == typed(read_plain(text))


def test_a_number_of_many_digits_is_no_crash():
    with pytest.raises(ValueError):
        read_plain("1" * 5_000)
