"""Reports of 10,000 hosts, one a minute each, alone and beside look-ups, on both databases.

python -m benchmarks.reports [RATE [SECONDS]]

Prints how long a report takes from the moment that it is due, and how many look-ups are answered
beside the reports, against as many without them, in turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from lineage import timestamps
from lineage.connection import connect
from lineage.contract.captured import CapturedPipelineVersion, CapturedVersion
from lineage.contract.requests import NewToken
from lineage.database.schema import upgrade
from lineage.identity.components import EnvironmentKind
from lineage.identity.digest import xxh3
from lineage.weights.copies import NewCopy, StoreAddress

from .service import _captured, _postgresql, _server
from .timing import CACHE

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTS, SLOTS, RATE, SECONDS, TURNS = 10_000, 200, 167.0, 4.0, 3
CONNECTIONS = 64


@dataclass(frozen=True)
class Reported:
    """How reports fared: seconds from when they were due to their answer, and the server's CPU."""

    rate: float
    p50: float
    p99: float
    worst: float
    failed: int
    cpu: float = 0.0


def reports(rate: float = RATE, seconds: float = SECONDS) -> dict[str, Any]:
    """What reports cost, and what they cost others; printed, and returned by database."""
    found: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        CACHE.mkdir(parents=True, exist_ok=True)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=CACHE)))
        databases = {"SQLite": f"sqlite:///{folder}/registry.db"}
        databases["PostgreSQL"] = stack.enter_context(_postgresql(folder))
        for name, url in databases.items():
            token = fill(url)
            port = stack.enter_context(
                _server("lineage.api.app:create_app", "--factory", LINEAGE_REGISTRY=url)
            )
            found[name] = _measured(port, token, rate, seconds)
            _print(name, found[name])
    return found


def _measured(port: int, token: str, rate: float, seconds: float) -> dict[str, Any]:
    _report(port, token, 0, HOSTS / 1000)  # every host once or so
    alone = _report(port, token, rate, seconds)
    fastest = _report(port, token, 0, seconds)
    quiet, beside, with_them = [], [], []
    for _ in range(TURNS):
        quiet.append(_look_ups(port, token, seconds))
        with _reporting(port, token, rate, seconds + 2) as reporting:
            time.sleep(0.7)
            beside.append(_look_ups(port, token, seconds))
        with_them.append(_read(reporting))
    return {
        "alone": alone,
        "fastest": fastest,
        "beside look-ups": sorted(with_them, key=lambda one: one.p99)[TURNS // 2],
        "look-ups, quiet": statistics.median(quiet),
        "look-ups, beside reports": statistics.median(beside),
        "ratio": statistics.median(b / q for b, q in zip(beside, quiet, strict=True)),
    }


def _print(name: str, found: dict[str, Any]) -> None:
    print(f"\n{name}: reports of {HOSTS:,} hosts over {SLOTS} slots")
    for what in ("alone", "beside look-ups", "fastest"):
        one = found[what]
        print(
            f"  {what:<16} {one.rate:>6.0f} /s   median {one.p50 * 1000:>6.1f} ms   "
            f"p99 {one.p99 * 1000:>6.1f} ms   worst {one.worst * 1000:>6.1f} ms   "
            f"CPU of the server {one.cpu:>4.0%}   failed {one.failed}"
        )
    print(
        f"  look-ups beside them {found['look-ups, beside reports']:.0f} /s, "
        f"without {found['look-ups, quiet']:.0f} /s: {found['ratio']:.2f}",
        flush=True,
    )


def fill(url: str) -> str:
    """A registry with a model in each slot, and another one validated; a token."""
    upgrade(url)
    with connect(url) as registry:
        registry.create_environment("production", EnvironmentKind.PRODUCTION, actor="b")
        captured = _captured("1")
        assert captured.components.pipeline is not None
        found = CapturedPipelineVersion("churn", captured.components.pipeline)
        models = [f"model-{number}" for number in range(SLOTS)]
        copy = NewCopy(StoreAddress("remote", "s3://remote/weights"), "0" * 32)
        for model in models:
            version = CapturedVersion(captured.components, "churn", stored=(copy,))
            ref = registry.register(model, version, actor="b").ref
            registry.validate(ref, found, passed=True, actor="b")
        registry.release("production", found, [f"{model}@1" for model in models], actor="b")
        return str(registry.create_token(NewToken("b", ("admin",)), actor="b")["token"])


def _look_ups(port: int, token: str, seconds: float) -> float:
    path = "/v1/environments/production/models/model-7"
    words = ["benchmarks.load", str(port), path, "16", str(seconds)]
    header = f"Authorization: Bearer {token}"
    done = subprocess.run(
        [sys.executable, "-m", *words, header], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def _report(port: int, token: str, rate: float, seconds: float) -> Reported:
    with _reporting(port, token, rate, seconds) as process:
        pass
    return _read(process)


@contextlib.contextmanager
def _reporting(
    port: int, token: str, rate: float, seconds: float
) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-m", "benchmarks.reports", "--client", str(port), token]
    process = subprocess.Popen([*words, str(rate), str(seconds)], stdout=subprocess.PIPE, text=True)
    try:
        yield process
        process.wait(seconds + 60)
    finally:
        process.kill()


def _read(process: subprocess.Popen[str]) -> Reported:
    assert process.stdout is not None
    return Reported(**json.loads(process.stdout.read()))


# the client


class _Hosts:
    """Hosts that report in turn over some connections."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._head = (
            f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\n"
        )
        self._weights = str(xxh3(b"1"))
        self.next = 0
        self.times: list[float] = []
        self.failed = 0

    def request(self) -> bytes:
        number = self.next % HOSTS
        self.next += 1
        body = json.dumps(
            {
                "instance": f"host-{number}:{1000 + number}",
                "weights": self._weights,
                "loaded_at": timestamps.now(),
                "standby": False,
                "revision": 1,
            }
        )
        path = f"/v1/environments/production/models/model-{number % SLOTS}/observations"
        length = f"Content-Length: {len(body)}\r\n\r\n"
        return f"POST {path} HTTP/1.1\r\n{self._head}{length}{body}".encode()

    async def connection(self, due: asyncio.Queue[float], end: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while (now := time.perf_counter()) < end:
            try:
                at = now if due.maxsize else await asyncio.wait_for(due.get(), end - now)
            except TimeoutError:
                break
            writer.write(self.request())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 201"):
                self.failed += 1
            self.times.append(time.perf_counter() - at)
        writer.close()


async def client(port: int, token: str, rate: float, seconds: float) -> Reported:
    """Report at a rate (0: as fast as it goes); how that fared."""
    hosts = _Hosts(port, token)
    began = time.perf_counter()
    due: asyncio.Queue[float] = asyncio.Queue(0 if rate else 1)
    tasks = [
        asyncio.create_task(hosts.connection(due, began + seconds)) for _ in range(CONNECTIONS)
    ]
    used = _cpu(port)
    for number in range(int(rate * seconds)):
        at = began + number / rate
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        due.put_nowait(at)
    await asyncio.gather(*tasks)
    took = time.perf_counter() - began
    times = sorted(hosts.times)
    return Reported(
        len(times) / took,
        times[len(times) // 2],
        times[len(times) * 99 // 100],
        times[-1],
        hosts.failed,
        (_cpu(port) - used) / took,
    )


def _cpu(port: int) -> float:
    """CPU seconds of the process that listens on a port, the client's parent's child."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "uvicorn" in words and str(port) in words:
            times = process.cpu_times()
            return float(times.user + times.system)
    return 0.0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--client"]:
        port, token, rate, seconds = sys.argv[2:]
        said = asyncio.run(client(int(port), token, float(rate), float(seconds)))
        print(json.dumps(asdict(said)))
    else:
        print("load", os.getloadavg())
        reports(*(float(word) for word in sys.argv[1:]))
