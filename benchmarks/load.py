"""A client that asks for one address over and over on several connections, as fast as it goes.

python -m benchmarks.load PORT PATH CONNECTIONS SECONDS [HEADER]...

It speaks just enough HTTP to be cheaper than any server it measures. Prints answers per second.
"""

from __future__ import annotations

import asyncio
import sys
import time

import uvloop


class _Asking(asyncio.Protocol):
    """One connection: the next request goes out when the answer to the last is whole."""

    def __init__(self, request: bytes, end: float, times: list[float], failed: list[bytes]) -> None:
        self._request = request
        self._end = end
        self._times = times
        self._failed = failed
        self._buffer = b""
        self._sent = 0.0

    def connection_made(self, transport) -> None:  # noqa: ANN001 - asyncio's
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        lowered = head.lower()
        begin = lowered.find(b"content-length:")
        length = int(lowered[begin + 15 :].split(b"\r\n", 1)[0]) if begin >= 0 else 0
        if len(rest) < length:
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self._failed.append(self._buffer[:300])
            self._transport.close()
            return
        self._buffer = b""
        now = time.perf_counter()
        self._times.append(now - self._sent)
        if now < self._end:
            self._ask()
        else:
            self._transport.close()

    def _ask(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)


async def load(port: int, path: str, connections: int, seconds: float, headers: list[str]) -> float:
    """Answers per second over all connections."""
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *headers, "", ""]
    request = "\r\n".join(lines).encode()
    times: list[float] = []
    failed: list[bytes] = []
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    for _ in range(connections):
        await loop.create_connection(
            lambda: _Asking(request, began + seconds, times, failed), "127.0.0.1", port
        )
    await asyncio.sleep(seconds + 0.3)
    if failed or not times:
        raise SystemExit(f"not answered with 200: {failed[:1]}")
    return len(times) / seconds


if __name__ == "__main__":
    rate = uvloop.run(
        load(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5:])
    )
    print(f"{rate:.0f}")
