"""The server's promises: one effect and one answer, never stale, never more than is asked for."""

from __future__ import annotations

import json
import threading

import httpx
import pytest
from lineage.api.app import create_app
from lineage.api.settings import Settings
from sqlalchemy import event

from lineage import timestamps
from lineage.connection import connect
from lineage.contract.requests import NewToken
from tests.conftest import BOTH, add_validated, captured, captured_pipeline, make_registry
from tests.support.servers import registry_server, serving

SLOT = "/v1/environments/production/models/churn"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def filled(database):
    """A database with three validated versions, the first of them serving."""
    make_registry(database, _fill)
    return database


def _fill(registry):
    for seed in "123":
        add_validated(registry, seed)
    registry.release("production", captured_pipeline(), ["churn@1"], actor="t")


@pytest.fixture
def server(filled):
    with registry_server(filled, no_auth=True) as address, httpx.Client(base_url=address) as client:
        yield client


def _promote(client, number, **headers):
    return client.post(f"{SLOT}/promote", json={"version": str(number)}, headers=headers)


def _problem(response, status, code):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["detail"].endswith(".")
    assert body["remedy"]
    assert body["request_id"] == response.headers["x-request-id"]
    return body


def test_a_look_up_has_the_shape_of_the_command(server, filled):
    found = server.get(SLOT)
    with connect(filled) as registry:
        assert found.json() == registry.serving("churn", "production").to_json()
    assert found.headers["etag"] == '"1"'
    same = server.get(SLOT, headers={"If-None-Match": '"1"'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", '"1"')
    assert server.get(SLOT, headers={"If-None-Match": '"0", W/"1"'}).status_code == 304
    assert server.get(SLOT, headers={"If-None-Match": '"2"'}).status_code == 200


def test_what_changes_under_one_revision_changes_the_etag(server, filled):
    with connect(filled) as registry:
        registry.validate("churn@1", captured_pipeline(), passed=False, actor="t")
    found = server.get(SLOT, headers={"If-None-Match": '"1"'})
    assert found.status_code == 200
    assert found.json()["contradicted"] is True
    tag = found.headers["etag"]
    assert tag.startswith('"1-')
    assert server.get(SLOT, headers={"If-None-Match": tag}).status_code == 304
    assert _promote(server, 2, **{"If-Match": tag}).status_code == 200


def test_a_stale_revision_is_412(server):
    assert _promote(server, 2, **{"If-Match": '"1"'}).headers["etag"] == '"2"'
    _problem(_promote(server, 3, **{"If-Match": '"1"'}), 412, "conflict")
    _problem(_promote(server, 3, **{"If-Match": 'W/"2"'}), 412, "conflict")
    _problem(_promote(server, 3, **{"If-Match": "two"}), 422, "invalid-request")
    assert _promote(server, 3, **{"If-Match": "*"}).status_code == 200


def test_a_refusal_holds_the_whole_decision(server):
    with_none = server.post("/v1/models/churn/versions", json=_version("9"))
    assert with_none.status_code == 201
    refused = _problem(_promote(server, 4), 409, "guard-refused")
    assert refused["decision"]["allowed"] is False
    assert refused["decisions"] == [refused["decision"]]
    failing = {c["code"] for c in refused["decision"]["checks"] if c["status"] == "fail"}
    assert failing == {"validated"}


def _version(seed, **more):
    from lineage.contract import codec

    return json.loads(json.dumps(codec.captured_to_json(captured(seed)))) | more


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_a_retry_has_one_effect_and_one_answer_on_every_replica_and_after_a_restart(filled):
    key = {"Idempotency-Key": "job-17"}
    with (
        registry_server(filled, no_auth=True) as first,
        registry_server(filled, no_auth=True) as second,
    ):
        answers = [
            httpx.post(f"{address}{SLOT}/promote", json={"version": "2"}, headers=key)
            for address in (first, second, first)
        ]
    with registry_server(filled, no_auth=True) as restarted:
        answers.append(httpx.post(f"{restarted}{SLOT}/promote", json={"version": "2"}, headers=key))
        for path, body in (("promote", {"version": "3"}), ("rollback", {"version": "2"})):
            other = httpx.post(f"{restarted}{SLOT}/{path}", json=body, headers=key)
            assert other.status_code == 422, other.text
        someone = {**key, "Lineage-Actor": "someone%20else"}
        _promoted = httpx.post(f"{restarted}{SLOT}/promote", json={"version": "3"}, headers=someone)
        assert _promoted.status_code == 200, "a key is its sender's own"
    assert {(a.status_code, a.content, a.headers["etag"]) for a in answers} == {
        (200, answers[0].content, '"2"')
    }
    replayed = [a.headers.get("idempotency-replayed") for a in answers]
    assert replayed == [None, "true", "true", "true"]
    with connect(filled) as registry:
        moves = [e for e in registry.history("churn@production") if e["kind"] == "promoted"]
    assert len(moves) == 2


@BOTH
def test_what_is_only_shown_of_a_move_is_read_after_its_commit(filled):
    read = []

    def before(connection, _cursor, statement, *_rest):
        if "event.kind IN" in statement:
            read.append(connection.get_execution_options().get("lineage_writing", False))

    application = create_app(Settings(registry=filled, no_auth=True))
    key = {"Idempotency-Key": "job-18"}
    with serving(application) as address, httpx.Client(base_url=address) as client:
        assert _promote(client, 2).json()["backup"]["ready"] is not None
        event.listen(application.state.server.registry._engine, "before_cursor_execute", before)
        answers = [client.post(f"{SLOT}/rollback", headers=key) for _ in range(2)]
    assert set(read) == {False}
    assert answers[0].json()["move"]["proposed_backups"] == {"churn@production": "churn@3"}
    assert answers[0].content == answers[1].content


@BOTH
def test_a_server_that_dies_before_the_answer_is_whole_leaves_the_rest_to_the_retry(filled):
    key = {"Idempotency-Key": "job-19"}
    application = create_app(Settings(registry=filled, no_auth=True))
    with serving(application) as address:
        registry = application.state.server.registry
        registry.with_hints = _die
        assert httpx.post(f"{address}{SLOT}/promote", json={"version": "2"}, headers=key).is_error
    with registry_server(filled, no_auth=True) as restarted:
        answers = [
            httpx.post(f"{restarted}{SLOT}/promote", json={"version": "2"}, headers=key)
            for _ in range(2)
        ]
        now = httpx.get(f"{restarted}{SLOT}")
    assert {(a.status_code, a.content, a.headers["etag"]) for a in answers} == {
        (200, answers[0].content, now.headers["etag"])
    }
    assert [a.headers["idempotency-replayed"] for a in answers] == ["true", "true"]
    assert answers[0].json()["backup"] == now.json()["backup"]
    assert now.json()["revision"] == 2


@BOTH
def test_a_retry_that_comes_before_the_answer_is_whole_makes_it_whole(filled):
    key = {"Idempotency-Key": "job-21"}
    application = create_app(Settings(registry=filled, no_auth=True))
    between = []
    with registry_server(filled, no_auth=True) as other, serving(application) as address:
        registry = application.state.server.registry
        with_hints = registry.with_hints

        def slow(moved):
            between.append(httpx.post(f"{other}{SLOT}/promote", json={"version": "2"}, headers=key))
            with connect(filled) as beside:
                beside.validate("churn@1", captured_pipeline(), passed=False, actor="t")
            return with_hints(moved)

        registry.with_hints = slow
        first = httpx.post(f"{address}{SLOT}/promote", json={"version": "2"}, headers=key)
        registry.with_hints = with_hints
        again = httpx.post(f"{address}{SLOT}/promote", json={"version": "2"}, headers=key)
    assert {first.status_code, between[0].status_code} == {200}
    assert between[0].content == again.content
    assert [answer.json()["revision"] for answer in (first, again)] == [2, 2]
    assert first.json()["serving"] == again.json()["serving"]


def _die(_moved):
    raise SystemExit


@BOTH
def test_a_retry_after_the_slot_moved_on_is_given_the_first_answer(filled):
    key = {"Idempotency-Key": "job-20"}
    with registry_server(filled, no_auth=True) as address, httpx.Client(base_url=address) as client:
        first = _promote(client, 2, **key)
        with connect(filled) as registry:
            registry.validate("churn@1", captured_pipeline(), passed=False, actor="t")
        assert _promote(client, 3).status_code == 200
        again = _promote(client, 2, **key)
    assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])


def test_a_registration_that_is_retried_is_answered_alike(server):
    key = {"Idempotency-Key": "k"}
    answers = [
        server.post("/v1/models/churn/versions", json=_version("7"), headers=key) for _ in range(3)
    ]
    assert {(a.status_code, a.content) for a in answers} == {(201, answers[0].content)}
    assert answers[0].headers["location"] == "/v1/models/churn/versions/4"
    again = server.post("/v1/models/churn/versions", json=_version("7"))
    assert (again.status_code, again.json()["created"]) == (200, False)


def test_what_was_refused_is_decided_anew(server, filled):
    server.post("/v1/models/churn/versions", json=_version("9"))
    key = {"Idempotency-Key": "k"}
    assert _promote(server, 4, **key).status_code == 409
    with connect(filled) as registry:
        registry.validate("churn@4", captured_pipeline(), passed=True, actor="t")
    assert _promote(server, 4, **key).status_code == 200


@BOTH
def test_an_acknowledged_promotion_is_seen_on_every_server(filled):
    """Alternating: what one server acknowledged, the very next look-up on the other shows."""
    with (
        registry_server(filled, no_auth=True) as first,
        registry_server(filled, no_auth=True) as second,
        httpx.Client() as client,
    ):
        for turn in range(60):
            number = 2 + turn % 2
            writer, reader = (first, second) if turn % 4 < 2 else (second, first)
            moved = client.post(f"{writer}{SLOT}/promote", json={"version": str(number)})
            assert moved.status_code == 200
            for address in (reader, writer):
                found = client.get(f"{address}{SLOT}")
                assert found.json()["serving"]["version"] == number
                assert found.headers["etag"] == moved.headers["etag"]


@BOTH
def test_readers_never_go_back(filled):
    """Many look-ups in flight while slots move: each reader sees revisions that only grow."""
    seen: list[list[int]] = []
    stop = threading.Event()

    def read(address: str) -> None:
        mine: list[int] = []
        with httpx.Client(timeout=60) as client:
            while not stop.is_set():
                mine.append(client.get(f"{address}{SLOT}").json()["revision"])
        seen.append(mine)

    with registry_server(filled, no_auth=True) as address:
        readers = [threading.Thread(target=read, args=(address,)) for _ in range(6)]
        for reader in readers:
            reader.start()
        with httpx.Client(timeout=60) as client:
            for turn in range(40):
                assert _promote_at(client, address, 2 + turn % 2) == 200
        stop.set()
        for reader in readers:
            reader.join(60)
    assert len(seen) == 6
    for mine in seen:
        assert mine == sorted(mine)
    assert len({revision for mine in seen for revision in mine}) > 10


def _promote_at(client, address, number):
    return client.post(f"{address}{SLOT}/promote", json={"version": str(number)}).status_code


def test_lists_come_by_pages(server):
    for seed in range(20, 27):
        server.post("/v1/models/churn/versions", json=_version(str(seed)))
    pages, cursor = [], None
    while True:
        query = {"limit": 4} | ({"cursor": cursor} if cursor else {})
        page = server.get("/v1/models/churn/versions", params=query).json()
        pages.append([row["version"] for row in page["items"]])
        cursor = page["next"]
        if cursor is None:
            break
    assert pages == [[10, 9, 8, 7], [6, 5, 4, 3], [2, 1]]
    events, after = [], 0
    while after is not None:
        page = server.get("/v1/events", params={"after": after, "limit": 5}).json()
        events += [row["seq"] for row in page["items"]]
        after = page["next"]
    assert events == list(range(1, len(events) + 1))
    newest = server.get("/v1/events", params={"order": "newest", "limit": 2}).json()
    assert [row["seq"] for row in newest["items"]] == [len(events), len(events) - 1]
    for bad in ("x", "dmVyc2lvbnM6eA", "bW9kZWxzOmE", "'; DROP TABLE event; --", "", "=" * 400):
        _problem(
            server.get("/v1/models/churn/versions", params={"cursor": bad}), 422, "invalid-request"
        )


def test_versions_are_found_page_by_page(server, filled):
    with connect(filled) as registry:
        for number in (1, 2, 3):
            metrics = {"auc": number / 10}
            ref = f"churn@{number}"
            registry.validate(ref, captured_pipeline(), passed=True, metrics=metrics, actor="t")
    path = "/v1/models/churn/versions"
    query = {"where": "auc >= 0.2", "sort": "auc", "columns": "auc,passed", "limit": 1}
    first = server.get(path, params=query).json()
    assert first["items"][0]["ref"] == "churn@2"
    assert first["items"][0]["columns"] == {"auc": 0.2, "passed": True}
    second = server.get(path, params=query | {"cursor": first["next"]}).json()
    assert (second["items"][0]["ref"], second["next"]) == ("churn@3", None)
    for wrong in (
        {"where": "auc > 'x'"}, {"where": ""}, {"where": "acu > 1"}, {"where": "x" * 501},
        {"sort": "nothing"}, {"columns": "nothing"}, {"limit": 0}, {"limit": -1}, {"limit": 10**9},
        {"sort": "-auc", "cursor": first["next"]}, {"where": "auc > 1", "cursor": first["next"]},
    ):  # fmt: skip
        _problem(server.get(path, params=wrong), 422, "invalid-request")
    said = _problem(server.get(path, params={"where": "auc > 'x'"}), 422, "invalid-request")
    assert "column 7" in said["detail"]
    (one,) = server.get("/v1/events", params={"what": "validated", "limit": 1}).json()["items"]
    assert one["kind"] == "validated"
    _problem(server.get("/v1/events", params={"since": "soon"}), 422, "invalid-request")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda b: b["digests"].update(tuple="xxh3:" + "0" * 32), "tuple digest"),
        (lambda b: b["digests"].update(data="xxh3:" + "0" * 32), "data digest"),
        (lambda b: b["pipeline"].update(digest="xxh3:" + "0" * 32), "digest of the pipeline"),
        (lambda b: b["pipeline"].update(blake3="blake3:" + "0" * 64), "BLAKE3 of the pipeline"),
        (lambda b: b["data"][0].update(digest="md5:" + "b" * 32), "digest"),
        (lambda b: b["pipeline"]["manifest"]["stages"]["featurize"]["cmd"].append("x"), "digest"),
    ],
)
def test_a_lie_about_a_digest_is_refused(server, change, says):
    body = _version("8")
    change(body)
    problem = _problem(server.post("/v1/models/churn/versions", json=body), 422, "digest-mismatch")
    assert says in problem["detail"]
    assert server.get("/v1/models/churn/versions").json()["items"][0]["version"] == 3


def test_a_pass_that_its_metrics_contradict_is_refused(server):
    from lineage.contract import codec

    body = {
        "pipeline": json.loads(json.dumps(codec.pipeline_to_json(captured_pipeline()))),
        "passed": True,
        "metrics": {"auc": 0.5},
        "requirements": ["auc >= 0.8"],
    }
    path = "/v1/models/churn/versions/2/validations"
    problem = _problem(server.post(path, json=body), 422, "digest-mismatch")
    assert "auc is 0.5" in problem["detail"]
    failed = server.post(path, json=body | {"passed": False})
    assert (failed.status_code, failed.json()["passed"]) == (201, False)


def test_a_failure_is_never_carried_over_as_a_pass(server):
    from lineage.contract import codec

    pipeline = json.loads(json.dumps(codec.pipeline_to_json(captured_pipeline("new"))))
    carried = {"rests_on": 2, "difference": "comments"}
    body = {"pipeline": pipeline, "passed": False, "carried": carried}
    path = "/v1/models/churn/versions/2/validations"
    before = server.get(path).json()
    _problem(server.post(path, json=body), 422, "invalid-request")
    assert server.get(path).json() == before


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b'{"version": ', JSON, 422, "invalid-request"),
        (b'{"version": NaN}', JSON, 422, "invalid-request"),
        (b'{"version": 1e999}', JSON, 422, "invalid-request"),
        (b"[" * 100_000, JSON, 422, "invalid-request"),
        (b'{"version": "\xff"}', JSON, 422, "invalid-request"),
        (b'{"version": "2", "reason": "a\\u0000b"}', JSON, 422, "invalid-request"),
        (b'{"version": "2", "reason": "\\ud800"}', JSON, 422, "invalid-request"),
        (b'{"version": "2", "shell": "rm"}', JSON, 422, "invalid-request"),
        (b'{"version": 2}', JSON, 422, "invalid-request"),
        (b'{"version": "../2"}', JSON, 422, "invalid-request"),
        (b'{"version": "99999999999"}', JSON, 422, "invalid-request"),
        (b'{"version": "77"}', JSON, 404, "not-found"),
        (b"version=2", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported-media-type"),
        (b'{"version": "2"}', {"Content-Type": "text/plain"}, 415, "unsupported-media-type"),
        (b'{"version": "2"}', {}, 415, "unsupported-media-type"),
        (b" " * (17 << 20), JSON, 413, "body-too-large"),
        (iter([b" " * (1 << 20)] * 100), JSON, 413, "body-too-large"),
        (b'{"version": "2", "reason": "' + b"x" * 3000 + b'"}', JSON, 422, "invalid-request"),
        (b'{"version": "2"}', {**JSON, "Idempotency-Key": "x" * 201}, 422, "invalid-request"),
    ],
    ids=range(19),
)  # fmt: skip
def test_a_bad_body_is_one_problem_and_changes_nothing(server, body, headers, status, code):
    before = server.get("/v1/audit").json()
    answer = server.post(f"{SLOT}/promote", content=body, headers=headers)
    _problem(answer, status, code)
    assert server.get("/v1/audit").json() == before


def test_a_body_that_is_too_large_is_told_how_large_it_may_be(server):
    found = server.post(f"{SLOT}/promote", content=b" " * (17 << 20), headers=JSON).json()
    assert (
        found["detail"] == "The body is larger than 16,777,216 bytes, the most this server takes."
    )
    assert "LINEAGE_MAX_BODY" in found["remedy"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/environments/../../etc/passwd",
        "/v1/environments/production/models/..%2f..%2fetc%2fpasswd",
        "/v1/environments/production/models/churn%00",
        "/v1/environments/%27%20OR%201=1/models/churn",
        "/v1/models/CHURN/versions",
        "/v1/models/" + "a" * 129 + "/versions",
        "/v1/models/churn/versions/0",
        "/v1/models/churn/versions/1;drop",
        "/v1/lineage/file:%2F%2F%2Fetc%2Fpasswd",
        "/v1/pipelines/churn/versions/http:%2F%2F169.254.169.254%2F",
        "/v1/tokens",
        "/%2F/v1/models",
        "/v1/models/",
        "/static/../pyproject.toml",
        "/docs",
    ],
)
def test_no_path_or_url_that_a_client_names_is_opened(server, path):
    answer = server.request("GET" if path != "/v1/tokens" else "TRACE", path)
    assert answer.status_code in (404, 405, 422), answer.text
    _problem(answer, answer.status_code, answer.json()["code"])
    assert "root:" not in answer.text


@BOTH
def test_a_text_that_no_database_keeps_is_told(filled):
    """In an address it does not pass through JSON: the database itself refuses it."""
    with registry_server(filled, no_auth=True) as address:
        for path in ("/v1/events?subject=a%00b", "/v1/lineage/xxh3:%00", f"{SLOT}/history?at=%00"):
            answer = httpx.get(address + path)
            assert answer.status_code in (200, 404, 422), answer.text


def test_methods_and_addresses_that_are_not_there(server):
    assert _problem(server.get("/v2/models"), 404, "no-such-route")
    answer = server.patch("/v1/models")
    _problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, POST"


def test_an_id_that_a_request_brings_is_kept(server):
    assert server.get(SLOT, headers={"X-Request-Id": "abc-1"}).headers["x-request-id"] == "abc-1"
    made = server.get(SLOT, headers={"X-Request-Id": "a b\tc"}).headers["x-request-id"]
    assert len(made) == 16


def test_what_a_host_reports_is_set_beside_what_is_declared(server):
    slot = server.get(SLOT).json()
    report = {
        "instance": "pod-1",
        "weights": slot["serving"]["weights"],
        "pipeline": slot["pipeline"]["digest"],
        "loaded_at": "2026-11-21T08:00:00Z",
    }
    first = server.post(f"{SLOT}/observations", json=report)
    assert (first.status_code, first.json()["in_step"]) == (201, True)
    _promote(server, 2)
    (listed,) = server.get(f"{SLOT}/observations").json()["items"]
    assert (listed["instance"], listed["in_step"]) == ("pod-1", False)
    assert listed["proof"] == "claimed"
    sealed = server.post(f"{SLOT}/observations", json=report | {"proof": "sealed"})
    assert (sealed.status_code, sealed.json()["proof"]) == (201, "sealed")
    (counted,) = server.get("/v1/observed").json()["items"]
    assert (counted["sealed"], counted["claimed"]) == (1, 0)
    metrics = server.get("/metrics").text
    assert 'lineage_observed_proof{environment="production",model="churn",proof="sealed"} 1.0' in (
        metrics
    )
    policy = server.get("/v1/environments/production").json()["policy"]
    policy |= {"match_packages": ["NumPy"], "models": {}}
    applied = server.put(
        "/v1/environments", json={"environments": [{"name": "production", "policy": policy}]}
    )
    assert applied.status_code == 200, applied.text
    other = {"name": "numpy", "here": None, "validated": ["2.4.6"]}
    here = report | {"weights": server.get(SLOT).json()["serving"]["weights"], "differing": [other]}
    skewed = server.post(f"{SLOT}/observations", json=here).json()
    assert (skewed["state"], skewed["differing"]) == ("skewed", [other])
    assert server.get("/v1/observed").json()["items"][0]["skewed"] == 1
    text = server.get("/metrics").text
    assert (
        'lineage_observed_instances{environment="production",model="churn",state="skewed"} 1.0'
        in text
    )
    demanded = server.get(f"{SLOT}/packages/2").json()
    assert (demanded["demanded"], demanded["packages"]) == (["numpy"], None)
    _problem(server.get(f"{SLOT}/packages/99"), 404, "not-found")
    for wrong in (
        {"loaded_at": "yesterday"},
        {"proof": "sworn"},
        {"differing": [{"name": "numpy", "here": None}]},
        {"differing": [{"name": "n", "here": None, "validated": ["1"]}] * 51},
        {"proof": "sealed", "pipeline": None},
    ):
        bad = server.post(f"{SLOT}/observations", json=report | wrong)
        _problem(bad, 422, "invalid-request")


def test_lineage_goes_up_and_down(server):
    version = server.get("/v1/models/churn/versions/1").json()
    up = server.get(f"/v1/lineage/{version['weights']}").json()
    kinds = {node["type"] for node in up["nodes"]}
    assert kinds == {"version", "code", "data", "data-item", "pipeline", "weights"}
    item = version["components"]["data"][0]["digest"]
    down = server.get(f"/v1/lineage/{item}", params={"direction": "down"}).json()
    found = {node["id"] for node in down["nodes"] if node["type"] in ("version", "slot")}
    assert found == {"churn@1", "churn@2", "churn@3", "churn@production"}
    _problem(server.get("/v1/lineage/xxh3:" + "0" * 32), 404, "not-found")
    _problem(server.get("/v1/lineage/nonsense"), 422, "invalid-request")


def test_metrics_tell_requests_decisions_and_slots(server):
    server.get(SLOT)
    _promote(server, 2)
    server.post("/v1/models/churn/versions", json=_version("9"))
    _promote(server, 4)
    text = server.get("/metrics").text
    lines = text.splitlines()
    assert 'lineage_slots{environment="production",state="serving"} 1.0' in lines
    assert 'lineage_slots{environment="production",state="with-backup"} 1.0' in lines
    assert "lineage_database_up 1.0" in lines
    assert 'lineage_decisions_total{allowed="false",environment="production"} 1.0' in lines
    assert (
        'lineage_decision_checks_total{environment="production",rule="validated",status="fail"} 1.0'
        in lines
    )
    route = 'route="/v1/environments/{env}/models/{model}",status="200"'
    assert f'lineage_request_seconds_count{{method="GET",{route}}} 1.0' in lines
    of_requests = [line for line in lines if not line.startswith(("lineage_b", "lineage_obs"))]
    assert "churn" not in "".join(of_requests).replace("{model}", ""), "labels are bounded"
    assert 'lineage_backup_ready{environment="production",model="churn"} 1.0' in lines


def test_a_server_without_tokens_answers_to_this_machine_alone(server):
    for headers in (
        {"Origin": "https://evil.example"},
        {"Host": "rebound.example:8000"},
        {"X-Forwarded-For": "203.0.113.7"},
    ):
        named = headers | {"Lineage-Actor": "t"}
        _problem(server.post(f"{SLOT}/retire", headers=named), 403, "not-permitted")
        _problem(server.get(SLOT, headers=headers), 403, "not-permitted")
    assert server.get(SLOT).json()["serving"] is not None


def test_a_waiver_that_ends_is_not_shown_as_if_it_held(filled, monkeypatch):
    """An answer that is kept says the truth only until its waiver is over."""
    from lineage.contract.requests import DeclaredEnvironment, WaiverRequest
    from lineage.guard.policy import EnvironmentPolicy
    from lineage.identity.components import EnvironmentKind

    policy = EnvironmentPolicy(waive={"validated": ("*",)})
    with connect(filled) as registry:
        registry.apply_environments([DeclaredEnvironment("production", policy)], actor="t")
        registry.register("churn", captured("5"), actor="t")
        now = timestamps.moment(timestamps.now())
        soon, later = (timestamps.written(now + timestamps.span(span)) for span in ("10m", "11m"))
        waive = WaiverRequest(("validated",), "an incident", soon)
        registry.promote("churn@4", "production", waive=waive, actor="t")
    with registry_server(filled, no_auth=True) as address:
        held = httpx.get(f"{address}{SLOT}")
        assert held.json()["waiver"]["ended"] is False
        assert "waiver ended" not in httpx.get(f"{address}/").text
        monkeypatch.setattr(timestamps, "now", lambda: later)
        ended = httpx.get(f"{address}{SLOT}", headers={"If-None-Match": held.headers["etag"]})
        assert ended.status_code == 200
        assert ended.json()["waiver"]["ended"] is True
        with connect(filled) as registry:  # of something else
            registry.create_environment("sandbox", EnvironmentKind.EXPERIMENTAL, actor="t")
        assert "waiver ended" in httpx.get(f"{address}/").text


def test_a_bound_token_rolls_back_no_model_but_its_own(url):
    """Nor is it told which others ride on the pipeline."""
    with connect(url) as registry:
        for model in ("a", "b"):
            add_validated(registry, f"{model}1", "old", model=model, name="shared")
            add_validated(registry, f"{model}2", "new", model=model, name="shared")
        for text, number in (("old", 1), ("new", 2)):
            refs = [f"a@{number}", f"b@{number}"]
            registry.release("production", captured_pipeline(text, "shared"), refs, actor="t")
        new = NewToken("t", ("deploy",), models=("a",))
        token = registry.create_token(new, actor="t")["token"]
    rollback = "/v1/environments/production/models/a/rollback"
    with registry_server(url) as address, httpx.Client(base_url=address) as client:
        for body in ({}, {"with_pipeline": True}, {"with_pipeline": True, "dry_run": True}):
            headers = {"Authorization": f"Bearer {token}"}
            answer = client.post(rollback, headers=headers, json=body)
            _problem(answer, 403, "not-permitted")
            assert "b@" not in answer.text
            assert "models" not in answer.json()
    with connect(url) as registry:
        assert [registry.serving(model, "production").ref for model in "ab"] == ["a@2", "b@2"]


def test_a_bound_token_sees_and_moves_only_its_own(filled):
    with connect(filled) as registry:
        make = lambda **more: registry.create_token(  # noqa: E731
            NewToken("t", ("read", "deploy"), **more), actor="t"
        )["token"]
        staging = make(environments=("staging",))
        other = make(models=("other",))
        own = make(models=("churn",), environments=("production",))
    with registry_server(filled) as address, httpx.Client(base_url=address) as client:

        def ask(token, method, path, **more):
            headers = {"Authorization": f"Bearer {token}"}
            return client.request(method, path, headers=headers, **more)

        for token in (staging, other):
            _problem(ask(token, "GET", SLOT), 403, "not-permitted")
            move = ask(token, "POST", f"{SLOT}/promote", json={"version": "2"})
            _problem(move, 403, "not-permitted")
            _problem(ask(token, "GET", "/v1/events"), 403, "not-permitted")
            _problem(ask(token, "GET", "/metrics"), 403, "not-permitted")
        _problem(ask(staging, "GET", "/v1/models/churn/versions/production"), 403, "not-permitted")
        assert ask(other, "GET", "/v1/models").json()["items"] == []
        names = [e["name"] for e in ask(staging, "GET", "/v1/environments").json()["items"]]
        assert names == ["staging"]
        assert ask(other, "GET", "/v1/environments/production").json()["slots"] == []
        from lineage.contract import codec

        pipeline = json.loads(json.dumps(codec.pipeline_to_json(captured_pipeline("new"))))
        release = {"pipeline": pipeline, "versions": []}
        _problem(
            ask(other, "POST", "/v1/environments/production/releases", json=release),
            403,
            "not-permitted",
        )
        assert ask(own, "POST", f"{SLOT}/promote", json={"version": "2"}).status_code == 200
        for path in (
            "/v1/pipelines/churn/versions",
            f"/v1/pipelines/churn/versions/{captured_pipeline().version.xxh3}",
            f"/v1/pipeline-versions/{captured_pipeline().version.xxh3}",
            "/v1/environments/production/pipelines/churn",
        ):
            assert ask(own, "GET", path).status_code == 200
            # a name is refused by the binding alone; a digest of others is not there
            closed = (404, "not-found") if "pipeline-versions" in path else (403, "not-permitted")
            _problem(ask(other, "GET", path), *closed)


def test_a_host_asks_with_the_pipeline_that_it_runs(server, filled):
    own = server.get(SLOT).json()["pipeline"]["digest"]
    found = server.get(SLOT, params={"pipeline": own})
    assert (found.json()["side"], found.headers["etag"]) == ("serving", '"1"')
    again = server.get(SLOT, params={"pipeline": own}, headers={"If-None-Match": '"1"'})
    assert again.status_code == 304
    assert "side" not in server.get(SLOT).json()
    for other in ("xxh3:" + "0" * 32, "blake3:" + "0" * 64):
        _problem(server.get(SLOT, params={"pipeline": other}), 409, "pipeline-mismatch")
    for nonsense in ("nonsense", "", "x" * 201):
        _problem(server.get(SLOT, params={"pipeline": nonsense}), 422, "invalid-request")
    with connect(filled) as registry:
        registry.retire("churn", "production", actor="t")
    _problem(server.get(SLOT, params={"pipeline": own}), 409, "pipeline-mismatch")
