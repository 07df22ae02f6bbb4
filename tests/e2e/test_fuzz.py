"""Thousands of odd requests as each scope: every answer is understood, nothing breaks, nothing hangs.

``LINEAGE_FUZZED`` says how many as each scope; ``LINEAGE_LONG_TESTS=1`` makes a million of them all.
"""

from __future__ import annotations

import os
import time
from collections import Counter

import httpx

from lineage import strict_json
from lineage.connection import connect
from lineage.contract.requests import NewToken
from lineage.registry.access import Scope
from tests.conftest import BOTH, add_validated, captured_pipeline, make_registry
from tests.support import LONG
from tests.support.fuzz import Fuzzer
from tests.support.servers import registry_server

COUNT = int(os.environ.get("LINEAGE_FUZZED", 1_000_000 // (len(Scope) + 1) if LONG else 40))
SLOWEST = 10.0


def _fill(registry):
    for seed in "123":
        add_validated(registry, seed)
    registry.release("production", captured_pipeline(), ["churn@1"], actor="t")
    registry.promote("churn@2", "production", actor="t")


def _understood(asked, answer):
    """What is wrong with an answer; None where nothing is."""
    if answer.status_code >= 500:
        return f"{answer.status_code}"
    kind = answer.headers.get("content-type", "")
    if answer.status_code >= 400:
        if kind != "application/problem+json":
            return f"{answer.status_code} as {kind}"
        problem = strict_json.loads(answer.content)
        known = problem["status"] == answer.status_code and problem["code"] and problem["remedy"]
        return None if known else "an odd problem"
    if answer.status_code not in (204, 304) and kind == "application/json":
        strict_json.loads(answer.content)
    return None


def _all(address, token, fuzzer):
    """The statuses of all answers, and what was wrong with them."""
    statuses: Counter[int] = Counter()
    wrong: list[str] = []
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
        for _ in range(COUNT):
            asked = fuzzer.ask()
            encoded = {name: value.encode("utf-8") for name, value in asked.headers.items()}
            began = time.monotonic()
            answer = client.request(
                asked.method, asked.path, headers=encoded, content=asked.body or None
            )
            statuses[answer.status_code] += 1
            reason = _understood(asked, answer)
            if reason is None and time.monotonic() - began > SLOWEST:
                reason = "too slow"
            if reason is not None:
                wrong.append(f"{reason}: {asked!r:.2000} → {answer.text[:500]}")
    return statuses, wrong


@BOTH
def test_every_odd_request_has_an_answer_that_is_understood(database):
    make_registry(database, _fill)
    with connect(database) as registry:
        made = {
            scope: registry.create_token(NewToken(scope.value, (scope,)), actor="t")["token"]
            for scope in Scope
        }
        found = registry.show("churn@1")
        words = [
            str(found["pipeline"]), str(found["tuple"]), str(found["weights"]), str(found["data"]), "blake3:" + "a" * 64,
            "md5:" + "a" * 32, "2026-11-21T08:00:00Z", "90d", "churn@1", "churn@production", "auc >= 0.8", "a" * 40, "b" * 32,
        ]  # fmt: skip
    told: Counter[int] = Counter()
    with registry_server(database, failed_logins=10**9) as address:
        document = httpx.get(f"{address}/openapi.json").json()
        for number, (scope, token) in enumerate([*made.items(), (None, None)]):
            statuses, wrong = _all(address, token, Fuzzer(document, number, words))
            assert not wrong, (scope, len(wrong), wrong[:3])
            told += statuses
        assert httpx.get(f"{address}/readyz").status_code == 200
    with connect(database) as registry:
        assert registry.audit().problems == ()
        assert registry.check().problems == ()
    print(f"{told.total():,} requests: {dict(sorted(told.items()))}")
    if COUNT >= 40:
        assert {200, 403, 404, 422} <= set(told), "they get behind the first checks"
    if COUNT >= 1000:
        assert 201 in told, "some make something"
