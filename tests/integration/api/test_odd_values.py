"""Odd dates, numbers and texts end in an answer of ours: never in a failure that nobody foresaw."""

from __future__ import annotations

import itertools
import json
import random

import httpx
import pytest

from lineage import timestamps
from lineage.contract import codec
from lineage.contract.requests import expiry
from lineage.errors import UsageError
from tests.conftest import BOTH, add_validated, captured_pipeline, make_registry
from tests.support import LONG
from tests.support.servers import registry_server

SLOT = "/v1/environments/production/models/churn"
VERSION = "/v1/models/churn/versions/1"

DATES = (
    "", " ", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "0001-01-01", "0999-12-31",
    "1969-12-31T23:59:59Z", "9999-12-31T23:59:59.999999-14:00", "9999-12-31T23:59:59Z",
    "10000-01-01T00:00:00Z", "+12026-01-01", "-0001-01-01", "2026-02-30", "2026-11-21T24:00:00Z",
    "2026-11-21T23:59:60Z", "2026-06-30T23:59:60+00:00", "2026-11-21T08:00:00+24:00",
    "2026-11-21T08:00:00+23:59:59.999999", "2026-11-21T08:00:00-00:00", "2026-W53-7", "2026-366",
    "20261121T080000", "2026-11-21T08:00:00.1234567890Z", "2026-11-21\u202e08:00:00",
    "\uff12\uff10\uff12\uff16-11-21T08:00:00Z", "2026-11-21T08:00:00Z\n", "now", "never", "NaN", "1e400", "99999w",
    "0d", "-1d", "1" * 40,
)  # fmt: skip
NUMBERS = (
    "-0", "-1", "0", "-0.0", "1.5", "1e308", "1e309", "1e400", "-1e400", "1e-400", "NaN",
    "Infinity", "-Infinity", "2147483648", "4294967296", "9007199254740993", "9223372036854775807",
    "9223372036854775808", "18446744073709551616", "1" + "0" * 300, "1" + "0" * 5000, "0x10", "01",
    "1_000", "true", "null", '"7"', '"٣"', "[]", "{}",
)  # fmt: skip
TEXTS = tuple(json.dumps(text) for text in (
    "\x00", "\x1b[2J", "\u202e", "\ud800", "\udc00\ud800", "\uffff", "\U0010ffff", "a" * 100_000,
    "'; DROP TABLE event; --", "../../etc/passwd", "%00", "«x»",
))  # fmt: skip
ODD = (*NUMBERS, *(json.dumps(date) for date in DATES), *TEXTS)

BODIES = {
    ("POST", "/v1/tokens"): {
        "name": "x", "scopes": ["read"], "environments": ["production"], "models": ["churn"],
        "expires_at": "2999-01-01T00:00:00Z", "person": "p",
    },
    ("POST", f"{SLOT}/promote"): {
        "version": "1", "reason": "r", "waiver": {"codes": ["approvals"], "reason": "r",
        "until": "2999-01-01T00:00:00Z"},
    },
    ("POST", f"{SLOT}/guard"): {"version": "1"},
    ("POST", f"{SLOT}/rollback"): {"reason": "r", "seen": {"churn": 1}, "leave": ["churn"], "dry_run": True},
    ("PUT", f"{SLOT}/backup"): {"version": "1", "pipeline": "xxh3:0", "reason": "r"},
    ("POST", f"{SLOT}/observations"): {
        "instance": "i", "weights": "xxh3:" + "0" * 32, "pipeline": "xxh3:" + "0" * 32,
        "loaded_at": "2026-01-01T00:00:00Z", "holds_for": 60, "proof": "claimed", "revision": 1,
    },
    ("POST", f"{VERSION}/validations"): {
        "pipeline": codec.pipeline_to_json(captured_pipeline()), "passed": True,
        "metrics": {"auc": 0.9, "deep": {"n": [1]}}, "requirements": ["auc >= 0.8"],
        "run": {"command": ["true"], "exit_status": 0, "started_at": "2026-01-01T00:00:00Z", "seconds": 1.5},
        "carried": {"rests_on": 1, "difference": "none"},
    },
    ("POST", f"{VERSION}/approvals"): {"environment": "production"},
    ("PUT", "/v1/environments"): {
        "environments": [{"name": "production", "kind": "production", "policy": {
            "approvals": 0, "rollout": "1h", "requirements": ["auc >= 0.1"],
            "waive": {"approvals": ["*"]}, "max_age": "30d",
        }}],
    },
}  # fmt: skip
QUERIES = (
    ("/v1/events", "after"), ("/v1/events", "limit"), ("/v1/events", "order"),
    ("/v1/events", "cursor"), ("/v1/events", "subject"), ("/v1/models", "limit"),
    ("/v1/models", "cursor"), ("/v1/models/churn/versions", "limit"),
    *(("/v1/models/churn/versions", name) for name in ("where", "sort", "columns")),
    *(("/v1/events", name) for name in ("who", "what", "since", "until", "model", "environment")),
    ("/v1/models/churn/versions", "cursor"), ("/v1/tokens", "cursor"), (f"{SLOT}/history", "at"),
    (SLOT, "at"), (SLOT, "pipeline"), ("/v1/environments/production", "at"),
    ("/v1/lineage/xxh3:00000000", "direction"), ("/v1/observed", "model"),
)  # fmt: skip


@pytest.fixture
def filled(database):
    make_registry(database, _fill)
    return database


def _fill(registry):
    add_validated(registry, "1")
    add_validated(registry, "2")
    registry.release("production", captured_pipeline(), ["churn@1"], actor="t")


def _mutated(body):
    """The body with each value in it, and each number of a list, taken for a mark."""
    for path in _paths(body, ()):
        yield _with(body, path)


def _paths(value, path):
    yield path
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        yield from _paths(inner, (*path, key))


def _with(value, path):
    if not path:
        return "«mark»"
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _with(value[path[0]], path[1:])
    return copy


@BOTH
def test_an_odd_value_anywhere_in_a_body_is_answered(filled):
    cases = [
        (method, path, json.dumps(body).replace('"\\u00abmark\\u00bb"', odd))
        for (method, path), whole in BODIES.items()
        for body, odd in itertools.product(_mutated(whole), ODD)
    ]
    if not LONG:
        cases = random.Random(15).sample(cases, 300)
    with registry_server(filled, no_auth=True) as address, httpx.Client(base_url=address) as client:
        for method, path, content in cases:
            _answered(client.request(
                method, path, content=content.encode(), headers={"Content-Type": "application/json"}
            ), content[:300])  # fmt: skip
        assert client.get(SLOT).status_code == 200


def test_an_odd_value_in_an_address_or_a_header_is_answered(filled):
    odd = [*DATES, *NUMBERS, "\x00", "\x1b[2J", "%00", "\u202e", "a" * 5000]
    with registry_server(filled, no_auth=True) as address, httpx.Client(base_url=address) as client:
        asked = list(itertools.product(QUERIES, odd))
        for (path, name), value in asked if LONG else random.Random(15).sample(asked, 250):
            _answered(client.get(path, params={name: value}), (path, name, value))
        for value in (one for one in odd if one.isascii() and one.isprintable()):
            for header in ("If-Match", "If-None-Match", "Idempotency-Key", "Lineage-Actor"):
                headers = {header: value, "Content-Type": "application/json"}
                for quoted in (headers, headers | {header: f'"{value}"'}):
                    if quoted[header].strip() == quoted[header] and len(value) < 4000:
                        answer = client.post(f"{SLOT}/guard", json={"version": "1"}, headers=quoted)
                        _answered(answer, quoted)
                        _answered(client.get(SLOT, headers=quoted), quoted)
            _answered(client.get(f"/v1/models/churn/versions/{value or '-'}"), value)


def _answered(answer, sent):
    assert answer.status_code < 500, (answer.status_code, answer.text, sent)
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("text", DATES)
def test_a_time_is_one_of_a_registry_or_none(text):
    try:
        written = timestamps.parse_time(text)
    except UsageError:
        return
    assert len(written) == len(timestamps.now()), "times are compared as texts"
    assert timestamps.parse_time(written) == written
    assert written[:4] >= "1970"


@pytest.mark.parametrize("text", DATES)
def test_a_token_ends_at_a_time_or_not_at_all(text):
    try:
        end = expiry(text, timestamps.now())
    except UsageError:
        return
    assert end is None or len(end) == len(timestamps.now())
