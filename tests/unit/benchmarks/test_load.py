"""The client that asks servers: it counts what was answered, and keeps its pace."""

from __future__ import annotations

import json

import pytest
import uvloop

from benchmarks import load
from benchmarks.load import run_all
from tests.support.servers import serving


async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message.get("more_body"):
            break
    ok = scope["path"] != "/refused"
    status = (201 if body else 200) if ok else 503
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


@pytest.fixture(scope="module")
def port():
    with serving(application) as address:
        yield int(address.rpartition(":")[2])


def _asked(**said):
    return uvloop.run(run_all([{"seconds": 0.3} | said]))[0]


def test_each_connection_asks_again_once_it_is_answered(port):
    found = _asked(port=port, paths=["/a", "/b"], connections=3)
    assert found["failed"] == {}
    assert found["answers"] == pytest.approx(found["sent"], abs=3)
    assert 0 < found["p50"] <= found["p99"]


def test_requests_of_a_file_are_sent_once_at_their_pace(port, tmp_path):
    file = tmp_path / "requests.jsonl"
    file.write_text("\n".join(json.dumps({"path": "/r", "body": {"n": n}}) for n in range(12)))
    found = _asked(port=port, method="POST", requests=str(file), rate=100.0, seconds=5)
    assert (found["sent"], found["answers"], found["failed"]) == (12, 12, {})


def test_what_is_refused_is_counted_apart(port, monkeypatch):
    monkeypatch.setattr(load, "LONGER", 0.1)  # nothing is ever answered well enough to end sooner
    found = _asked(port=port, paths=["/refused"], connections=1)
    assert found["answers"] == 0
    assert set(found["failed"]) == {503}
