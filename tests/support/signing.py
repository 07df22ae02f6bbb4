"""Keys, and statements that they signed of versions whose weights lie nowhere."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lineage.attest import statements
from lineage.attest.envelope import sealed
from lineage.attest.keys import SigningKey
from lineage.attest.statements import About, Signed, SignedFile
from lineage.contract.results.records import VersionRecord
from lineage.workflows.destination import Destination

KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(b"k" * 32))
OTHER = SigningKey(Ed25519PrivateKey.from_private_bytes(b"o" * 32))


def pem(key: SigningKey = KEY) -> str:
    return key.verifying.pem.decode()


def signed(
    registry: Any, ref: str, about: str = "weights", key: SigningKey = KEY, other: Any = None
) -> str:
    """A statement on a version's weights, or on its newest verdict, of which it says ``other``."""
    version, blake3 = VersionRecord(registry.show(ref)), registry.stored(ref).blake3
    if about == About.WEIGHTS:
        files = Signed("model.bin", "blake3", (SignedFile("", blake3.value),))
        statement = statements.of_weights(version, blake3, files)
        statement["predicate"] |= other or {}
        return sealed(statement, key, bundle=True)
    verdict = version.validations[0]
    pipeline = registry.verdicts(ref)[-1].pipeline.blake3
    number = Destination.of(registry).id
    said = dict(other or {})
    pipeline = said.pop("pipeline", pipeline)
    statement = statements.of_validation(version, blake3, verdict, pipeline, number)
    statement["predicate"][statements.OWN] |= said
    return sealed(statement, key, bundle=False)


def record(registry: Any, ref: str, about: str = "weights", key: SigningKey = KEY) -> Any:
    return registry.record_attestation(ref, signed(registry, ref, about, key), pem(key), actor="t")
