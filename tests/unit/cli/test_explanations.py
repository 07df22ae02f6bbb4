"""`lineage explain`: every code that an answer can have is explained, in plain text."""

from __future__ import annotations

import re

import pytest
from lineage.cli.explanations import all_explanations, explanation

from lineage.errors import NotFound
from lineage.guard.rules import CODES
from tests.unit.contract.test_problems import kinds


def test_every_rule_and_every_error_is_explained():
    known = all_explanations()
    assert {code for code, one in known.items() if one.kind == "rule"} == set(CODES)
    assert {kind.code for kind in kinds()} <= {
        code for code, one in known.items() if one.kind == "problem"
    }


@pytest.mark.parametrize("code", all_explanations())
def test_it_reads_as_plain_text(code):
    one = explanation(code)
    assert re.fullmatch(r"\S.{10,}\.", one.beginning)
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
    assert told.value.remedy == "«explain» lists them."
