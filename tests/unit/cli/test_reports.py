"""The guard's decision in other programs' formats, held against those formats' own schemas."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lineage.cli.reports import FORMATS, github, graph, junit, render, sarif
from lineage.cli.reports.findings import findings
from sarif_pydantic import Sarif

from lineage.contract.results.graph import GraphNode, NodeKind, Trace
from lineage.guard.decision import Check, Decision, Status
from lineage.guard.evaluate import decide
from lineage.timestamps import moment
from tests.conftest import pipeline

from ..guard.test_evaluate import GOOD, TWO, Waiver

XSD = Path(__file__).parents[2] / "schemas/junit-10.xsd"
GOOD_DECISION = decide(GOOD)
BAD = decide(
    dataclasses.replace(
        GOOD,
        deployed=pipeline("new"),
        policy=TWO,
        dirty=True,
        waivers=(Waiver("approvals", "the fire", "boss", moment("2026-11-21T08:00:00Z")),),
    )
)
PLACED = dataclasses.replace(
    BAD,
    checks=tuple(
        dataclasses.replace(
            check,
            details=check.details
            | {
                "places": [{"path": "a b/params.yaml", "line": 2}],
                "commits": [{"commit": "c" * 40, "author": "A|nn", "at": "2026", "subject": "<b> `x` | y"}],
                "diffs": [{"path": "src/f.py", "lines": ["-```", "+x"], "left_out": 3}],
            },
        )
        if check.code == "pipeline-match"
        else check
        for check in BAD.checks
    ),
)  # fmt: skip

words = st.text(max_size=40)
checks = st.builds(
    Check,
    st.sampled_from(["validated", "pipeline-match"]),
    st.sampled_from(Status),
    words,
    st.none() | words,
    st.fixed_dictionaries(
        {},
        optional={
            "explanation": st.lists(words, max_size=2),
            "places": st.lists(
                st.fixed_dictionaries({"path": words, "line": st.none() | st.integers(1, 9)}), max_size=2
            ),
        },
    ),
)  # fmt: skip
decisions = st.builds(
    Decision, words, st.integers(1, 9), words, st.lists(checks, max_size=3).map(tuple)
)


@pytest.fixture(scope="module")
def schema():
    import xmlschema  # a second to load, which every process of a run would spend

    return xmlschema.XMLSchema(XSD)


@given(decision=decisions)
def test_any_decision_is_valid_junit(schema, decision):
    text = junit.render(decision)
    schema.validate(text.split("\n", 1)[1])
    suite = ElementTree.fromstring(text.encode()).find("testsuite")
    assert int(suite.get("failures")) == len(suite.findall("testcase/failure"))
    assert int(suite.get("skipped")) == len(suite.findall("testcase/skipped"))
    assert len(suite.findall("testcase")) == int(suite.get("tests")) == len(decision.checks)


@given(decisions)
def test_any_decision_is_valid_sarif(decision):
    document = json.loads(sarif.render(decision))
    parsed = Sarif.model_validate(document)
    assert document["version"] == "2.1.0"
    results = document["runs"][0]["results"]
    assert len(results) == len(parsed.runs[0].results) == len(list(findings(decision)))
    known = {rule["id"] for rule in document["runs"][0]["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in results} <= known
    for result in results:
        assert result["locations"], "code scanning takes no result without a place"


@given(decisions)
def test_no_text_breaks_out_of_an_annotation(decision):
    lines = github.render(decision).split("\n")
    assert len(lines) == len(list(findings(decision))) + 1 + decision.environment.count("\n") + (
        decision.model.count("\n")
    )
    for line in lines[: len(list(findings(decision)))]:
        assert line.startswith(("::error ", "::warning "))
        assert "\r" not in line


def test_a_finding_stands_where_its_change_is():
    (placed, *rest) = findings(PLACED)
    assert (placed.path, placed.line) == ("a b/params.yaml", 2)
    assert placed.sentence.endswith("featurize: parameter top old → new")
    assert {finding.check.code for finding in rest} == {"code-clean", "approvals"}
    assert github.render(PLACED).startswith(
        "::error file=a b/params.yaml,line=2,title=lineage pipeline-match::churn@7 was validated"
    )
    result = json.loads(sarif.render(PLACED))["runs"][0]["results"][0]
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "a%20b/params.yaml"},
        "region": {"startLine": 2},
    }


def test_a_summary_that_holds_the_sentence_does_not_say_it_twice():
    """Of two requirements each is told at its own line, once."""
    broken = [
        {"sentence": f"{name} does not hold", "holds": False, "source": "repository"}
        for name in ("auc >= 0.8", "f1 >= 0.5")
    ]
    summary = "; ".join(one["sentence"] for one in broken)
    places = [{"path": "lineage.toml", "line": line} for line in (12, 13)]
    details = {"requirements": broken, "places": places}
    check = Check("requirements", Status.FAIL, summary, None, details)
    told = findings(dataclasses.replace(BAD, checks=(check,)))
    assert [(one.sentence, one.line) for one in told] == [
        ("auc >= 0.8 does not hold", 12),
        ("f1 >= 0.5 does not hold", 13),
    ]


def test_what_is_waived_is_told_as_suppressed_and_never_silent():
    results = json.loads(sarif.render(BAD))["runs"][0]["results"]
    waived = next(result for result in results if result["ruleId"] == "approvals")
    assert waived["suppressions"] == [{"kind": "external", "justification": "boss: the fire"}]
    assert waived["level"] == "warning"
    assert "::warning title=lineage approvals::" in github.render(BAD)
    assert "waived by boss: the fire" in junit.render(BAD)


def test_the_summary_is_a_table_and_escapes_what_people_wrote(tmp_path, monkeypatch):
    page = tmp_path / "summary.md"
    page.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    render("github", PLACED)
    text = page.read_text()
    assert text.startswith("before\n## ❌ churn@7 may not serve in production\n")
    assert "| ❌ | `pipeline-match` | churn@7 was validated" in text
    assert "&lt;b&gt; \\`x\\` \\| y (A\\|nn)" in text
    assert "````diff\n-```\n+x\n(3 more lines)\n````" in text
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "no/such/folder"))
    assert render("github", GOOD_DECISION) == "churn@7 may serve in production"


@pytest.mark.parametrize("form", FORMATS[1:])
def test_a_good_decision_has_no_finding(form):
    text = render(form, GOOD_DECISION)
    assert "::error" not in text
    if form == "sarif":
        assert json.loads(text)["runs"][0]["results"] == []
    if form == "junit":
        assert "<failure" not in text


def test_a_label_of_a_drawn_graph_is_inert_and_bounded():
    name = 'a"]\u202e\x1b[31m;<script>' + "W" * 300
    trace = Trace("m@1", (GraphNode("m@1", NodeKind.FILE, name),), ())
    for drawn in (graph.dot(trace), graph.mermaid(trace)):
        assert not {"\u202e", "\x1b"} & {*drawn}
        assert "#8238;" not in drawn
        assert "W" * 100 in drawn
        assert "W" * 200 not in drawn
        assert len(drawn.splitlines()) < 6
