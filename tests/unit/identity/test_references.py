"""Names and references."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.errors import UsageError
from lineage.identity.references import SELECTOR, Reference, check_environment_name, check_name

NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,127}", fullmatch=True)


@given(NAMES)
def test_every_valid_name_is_taken(name):
    assert check_name("model", name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "Churn",
        "a b",
        "a\n",
        "a\x00",
        "-a",
        "é",
        "a" * 129,
        "a" * 10_000,
    ],
)
def test_every_other_is_refused_in_one_short_sentence(name):
    with pytest.raises(UsageError) as error:
        check_name("model", name)
    assert len(str(error.value)) < 120
    assert "\n" not in str(error.value)


@given(NAMES, st.integers(1, 2**31 - 1))
def test_a_reference_reads_back_what_it_writes(model, number):
    for reference in (
        Reference(model, number=number),
        Reference(model),
        Reference(model, environment="production"),
        Reference(model, environment="production", backup=True),
    ):
        assert Reference.parse(str(reference)) == reference


ENVIRONMENTS = NAMES.filter(lambda name: name != "latest" and not name.isdigit())
REFERENCES = st.one_of(
    st.builds(Reference, NAMES),
    st.builds(Reference, NAMES, number=st.integers(1, 2**31 - 1)),
    st.builds(Reference, NAMES, environment=ENVIRONMENTS, backup=st.booleans()),
)


@given(REFERENCES)
def test_a_version_is_named_in_an_address_as_it_is_read_back(reference):
    assert re.fullmatch(SELECTOR, reference.selector)
    assert Reference.from_selector(reference.model, reference.selector) == reference


@given(st.from_regex(SELECTOR, fullmatch=True))
def test_what_has_the_form_of_a_selector_is_one_or_is_refused(text):
    try:
        reference = Reference.from_selector("churn", text)
    except UsageError:
        return
    assert Reference.from_selector("churn", reference.selector) == reference
    assert reference.selector == (text.lstrip("0") if text.isdigit() else text)


@pytest.mark.parametrize("text", ["production/backup", "production:", "production:other", "", "0"])
def test_what_is_no_selector_is_refused(text):
    with pytest.raises(UsageError):
        Reference.from_selector("churn", text)


@pytest.mark.parametrize(
    "text",
    [
        "churn", "churn@", "@1", "churn@0", "churn@-1", "churn@" + "9" * 30, "churn@1/backup",
        "churn@production/", "churn@production/other", "churn@production/backup/x", "churn@Prod",
        "a@b@c", "churn@٣", "../etc@1",
    ],
)  # fmt: skip
def test_what_is_no_reference_is_refused(text):
    with pytest.raises(UsageError):
        Reference.parse(text)


@pytest.mark.parametrize("name", ["latest", "7", "42"])
def test_an_environment_is_not_called_like_a_version(name):
    with pytest.raises(UsageError, match="already names a version"):
        check_environment_name(name)
