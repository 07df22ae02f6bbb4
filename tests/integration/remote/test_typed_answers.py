"""What the verbs give: the same types from a database and from a server, which hold all there is."""

from __future__ import annotations

import datetime as dt
import pickle
from urllib.request import urlopen

import pytest

from lineage import strict_json
from lineage.connection import connect
from lineage.contract.requests import Direction, NewToken, RetentionPolicy
from lineage.contract.results.documents import Document, Key
from lineage.contract.webhooks import NewWebhook
from lineage.display import Listing, Shown
from lineage.identity.components import EnvironmentKind, Kind
from tests.conftest import a_copy, captured
from tests.support.filled import fill
from tests.support.registries import make_bare
from tests.support.servers import registry_server

ANSWERS = {
    "environments": ("/v1/environments", lambda r: r.environments()),
    "environment": ("/v1/environments/production", lambda r: r.environment("production")),
    "models": ("/v1/models", lambda r: r.models()),
    "model": ("/v1/models/churn", lambda r: r.model("churn")),
    "versions": ("/v1/models/churn/versions", lambda r: r.versions("churn")),
    "show": ("/v1/models/churn/versions/4", lambda r: r.show("churn@4")),
    "validations": ("/v1/models/churn/versions/4/validations", lambda r: r.validations("churn@4")),
    "approvals": ("/v1/models/other/versions/1/approvals", lambda r: r.approvals("other@1")),
    "attestations": (
        "/v1/models/churn/versions/1/attestations", lambda r: r.attestations("churn@1"),
    ),
    "history": ("/v1/events?order=newest", lambda r: r.history()),
    "events": ("/v1/events?order=oldest", lambda r: r.events()),
    "serving": (
        "/v1/environments/production/models/churn", lambda r: r.serving("churn", "production"),
    ),
    "all_serving": (None, lambda r: r.all_serving()),
    "candidates": (
        "/v1/environments/production/models/churn/backup/candidates",
        lambda r: r.backup_candidates("churn", "production"),
    ),
    "pipeline_of": (
        "/v1/models/churn/versions/4/pipeline", lambda r: r.pipeline_of("churn@4"),
    ),
    "pipeline_versions": (
        "/v1/pipelines/churn/versions", lambda r: r.pipeline_versions("churn"),
    ),
    "observations": (
        "/v1/environments/production/models/churn/observations",
        lambda r: r.observations("churn", "production"),
    ),
    "observed": (None, lambda r: r.observed()),
    "tokens": ("/v1/tokens", lambda r: r.tokens()),
    "webhooks": ("/v1/webhooks", lambda r: r.webhooks()),
    "deliveries": (
        "/v1/webhooks/1/deliveries", lambda r: r.webhook_deliveries(1),
    ),
    "stores": ("/v1/stores", lambda r: r.stores()),
    "stored": ("/v1/models/churn/versions/4/weights", lambda r: r.stored("churn@4")),
    "copies_in": (None, lambda r: r.copies_in("remote")),
    "collectable": (None, lambda r: r.collectable(RetentionPolicy(1, 0, 0))),
    "shares": ("/v1/pipelines/churn/models", lambda r: r.pipeline_shares("churn")),
    "lineage": (None, lambda r: r.lineage(r.show("churn@1").tuple, Direction.UP)),
    "profile": ("/v1/models/churn/versions/4/profile", lambda r: r.profile("churn@4")),
    "retrain": (
        "/v1/models/churn/retraining?metric=auc", lambda r: r.retrain("churn", metric="auc"),
    ),
    "packages": (None, lambda r: r.demanded_packages("churn@1", "production")),
    "audit": ("/v1/audit", lambda r: r.audit()),
    "head": ("/v1/head", lambda r: r.head()),
    "check": ("/v1/database", lambda r: r.check()),
}  # fmt: skip
WRITES = {
    "edit": lambda r: r.edit("churn@1", tags={"a": "b"}, actor="t"),
    "archive": lambda r: r.archive_model("spare", actor="t"),
    "rename": lambda r: r.rename_model("spare", "spared", actor="t"),
    "delete": lambda r: r.delete_version("tried@1", reason="done", actor="t"),
    "approve": lambda r: r.approve("other@1", "canary", actor="eve"),
    "token": lambda r: r.create_token(NewToken("new", ("read",)), actor="t"),
    "revoke": lambda r: r.revoke_token(r.tokens()[0].id, actor="t"),
    "rotate": lambda r: r.rotate_webhook(1, actor="t"),
    "test": lambda r: r.test_webhook(1, actor="t"),
    "remove": lambda r: r.remove_webhook(2, actor="t"),
    "share": lambda r: r.share_pipeline("churn", "other", actor="t"),
}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """One registry with something of everything, by its file and behind its server."""
    url = f"sqlite:///{tmp_path_factory.mktemp('typed')}/registry.db"
    make_bare(url)
    with connect(url) as registry:
        registry.create_environment("production", EnvironmentKind.PRODUCTION, actor="t")
        fill(registry)
        registry.add_model("spare", actor="t")
        registry.register("tried", captured("8"), kind=Kind.EXPERIMENT, actor="t")
        registry.add_copy("churn@4", a_copy("4"), actor="t")
        registry.share_pipeline("churn", "spare", actor="t")
    with (
        registry_server(url, no_auth=True, webhooks=False) as address,  # none is told meanwhile
        connect(url) as here,
        connect(address) as there,
    ):
        yield here, there


def _each(answer: Shown | Listing) -> list[Shown]:
    assert answer, "there is something to look at"
    return list(answer) if isinstance(answer, Listing) else [answer]


def _shows_itself(answer: Shown) -> None:
    assert isinstance(answer, Shown)
    assert len(repr(answer).splitlines()) == 1
    assert answer._repr_html_().startswith("<table>")
    assert pickle.loads(pickle.dumps(answer)) == answer
    if not isinstance(answer, Document):
        return
    kinds = type(answer).__mro__
    named = {name for kind in kinds for name, key in vars(kind).items() if isinstance(key, Key)}
    for name in named:
        value = getattr(answer, name)
        assert not isinstance(value, dt.datetime) or value.tzinfo is not None
    dated = [value for value in answer if value.endswith("_at")]
    assert set(dated) <= named, "no time is left as text"


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_an_answer_is_the_same_here_and_there(both, name):
    here, there = both
    address, ask = ANSWERS[name]
    local, remote = ask(here), ask(there)
    assert type(local) is type(remote)
    for one, other in zip(_each(local), _each(remote), strict=True):
        assert type(one) is type(other)
        assert one.to_dict() == other.to_dict()
        _shows_itself(other)
    if address is not None:
        with urlopen(f"{there.url}{address}") as answer:
            document = strict_json.loads(answer.read())
        rows = document["items"] if isinstance(remote, Listing) else [document]
        assert [one.to_dict() for one in _each(remote)] == rows


@pytest.mark.parametrize("name", sorted(WRITES))
def test_what_a_write_answers_shows_itself(both, name):
    _, there = both
    _shows_itself(WRITES[name](there))


def test_a_secret_is_not_shown(both):
    here, _ = both
    made = here.create_token(NewToken("shown", ("read",)), actor="t")
    hook = here.add_webhook(NewWebhook("https://hooks.invalid/d"), actor="t")
    for secret, answer in ((made.token, made), (hook.secret, hook)):
        _shows_itself(answer)
        assert secret not in repr(answer)
        assert secret not in answer._repr_html_()
        assert secret in answer.to_dict().values()
