"""`lineage explain`: every code that an answer can have is explained, in plain text."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from lineage.cli.explanations import all_explanations, all_words, explanation

from lineage.errors import NotFound
from lineage.guard.rules import CODES
from tests.unit.contract.test_problems import kinds


def test_every_rule_and_every_error_is_explained():
    known = all_explanations()
    assert {code for code, one in known.items() if one.kind == "rule"} == set(CODES)
    assert {kind.code for kind in kinds()} <= {
        code for code, one in known.items() if one.kind == "problem"
    }


def test_every_exit_code_is_explained_with_the_codes_of_its_errors():
    exits = {code: one for code, one in all_explanations().items() if one.kind == "exit"}
    assert list(exits) == [str(number) for number in range(10)]
    assert exits["0"].text == "**Means:** done, or allowed."
    for kind in kinds():
        assert f"`{kind.code}`" in exits[str(kind.exit_code)].text
    assert exits["3"].title == "3, an exit code"
    assert exits["3"].beginning == "refused by the guard."


def test_a_word_of_the_glossary_is_explained():
    one = explanation("slot")
    assert one.title == "slot, a word"
    assert one.text.startswith("What serves for one model in one environment, and its backup.")
    assert explanation("stale").text == explanation("unmade").text
    assert len(all_words()) > 40
    assert "" not in {one.text for one in all_words().values()}


@pytest.mark.parametrize("code", [*all_explanations(), *all_words()])
def test_it_reads_as_plain_text(code):
    one = explanation(code)
    assert one.kind == "word" or re.fullmatch(r"\S.{8,}\.", one.beginning)
    text = "\n".join(one.lines())
    for left in ("](", "**", "```", "<!--", "\n## `"):
        assert left not in text, left
    words = [re.sub(r"[*#`]", "", said).split() for said in (one.text, text)]
    assert len(words[1]) >= len(words[0]) - one.text.count("```console"), "nothing is left out"


def test_a_slip_is_told_what_was_meant():
    with pytest.raises(NotFound) as told:
        explanation("conflct")
    assert told.value.remedy == "Did you mean conflict?"
    with pytest.raises(NotFound) as told:
        explanation("?")
    assert told.value.remedy.startswith("«explain» lists the codes; the words stand on the page")


@pytest.mark.parametrize("package", [".", "deploy/host"])
def test_the_pages_that_are_read_are_installed(package):
    """A checkout has them all, so nothing else here would miss one."""
    written = (Path(__file__).parents[3] / package / "pyproject.toml").read_text(encoding="utf-8")
    pages = tomllib.loads(written)["tool"]["setuptools"]["package-data"]["lineage.docs"]
    assert {"glossary.md", "reference/problems.md", "rules/*.md"} <= set(pages)
