"""Small answers of a registry that are kept on disk: for a time when it is away, or goes back."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from blake3 import blake3

from lineage.registry_url import without_password
from lineage.whole_file import write_whole


def folder() -> Path:
    """Where the answers are kept: in ``XDG_CACHE_HOME``, else in ``~/.cache``."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else home() / ".cache") / "lineage-guard" / "serving"


def home() -> Path:
    """The user's own folder; where a service has none, a place that holds and takes nothing."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(os.devnull)


def path(kind: str, url: str, *about: str) -> Path:
    """Where an answer of a kind is kept: of a registry, about something."""
    key = "\n".join((without_password(url), *about))
    return folder() / f"{blake3(key.encode()).hexdigest(32)}.{kind}.json"


def read(path: Path) -> dict[str, Any] | None:
    """What is kept; None where that is nothing, or no JSON object."""
    try:
        kept = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return kept if isinstance(kept, dict) else None


def write(path: Path, document: dict[str, Any]) -> None:
    """Keep an answer, whole or not at all; not being able to is no reason to fail."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(path, json.dumps(document).encode("utf-8"), mode=0o600)
