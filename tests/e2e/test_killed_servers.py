"""Two servers over one PostgreSQL, eight clients, and ``kill -9`` again and again.

Afterwards nothing that was acknowledged is missing, nothing happened twice, the invariant held in
every state that any reader saw, and the history proves it.
"""

from __future__ import annotations

import json
import random
import socket
import threading
import time
import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from lineage.connection import connect
from lineage.contract import codec
from tests.support import LONG, commands
from tests.support.once import ROOT

from ..conftest import BIN, ENVIRONMENT, captured, captured_pipeline, make_registry

ROUNDS = 30 if LONG else 6
"""How often servers are killed: one of them, or both."""

ENOUGH = 20
CLIENTS = 8
MODELS = ("churn", "fraud")
PIPELINES = ("old", "new", "newer")
ENV = "/v1/environments/production"


class Servers:
    """Two real `lineage serve` processes that may die at any time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.ports = [_free_port() for _ in range(2)]
        self._running: list[Any] = [None, None]
        self.killed = self.rounds = 0

    def start(self, which: int) -> None:
        words = [str(BIN / "lineage"), "serve", "--no-auth", "--port", str(self.ports[which])]
        env = ENVIRONMENT | {"LINEAGE_REGISTRY": self._url}
        self._running[which] = commands.start(words, ROOT, env)

    def kill(self, which: int) -> None:
        process = self._running[which]
        if process is not None:
            process.kill()
            process.wait(10)
            self._running[which] = None
            self.killed += 1

    def address(self, which: int) -> str:
        return f"http://127.0.0.1:{self.ports[which]}"

    def wait(self) -> None:
        end = time.monotonic() + 30
        for which in range(2):
            while time.monotonic() < end:
                try:
                    if httpx.get(f"{self.address(which)}/readyz").status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.05)

    def disturb(self, stop: threading.Event, random_: random.Random) -> None:
        while not stop.is_set():
            stop.wait(random_.uniform(0.5, 1.5))
            self.rounds += 1
            for which in random_.choice([(0,), (1,), (0, 1)]):
                self.kill(which)
                stop.wait(random_.uniform(0.0, 0.5))
                self.start(which)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@dataclass
class Seen:
    """What clients and readers saw."""

    acknowledged: list[dict[str, Any]] = field(default_factory=list)
    states: list[list[dict[str, Any]]] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    retried: int = 0

    def counts(self) -> list[int]:
        """How often each kind was acknowledged, an answer was lost, and a reader saw a state."""
        kinds = Counter(one["kind"] for one in tuple(self.acknowledged))
        counted = [kinds[kind] for kind in ("register", "validate", "move")]
        return [*counted, self.retried, *map(len, self.states)]

    def is_enough(self) -> bool:
        """Whether there is enough of everything; before there are readers, there is not."""
        return len(self.states) > 1 and min(self.counts()) > ENOUGH


class Client:
    """Asks for one random thing after the other; a lost answer is asked for again, elsewhere."""

    def __init__(self, servers: Servers, seen: Seen, seed: int) -> None:
        self._servers = servers
        self._seen = seen
        self._random = random.Random(seed)
        self._name = f"client-{seed}"
        self._http = httpx.Client(timeout=10)
        self._made = 0

    def run(self, stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                self._one()
        except Exception as error:
            self._seen.defects.append(f"{self._name}: {error!r}")

    def _one(self) -> None:
        operation = self._random.choices(
            [self._register, self._validate, self._promote, self._deploy, self._release, self._rollback],
            [2, 3, 4, 1, 2, 1],
        )[0]  # fmt: skip
        mark = f"op-{uuid.uuid4().hex}"
        method, path, body, kind = operation(mark)
        answer = self._ask(method, path, body, mark)
        self._seen.statuses[answer.status_code] += 1
        if answer.status_code < 300:
            document = answer.json()
            self._seen.acknowledged.append(
                {"kind": kind, "mark": mark, "body": body, "answer": document}
            )
        elif answer.status_code not in (404, 409, 412):
            self._seen.defects.append(f"{kind}: {answer.status_code} {answer.text[:300]}")

    def _ask(self, method: str, path: str, body: dict[str, Any], key: str) -> httpx.Response:
        which = self._random.randrange(2)
        end = time.monotonic() + 60
        headers = {"Idempotency-Key": key, "Lineage-Actor": self._name}
        while time.monotonic() < end:
            try:
                url = self._servers.address(which) + path
                answer = self._http.request(method, url, json=body, headers=headers)
                if answer.status_code != 503:
                    return answer
            except httpx.TransportError:
                pass
            self._seen.retried += 1
            which = 1 - which
            time.sleep(0.05)
        raise AssertionError("no server answers")

    def _model(self) -> str:
        return self._random.choice(MODELS)

    def _register(self, mark: str) -> tuple[str, str, dict[str, Any], str]:
        self._made += 1
        body = json.loads(
            json.dumps(codec.captured_to_json(captured(f"{abs(hash(mark)) % 10**15}")))
        )
        return (
            "POST",
            f"/v1/models/{self._model()}/versions",
            body | {"run": {"mark": mark}},
            "register",
        )

    def _pipeline(self) -> dict[str, Any]:
        return json.loads(
            json.dumps(codec.pipeline_to_json(captured_pipeline(self._random.choice(PIPELINES))))
        )

    def _validate(self, mark: str) -> tuple[str, str, dict[str, Any], str]:
        passed = self._random.random() < 0.85
        body = {"pipeline": self._pipeline(), "passed": passed, "metrics": {"mark": mark}}
        path = f"/v1/models/{self._model()}/versions/{self._number()}/validations"
        return "POST", path, body, "validate"

    def _number(self) -> str:
        return self._random.choice(["latest", "1", "2", "3", "4", "5"])

    def _promote(self, mark: str) -> tuple[str, str, dict[str, Any], str]:
        body = {"version": self._number(), "reason": mark}
        return "POST", f"{ENV}/models/{self._model()}/promote", body, "move"

    def _rollback(self, mark: str) -> tuple[str, str, dict[str, Any], str]:
        return "POST", f"{ENV}/models/{self._model()}/rollback", {"reason": mark}, "move"

    def _deploy(self, mark: str) -> tuple[str, str, dict[str, Any], str]:
        return (
            "PUT",
            f"{ENV}/pipelines/churn",
            {"pipeline": self._pipeline(), "reason": mark},
            "move",
        )

    def _release(self, mark: str) -> tuple[str, str, dict[str, Any], str]:
        models = self._random.sample(MODELS, self._random.randint(1, 2))
        body = {
            "pipeline": self._pipeline(),
            "versions": [f"{model}@{self._number()}" for model in models],
            "reason": mark,
        }
        return "POST", f"{ENV}/releases", body, "move"


def _read(servers: Servers, which: int, seen: Seen, stop: threading.Event) -> None:
    """Look up what serves, on one server, as fast as it goes."""
    mine: list[dict[str, Any]] = []
    seen.states.append(mine)
    with httpx.Client(timeout=10) as http:
        while not stop.is_set():
            for model in MODELS:
                try:
                    answer = http.get(f"{servers.address(which)}{ENV}/models/{model}")
                except httpx.TransportError:
                    time.sleep(0.02)
                    continue
                if answer.status_code == 200:
                    mine.append(answer.json())
                elif answer.status_code not in (404, 503):
                    seen.defects.append(f"read: {answer.status_code} {answer.text[:300]}")


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_nothing_is_lost_doubled_or_broken_by_servers_that_are_killed(database):
    make_registry(database)
    with connect(database) as registry:
        for model in MODELS:
            for seed in "12345":
                registry.register(model, captured(seed), actor="t")
            for text in PIPELINES:
                registry.validate(f"{model}@1", captured_pipeline(text), passed=True, actor="t")
        registry.release(
            "production", captured_pipeline(), [f"{model}@1" for model in MODELS], actor="t"
        )
    servers, seen = Servers(database), Seen()
    stop, stop_disturbing = threading.Event(), threading.Event()
    for which in range(2):
        servers.start(which)
    servers.wait()
    clients = [Client(servers, seen, seed) for seed in range(CLIENTS)]
    threads = [threading.Thread(target=client.run, args=(stop,)) for client in clients]
    threads += [
        threading.Thread(target=_read, args=(servers, which, seen, stop)) for which in range(2)
    ]
    disturbing = threading.Thread(target=servers.disturb, args=(stop_disturbing, random.Random(7)))
    try:
        for thread in (*threads, disturbing):
            thread.start()
        end = time.monotonic() + 20 * ROUNDS
        while not seen.defects and (servers.rounds < ROUNDS or not seen.is_enough()):
            assert time.monotonic() < end, (servers.rounds, seen.counts())
            time.sleep(0.1)
        stop_disturbing.set()
        disturbing.join(30)
        servers.wait()
        stop.set()
        for thread in threads:
            thread.join(90)
            assert not thread.is_alive()
    finally:
        stop.set()
        stop_disturbing.set()
        for which in range(2):
            servers.kill(which)
    assert seen.defects == []
    assert servers.killed >= ROUNDS
    with connect(database) as registry:
        assert registry.audit().problems == ()
        assert registry.check().problems == ()
        events = registry.events(limit=1_000_000)
        marks = _marks(registry, events)
    assert [mark for mark, count in marks.items() if count > 1] == [], "nothing happened twice"
    for one in seen.acknowledged:
        unchanged = one["kind"] == "move" and not one["answer"]["changed"]
        again = one["kind"] == "register" and not one["answer"]["created"]
        assert unchanged or again or marks[one["mark"]] == 1, one
    history = _states(events)
    _require_proof(events)
    for mine in seen.states:
        last: dict[str, int] = defaultdict(int)
        for slot in mine:
            assert slot["revision"] >= last[slot["model"]], "no reader goes back"
            last[slot["model"]] = slot["revision"]
            refs = tuple(
                slot[side]["version"] if slot[side] else None for side in ("serving", "backup")
            )
            assert history[slot["model"], slot["revision"]] == refs


def _marks(registry, events) -> Counter[str]:
    """How often each operation left its mark in the registry."""
    found: Counter[str] = Counter()
    for event in events:
        payload = event["payload"]
        if payload.get("reason", "").startswith("op-"):
            found[payload["reason"]] += 1
        if (payload.get("run") or {}).get("mark"):
            found[payload["run"]["mark"]] += 1
    for model in MODELS:
        for version in registry.versions(model):
            for validation in registry.validations(version.ref):
                mark = (validation["metrics"] or {}).get("mark")
                if mark is not None:
                    found[mark] += 1
    return found


def _states(events) -> dict[tuple[str, int], tuple[int | None, int | None]]:
    """Each slot's state by its model and revision, as the history tells it."""
    found = {}
    for event in events:
        for subject, state in event["payload"].get("slots", {}).items():
            key = (subject.partition("@")[0], state["revision"])
            refs = tuple(
                state[side]["version"] if state[side] else None for side in ("serving", "backup")
            )
            assert found.get(key, refs) == refs
            found[key] = refs
    return found


def _require_proof(events) -> None:
    """In every state, what serves has a pass, with what runs, that was the newest when it moved."""
    newest: dict[tuple[str, str], tuple[int, bool]] = {}
    public: dict[str, str] = {captured_pipeline(t).version.blake3: captured_pipeline(t).version.xxh3 for t in PIPELINES}  # fmt: skip
    runs: str | None = None
    serving: dict[str, tuple[int, str]] = {}
    for event in events:
        payload = event["payload"]
        if event["kind"] == "validated":
            key = (event["subject"], payload["pipeline"]["digest"])
            newest[key] = (payload["validation"], payload["passed"])
        for blake3 in payload.get("deployments", {}).values():
            runs = public[blake3]
        for subject, state in payload.get("slots", {}).items():
            model = subject.partition("@")[0]
            for side in ("serving", "backup"):
                if state[side] is None:
                    continue
                digest = public[state[side]["pipeline_digest"]]
                ref = f"{model}@{state[side]['version']}"
                proof = newest[ref, digest]
                if side == "backup":
                    assert proof[0] >= state[side]["validation"], (event["seq"], ref)
                    continue
                if serving.get(model) != (state[side]["version"], digest):
                    assert proof == (state[side]["validation"], True), (event["seq"], ref)
                    serving[model] = (state[side]["version"], digest)
                assert digest == runs, (event["seq"], ref)
