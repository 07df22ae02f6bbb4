"""What a message says, and what signs it: held against another implementation."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from lineage.contract.webhooks import TYPES, WebhookFormat, named_types
from lineage.errors import UsageError
from lineage.registry.webhooks import messages, signing
from lineage.registry.webhooks.messages import Entry, Happening

MOVED = {
    "environment": "production",
    "reason": "it is <better>",
    "slots": {
        f"{model}@production": {
            "revision": 3,
            "serving": {"version": 7},
            "backup": {"version": 6} if model == "churn" else None,
        }
        for model in ("churn", "fraud")
    },
    "pipeline": {"name": "churn", "digest": "xxh3:1f"},
    "waivers": [{"code": "approvals"}, {"code": "approvals"}],
    "rows": {"slot": ["never told"]},
}


def _entry(kind="released", payload=MOVED, subject="production"):
    return Entry(42, "2026-11-26T08:00:00.000000Z", "ci", kind, subject, json.dumps(payload))


@given(st.dictionaries(st.text(), st.text()), st.integers(1, 2))
def test_a_signature_is_one_that_another_implementation_knows(document, count):
    secrets = [signing.new_secret() for _ in range(count)]
    body = json.dumps(document, ensure_ascii=False).encode(errors="surrogatepass")
    headers = signing.headers(signing.new_id(), int(time.time()), body, secrets)
    for secret in secrets:
        Webhook(secret).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(signing.new_secret()).verify(body, headers)


def test_a_signed_message_is_read_by_another_implementation():
    secrets = [signing.new_secret(), signing.new_secret()]
    body = messages.of_event(_entry()).body(WebhookFormat.STANDARD).encode()
    headers = signing.headers(signing.new_id(), int(time.time()), body, secrets)
    for secret in secrets:
        assert Webhook(secret).verify(body, headers)["type"] == "released"
    for changed in (body + b" ", body.replace(b"churn", b"chorn")):
        with pytest.raises(WebhookVerificationError):
            Webhook(secrets[0]).verify(changed, headers)
    late = signing.headers(headers["webhook-id"], int(time.time()) - 3600, body, secrets)
    with pytest.raises(WebhookVerificationError):
        Webhook(secrets[0]).verify(body, late)


def test_a_move_is_told_with_who_why_and_where_to_look():
    told = json.loads(messages.of_event(_entry()).body(WebhookFormat.STANDARD))
    assert told == {
        "type": "released",
        "timestamp": "2026-11-26T08:00:00.000000Z",
        "data": {
            "actor": "ci",
            "reason": "it is <better>",
            "pipeline": {"name": "churn", "digest": "xxh3:1f"},
            "waived": ["approvals"],
            "environment": "production",
            "seq": 42,
            "path": "/v1/events?after=41&limit=1",
            "slots": [
                {"model": model, "path": f"/v1/environments/production/models/{model}",
                 "ref": f"{model}@7", "revision": 3, "serving": f"{model}@7", "backup": backup}
                for model, backup in (("churn", "churn@6"), ("fraud", None))
            ],
        },
    }  # fmt: skip


def test_one_who_asks_for_a_model_is_told_of_no_other():
    told = messages.of_event(_entry())
    assert told.seen_by(TYPES, None, None) is told
    assert [slot["model"] for slot in told.seen_by(TYPES, {"production"}, {"fraud"}).slots] == [
        "fraud"
    ]
    assert told.seen_by(TYPES, None, {"other"}) is None
    assert told.seen_by(TYPES, {"staging"}, None) is None
    assert told.seen_by(("promoted",), None, None) is None


@pytest.mark.parametrize(
    "payload", ["{", "[]", "{}", '{"environment": 1, "slots": 5}', '{"environment": "x", "slots": {"a": 5}}']
)  # fmt: skip
def test_an_event_that_somebody_wrote_otherwise_is_told_to_nobody(payload):
    assert messages.of_event(_entry()._replace(payload=payload)) is None


def test_people_read_a_sentence_without_markup():
    payload = MOVED | {"reason": "<!channel> & \n<http://x|y>"}
    text = json.loads(messages.of_event(_entry(payload=payload)).body(WebhookFormat.SLACK))["text"]
    assert text == (
        "released: churn@7, fraud@7 in production (by ci): "
        "&lt;!channel&gt; &amp; \\n&lt;http://x|y&gt;"
    )


def test_a_host_that_lags_is_told_of():
    payload = {"environment": "production", "instance": "web-1", "weights": "xxh3:1", "since": "t",
               "pipeline": None}  # fmt: skip
    told = messages.of_event(_entry("lagging", payload, "churn@production"))
    document = json.loads(told.body(WebhookFormat.STANDARD))
    assert (document["type"], document["data"]["instance"]) == ("host-lagging", "web-1")
    assert document["data"]["slots"][0]["model"] == "churn"


def test_many_slots_are_counted_and_some_are_told():
    slots = tuple({"model": f"m{number}", "path": "/"} for number in range(60))
    told = Happening("released", "t", "production", {}, slots, 1)
    data = json.loads(told.body(WebhookFormat.STANDARD))["data"]
    assert (len(data["slots"]), data["slots_total"]) == (50, 60)
    assert told.sentence == "released: m0, m1, m2, m3, m4 and 55 more in production"


def test_types_are_named_by_commas_and_again():
    assert named_types(["refused,promoted", "retired"]) == ("promoted", "retired", "refused")
    assert named_types([]) == named_types([","]) == TYPES
    with pytest.raises(UsageError, match="Nobody can be told of 'test'"):
        named_types(["test"])
