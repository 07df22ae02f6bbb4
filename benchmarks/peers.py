"""Peers: programs that are measured beside ours, each in an environment of its own.

Set-up installs none of them. What cannot be installed leaves its rows out, which say so.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .measure import CACHE
from .rows import LeftOut

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Peer:
    """What is installed: lower bounds, of which any newer release will do."""

    title: str
    requirements: tuple[str, ...]


PEERS: Final = {
    "mlflow": Peer("MLflow", ("mlflow>=3.4", "psycopg2-binary>=2.9.10")),
    "gto": Peer("gto", ("gto>=1.7",)),
    "evidently": Peer("evidently", ("evidently>=0.7.23", "pandas<3")),
    "nannyml": Peer("NannyML", ("nannyml>=0.13.1", "statsmodels>=0.14")),
}


def peer(name: str) -> Path:
    """The `bin` folder of an environment that holds a peer, made on first use.

    Raises:
        LeftOut: it cannot be installed here.
    """
    home = _home(name)
    wanted = [f"Python {sys.version.split()[0]}", *PEERS[name].requirements]
    ready = home / "ready.json"
    if not ready.exists() or json.loads(ready.read_text()) != wanted:
        print(f"installing {name} into {home} …", flush=True)
        venv.create(home, with_pip=True, clear=True)
        words = [home / "bin/python", "-m", "pip", "install", "--quiet", *wanted[1:]]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise LeftOut(f"{name} cannot be installed: {' '.join(said[-1:]) or 'pip failed'}")
        ready.write_text(json.dumps(wanted))
    return home / "bin"


def version(name: str) -> str | None:
    """The release of a peer that is installed."""
    program = _home(name) / "bin/python"
    if not program.exists():
        return None
    code = f"from importlib.metadata import version; print(version({name!r}))"
    done = subprocess.run([program, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def _home(name: str) -> Path:
    return CACHE / f"env-{name}"
