"""Hosts that wait at a server: a raw socket each, which asks again as soon as it is answered."""

from __future__ import annotations

import asyncio
import resource
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .servers import Server

AT_ONCE = 200
"""Connections that are made at a time."""


def more_files() -> int:
    """Let this process and its servers open as many files as they may; how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Hosts:
    """Connected hosts, and when each learnt of something new."""

    def __init__(self, server: Server, path: str) -> None:
        self._server, self._path = server, path
        self._all: list[_Host] = []
        self.wait = 0
        """Seconds for which they ask to wait; 0 while they only keep their connections."""
        self.answers = self.lost = 0
        self.statuses: dict[int, int] = {}
        self.learnt: list[float] = []

    async def connect(self, number: int) -> None:
        """Connect so many, each of which asks once."""
        loop = asyncio.get_running_loop()
        while len(self._all) < number:
            some = min(AT_ONCE, number - len(self._all))
            made = await asyncio.gather(
                *(
                    loop.create_connection(lambda: _Host(self), "127.0.0.1", self._server.port)
                    for _ in range(some)
                )
            )
            self._all += [host for _, host in made]
        await until(lambda: self.answers >= number)

    async def begin(self, wait: int, first: int, last: int) -> None:
        """Let some wait from now on; they begin spread over a wait, as hosts do by themselves."""
        self.wait = wait
        began = time.monotonic()
        for count, host in enumerate(self._all[first:last]):
            host.ask()
            if count % 50 == 0:
                due = began + wait * count / len(self._all)
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    def request(self, etag: bytes) -> bytes:
        """What a host asks that knows an answer."""
        query = f"?wait={self.wait}" if self.wait else ""
        lines = [
            f"GET {self._path}{query} HTTP/1.1",
            f"Host: 127.0.0.1:{self._server.port}",
            *self._server.headers,
            *([f"If-None-Match: {etag.decode()}"] if etag else []),
        ]
        return "\r\n".join([*lines, "", ""]).encode()

    def told(self, status: int, known: bytes, etag: bytes) -> None:
        """Count an answer."""
        self.answers += 1
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status == 200 and known and known != etag:
            self.learnt.append(time.monotonic())

    def close(self) -> None:
        """Close all connections."""
        for host in self._all:
            host.close()


class _Host(asyncio.Protocol):
    """One host on one connection."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._etag = self._buffer = b""
        self._closing = False

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - asyncio's
        self._transport = transport
        self.ask()

    def connection_lost(self, _: Exception | None) -> None:
        self._hosts.lost += not self._closing

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        pairs = (line.split(b":", 1) for line in head.split(b"\r\n")[1:])
        fields = {name.lower(): value.strip() for name, value in pairs}
        if len(body) < int(fields.get(b"content-length", b"0")):
            return
        self._buffer = b""
        etag = fields.get(b"etag", b"")
        self._hosts.told(int(head[9:12]), self._etag, etag)
        self._etag = etag
        if self._hosts.wait:
            self.ask()

    def ask(self) -> None:
        """Ask, and wait where all do."""
        self._transport.write(self._hosts.request(self._etag))

    def close(self) -> None:
        """Close the connection."""
        self._closing = True
        self._transport.abort()


async def until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait for something.

    Raises:
        RuntimeError: it does not come to be.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError("the hosts were not answered")
        await asyncio.sleep(0.01)
