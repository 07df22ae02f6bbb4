"""The machine of a run: what it is, which versions ran on it, and how busy it was."""

from __future__ import annotations

import contextlib
import os
import platform
import sqlite3
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import psutil

from . import peers


def machine() -> dict[str, str]:
    """What the run is on."""
    memory = psutil.virtual_memory().total / (1 << 30)
    return {
        "processor": _processor(),
        "cores": f"{len(psutil.Process().cpu_affinity() or [])}"
        if hasattr(psutil.Process, "cpu_affinity")
        else f"{os.cpu_count()}",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
    }


def versions(postgresql: str | None) -> dict[str, str]:
    """What ran: the product, what it stands on, and those of the peers that are installed."""
    found = {
        "lineage-guard": metadata.version("lineage-guard") + _commit(),
        "Python": sys.version.split()[0],
        "SQLite": sqlite3.sqlite_version,
        "PostgreSQL": _postgresql(postgresql),
        "DVC": metadata.version("dvc"),
        "FastAPI": metadata.version("fastapi"),
        "SQLAlchemy": metadata.version("sqlalchemy"),
    }
    for name in peers.PEERS:
        version = peers.version(name)
        if version is not None:
            found[peers.PEERS[name].title] = version
    return found


def load() -> str:
    """How busy the machine is while nothing of ours works."""
    busy = psutil.cpu_percent(interval=0.3)
    return f"{busy:.0f} % busy, load {os.getloadavg()[0]:.2f}"


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    words = ["git", "-C", os.fspath(Path(__file__).parent), "describe", "--always", "--dirty"]
    with contextlib.suppress(OSError):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return f" ({done.stdout.strip()})"
    return ""


def _postgresql(url: str | None) -> str:
    if url is None:
        return "not asked"
    import psycopg

    with psycopg.connect(url) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    return str(row[0]) if row else "?"
