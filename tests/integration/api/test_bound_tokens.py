"""What a bound token may do beside what it names: pipelines of others, stores, policies, retries."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from lineage.connection import connect
from lineage.contract import codec
from lineage.contract.requests import DeclaredEnvironment, NewToken, RetentionPolicy
from lineage.contract.results import NamedPipeline
from lineage.errors import Conflict, NotFound, NotPermitted, StoreUnreachable, UsageError
from lineage.guard.policy import EnvironmentPolicy
from lineage.identity.components import EnvironmentKind, Kind
from lineage.weights.copies import StoreAddress
from lineage.weights.store import open_store
from tests.conftest import (
    a_copy,
    add_validated,
    add_version,
    captured,
    captured_pipeline,
    make_registry,
)
from tests.support.servers import registry_server

FEATURES = "features"


def _fill(registry):
    """Alpha rides on a pipeline of its name, beta on `features`; both serve in production."""
    for model, name in (("alpha", "alpha"), ("beta", FEATURES)):
        for seed in "12":
            add_validated(registry, model + seed, model=model, name=name)
        registry.release("production", captured_pipeline("old", name), [f"{model}@1"], actor="t")


@pytest.fixture
def filled(database):
    make_registry(database, _fill)
    return database


@pytest.fixture
def acting(filled):
    """Opens the registry's server for a new token with scopes and a binding."""
    with registry_server(filled) as address:

        def act(*scopes, name="ci", **binding):
            with connect(filled) as registry:
                token = registry.create_token(NewToken(name, scopes, **binding), actor="t")["token"]
            return connect(address, token=token)

        yield act


def _everything(**binding):
    scopes = ("read", "register", "validate", "deploy", "approve", "observe")
    return (*scopes, "observe:weights"), binding


def test_naming_a_pipeline_gives_no_right_to_it(acting, filled):
    scopes, binding = _everything(models=("alpha",))
    theirs = captured_pipeline("old", FEATURES)
    with acting(*scopes, **binding) as alpha, connect(filled) as registry:
        before = registry.history(limit=1000)
        for attempt in (
            lambda: alpha.register(
                "alpha", captured("9", "mine", FEATURES), kind=Kind.EXPERIMENT, actor="t"
            ),
            lambda: alpha.register("alpha", captured("9", "mine", "new-name"), actor="t"),
            lambda: alpha.validate(
                "alpha@1", captured_pipeline("mine", FEATURES), passed=True, actor="t"
            ),
            lambda: alpha.pipeline_versions(FEATURES),
            lambda: alpha.deployed_pipeline("production", FEATURES),
            lambda: alpha.guard("alpha@1", "production", running=theirs),
            lambda: alpha.release("production", captured_pipeline("mine", FEATURES), actor="t"),
        ):
            with pytest.raises(NotPermitted, match="bound to models of other pipelines") as told:
                attempt()
            assert "pipeline share" in told.value.remedy
        nameless = NamedPipeline(None, theirs.version.xxh3)
        own = alpha.pipeline(nameless)
        assert own.name == "alpha", "of two with one digest, that which is open is found"
        assert registry.history(limit=1000) == before, "nothing was recorded"


def test_lists_and_searches_tell_nothing_of_what_is_not_open(acting, filled):
    with connect(filled) as registry:
        for model, name, metric in (("alpha", "alpha", "auc"), ("beta", FEATURES, "secret")):
            registry.validate(
                f"{model}@1", captured_pipeline("old", name), passed=True, metrics={metric: 1},
                actor="t",
            )  # fmt: skip
        registry.release("staging", captured_pipeline("old", "alpha"), ["alpha@2"], actor="t")
    with acting("read", models=("alpha",), environments=("staging",)) as alpha:
        assert [(row["name"], row["serving"]) for row in alpha.models()] == [
            ("alpha", {"staging": "alpha@2"})
        ]
        assert len(alpha.versions("alpha", where="auc = 1", columns=["metrics"])) == 1
        for attempt in (
            lambda: alpha.versions("beta", where="secret = 1"),
            lambda: alpha.versions("beta", sort="nothing"),
            lambda: alpha.history(who="t"),
            lambda: alpha.events(model="alpha"),
        ):
            with pytest.raises(NotPermitted):
                attempt()
        with pytest.raises(UsageError, match="No version of alpha has 'secret'") as told:
            alpha.versions("alpha", where="secret = 1")
        assert "secret" not in told.value.remedy


def test_a_version_by_an_unbound_token_shares_its_pipeline_and_that_can_be_withdrawn(
    acting, filled
):
    scopes, binding = _everything(models=("gamma",))
    mine = captured("7", "old", FEATURES)
    with (
        acting(*scopes, **binding) as gamma,
        acting("register", name="training") as training,
        acting("read", "admin", name="root") as root,
    ):
        with pytest.raises(NotPermitted):
            gamma.register("gamma", mine, actor="t")
        training.register("gamma", mine, actor="t")
        assert gamma.register("gamma", mine, actor="t").created is False
        assert {one.name for one in gamma.pipeline_versions(FEATURES)} == {FEATURES}
        rows = root.pipeline_shares(FEATURES)
        assert [(row["model"], row["shared_by"]) for row in rows] == [
            ("beta", "tester"), ("gamma", "training"),
        ]  # fmt: skip
        assert [row["model"] for row in gamma.pipeline_shares(FEATURES)] == ["gamma"]
        done = root.share_pipeline(FEATURES, "gamma", withdraw=True, actor="t")
        assert (done["changed"], [row["model"] for row in done["shares"]]) == (True, ["beta"])
        with pytest.raises(NotPermitted):
            gamma.pipeline_versions(FEATURES)
        with pytest.raises(NotPermitted):
            gamma.guard("gamma@1", "production")
        training.register("gamma", captured("8", "old", FEATURES), actor="t")
        with pytest.raises(NotPermitted):
            gamma.pipeline_versions(FEATURES)
        root.share_pipeline(FEATURES, "gamma", actor="t")
        again = root.share_pipeline(FEATURES, "gamma", actor="t")
        assert (again["changed"], len(gamma.pipeline_versions(FEATURES))) == (False, 1)
        bound = acting("admin", name="gamma-admin", models=("gamma",))
        with bound as admin, pytest.raises(NotPermitted, match="bound to some"):
            admin.share_pipeline("alpha", "gamma", actor="t")
    with connect(filled) as registry:
        assert (registry.audit().problems, registry.check().problems) == ((), ())
        told = [event for event in registry.history(FEATURES) if event["kind"] == "pipeline-shared"]
        assert [event["payload"]["shared"] for event in told] == [True, False, True, True]


def test_a_new_model_on_a_shared_pipeline_starts_with_a_bound_token(acting):
    scopes, binding = _everything(models=("delta",))
    with acting("admin", name="root") as root, acting(*scopes, **binding) as delta:
        root.share_pipeline(FEATURES, "delta", actor="t")
        assert [row["name"] for row in delta.models()] == ["delta"]
        assert delta.register("delta", captured("7", "old", FEATURES), actor="t").version == 1


def test_a_shared_pipeline_moves_under_nobody_else_and_no_refusal_names_them(acting, filled):
    """Neither what serves there, nor its revision, nor whether the guard would let it."""
    with connect(filled) as registry:
        add_version(registry, "7", "new", "gamma", FEATURES)
        before = registry.serving("beta", "production")
    new = captured_pipeline("new", FEATURES)
    with acting("read", "deploy", models=("gamma",)) as gamma:
        for asked in (
            {}, {"dry_run": True}, {"seen": {"beta": before.revision}, "dry_run": True},
            {"seen": {"beta": before.revision + 7}}, {"reason": "because"},
        ):  # fmt: skip
            with pytest.raises(NotPermitted) as told:
                gamma.release("production", new, actor="t", **asked)
            said = f"{told.value} {told.value.remedy}"
            assert "concerns others too" in said
            assert "beta" not in said
        for name in ("beta", "nobody"):
            with pytest.raises(NotPermitted, match=f"bound to other models than {name}"):
                gamma.rollback("gamma", "production", leave=[name], dry_run=True, actor="t")
    with acting("read", "deploy", models=("gamma", "beta")) as both:
        assert both.release("staging", new, actor="t").changed
    with connect(filled) as registry:
        assert registry.serving("beta", "production") == before


def test_a_staged_release_of_others_is_withdrawn_by_nobody_else(acting, filled):
    """A share lets see and deploy the pipeline, and not take back what others staged on it."""
    new = captured_pipeline("new", FEATURES)
    with connect(filled) as registry:
        add_version(registry, "7", "old", "gamma", FEATURES)
        add_validated(registry, "beta3", "new", model="beta", name=FEATURES)
        registry.release("production", new, ["beta@3"], stage=True, actor="t")
        before = registry.serving("beta", "production")
    with acting("read", "deploy", models=("gamma",)) as gamma:
        for attempt in (gamma.abort_release, gamma.finish_release):
            with pytest.raises(NotPermitted, match="concerns others too") as told:
                attempt("production", FEATURES, actor="t")
            assert "beta" not in f"{told.value} {told.value.remedy}"
    with connect(filled) as registry:
        assert registry.serving("beta", "production") == before
    with acting("read", "deploy", models=("gamma", "beta")) as both:
        assert both.abort_release("production", FEATURES, actor="t").changed


def test_an_admin_of_an_environment_writes_its_policy_and_no_other(acting, filled):
    def declared(name, **policy):
        return [DeclaredEnvironment(name, EnvironmentPolicy(**policy))]

    with connect(filled) as registry:
        registry.apply_environments(declared("staging", promote_from=None), actor="t")
    with acting("admin", environments=("staging",)) as admin:
        (change,) = admin.apply_environments(declared("staging", approvals=1), actor="t")
        assert change.action == "change"
        refused = []
        for name in ("production", "nowhere"):
            for attempt in (declared(name), declared("staging", promote_from=name)):
                with pytest.raises(NotPermitted) as told:
                    admin.apply_environments(attempt, actor="t")
                refused.append(str(told.value).replace(name, "NAME"))
        assert len(set(refused)) == 1
        with pytest.raises(NotPermitted, match="this concerns all"):
            admin.create_environment("staging", EnvironmentKind.EXPERIMENTAL, actor="t")
    with connect(filled) as registry:
        registry.apply_environments(declared("staging", promote_from="production"), actor="t")
    with acting("admin", environments=("staging",)) as admin:
        kept = declared("staging", promote_from="production", approvals=2)
        assert admin.apply_environments(kept, actor="t")[0].action == "change"
    with acting("admin", environments=("new",)) as admin:
        made = [DeclaredEnvironment("new", EnvironmentPolicy(), EnvironmentKind.EXPERIMENTAL)]
        with pytest.raises(NotPermitted, match="this concerns all"):
            admin.apply_environments(made, actor="t")
    with acting("admin", models=("alpha",)) as admin:
        with pytest.raises(NotPermitted, match="this concerns all"):
            admin.apply_environments(declared("production"), dry_run=True, actor="t")
        with pytest.raises(NotPermitted, match="this concerns all"):
            admin.create_token(NewToken("wide", ("admin",)), actor="t")


def test_no_bytes_are_taken_away_that_are_another_models_too(acting, filled):
    """One store keeps them once: who removes them from alpha would remove them from beta."""
    keeping = RetentionPolicy(1, 0, 0)
    same = replace(captured("beta1", "old", "alpha"), stored=(a_copy("beta1"),))
    with connect(filled) as registry:
        registry.register("alpha", same, actor="t")
        add_version(registry, "newest", "old", "alpha", "alpha")
    for binding, error in (({}, Conflict), ({"environments": ("production",)}, NotPermitted)):
        bound = acting("admin", models=("alpha",), **binding)
        with bound as admin, pytest.raises(error):
            admin.remove_copy("alpha@3", "remote", keeping, actor="t")
    with connect(filled) as registry:
        registry.retire("beta", "production", actor="t")
        add_version(registry, "beta3", "other", "beta", FEATURES)
        registry.release("production", captured_pipeline("other", FEATURES), actor="t")
    with acting("admin", models=("alpha",)) as admin:
        removed = admin.remove_copy("alpha@3", "remote", keeping, actor="t")
        assert removed["ref"] == "alpha@3"


def test_a_store_is_where_an_administrator_said(acting, filled):
    poison = StoreAddress("prod", "s3://company/prod", {"endpointurl": "http://evil.example"})
    new = replace(captured("9", "old", "alpha"), stored=(replace(a_copy("9"), store=poison),))
    for binding in ({}, {"models": ("alpha",)}, {"environments": ("production",)}):
        with acting("read", "register", **binding) as remote:
            for attempt in (
                lambda: remote.add_store(poison, actor="t"),
                lambda: remote.register("alpha", new, actor="t"),
                lambda: remote.add_copy("alpha@1", new.stored[0], actor="t"),
            ):
                with pytest.raises(NotPermitted, match="is no store of this registry") as told:
                    attempt()
                assert "store add prod s3://company/prod" in told.value.remedy
            assert remote.records_stores is False
    with acting("admin", models=("alpha",)) as bound:
        with pytest.raises(NotPermitted):
            bound.add_store(poison, actor="t")
        with pytest.raises(NotPermitted):
            bound.add_store(a_copy("1").store, shared=True, actor="t")
    good = replace(poison, config={"region": "eu-north-1"})
    with acting("admin", name="root") as root:
        assert root.records_stores is True
        assert root.add_store(good, actor="t") is True
    with acting("read", "register", models=("alpha",)) as remote:
        fresh = remote.register("alpha", new, actor="t")
        (copy,) = remote.stored(fresh.ref).copies
        assert copy.store == good, "settings that come with a copy count for nothing"


def test_stores_tell_a_bound_token_of_its_own_copies_alone(acting, filled):
    with connect(filled) as registry:
        registry.add_copy("beta@1", a_copy("beta1", "theirs"), actor="t")
        assert {row["name"]: row["copies"] for row in registry.stores()} == {
            "remote": 4, "theirs": 1,
        }  # fmt: skip
    with acting("read", models=("alpha",)) as host:
        assert {row["name"]: row["copies"] for row in host.stores()} == {"remote": 2}
    with acting("read", "register", models=("alpha",)) as job:
        assert {row["name"]: row["copies"] for row in job.stores()} == {"remote": 2, "theirs": 0}


def test_nothing_opens_a_store_that_waits_for_an_administrator(filled):
    address = StoreAddress("minio", "s3://b/w", {"endpointurl": "http://h:9"}, approved=False)
    assert StoreAddress.from_json(address.to_json()).approved is False
    with pytest.raises(StoreUnreachable, match="no administrator of the registry") as told:
        open_store(address)
    assert "store add minio s3://b/w" in told.value.remedy


def test_a_kept_answer_is_for_tokens_with_the_same_binding(acting, filled):
    """Of one name: else who is bound is told what the other did, or does not do their own."""
    with registry_server(filled) as address, connect(filled) as registry:

        def retry(**binding):
            token = registry.create_token(NewToken("job", ("deploy",), **binding), actor="t")
            return httpx.post(
                f"{address}/v1/environments/production/releases",
                json={"pipeline": codec.pipeline_to_json(captured_pipeline("old", FEATURES))},
                headers={"Authorization": f"Bearer {token['token']}", "Idempotency-Key": "k"},
            )

        assert retry().status_code == 200
        again = retry()
        assert (again.status_code, again.headers["idempotency-replayed"]) == (200, "true")
        assert retry(models=("alpha",)).status_code == 403
        own = retry(models=("beta",))
        assert (own.status_code, "idempotency-replayed" in own.headers) == (200, False)
        assert "idempotency-replayed" in retry(models=("beta",)).headers


def test_a_kept_answer_is_for_the_person_who_was_answered(filled):
    """Two tokens of one name: the second person's approval is one more, under whatever key."""
    with registry_server(filled) as address, connect(filled) as registry:
        for person in ("ann", "bob"):
            new = NewToken("laptop", ("approve",), person=person)
            token = registry.create_token(new, actor="t")["token"]
            answer = httpx.post(
                f"{address}/v1/models/alpha/versions/1/approvals",
                json={"environment": "production"},
                headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "k"},
            )
            assert (answer.status_code, answer.json()["person"]) == (201, person)


def test_what_serves_elsewhere_is_not_asked_for_by_way_of_a_version(acting, filled):
    with connect(filled) as registry:
        registry.release("staging", captured_pipeline("old", "alpha"), ["alpha@2"], actor="t")
    with acting("read", "register", "deploy", environments=("production",)) as remote:
        for name in ("staging", "nowhere"):
            for attempt in (
                lambda: remote.show(f"alpha@{name}"),  # noqa: B023 - called at once
                lambda: remote.promote(f"alpha@{name}", "production", actor="t"),  # noqa: B023
                lambda: remote.guard(f"alpha@{name}/backup", "production"),  # noqa: B023
                lambda: remote.register(
                    "alpha",
                    captured("9", "old", "alpha"),
                    parent=f"beta@{name}",  # noqa: B023
                    actor="t",
                ),
            ):
                with pytest.raises(NotPermitted, match=f"other environments than {name}"):
                    attempt()
        with pytest.raises(NotFound):
            remote.show("alpha@99")


def test_a_misspelt_model_is_told_of_none_that_is_not_open(acting, filled):
    """A binding may name what is not registered: only it says what a bound token may be told."""
    bound = {"alpa": ("alpa",), "alphas": ("alpha", "alphas"), "beat": None}
    told = {}
    for name, models in bound.items():
        with acting("read", name=name, models=models) as client:
            for attempt in (
                lambda client=client, name=name: client.show(f"{name}@1"),
                lambda client=client, name=name: client.guard(f"{name}@1", "production"),
                lambda client=client, name=name: client.versions(name),
                lambda client=client, name=name: client.serving(name, "production"),
            ):
                with pytest.raises(NotFound, match="There is no model") as error:
                    attempt()
                told.setdefault(name, []).append(error.value.remedy)
    shared = "See which models there are: «models»"  # hosts of all tokens are given one answer
    assert told == {
        "alpa": [*["Register its first version: «register alpa»"] * 3, shared],
        "alphas": [*["Did you mean alpha?"] * 3, shared],
        "beat": [*["Did you mean beta?"] * 3, shared],
    }
