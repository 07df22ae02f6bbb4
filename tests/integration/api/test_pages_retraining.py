"""The page of when to retrain a model."""

from __future__ import annotations

from urllib.parse import urlencode

from lineage.connection import connect
from tests.conftest import add_version, make_registry
from tests.support.fading import fading, served
from tests.support.servers import registry_server
from tests.support.visiting import visiting


def _fill(registry):
    fading(registry)
    add_version(registry, "9", model="idle")


def test_the_page_draws_the_change_and_tells_what_pays(database):
    make_registry(database, _fill)
    with registry_server(database, no_auth=True) as address, visiting(address) as pages:
        assert "/models/churn/retraining?metric=auc" in pages.get("/models/churn").links
        read = pages.get("/models/churn/retraining")
        assert "When to retrain churn" in read.text
        assert "auc of churn falls by 0.0" in read.text
        assert "auc over age: 12 measurements" in read.text
        assert "churn@2 at 61 days" in read.texts
        assert sum(tag == "circle" for tag, _ in read.tags) == 12
        assert "serves" not in read.text
        assert "What pays" not in read.text
        form = read.form("/models/churn/retraining")
        assert form.fields.keys() == {"metric", "per_point", "retrain_cost"}
        read = pages.get("/models/churn/retraining?metric=auc&per_point=10&retrain_cost=500")
        for said in (
            "To retrain every",
            "best",
            "monthly",
            "never not within a year",
            "at alarms 274 days",
        ):
            assert said in read.text, said
        assert "Say both" in pages.get("/models/churn/retraining?per_point=10", 422).text
        assert "no amount" in pages.get("/models/churn/retraining?per_point=<b>", 422).text
        read = pages.get("/models/churn/retraining?metric=f1")
        assert "Not enough history of f1" in read.text
        assert "on later data: lineage validate churn@1 --profile DATA" in read.text
        assert "measured anything" in pages.get("/models/idle/retraining").text
        assert "nothing" in pages.get("/models/nothing/retraining", 404).text


def test_the_page_and_the_client_tell_of_outcomes_and_estimates_as_the_registry_does(database):
    make_registry(database, served)
    asked = {"metric": "auc", "per_point": 10, "retrain_cost": 500}
    with registry_server(database, no_auth=True) as address, visiting(address) as pages:
        read = pages.get(f"/models/churn/retraining?{urlencode(asked)}")
        assert "from 16 measurements of 1 version on 5 data sets" in read.text
        assert "churn@1 at 18 days in production" in read.texts
        assert "By estimate, auc of churn falls by" in read.text
        assert "it cannot see concept drift" in read.text
        with connect(address) as remote, connect(database) as registry:
            told = remote.retrain("churn", **asked)
            assert told == registry.retrain("churn", **asked)
    assert {one.source for one in told.observations} == {"verdict", "outcomes"}
    assert (told.basis, len(told.estimates), told.watched.versions) == ("measured", 16, 1)
