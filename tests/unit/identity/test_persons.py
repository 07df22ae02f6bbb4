"""Whose name it is: what tells two persons apart, and what does not."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.identity.persons import distinct, folded, is_issued, of_issuer, same_person


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
    assert len(distinct([first, second])) == 1


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
    assert len(distinct(names)) == len({name.strip().lower() for name in names})
    assert set(distinct(names)) <= set(names)


def test_persons_of_two_issuers_are_two():
    assert of_issuer("https://gitlab.com/", "acme/churn") == "oidc:gitlab.com:acme/churn"
    assert of_issuer("https://h.example:1", "x") != of_issuer("https://h.example", "1:x")
    tenants = [of_issuer(f"https://login.example/{tenant}/v2.0", "ann") for tenant in "ab"]
    assert not same_person(*tenants)


@given(st.text(), st.sampled_from(["https://gitlab.com", "https://a.example/t"]))
def test_a_name_of_an_issuer_is_never_one_that_a_token_may_have(name, issuer):
    issued = of_issuer(issuer, name)
    assert is_issued(issued)
    assert is_issued(name) or not same_person(issued, name)
    assert is_issued("\uff2f\uff29\uff24\uff23\uff1agitlab.com:" + name)
