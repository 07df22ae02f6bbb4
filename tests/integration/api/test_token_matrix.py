"""What a bound token learns and does: every route by every scope and binding, on its own and others'.

The rows stand in :mod:`tests.support.token_world`; the OpenAPI document says which routes there
are, so a new route without a row fails here.
"""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from lineage.api.app import create_app
from lineage.api.settings import Settings

from lineage.connection import connect
from lineage.contract.requests import NewToken
from lineage.registry.access import Scope
from tests.conftest import BOTH, make_registry
from tests.support import LONG, token_world
from tests.support.token_world import (
    BINDINGS,
    ROWS,
    Row,
    Thing,
    canaries,
    closed_to,
    is_open,
    own_closed,
)

REQUESTS = 3000
DATABASES = BOTH if LONG else pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@dataclass
class World:
    """A server in this process, its things and its tokens."""

    app: Any
    url: str
    things: dict[str, Thing]
    revoked: str

    async def ask(
        self, client: httpx.AsyncClient, row: Row, thing: Thing, token: str | None
    ) -> Any:
        """The answer to a row's request about a thing."""
        headers = dict(row.headers) | ({"Authorization": f"Bearer {token}"} if token else {})
        url = row.url(thing).replace(f"/tokens/{token_world.REVOKED}", f"/tokens/{self.revoked}")
        body = row.body(thing) if row.body is not None else None
        return await client.request(row.method, url, headers=headers, json=body)

    def client(self) -> httpx.AsyncClient:
        """A client of it."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://here")


@pytest.fixture
def world(database):
    make_registry(database, token_world.fill)
    with connect(database) as registry:
        made = registry.create_token(NewToken("gone", ("read",)), actor="t")
        registry.revoke_token(made["id"], actor="t")
        things = token_world.things(registry)
    app = create_app(Settings(registry=database))
    yield World(app, database, things, made["id"])
    app.state.server.registry.close()


def _label(row: Row, thing: Thing, binding: str) -> str:
    return f"{row.method} {row.url(thing)} {row.body(thing) if row.body else ''} by {binding}"


def test_every_route_has_a_row(tmp_path):
    database = f"sqlite:///{tmp_path / 'registry.db'}"
    make_registry(database)
    app = create_app(Settings(registry=database))
    there = {
        (method.upper(), path)
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    }
    app.state.server.registry.close()
    rows = {(row.method, row.route) for row in ROWS}
    assert there == rows, "each route needs a row that says what a bound token gets of it"


@DATABASES
def test_each_scope_opens_its_routes_and_no_others(world):
    thing = world.things["alpha@production"]
    with connect(world.url) as registry:
        tokens = {
            scope: registry.create_token(NewToken(scope.value, (scope.value,)), actor="t")["token"]
            for scope in Scope
        }

    async def run() -> None:
        async with world.client() as client:
            for row in ROWS:
                if row.scope is None:
                    assert (await world.ask(client, row, thing, None)).status_code == 200
                    continue
                needed = next(one.scope for one in ROWS if _same_route(one, row))
                for scope in Scope:
                    if scope in (needed, Scope.ADMIN):
                        continue
                    answer = await world.ask(client, row, thing, tokens[scope])
                    if scope in row.also:
                        wanted = row.ok if isinstance(row.ok, tuple) else (row.ok,)
                        assert answer.status_code in wanted, _label(row, thing, scope)
                        continue
                    found = (answer.status_code, answer.json()["detail"])
                    assert found == (403, f"{scope} lacks the scope {needed}."), _label(
                        row, thing, scope
                    )

    asyncio.run(run())


@DATABASES
def test_each_binding_opens_its_own_and_tells_nothing_of_others(world):
    """And what is not open is answered like what is not there at all."""
    with connect(world.url) as registry:
        tokens = {
            scope: token_world.tokens(registry, scope) for scope in {r.scope for r in ROWS} if scope
        }
        secrets = {name: canaries(registry, binding) for name, binding in BINDINGS.items()}
    wrong: list[str] = []

    async def cell(client: httpx.AsyncClient, row: Row, thing: Thing, name: str) -> None:
        binding, token = BINDINGS[name], tokens[row.scope][name]
        closed = closed_to(binding, thing)
        opened = is_open(row, binding, closed)
        answer = await world.ask(client, row, thing, token)
        expected = row.ok if opened else _refused(row, binding, closed)
        expected = expected if isinstance(expected, tuple) else (expected,)
        if answer.status_code not in expected:
            wrong.append(f"{_label(row, thing, name)}: {answer.status_code} {answer.text[:300]}")
        said = f"{row.url(thing)} {row.body(thing) if row.body else ''}"
        for secret in secrets[name]:
            if secret not in answer.text:
                continue
            words = set(re.findall(rf"[\w:-]*{re.escape(secret)}[\w-]*", answer.text))
            told = sorted(word for word in words if word not in said)
            wrong.extend(f"{_label(row, thing, name)} tells {word}" for word in told)
        if opened or not closed or "*" in row.of or own_closed(row, binding):
            return
        if not LONG and name.startswith("their"):
            return  # what is the same the other way round
        phantom = thing.phantom(closed)
        ghost = await world.ask(client, row, phantom, token)
        if _masked(answer, thing) != _masked(ghost, phantom):
            wrong.append(f"{_label(row, thing, name)}: {answer.text} is not {ghost.text}")

    async def run() -> None:
        async with world.client() as client:
            for row in ROWS:
                if row.scope is None:
                    continue
                for thing in _told_apart(row, world.things):
                    for name in BINDINGS:
                        await cell(client, row, thing, name)

    asyncio.run(run())
    assert not wrong, "\n".join(wrong)


@pytest.mark.skipif(not LONG, reason="thousands of requests: LINEAGE_LONG_TESTS=1")
@BOTH
def test_random_requests_of_bound_tokens_are_told_nothing(world):
    """Names and digests of everybody in any place, moves that are made; no answer tells, none is 500."""
    chance = random.Random(20261126)
    scopes = sorted({row.scope for row in ROWS if row.scope})
    with connect(world.url) as registry:
        tokens = {scope: token_world.tokens(registry, scope) for scope in scopes}
        secrets = {name: canaries(registry, binding) for name, binding in BINDINGS.items()}
    bound = [name for name in BINDINGS if name != "unbound"]
    there = list(world.things.values())
    planted: set[str] = set()
    wrong: list[str] = []

    def thing(binding: dict[str, Any]) -> Thing:
        """Of several things something; who may share pipelines names whole ones alone."""
        if "models" not in binding:
            return chance.choice(there)
        fields = ("model", "pipeline", "env", "digest", "weights")
        return Thing(*(getattr(chance.choice(there), field) for field in fields))

    async def run() -> None:
        async with world.client() as client:
            for _ in range(REQUESTS):
                row, name = chance.choice(ROWS), chance.choice(bound)
                scope = chance.choice((row.scope, row.scope, chance.choice(scopes)))
                about = thing(BINDINGS[name])
                moved = replace(row, headers=()) if chance.random() < 0.5 else row
                answer = await world.ask(client, moved, about, scope and tokens[scope][name])
                said = f"{moved.url(about)} {moved.body(about) if moved.body else ''}"
                planted.update(re.findall(r"[\w:-]+", said))  # what they said themselves may return
                if answer.status_code >= 500:
                    wrong.append(f"{_label(moved, about, name)}: {answer.text}")
                wrong.extend(
                    f"{_label(moved, about, name)} tells {word}"
                    for secret in secrets[name]
                    for word in set(re.findall(rf"[\w:-]*{re.escape(secret)}[\w-]*", answer.text))
                    if word not in planted
                )

    asyncio.run(run())
    with connect(world.url) as registry:
        assert registry.audit().problems == ()
    assert not wrong, "\n".join(wrong[:50])


def _refused(row: Row, binding: dict[str, tuple[str, ...]], closed: str) -> int:
    """The answer to what is not open: 403 where a name that was said is not."""
    names = own_closed(row, binding) or ("e" in closed and "e" in row.of)
    return 403 if names else row.closed


def _same_route(first: Row, second: Row) -> bool:
    """Whether two rows are of one route; the first row of a route says what scope it needs."""
    return (first.method, first.route) == (second.method, second.route)


def _told_apart(row: Row, things: dict[str, Thing]) -> list[Thing]:
    """The things that a row tells apart: four where it names a model and an environment."""
    of = row.of.lower()
    models = ("alpha", "mcanary") if any(part in of for part in "mp-") else ("alpha",)
    envs = ("production", "ecanary") if any(part in of for part in "e") else ("production",)
    return [things[f"{model}@{env}"] for model in models for env in envs]


def _masked(answer: httpx.Response, thing: Thing) -> tuple[int, str]:
    """An answer without the names that were asked for, and without the request's own id."""
    text = re.sub(r'"request_id":"[^"]*"', "", answer.text)
    for name in (
        thing.digest,
        thing.digest[:16],
        thing.digest[:6],
        thing.weights,
        thing.pipeline,
        thing.model,
        thing.env,
    ):
        text = text.replace(name, "NAME")
    return answer.status_code, text
