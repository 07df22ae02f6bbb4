"""Real servers on loopback, in a thread of the test's own process."""

from __future__ import annotations

import functools
import os
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import fastapi.routing
import httpx._transports.default
import uvicorn
from lineage.api.app import create_app
from lineage.api.connections import Connection
from lineage.api.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI


def share_certificates() -> None:
    """Let httpx read the authorities that it trusts once, not for each client of a test."""
    create = httpx._transports.default.create_ssl_context

    @functools.cache
    def usual(*_: str | None) -> Any:
        return create()

    def shared(verify: Any = True, cert: Any = None, trust_env: bool = True) -> Any:
        if verify is True and cert is None and trust_env:
            return usual(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        return create(verify, cert, trust_env)

    httpx._transports.default.create_ssl_context = shared


def share_routes() -> None:
    """Let FastAPI put each route together once, not for each server of a test.

    A route of ours takes what a request is about from the request's own application.
    """
    contexts = fastapi.routing._EffectiveRouteContext
    build = contexts.from_api_route
    built: dict[int, tuple[Any, Any]] = {}

    def shared(*, original_route: Any, include_context: Any) -> Any:
        if id(original_route) not in built:
            made = build(original_route=original_route, include_context=include_context)
            built[id(original_route)] = made, original_route
        return built[id(original_route)][0]

    contexts.from_api_route = shared


@contextmanager
def serving(
    application: FastAPI | Any, connection: Any = Connection, **further: Any
) -> Iterator[str]:
    """An application on a free port, by further settings of uvicorn's; its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        application,
        http=connection,
        proxy_headers=False,
        log_config=None,
        access_log=False,
        **further,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    end = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive(), "the server does not start"
        assert time.monotonic() < end, "the server starts too slowly"
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
        assert not thread.is_alive(), "the server does not stop"


@contextmanager
def registry_server(database: str, **settings: Any) -> Iterator[str]:
    """A registry's server; its address."""
    with serving(create_app(Settings(registry=database, **settings))) as address:
        yield address
