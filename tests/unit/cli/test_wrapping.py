"""Lines as wide as a terminal."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lineage.cli.wrapping import wrapped

WORDS = st.text("abc:@-/", min_size=1, max_size=40)
LINES = st.builds(
    lambda margin, words: " " * margin + "".join(word + gap for word, gap in words).rstrip(),
    st.integers(0, 12),
    st.lists(st.tuples(WORDS, st.sampled_from([" ", "  ", "     "])), min_size=1, max_size=30),
)


@given(LINES, st.integers(20, 200))
def test_no_word_is_cut_and_none_is_lost(text, width):
    lines = wrapped(text, width)
    assert " ".join(lines).split() == text.split()
    assert all(len(line) <= width or len(line.split()) == 1 for line in lines)
    assert not any(line != line.rstrip() for line in lines)


@given(LINES)
def test_what_fits_stays_as_it_is(text):
    assert wrapped(text, len(text)) == [text]


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("  fail  kind  one two three", 20, ["  fail  kind  one", "        two three"]),
        ("name  " + "x" * 30 + " y", 20, ["name", "      " + "x" * 30, "      y"]),
        ("    one two three", 12, ["    one two", "    three"]),
    ],
)
def test_lines_go_on_below_the_last_column_that_leaves_them_room(text, width, lines):
    assert wrapped(text, width) == lines


@given(LINES, st.integers(20, 80))
def test_colours_take_no_room(text, width):
    coloured = re.sub(r"(\S+)", "\x1b[1;31m\\1\x1b[0m", text)
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in wrapped(coloured, width)]
    assert plain == wrapped(text, width)
