"""Weights in and out beside `dvc push` and `dvc pull`, and how long a rollback takes to be seen."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .timing import BIN, CACHE, command, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ONE = 512 << 20
MANY, EACH = 2_000, 16 << 10
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "k",
    "AWS_SECRET_ACCESS_KEY": "s",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def weights() -> None:
    """One large file, and a folder of small ones: into a folder and into S3, and out again."""
    os.environ.update(CREDENTIALS | {"DVC_NO_ANALYTICS": "1"})
    with _s3() as endpoint, tempfile.TemporaryDirectory(dir=CACHE) as name:
        for what, make in ((f"{ONE >> 20} MiB in one file", _one), (f"{MANY:,} files", _many)):
            for where in ("a folder", "S3 (moto, on this machine)"):
                remote = endpoint if where != "a folder" else None
                _compare(f"{what}, {where}", Path(tempfile.mkdtemp(dir=name)), make, remote)


def rollback() -> None:
    """From the start of `lineage rollback` to the first look-up that shows it, over a server."""
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        folder = Path(name)
        _project(folder, None)
        (folder / "weights").mkdir()
        for number in (1, 2):
            (folder / "weights/model.bin").write_bytes(os.urandom(1 << 20))
            _lineage(folder, "register", "big", "--kind", "experiment", "--store")
            _lineage(folder, "validate", f"big@{number}", "--passed")
        _lineage(folder, "pipeline", "deploy", "big", "--env", "staging")
        times: dict[str, list[float]] = {"seen": [], "command": []}
        with _server(folder) as address:
            for _ in range(5):
                for number in (1, 2):
                    _lineage(folder, "validate", f"big@{number}", "--passed")
                    _lineage(folder, "promote", f"big@{number}", "--env", "staging")
                seen, ended = _roll_back(folder, address)
                times["seen"].append(seen)
                times["command"].append(ended)
        start = _timed(command(sys.executable, "-c", "import typer, sqlmodel"))
    found = {
        "import typer, sqlmodel": start,
        "rollback, until a look-up shows it": min(times["seen"]),
        "rollback, until the command ends": min(times["command"]),
    }
    show("rollback from the command line", found, "import typer, sqlmodel")


def _compare(what: str, folder: Path, make: Callable[[Path], None], endpoint: str | None) -> None:
    _project(folder, endpoint)
    (folder / "weights").mkdir()
    make(folder / "weights")
    register = ("register", "big", "--kind", "experiment", "--store")
    dvc = command(BIN / "dvc", "add", "--quiet", "weights", cwd=folder)
    times = {"dvc add": _timed(dvc)}
    times["dvc push"] = _timed(command(BIN / "dvc", "push", "--quiet", cwd=folder))
    _empty(folder, endpoint)
    times["lineage register"] = _timed(lambda: _lineage(folder, *register))
    times["dvc add and dvc push"] = times.pop("dvc add") + times["dvc push"]
    show(f"{what}: in", times, "dvc add and dvc push")
    command(BIN / "dvc", "push", "--quiet", cwd=folder)()
    shutil.rmtree(folder / ".dvc/cache")
    shutil.rmtree(folder / "weights")
    times = {"dvc pull": _timed(command(BIN / "dvc", "pull", "--quiet", cwd=folder))}
    os.environ["LINEAGE_CACHE"] = str(folder / "cache")
    pull = ("pull", "big@1", "-o", "out")
    times["lineage pull"] = _timed(lambda: _lineage(folder, *pull))
    times["lineage pull, cached"] = _timed(lambda: _lineage(folder, *pull))
    show(f"{what}: out", times, "dvc pull")


def _one(folder: Path) -> None:
    with (folder / "model.bin").open("wb") as file:
        for _ in range(ONE >> 24):
            file.write(os.urandom(1 << 24))


def _many(folder: Path) -> None:
    for number in range(MANY):
        (folder / f"{number:05}").write_bytes(os.urandom(EACH))


def _project(folder: Path, endpoint: str | None) -> None:
    git = ("git", "-c", "user.name=b", "-c", "user.email=b@example.com")
    command("git", "init", "--quiet", cwd=folder)()
    command(BIN / "dvc", "init", "--quiet", cwd=folder)()
    remote = folder / "remote" if endpoint is None else f"s3://{_bucket(endpoint)}/weights"
    command(BIN / "dvc", "remote", "add", "--quiet", "-d", "store", remote, cwd=folder)()
    if endpoint is not None:
        os.environ["AWS_ENDPOINT_URL_S3"] = endpoint  # this host's own word for it
        words = ("remote", "modify", "--quiet", "store", "endpointurl", endpoint)
        command(BIN / "dvc", *words, cwd=folder)()
    (folder / "pipeline.py").write_text("print(1)\n")
    (folder / "lineage.toml").write_text(
        '[models.big]\nweights = "weights"\n[models.big.pipeline]\nfiles = ["pipeline.py"]\n'
    )
    command("git", "add", "--all", cwd=folder)()
    command(*git, "commit", "--quiet", "--message", "x", cwd=folder)()
    _lineage(folder, "init")


def _lineage(folder: Path, *words: str) -> None:
    command(BIN / "lineage", *words, cwd=folder)()


def _bucket(endpoint: str) -> str:
    import boto3

    name = f"bench-{time.monotonic_ns()}"
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket=name)
    return name


def _empty(folder: Path, endpoint: str | None) -> None:
    """Take away what `dvc push` put into the remote."""
    if endpoint is None:
        shutil.rmtree(folder / "remote")
        return
    import boto3

    url = next(
        line.split("=")[1].strip()
        for line in (folder / ".dvc/config").read_text().splitlines()
        if line.strip().startswith("url")
    )
    bucket = boto3.resource("s3", endpoint_url=endpoint).Bucket(url.split("/")[2])
    bucket.objects.all().delete()


def _timed(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


@contextlib.contextmanager
def _s3() -> Iterator[str]:
    port = _free_port()
    words = [BIN / "moto_server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[str]:
    port = _free_port()
    words = [BIN / "lineage", "serve", "--no-auth", "--port", str(port)]
    process = subprocess.Popen(
        words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _roll_back(folder: Path, address: str) -> tuple[float, float]:
    """Seconds until a look-up shows a rollback, and until the command ends."""
    import httpx

    seen: list[float] = []
    with httpx.Client() as client:
        path = f"{address}/v1/environments/staging/models/big"

        def watch() -> None:
            while client.get(path).json()["serving"]["ref"] != "big@1":
                time.sleep(0.001)
            seen.append(time.perf_counter())

        watching = threading.Thread(target=watch)
        watching.start()
        began = time.perf_counter()
        _lineage(folder, "rollback", "big", "--env", "staging")
        ended = time.perf_counter()
        watching.join(20)
    return seen[0] - began, ended - began


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _wait(port: int) -> None:
    for _ in range(400):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError("the server does not start")
