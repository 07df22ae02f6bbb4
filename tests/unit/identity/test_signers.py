"""Signers: an identity is named whole, in one text that is read back as it was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.identity.signers import Identity, checked

ISSUER = "https://token.actions.githubusercontent.com"
WORKFLOW = "https://github.com/acme/churn/.github/workflows/release.yml@refs/heads/main"


@pytest.mark.parametrize("name", ["ana@example.com", WORKFLOW, "a name, of two words"])
def test_an_identity_is_read_back(name):
    identity = Identity(name, ISSUER)
    assert Identity.parse(str(identity)) == identity
    assert checked(str(identity)) == f"identity:{name} issuer:{ISSUER}"


@pytest.mark.parametrize(
    ("name", "issuer"),
    [
        ("", ISSUER), (" ana", ISSUER), ("ana\n", ISSUER), ("a\x1b[1mna", ISSUER), ("*", ISSUER),
        ("ana\u202e", ISSUER), ("a\ud800", ISSUER), ("a issuer:https://b.c", ISSUER), ("a" * 1000, ISSUER),
        ("*@example.com", ISSUER), ("ana", ""), ("ana", "http://a.b"), ("ana", "https://"),
        ("ana", "https://a.b c"), ("ana", "https://*.b"), ("ana", "https://ü.b"), ("ana", "https://a.b\n"),
    ],
)  # fmt: skip
def test_what_names_nobody_or_anybody_is_refused(name, issuer):
    with pytest.raises(ValueError, match=r"is no |is a pattern|has with its issuer"):
        Identity(name, issuer)


@given(st.text(), st.text())
def test_no_two_identities_have_one_text(name, issuer):
    for of in (f"https://{issuer}", ISSUER):
        try:
            identity = Identity(name, of)
        except ValueError:
            continue
        assert Identity.parse(str(identity)) == identity


@pytest.mark.parametrize(
    "text", ["", "junk", "sha256:", f"sha256:{'A' * 64}", "identity:ana", "identity: issuer:https://a"]
)  # fmt: skip
def test_no_other_text_is_a_signer(text):
    with pytest.raises(ValueError, match="is no "):
        checked(text)
