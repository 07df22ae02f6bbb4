"""Schemathesis against a running server, with all its checks, as each scope and as nobody."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import httpx
import pytest

from lineage.connection import connect
from lineage.contract.requests import NewToken
from lineage.registry.access import Scope
from tests.support import LONG
from tests.support.servers import registry_server

from ..conftest import BIN, add_validated, captured_pipeline

CONFIG = Path(__file__).parents[1] / "schemathesis.toml"
WHOLE = ("-n", "8") if LONG else ("--phases", "examples,fuzzing,stateful", "-n", "4")
"""For who may do everything; at full length with the thousands of requests of the coverage phase."""

REST = ("--phases", "fuzzing", "--max-examples", "4" if LONG else "1")
"""For the others, whom most addresses refuse."""


SCOPES = list(Scope) if LONG else [Scope.ADMIN, Scope.READ]
"""Those of the others that may write are refused alike."""

# one worker: Python 3.11 cannot always parse source in two threads (its issue 106905)


@pytest.mark.parametrize("scope", [*SCOPES, None], ids=str)
def test_every_answer_is_a_documented_one(scope, url, tmp_path):
    with connect(url) as registry:
        add_validated(registry, "1")
        add_validated(registry, "2")
        registry.release("production", captured_pipeline(), ["churn@1"], actor="t")
        token = registry.create_token(NewToken("t", (scope or "read",)), actor="t")["token"]
    headers = ["-H", f"Authorization: Bearer {token}"] if scope else []
    with registry_server(url, failed_logins=1_000_000) as address:
        done = subprocess.run(
            [
                BIN / "schemathesis", "--config-file", CONFIG, "run", f"{address}/openapi.json",
                *headers, "--checks", "all", "--workers", "1", "--seed", "1", "--no-color",
                *(WHOLE if scope is Scope.ADMIN else REST), "--request-timeout", "60",
            ],
            cwd=tmp_path,
            env={k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )  # fmt: skip
        assert httpx.get(f"{address}/readyz").status_code == 200
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-2000:]
    with connect(url) as registry:
        assert registry.audit().problems == ()
        assert registry.check().problems == ()


def test_a_server_that_asks_for_no_tokens_documents_none(url):
    with registry_server(url, no_auth=True) as address:
        document = httpx.get(f"{address}/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert "security" not in str(document["paths"])


def test_every_operation_is_described_with_its_errors(url):
    with registry_server(url) as address:
        document = httpx.get(f"{address}/openapi.json").json()
    open_to_all = {"/healthz", "/readyz"}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert operation["description"], (method, path)
            problems = {
                status
                for status, answer in operation["responses"].items()
                if "application/problem+json" in answer.get("content", {})
            }
            if path not in open_to_all:
                assert operation["security"], (method, path)
                assert {"401", "403", "422", "429", "500", "503"} <= problems, (method, path)
            if method in ("post", "put", "delete"):
                assert {"413", "415"} <= problems, (method, path)
