"""A secret is found in a URL, in a text and in what a library says, in whatever form it stands."""

from __future__ import annotations

from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from lineage import masking
from lineage.capture.outside_address import shown_address
from lineage.errors import UsageError
from lineage.masking import MASK, masked, masked_url, without_userinfo
from lineage.weights.copies import check_url

ALPHABET = "aZ09/@:?#&;=%+'\"\\ -_.~[](){}<>|^`$!*,é\u202e"
SECRETS = st.text(ALPHABET, min_size=4, max_size=20).map(lambda text: f"Hu{text}r2")
HOSTS = st.sampled_from(["db", "db.example.com:5432", "", "[::1]:5432", "127.0.0.1"])
TAILS = st.sampled_from(["", "/lineage", "/lineage?host=/var/run&sslmode=require", "/x?user=a@b"])


@given(SECRETS, HOSTS, TAILS, st.sampled_from(["me", "", "me%40corp", "me.too"]))
def test_a_password_of_a_url_is_masked_and_the_place_is_shown(secret, host, tail, user):
    url = f"postgresql+psycopg://{user}:{quote(secret, safe='')}@{host}{tail}"
    shown = masked_url(url)
    assert shown == f"postgresql+psycopg://{user}:{MASK}@{host}{tail}"
    assert without_userinfo(url) == f"postgresql+psycopg://{host}{tail}"
    assert masked(f"It said {url!r}, and no more.") == f"It said {shown!r}, and no more."


@example("Hu@00?r2", "db", "")
@given(SECRETS, HOSTS, TAILS)
def test_so_is_one_that_is_not_quoted_as_it_should_be(secret, host, tail):
    shown = masked_url(f"postgresql://me:{secret}@{host}{tail}")
    assert secret not in shown
    assert secret[2:-2] not in shown or secret[2:-2] in f"postgresql://me:{MASK}@{host}{tail}"


@given(SECRETS, st.sampled_from([quote, quote_plus]))
def test_what_a_query_says_that_is_not_known_to_be_harmless_is_masked(secret, written):
    for name in (
        "password",
        "PassWord",
        "pass%77ord",
        "sslpassword",
        "X-Amz-Signature",
        "sig",
        "x",
    ):
        value = written(secret, safe="")
        shown = masked_url(f"postgresql:///db?host=/run&{name}={value}&user=me")
        assert shown == f"postgresql:///db?host=/run&{name}={MASK}&user=me"


@given(st.text("aZ09/@:?#=%' é-_", min_size=6).map(lambda text: f"Hu{text}r2"))
def test_a_known_secret_is_masked_wherever_it_stands(secret):
    masking.hide(secret)
    try:
        for text in (secret, quote(secret, safe=""), quote_plus(secret), repr(secret)):
            assert secret not in masked(f'server said: "{text}" is wrong')
            assert "Hu" not in masked(f"server said: {text}")
    finally:
        masking._known.clear()


@pytest.mark.parametrize(
    "text",
    [
        "host=db password=Hunter2 user=me", "host=db password='Hun ter2' user=me",
        r"password='Hun\'ter2' host=db", "PGPASSWORD=Hunter2", "{'password': 'Hunter2', 'a': 1}",
        '{"secret_access_key":"Hunter2"}', "aws_secret_access_key = Hunter2", "Bearer Hunter2xyz",
        "Authorization: Basic SHVudGVyMg==", "connection_string=Hunter2;",
        "AccountName=a;AccountKey=Hunter2==;EndpointSuffix=x", "sas_token is ?sv=1&sig=Hunter2%3D",
        "lng_a1b2_Hunter2",
        "https://Hunter2@github.com/x.git", "https://x/y?X-Amz-Credential=Hunter2&a=Hunter2",
        "https://me:Hunter2… is none", "'postgresql+psycopg://me:%48unter2Hunter2' is no name",
        "postgresql://me:Hunter2@db/x is away", "(postgresql://me:Hunter2@db/x).",
    ],
)  # fmt: skip
def test_a_secret_in_a_sentence_is_masked(text):
    shown = masked(text)
    for part in ("Hunter2", "Hun ", "ter2", "SHVudGVyMg"):
        assert part not in shown
    assert MASK in shown


@pytest.mark.parametrize(
    "text",
    [
        "Check LINEAGE_TOKEN, or ask for a token: lineage token create NAME --scope read",
        "Set LINEAGE_REGISTRY=https://lineage.example.com beside LINEAGE_TOKEN=lng_….",
        "The registry at https://lineage.example.com:8443/x cannot be reached: timed out.",
        "Name a DVC remote: dvc remote add --default main s3://BUCKET/PATH",
        "password authentication failed for user \"me\"", "postgresql+psycopg://me@host/database",
        "git@github.com:acme/churn.git", "churn@production/backup", "file:///srv/a@b:c/d",
    ],
)  # fmt: skip
def test_what_is_no_secret_stays(text):
    assert masked(text) == text


def test_a_plain_word_as_a_password_masks_no_sentence():
    masking.hide("lineage")
    assert masked("lineage db upgrade") == "lineage db upgrade"


@given(SECRETS)
def test_a_url_is_masked_where_sqlalchemy_finds_a_password(secret):
    url = f"postgresql://me:{secret}@host/db"
    try:
        found = make_url(url).password
    except ValueError:
        return
    if found:
        assert str(found) not in masked_url(url).replace(MASK, "")


@given(SECRETS)
def test_what_is_recorded_holds_no_password(secret):
    for url in (f"https://me:{secret}@host/data.csv", f"ssh://me:{secret}@host/x"):
        assert secret not in shown_address(url)
        with pytest.raises(UsageError):
            check_url(url)
