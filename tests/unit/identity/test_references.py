"""Names and references."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.errors import UsageError
from lineage.identity.references import Reference, check_environment_name, check_name

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
