"""What a move asks of the database: its SQL statements, counted inside a server."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import uvicorn
from lineage.api.app import create_app
from lineage.api.settings import Settings
from sqlalchemy import Engine, event

from benchmarks.bench import POSTGRESQL, SQLITE
from benchmarks.filled import CANDIDATES, WIDE, fill, slot, version_body
from benchmarks.rows import Row, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bench import Bench

PAIR = "model-0000"
"""A model with two validated versions: one serves, one stands by."""


def statements(bench: Bench) -> Iterator[Row]:
    """SQL statements of a promotion over HTTP, with 1 and with 50 candidates for the backup.

    The server runs in this process, and SQLAlchemy tells of each statement; those that begin and
    end the transaction are among them.
    """
    for database in (SQLITE, POSTGRESQL):
        filled = fill(bench.empty(database), 1, wide=True)
        with (
            _inside(filled.url) as address,
            httpx.Client(
                base_url=address, headers={"Authorization": f"Bearer {filled.token}"}, timeout=60
            ) as client,
        ):
            said = {
                "register": str(_counted(lambda: _register(client))),
                "guard": str(_counted(lambda: _post(client, f"{slot(PAIR)}/guard", version="1"))),
            }
            for model, candidates in ((PAIR, 1), (WIDE, CANDIDATES)):
                counts = [_promoted(client, model, turn) for turn in range(bench.sizes.turns)]
                yield Row(
                    f"promote, {candidates} candidates, {database}",
                    tuple(map(float, counts)),
                    unit="statements",
                    goal=at_most(15),
                    figures=said if model == PAIR else {},
                )


def _promoted(client: httpx.Client, model: str, turn: int) -> int:
    """The statements of one more promotion: 2 serves after the first, then 1, and so on."""
    version = str(2 - turn % 2)
    _post(
        client, f"{slot(model)}/promote", version=str(3 - int(version))
    )  # as it is, or goes there
    return _counted(lambda: _post(client, f"{slot(model)}/promote", version=version))


def _register(client: httpx.Client) -> None:
    seed = f"counted-{time.monotonic_ns()}"
    client.post(f"/v1/models/{PAIR}/versions", json=version_body(seed)).raise_for_status()


def _post(client: httpx.Client, path: str, **body: Any) -> None:  # noqa: ANN401 - JSON
    client.post(path, json=body).raise_for_status()


def _counted(action: Any) -> int:  # noqa: ANN401 - a function
    """How many statements all engines of this process run meanwhile."""
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1

    watched = ("before_cursor_execute", "commit", "rollback")
    for name in watched:
        event.listen(Engine, name, count)
    try:
        action()
    finally:
        for name in watched:
            event.remove(Engine, name, count)
    return seen


@contextlib.contextmanager
def _inside(url: str) -> Iterator[str]:
    """A server in a thread of this process; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        application = create_app(Settings(registry=url))
        server = uvicorn.Server(uvicorn.Config(application, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
            if not thread.is_alive():
                raise RuntimeError("the server does not start")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)
