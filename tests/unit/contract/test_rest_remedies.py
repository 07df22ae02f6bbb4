"""Each act of a remedy has its request beside it over HTTP, and loses it on the way back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lineage.api.app import create_app
from lineage.api.settings import Settings

from lineage.acts import act, typed
from lineage.contract.rest_remedies import REQUESTS, with_requests, without_requests
from tests.support.registries import make_bare

WORD = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12)


@given(st.sampled_from([*REQUESTS, "verify", "store put"]), st.lists(WORD, max_size=3), WORD)
def test_what_is_added_is_taken_away_again(verb, objects, env):
    remedy = f"Do it ({act(verb, *objects, env=env)}), or say why not."
    assert without_requests(with_requests(remedy)) == remedy
    assert typed(without_requests(with_requests(remedy))) == typed(remedy)


def test_every_request_is_one_that_the_server_takes(tmp_path):
    url = f"sqlite:///{tmp_path}/registry.db"
    make_bare(url)
    paths = create_app(Settings(registry=url)).openapi()["paths"]
    served = {
        (method, re.sub(r"{\w+}", "{}", path))
        for path, methods in paths.items()
        for method in methods
    }
    for method, template in REQUESTS.values():
        assert (method.lower(), re.sub(r"{\w+}", "{}", template)) in served


@pytest.mark.parametrize(
    ("remedy", "over_http"),
    [
        ("See it: «serving churn env=production»",
         "See it: «serving churn env=production» (GET /v1/environments/production/models/churn)"),
        ("«validate churn@production/backup»",
         "«validate churn@production/backup» (POST /v1/models/churn/versions/production:backup/validations)"),
        ("«promote churn@N env=staging»",
         "«promote churn@N env=staging» (POST /v1/environments/staging/models/churn/promote)"),
        ("«validate churn@7 pipeline=xxh3:1f0c -- python -m evaluate seed=1»",
         "«validate churn@7 pipeline=xxh3:1f0c -- python -m evaluate seed=1» (POST /v1/models/churn/versions/7/validations)"),
        ("Run it: «validate churn@7 in=production»", "Run it: «validate churn@7 in=production»"),
        ("«validate churn@7 -- evaluate in=here»",
         "«validate churn@7 -- evaluate in=here» (POST /v1/models/churn/versions/7/validations)"),
        ("Bring it back: «store put churn@7 PATH»", "Bring it back: «store put churn@7 PATH»"),
        ("Run dvc pull.", "Run dvc pull."),
    ],
)  # fmt: skip
def test_an_act_is_followed_by_its_request(remedy, over_http):
    assert with_requests(remedy) == over_http


def test_the_program_of_an_act_is_typed_as_it_is():
    named = act("validate", "churn@7", "--", "train", "seed=1", pipeline="xxh3:1f0c")
    assert typed(named) == "lineage validate churn@7 --pipeline xxh3:1f0c -- train seed=1"
