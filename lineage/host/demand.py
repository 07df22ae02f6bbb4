"""What an environment demands of its hosts: asking, and keeping the answer for later."""

from __future__ import annotations

import logging
from typing import Any, Final

from lineage import kept
from lineage.acts import act
from lineage.connection import connect
from lineage.errors import PipelineMismatch, RegistryUnreachable
from lineage.identity.components import EnvironmentKind, Proof

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
    path = kept.path("demand", url, environment)
    demanded = _whole(kept.read(path)) if offline else _ask(url, environment)
    if demanded is None:
        raise RegistryUnreachable(
            f"It is not known whether {environment} demands sealed hosts, and the registry cannot "
            "be asked.",
            remedy="Start again when it answers, or serve from a seal.",
        )
    if not offline:
        kept.write(path, demanded)
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


def _whole(document: dict[str, Any] | None) -> dict[str, Any] | None:
    """What was kept; None where a key is missing."""
    if document is None or not all(key in document for key in KEYS):
        return None
    return {key: str(document[key]) for key in KEYS}
