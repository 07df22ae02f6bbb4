"""What an environment demands of its hosts: asking, and keeping the answer for later."""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from blake3 import blake3

from lineage.acts import act
from lineage.connection import connect
from lineage.errors import PipelineMismatch, RegistryUnreachable
from lineage.host.last_known import folder
from lineage.identity.components import EnvironmentKind, Proof
from lineage.registry_url import without_password

if TYPE_CHECKING:
    from pathlib import Path

KEYS: Final = ("kind", "proof")

logger = logging.getLogger("lineage.host.demand")


def require_claim_enough(url: str, environment: str, *, offline: bool) -> None:
    """Refuse a host that only says which pipeline it runs, where that is not enough.

    In an experimental environment, where demands only warn, it is warned.

    Args:
        url: the registry.
        environment: where the host serves.
        offline: the registry cannot be asked; what it last said counts.

    Raises:
        PipelineMismatch: the environment demands a seal.
        RegistryUnreachable: the registry cannot be asked, and never was.
    """
    path = _path(url, environment)
    demanded = _read(path) if offline else _ask(url, environment)
    if demanded is None:
        raise RegistryUnreachable(
            f"It is not known whether {environment} demands sealed hosts, and the registry cannot "
            "be asked.",
            remedy="Start again when it answers, or serve from a seal.",
        )
    if not offline:
        _keep(path, demanded)
    if demanded["proof"] != Proof.SEALED:
        return
    refusal = PipelineMismatch(
        f"{environment} demands sealed hosts, and this service only says which pipeline it runs.",
        remedy="Seal it where the image is built, and name the seal as its pipeline: "
        f"{act('pipeline seal')}",
    )
    if demanded["kind"] == EnvironmentKind.PRODUCTION:
        raise refusal
    logger.warning("%s %s", refusal, refusal.remedy)


def _ask(url: str, environment: str) -> dict[str, Any]:
    with connect(url) as registry:
        document = registry.environment(environment)
    return {"kind": document["kind"], "proof": document["policy"].get("proof", Proof.CLAIMED.value)}


def _path(url: str, environment: str) -> Path:
    key = "\n".join((without_password(url), environment))
    return folder() / f"{blake3(key.encode()).hexdigest(32)}.demand.json"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        kept = json.loads(path.read_bytes())
        return {key: str(kept[key]) for key in KEYS}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(path: Path, demanded: dict[str, Any]) -> None:
    """Keep an answer, whole or not at all; not being able to is no reason to fail."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside.write_text(json.dumps(demanded), encoding="utf-8")
        beside.replace(path)
