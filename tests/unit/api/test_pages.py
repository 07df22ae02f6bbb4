"""What the pages say of a slot, and how they write what people wrote: pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lineage.api.pages import addresses, charts, course, templating, timeline, visitors, words
from lineage.api.pages.side_by_side import side_by_side
from lineage.api.pages.words import Urgency

from lineage.contract.results import nothing_observed
from lineage.explain.changes import FileDiff
from lineage.identity.change import Change, ChangeKind
from tests.support.visiting import Read

SIDE = {"ref": "churn@2", "pipeline": "xxh3:" + "a" * 32}
READY = SIDE | {"ready": True, "reasons": [], "moves_pipeline": False}
SLOT = {
    "serving": SIDE, "backup": READY, "waiver": None, "contradicted": False, "environment": "production", "model": "churn",
}  # fmt: skip
WAIVER = {
    "code": "validated", "waived_by": "ann", "until": None, "reason": "the fire", "ended": False,
}  # fmt: skip

SAID = {
    "in order": ({}, {}, Urgency.WELL),
    "contradicted": ({"contradicted": True}, {}, Urgency.BAD),
    "empty": ({"serving": None, "backup": None}, {}, Urgency.NOTE),
    "no backup": ({"backup": None}, {}, Urgency.WARN),
    "backup not ready": ({"backup": READY | {"ready": False, "reasons": ["gone"]}}, {}, Urgency.WARN),
    "waiver": ({"waiver": WAIVER}, {}, Urgency.WARN),
    "waiver ended": ({"waiver": WAIVER | {"ended": True}}, {}, Urgency.BAD),
    "rollout": ({"staged": SIDE}, {}, Urgency.NOTE),
    "2 lagging": ({}, {"lagging": 2, "in_step": 1, "instances": 3}, Urgency.BAD),
    "1 foreign": ({}, {"foreign": 1, "instances": 1}, Urgency.BAD),
    "1 skewed": ({}, {"skewed": 1, "instances": 1}, Urgency.WARN),
    "1 rolling": ({}, {"rolling": 1, "instances": 1}, Urgency.NOTE),
    "1 silent": ({}, {"unknown": 1, "instances": 1}, Urgency.NOTE),
}  # fmt: skip


@pytest.mark.parametrize("word", SAID)
def test_what_is_the_matter_with_a_slot_is_said_in_a_word_and_a_sentence(word):
    differs, observed, urgency = SAID[word]
    seen = nothing_observed("production", "churn") | observed if observed else None
    (matter,) = words.matters(SLOT | differs, seen)
    assert (matter.word, matter.urgency) == (word, urgency)
    assert matter.sentence.endswith((".", "gone", "fire"))


def test_the_most_urgent_comes_first():
    found = words.matters(SLOT | {"contradicted": True, "backup": None, "staged": SIDE}, None)
    assert [matter.word for matter in found] == ["contradicted", "no backup", "rollout"]
    assert words.urgency(found) is Urgency.BAD


HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "a\u202eb", "\u2066x", "\x1b[31m",
    "' onclick='x", "&lt;b&gt;", "\ud800", "line\nbreak", "</title><h1>",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_what_people_wrote_is_text(text):
    html = _failed(text)
    read = Read(html)
    assert [tag for tag, _ in read.tags if tag in ("img", "b")] == []
    scripts = [said.get("src", "") for tag, said in read.tags if tag == "script"]
    assert [src.partition("?")[0] for src in scripts] == ["/assets/htmx.min.js", "/assets/pages.js"]
    assert html.count("<h1>") == 1
    for sign in "\u202e\u2066\x1b\ud800":
        assert sign not in html
    if text.isprintable():
        assert text in read.text


@given(st.text(min_size=1))
def test_no_text_breaks_a_page(text):
    plain = Read(_failed("plain"))
    read = Read(_failed(text))
    assert [tag for tag, _ in read.tags] == [tag for tag, _ in plain.tags]


def _failed(text: str) -> str:
    return templating.render(
        "error.html",
        {"title": text, "sentence": text, "remedy": text, "number": text, "path": text,
         "navigation": addresses.NAVIGATION, "principal": None, "form_token": ""},
    )  # fmt: skip


@given(st.text())
def test_nobody_is_led_away_from_this_server(path):
    led = visitors.local(path)
    assert led.startswith("/")
    assert not led.startswith(("//", "/\\"))
    assert led in (path, "/")
    assert led.isascii()


@given(st.text(min_size=1), st.text(min_size=1))
def test_forms_of_two_visitors_differ(one, other):
    alike = one.encode("utf-8", "replace") == other.encode("utf-8", "replace")
    assert (visitors.form_token(one) == visitors.form_token(other)) is alike
    assert one not in visitors.form_token(one) or len(one) < 8


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.912345678, "0.91235"), (1234567, "1,234,567"), (13320192.0, "13,320,192"), (1e300, "1e+300"), (None, "-"), (True, "True"), (1e-9, "1e-09"), ("x", "x")],
)  # fmt: skip
def test_numbers_are_short(value, shown):
    assert templating.number(value) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(None, "size unknown"), (0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (2 * 10**9, "2.0 GB"), (10**16, "10,000.0 TB")],
)  # fmt: skip
def test_sizes_are_read_by_people(count, shown):
    assert templating.size(count) == shown


def test_the_lines_of_a_diff_are_told_apart_and_escaped():
    diff = ["@@ -1,2 +1,2 @@", "-\tif x < 1:", "+if x <= 1: \u202e", " plain", ""]
    assert templating.code_lines(diff).splitlines() == [
        "<b>@@ -1,2 +1,2 @@</b>",
        "<del>-   if x &lt; 1:</del>",
        "<ins>+if x &lt;= 1: \\u202e</ins>",
        " plain",
    ]


def test_of_a_long_diff_the_first_is_shown_and_the_rest_is_counted():
    changes = [Change("fit", ChangeKind.PARAMETER, f"n{i}", i, i + 1) for i in range(12)]
    shown = side_by_side(changes, 10)
    assert (len(shown.rows), shown.more) == (10, 2)
    lines = ("--- a", "+++ b", *(f"+{number}" for number in range(50)))
    first = timeline.begun(FileDiff("src/fit.py", lines, 7))
    assert (first.lines[0], len(first.lines), first.left_out) == ("+0", 20, 37)


def test_no_name_in_a_chart_lies_over_another():
    measured = [charts.Measured(f"churn@{number}", number / 100) for number in range(1, 101)]
    serves = {f"churn@{number}": (f"environment-{number}",) for number in (1, 2, 60, 99, 100)}
    serves["churn@30"] = ("x" * 300,)
    served = {"churn@50": ("production",), "churn@98": ("production", "environment-98")}
    places = charts.Places(serves, {"churn@98": ("environment-98",)}, served)
    drawn = charts.chart("auc", measured, places)
    names = [text for _, text in drawn.labels]
    assert names == ["environment-100", "environment-60", "environment-2"], "the newest first"
    ends = [(x - len(text) * 4, x + len(text) * 4) for x, text in drawn.labels]
    assert all(0 <= low < high <= drawn.width for low, high in ends)
    assert (drawn.first, drawn.last) == ("version 1", "version 100")
    titles = {point.title.partition(":")[0]: point.title for point in drawn.points}
    assert titles["churn@50"] == "churn@50: 0.5; served in production"
    assert titles["churn@98"] == (
        "churn@98: 0.98; stands by in environment-98; served in production"
    )


@pytest.mark.parametrize(
    ("values", "told"),
    [([0.0001, 0.3], ["0", "0.3"]), ([-0.001, 0.3], ["0", "0.3"]), ([-0.2, 0.1], ["0", "0.1", "-0.2"]), ([0.0], ["0"])],
)  # fmt: skip
def test_no_loss_beside_a_course_lies_over_another(values, told):
    windows = [
        {"start": "2026-11-20T00:00:00Z", "kind": "quiet", "rows": 9, "loss": {"value": value}}
        for value in values
    ]
    found = {"windows": windows, "months": [], "validated": None}
    assert [text for _, text in course.course(found).ticks] == told


def test_what_a_month_lost_is_drawn_above_what_was_gained():
    starts = ("2026-09-01", "2026-09-02", "2026-10-01")
    windows = [
        {"start": f"{day}T00:00:00Z", "kind": "quiet", "rows": 9, "loss": None} for day in starts
    ]
    months = [
        {"start": f"{month}-01T00:00:00Z", "realised": realised}
        for month, realised in (("2026-09", {"value": 0.64}), ("2026-10", {"value": 0.7}))
    ]
    found = {"windows": windows, "months": months, "validated": {"value": 0.68}}
    lost, gained = course.course(found).realised
    assert lost.title == "2026-09: realised loss 0.040 of AUC"
    assert gained.title == "2026-10: realised loss -0.020 of AUC"
    assert lost.y < gained.y
    assert lost.x2 - lost.x1 > gained.x2 - gained.x1, "of two days, and of one"
