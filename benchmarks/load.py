"""A client that asks a server on several connections: as fast as it answers, or at a fixed pace.

    python -m benchmarks.load < STREAMS

STREAMS is a JSON list; each stream has a ``port``, ``headers``, a ``method`` (GET), ``seconds``,
and ``paths`` that it goes through in turn, or ``requests``: a file of JSON lines, each a path and a
body. Without ``rate`` every one of ``connections`` sends the next as soon as the last was answered.
With it requests go out at their moments, each of a file once, whether or not earlier ones were
answered, and a request's time counts from the moment at which it was due. ``warm`` seconds before
are not counted. It speaks just enough HTTP to be cheaper than any server it measures.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_CONNECTIONS = 512
"""Of a stream with a pace: requests that wait for answers at a time."""

LONGER = 30.0
"""Seconds that a server gets to answer once on each connection."""


class Connection(asyncio.Protocol):
    """One connection with at most one request on its way."""

    def __init__(self) -> None:
        self._buffer = b""
        self._done: Callable[[int, float], None] | None = None
        self._due = 0.0

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - asyncio's
        """Asyncio says so."""
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        """A request that is on its way is not answered."""
        if self._done is not None:
            self._answered(0)

    def ask(self, request: bytes, due: float, done: Callable[[int, float], None]) -> None:
        """Send a request; ``done`` gets the answer's status and how long it took since due."""
        self._due, self._done = due, done
        if self._transport.is_closing():
            self._answered(0)
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Part of an answer."""
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        lowered = head.lower()
        begin = lowered.find(b"content-length:")
        length = int(lowered[begin + 15 :].split(b"\r\n", 1)[0]) if begin >= 0 else 0
        if len(rest) >= length:
            self._buffer = b""
            self._answered(int(head[9:12]))

    def close(self) -> None:
        """Close it."""
        self._done = None
        self._transport.close()

    def _answered(self, status: int) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(status, time.perf_counter() - self._due)


class Stream:
    """One stream of requests and what became of them."""

    def __init__(self, said: dict[str, Any]) -> None:
        self._port: int = said["port"]
        self._headers: list[str] = said.get("headers", [])
        self._method: str = said.get("method", "GET")
        self._seconds: float = said["seconds"]
        self._warm: float = said.get("warm", 0.0)
        self._connections: int = said.get("connections", 1)
        self._rate: float | None = said.get("rate")
        self._requests = self._all(said)
        self._times: list[float] = []
        self._failed: dict[int, int] = {}
        self._sent = 0
        self._counted = self._end = self._last = 0.0

    async def run(self) -> dict[str, Any]:
        """Ask until the time is over; what was found."""
        self._counted = time.perf_counter() + self._warm
        self._end = self._counted + self._seconds
        await (self._paced(self._rate) if self._rate else self._closed())
        times = sorted(self._times)
        took = max(self._seconds, self._last - self._counted)
        found = {"answers": len(times), "rate": len(times) / took, "sent": self._sent}
        if times:
            found |= {"p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100]}
        return found | {"failed": self._failed}

    async def _closed(self) -> None:
        """Each connection asks again once it is answered."""
        ended: list[asyncio.Future[None]] = []
        for _ in range(self._connections):
            connection = await self._connect()
            over = asyncio.get_running_loop().create_future()
            ended.append(over)
            self._again(connection, over)
        await asyncio.wait(ended, timeout=self._warm + self._seconds + 2 * LONGER)

    def _again(self, connection: Connection, over: asyncio.Future[None]) -> None:
        def done(status: int, took: float) -> None:
            now = time.perf_counter()
            more = now < self._end or self._slow(now)
            if self._counted <= now and more:
                self._last = now if now > self._end else self._end
                self._note(status, took)
            if more and status:
                self._again(connection, over)
            else:
                connection.close()
                over.set_result(None)

        self._sent += 1
        connection.ask(next(self._requests), time.perf_counter(), done)

    def _slow(self, now: float) -> bool:
        """Whether there are not answers enough to say anything, and there is time for more."""
        return len(self._times) < self._connections and now < self._end + LONGER

    async def _paced(self, rate: float) -> None:
        """Requests go out when they are due."""
        idle = [await self._connect() for _ in range(self._connections)]
        opened, on_its_way = len(idle), 0
        began = time.perf_counter()

        for number in itertools.count():
            due = began + number / rate
            if due >= self._end or (request := next(self._requests, None)) is None:
                break
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            while not idle and opened >= MOST_CONNECTIONS:
                await asyncio.sleep(0.001)
            if idle:
                connection = idle.pop()
            else:
                connection = await self._connect()
                opened += 1

            def done(
                status: int, took: float, one: Connection = connection, due: float = due
            ) -> None:
                nonlocal on_its_way
                on_its_way -= 1
                idle.append(one)
                if due >= self._counted:
                    self._note(status, took)

            on_its_way += 1
            self._sent += 1
            connection.ask(request, due, done)
        late = time.perf_counter() + 10
        while on_its_way and time.perf_counter() < late:
            await asyncio.sleep(0.005)
        for connection in idle:
            connection.close()

    def _note(self, status: int, took: float) -> None:
        if status in (200, 201, 204, 304):
            self._times.append(took)
        else:
            self._failed[status] = self._failed.get(status, 0) + 1

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, "127.0.0.1", self._port)
        return connection

    def _all(self, said: dict[str, Any]) -> Iterator[bytes]:
        if "requests" in said:
            lines = Path(said["requests"]).read_text().splitlines()
            requests = [self._request(**json.loads(line)) for line in lines]
            return iter(requests) if self._rate else itertools.cycle(requests)
        return itertools.cycle([self._request(path) for path in said["paths"]])

    def _request(self, path: str, body: Any = None) -> bytes:  # noqa: ANN401 - JSON
        lines = [f"{self._method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self._port}", *self._headers]
        sent = b""
        if body is not None:
            sent = json.dumps(body).encode()
            lines += ["Content-Type: application/json", f"Content-Length: {len(sent)}"]
        return "\r\n".join([*lines, "", ""]).encode() + sent


async def run_all(streams: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Run some streams beside each other."""
    return await asyncio.gather(*(Stream(said).run() for said in streams))


if __name__ == "__main__":
    json.dump(uvloop.run(run_all(json.load(sys.stdin))), sys.stdout)
