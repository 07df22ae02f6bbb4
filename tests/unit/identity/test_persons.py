"""Whose name it is: what tells two persons apart, and what does not."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.identity.persons import Who, distinct, folded, is_issued, of_issuer, same_person


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ann", " ANN "),
        ("ann lee", "Ann\u3000 Lee"),
        ("ann@example.com", "\uff41\uff4e\uff4e\uff20example.com"),
        ("Stra\u00dfe", "STRASSE"),
        ("o\ufb03ce", "OFFICE"),
        ("Ren\u00e9", "rene\u0301"),
        ("\u212b", "a\u030a"),
    ],
)
def test_what_does_not_tell_two_persons_apart(first, second):
    assert same_person(first, second)
    assert len(distinct([Who(first), Who("job", second)])) == 1


@pytest.mark.parametrize("other", ["anne", "a n n", "ann.", "\u0430nn", "rene"])
def test_what_tells_them_apart(other):
    assert not same_person("ann", other)
    assert not same_person("Ren\u00e9", other)


@given(st.text())
def test_one_name_is_one_persons_however_it_is_written(name):
    assert folded(folded(name)) == folded(name)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert same_person(unicodedata.normalize(form, name), name)
    assert same_person(f" {name}\t", name)


@given(st.lists(st.sampled_from(["ann", "ANN", " bob", "Bob", "cy"])))
def test_each_person_is_counted_once(names):
    people = [Who("job", name) for name in names]
    assert len(distinct(people)) == len({name.strip().lower() for name in names})
    assert set(distinct(people)) <= set(names)


JOB = Who("github:acme/churn", of_issuer("https://gitlab.com", "github:acme/churn"))


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        (Who("GitHub:acme/churn"), JOB, True),
        (Who("ci"), Who("ci", "ann"), True),
        (Who("ann"), Who("ci", "ann"), True),
        (Who("ci"), Who("CI"), True),
        (Who("ci", "ann"), Who("laptop", "ANN"), True),
        (Who("ci", "ann"), Who("ci", "bob"), False),
        (Who("github:acme/churn", "github:acme/churn"), JOB, False),
        (Who("ci"), Who("laptop", "ann"), False),
        (Who("laptop"), Who("ci"), False),
    ],
)
def test_who_acted_before_persons_were_noted_may_be_whoever_has_the_name(first, second, one):
    assert first.may_be(second) is one
    assert second.may_be(first) is one
    for people in ([first, second], [second, first]):
        assert len(distinct(people)) == (1 if one else 2)


def test_who_may_be_two_is_none_besides_them():
    two = [Who("ci", "ann"), Who("ci", "bob")]
    assert distinct([Who("ci"), *two]) == distinct([*two, Who("ci")]) == ("ann", "bob")


def test_somebody_is_called_by_the_name_and_as_the_person():
    assert JOB.is_called("GITHUB:acme/churn")
    assert JOB.is_called("oidc:gitlab.com:github:acme/churn")
    assert not JOB.is_called("acme/churn")


def test_persons_of_two_issuers_are_two():
    assert of_issuer("https://gitlab.com/", "acme/churn") == "oidc:gitlab.com:acme/churn"
    assert of_issuer("https://h.example:1", "x") != of_issuer("https://h.example", "1:x")
    tenants = [of_issuer(f"https://login.example/{tenant}/v2.0", "ann") for tenant in "ab"]
    assert not same_person(*tenants)


def test_letter_case_tells_two_subjects_of_an_issuer_apart_but_not_its_address():
    assert not same_person("oidc:gitlab.com:u1:Ann", "oidc:gitlab.com:u1:ann")
    assert same_person("OIDC:GitLab.com:u1:Ann", " oidc:gitlab.com:u1:Ann")


@given(st.text(":aB \u00e9\u0301\uff21"))
def test_a_name_of_an_issuer_is_folded_once_and_for_all(rest):
    assert folded(folded(f"oidc:{rest}")) == folded(f"oidc:{rest}")


@given(st.text(), st.sampled_from(["https://gitlab.com", "https://a.example/t"]))
def test_a_name_of_an_issuer_is_never_one_that_a_token_may_have(name, issuer):
    issued = of_issuer(issuer, name)
    assert is_issued(issued)
    assert is_issued(name) or not same_person(issued, name)
    assert is_issued("\uff2f\uff29\uff24\uff23\uff1agitlab.com:" + name)
