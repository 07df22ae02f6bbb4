"""Answers show themselves in one line and as a table that acts on nothing."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from lineage.display import MOST_ROWS, Listing, Shown, table, text_of
from lineage.inert import inert

TEXT = st.text(max_size=30) | st.sampled_from(
    ["<script>alert(1)</script>", '" onload="x', "a\nb\x1b[31m", "‮evil", "</td></table>", "&lt;"]
)


class Reader(HTMLParser):
    """The tags, attributes and cells of a table."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()
        self.cells: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(attrs)
        if tag in ("td", "th", "caption"):
            self.cells.append("")

    def handle_data(self, data):
        self.cells[-1] += data


@dataclass(frozen=True, repr=False)
class Named(Shown):
    name: str

    def to_json(self):
        return {"name": self.name}

    def _line(self):
        return self.name

    def _facts(self):
        return {"name": self.name, "length": len(self.name)}


def harmless(html):
    read = Reader(html)
    assert read.tags <= {"table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert read.attributes <= {("style", "text-align:left")}
    assert "\n" not in html
    return read.cells


@given(
    TEXT, st.lists(TEXT, max_size=3), st.lists(st.lists(TEXT, min_size=1, max_size=3), max_size=3)
)
def test_no_text_becomes_markup(title, headings, rows):
    cells = harmless(table(title, headings, rows))
    assert len(cells) == 1 + len(headings) + sum(map(len, rows))


@given(TEXT)
def test_an_answer_shows_itself_in_one_line_and_as_a_table(name):
    line = repr(Named(name))
    assert line == inert(line)
    assert len(line.splitlines()) == 1
    assert len(harmless(Named(name)._repr_html_())) == 5
    assert Named(name).to_dict() == {"name": name}


def test_a_list_is_a_sequence_that_shows_itself():
    found = Listing(tuple(Named(f"m{number}") for number in range(5)), "models")
    assert (len(found), found[0].name, [one.name for one in found[3:]]) == (5, "m0", ["m3", "m4"])
    assert found.to_dicts()[1] == {"name": "m1"}
    assert repr(found) == "<models, 5: m0; m1; m2; …>"
    assert repr(found[:1]) == "<models, 1: m0>"
    assert repr(found[:0]) == "<models, 0>"
    assert harmless(found._repr_html_())[:5] == ["models, 5", "name", "length", "m0", "2"]
    assert harmless(found[:0]._repr_html_()) == ["models, 0"]
    assert found[:2] == Listing((Named("m0"), Named("m1")), "the first")


def test_a_long_list_shows_its_beginning_and_says_so():
    found = Listing(tuple(Named(str(number)) for number in range(MOST_ROWS + 7)), "models")
    cells = harmless(found._repr_html_())
    assert cells[0] == f"models, {MOST_ROWS + 7}, of which 7 are not shown"
    assert len(cells) == 1 + 2 + 2 * MOST_ROWS


def test_values_are_told_as_a_person_reads_them():
    at = dt.datetime(2026, 11, 26, 9, 30, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    assert text_of(at) == "2026-11-26 08:30:00 UTC"
    assert [text_of(v) for v in (None, False, 0.91, {"auc": None}, [])] == [
        "-",
        "no",
        "0.91",
        "auc -",
        "",
    ]
