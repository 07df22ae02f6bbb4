"""Text of people acts on nothing: on no terminal, no line, no direction of writing, no CI service."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.inert import inert, inert_json, inert_lines

ACTING = ("Cc", "Cf", "Cs", "Zl", "Zp")
JOINERS = "\u200c\u200d"
ANY = st.text(st.characters(codec=None))


def acts(text: str, but: str = "") -> list[str]:
    return [c for c in text if unicodedata.category(c) in ACTING and c not in JOINERS + but]


def test_every_character_that_acts_is_escaped():
    every = "".join(map(chr, range(0x110000)))
    assert not acts(inert(every))
    assert not acts(inert_lines(every), "\n")


@given(ANY)
def test_a_text_is_one_inert_line(text):
    shown = inert(text)
    assert not acts(shown)
    assert len(shown.splitlines()) <= 1
    assert inert(shown) == shown


@given(ANY)
def test_json_says_the_same_and_acts_on_nothing(text):
    shown = inert_json({text: [text]}, indent=2)
    assert not acts(shown, "\n")
    assert json.loads(shown) == json.loads(json.dumps({text: [text]}))
    assert len(shown.split("\n")) == 5


@pytest.mark.parametrize("text", ["süß", "Zürich 東京", "👩‍💻 ❤️", "नमस्‍ते", "a\\nb", "::", "#["])
def test_what_is_only_written_stays(text, monkeypatch):
    for name in ("CI", "GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION"):
        monkeypatch.delenv(name, raising=False)
    assert inert(text) == text
    assert json.loads(inert_json(text)) == text


@pytest.mark.parametrize("service", ["CI", "GITHUB_ACTIONS", "TF_BUILD", "TEAMCITY_VERSION"])
@pytest.mark.parametrize(
    "text",
    ["::add-mask::x", "  ::stop-commands::x", "##vso[task.setvariable]x", "a ##[group]b",
     "##teamcity[message]", "###[x"],
)  # fmt: skip
def test_the_log_of_a_ci_service_finds_no_command(monkeypatch, service, text):
    monkeypatch.setenv(service, "true")
    for shown in (inert(text), inert_lines(f"x\n{text}"), json.dumps(inert_json(text))):
        for line in shown.split("\n"):
            assert not line.lstrip().startswith("::")
            assert "##[" not in line
            assert "##vso[" not in line
            assert "##teamcity[" not in line
    assert json.loads(inert_json(text)) == text
    assert inert_lines(text, commands=True) == text
