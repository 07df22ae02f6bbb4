"""Shows a registry in a file to a browser on this machine: a server on loopback that only reads."""

from __future__ import annotations

import logging.config
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from . import logs, output
from .listening import listening

if TYPE_CHECKING:
    from pathlib import Path

APPLICATION: Final = "lineage.api.app:create_app"
CONNECTION: Final = "lineage.api.connections:Connection"
HOST: Final = "127.0.0.1"


def show(url: str, folder: Path, port: int = 0) -> None:
    """Serve the pages until somebody ends it, and say where.

    Args:
        url: ``sqlite:///path``.
        folder: where the lines of code that differ are looked for, if it is a checkout.
        port: the port; 0 for any that is free.

    Raises:
        RegistryUnreachable: there is no such file, or its schema is not this program's.
        UsageError: the port is taken.
    """
    import uvicorn

    from lineage.database import schema
    from lineage.database.engine import open_engine

    engine = open_engine(url, read_only=True)
    try:
        schema.require_current(engine)
    finally:
        engine.dispose()
    logging.config.dictConfig(logs.CONFIG)
    os.environ |= {"LINEAGE_REGISTRY": url, "LINEAGE_NO_AUTH": "1", "LINEAGE_READ_ONLY": "1"}
    os.environ["LINEAGE_CHECKOUT"] = os.fspath(folder)
    remedy = "Name another port, or leave --port out for one that is free."
    (listener,) = listening(HOST, port, remedy=remedy)
    with listener:
        output.say(f"http://{HOST}:{listener.getsockname()[1]}/")
        output.note("note: nothing can be changed there; end it with Ctrl-C")
        server = uvicorn.Server(
            uvicorn.Config(
                APPLICATION,
                factory=True,
                http=CONNECTION,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=1,
            )
        )
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
