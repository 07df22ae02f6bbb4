"""Tags and descriptions: their form, and what a person asks to change."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.errors import UsageError
from lineage.identity import labels

NAMES = st.from_regex(re.compile(labels.TAG), fullmatch=True)
VALUES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    max_size=labels.LONGEST_VALUE,
)


@given(st.dictionaries(NAMES, VALUES, max_size=labels.MOST_TAGS))
def test_what_may_be_set_is_read_back_as_it_was_written(tags):
    written = [f"{name}={value}" for name, value in tags.items()]
    assert labels.parse_tags(written) == tags
    assert labels.check_tags(tags) == tags
    assert labels.changes_of(written, []) == tags


@given(st.text(max_size=80))
def test_a_name_is_of_the_form_or_refused(name):
    if re.fullmatch(labels.TAG, name, re.ASCII):
        assert labels.check_tag_name(name) == name
    else:
        with pytest.raises(UsageError, match="no name of a tag"):
            labels.check_tag_name(name)


@pytest.mark.parametrize(
    ("set_", "taken", "says"),
    [
        (["team"], [], "sets no tag"),
        (["a=1", "a=2"], [], "set twice"),
        (["a=1"], ["a"], "both set and taken away"),
    ],
)
def test_what_contradicts_itself_is_refused(set_, taken, says):
    with pytest.raises(UsageError, match=says):
        labels.changes_of(set_, taken)


def test_a_surrogate_is_kept_nowhere():
    for text in ("\ud800", "x\0"):
        with pytest.raises(UsageError, match="cannot be kept"):
            labels.check_description(text)
