"""Where a server of ours listens: a port is claimed first, so that one that is taken is told."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from errno import EADDRNOTAVAIL, EAFNOSUPPORT
from typing import Any, Final

import typer

from lineage.errors import UsageError

_NOT_HERE: Final = (EADDRNOTAVAIL, EAFNOSUPPORT)
"""Of one of a name's addresses: ``localhost`` has two, also where there is no IPv6."""


def listening(host: str, port: int, *, remedy: str) -> list[socket.socket]:
    """Sockets that listen at each address of a host; the caller closes them.

    Args:
        host: a name or an address of this machine.
        port: the port; 0 for any that is free.
        remedy: what is said to do where it cannot be.

    Raises:
        UsageError: the port is taken or not allowed, or the host is none of this machine's.
    """
    sockets: list[socket.socket] = []
    with ExitStack() as opened:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            for family, address in dict.fromkeys((one[0], one[4]) for one in found):
                try:
                    listener = socket.create_server(address, family=family)
                except OSError as error:
                    missing = error.errno in _NOT_HERE
                    if not missing or (not sockets and address == found[-1][4]):
                        raise
                else:
                    sockets.append(opened.enter_context(listener))
        except (OSError, UnicodeError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or "no such name"
            told = reason.partition(" (while ")[0]  # Python adds the address
            raise UsageError(
                f"Port {port} of {host} cannot be listened on: {told}.", remedy=remedy
            ) from None
        opened.pop_all()
    return sockets


def run(application: str, host: str, port: int, **settings: Any) -> None:  # noqa: ANN401 - uvicorn names them
    """Serve an application until somebody ends it.

    Args:
        application: what makes it, as uvicorn names it.
        host: a name or an address of this machine.
        port: the port.
        settings: uvicorn's.

    Raises:
        UsageError: the address cannot be listened on.
        typer.Exit: it did not start: 1. uvicorn has logged why, and would exit 3, which is what
            the guard refuses by.
    """
    import uvicorn

    remedy = "Name another port (--port), or an address of this machine (--host)."
    for listener in listening(host, port, remedy=remedy):
        listener.close()
    try:
        uvicorn.run(application, host=host, port=port, **settings)
    except SystemExit:
        raise typer.Exit(1) from None
