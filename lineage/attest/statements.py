"""In-toto statements on a version: what is signed of its weights, of a verdict, of a decision.

Each is a kind that others know: OpenSSF's model signature (``model-signing`` 1.x), in-toto's test
result, SLSA's verification summary. What only this product knows stands in the predicate under one
key of its own, which readers pass over.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from lineage import timestamps
from lineage.identity.digest import blake3_of, canonical_bytes
from lineage.identity.merkle import sha256
from lineage.installed import distribution

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping

    from lineage.contract.results.records import Validation, VersionRecord
    from lineage.guard.decision import Decision
    from lineage.identity.digest import Digest

TYPE: Final = "https://in-toto.io/Statement/v1"
OWN: Final = "lineageguard_about"
"""The key of a predicate under which stands what the statement is about, as the registry says."""

URN: Final = "urn:lineage-guard"
VERIFIER: Final = "https://pypi.org/project/lineage-guard/"

VERDICT: Final = ("basis", "metrics", "validated_at", "validated_by")
"""The keys of what a verdict holds, besides its number and its pipeline."""

GIT: Final = (".git", ".gitattributes", ".github", ".gitignore")
"""What ``model-signing`` passes over at the top of a folder."""


class About(StrEnum):
    """What a statement is on."""

    WEIGHTS = "weights"
    VALIDATION = "validation"
    DECISION = "decision"


PREDICATES: Final = {
    About.WEIGHTS: "https://model_signing/signature/v1.0",
    About.VALIDATION: "https://in-toto.io/attestation/test-result/v0.1",
    About.DECISION: "https://slsa.dev/verification_summary/v1",
}


@dataclass(frozen=True)
class SignedFile:
    """A file of what is signed: its path in the folder (``""`` for a file alone), its digest."""

    path: str
    digest: str
    """In hex."""


@dataclass(frozen=True)
class Signed:
    """The files of the weights, by one algorithm: ``blake3`` or ``sha256``."""

    name: str
    algorithm: str
    files: tuple[SignedFile, ...]

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, and not a file alone."""
        return not (len(self.files) == 1 and not self.files[0].path)

    @property
    def passed_over(self) -> tuple[str, ...]:
        """What of it a model signature does not name: what git keeps at the top of a folder."""
        tops = {file.path.partition("/")[0] for file in self.files} if self.is_folder else set()
        return tuple(name for name in GIT if name in tops)


def of_weights(version: VersionRecord, blake3: Digest, signed: Signed) -> dict[str, Any]:
    """An OpenSSF model signature's statement: every file of the weights by its digest."""
    rows = sorted(
        (file.path or ".", file.digest)
        for file in signed.files
        if file.path.partition("/")[0] not in signed.passed_over
    )
    serialization: dict[str, Any] = {
        "method": "files",
        "hash_type": signed.algorithm,
        "allow_symlinks": False,
    }
    if signed.passed_over:
        serialization["ignore_paths"] = list(signed.passed_over)
    resources = [
        {"name": path, "algorithm": signed.algorithm, "digest": digest} for path, digest in rows
    ]
    subject = {"name": signed.name, "digest": {"sha256": root(digest for _, digest in rows)}}
    predicate = {"serialization": serialization, "resources": resources}
    return _statement(About.WEIGHTS, subject, predicate, _own(version, blake3))


def root(digests: Iterable[str]) -> str:
    """The digest that names all files of a model signature: SHA-256 of theirs, in their order."""
    return sha256(b"".join(map(bytes.fromhex, digests))).hex()


def of_validation(
    version: VersionRecord,
    blake3: Digest,
    validation: Validation,
    pipeline: Digest,
    registry: str | None,
) -> dict[str, Any]:
    """A test result's statement: a verdict, with the requirements that it decided as its tests.

    Args:
        version: what was validated.
        blake3: the digest of its weights.
        validation: the verdict.
        pipeline: BLAKE3 of the pipeline version that it is on.
        registry: the id of the registry that numbers it.
    """
    named = validation["pipeline"]
    configuration = [
        {
            "name": f"{named['name']}@{named['digest']}",
            "uri": f"{URN}:pipeline:{named['name']}",
            "digest": _digest_set(pipeline),
        },
        *({"name": i["name"], "digest": _digest_set(i["digest"])} for i in validation["data"]),
    ]
    predicate: dict[str, Any] = {
        "result": "PASSED" if validation.passed else "FAILED",
        "configuration": configuration,
    }
    outcomes = validation.requirements
    for name, holds in (("passedTests", True), ("failedTests", False)):
        tests = [outcome.requirement for outcome in outcomes if outcome.holds is holds]
        if tests:
            predicate[name] = tests
    own = _own(version, blake3) | {
        "registry": registry,
        "validation": validation.id,
        "basis": validation.basis.value,
        "metrics": validation.metrics,
        "validated_at": timestamps.written(validation.validated_at),
        "validated_by": validation.validated_by,
    }
    return _statement(About.VALIDATION, _subject(version, blake3), predicate, own)


def of_decision(
    version: VersionRecord,
    blake3: Digest,
    decision: Decision,
    policy: Mapping[str, Any],
    registry: str | None,
    at: dt.datetime,
) -> dict[str, Any]:
    """A verification summary's statement: what the guard says of a version in an environment.

    Args:
        version: what was decided on.
        blake3: the digest of its weights.
        decision: the decision.
        policy: the environment's.
        registry: the id of the registry that decided.
        at: when it did.
    """
    predicate = {
        "verifier": {"id": VERIFIER},
        "timeVerified": timestamps.written(at),
        "resourceUri": f"{URN}:version:{version.ref}",
        "policy": {
            "uri": f"{URN}:environment:{decision.environment}",
            "digest": _digest_set(blake3_of(canonical_bytes(policy))),
        },
        "verificationResult": "PASSED" if decision.allowed else "FAILED",
        "verifiedLevels": ["LINEAGE_GUARD_ALLOWED" if decision.allowed else "FAILED"],
        "slsaVersion": "1.0",
    }
    checks = [
        {"code": c.code, "status": c.status.value, "summary": c.summary} for c in decision.checks
    ]
    own = _own(version, blake3) | {
        "registry": registry,
        "program": " ".join(distribution()),
        "environment": decision.environment,
        "pipeline": decision.pipeline,
        "checks": checks,
    }
    return _statement(About.DECISION, _subject(version, blake3), predicate, own)


def _statement(
    about: About, subject: dict[str, Any], predicate: dict[str, Any], own: dict[str, Any]
) -> dict[str, Any]:
    return {
        "_type": TYPE,
        "subject": [subject],
        "predicateType": PREDICATES[about],
        "predicate": predicate | {OWN: own},
    }


def _own(version: VersionRecord, blake3: Digest) -> dict[str, Any]:
    return {"ref": version.ref, "tuple": version.tuple, "weights": blake3}


def _subject(version: VersionRecord, blake3: Digest) -> dict[str, Any]:
    return {"name": version.ref, "digest": _digest_set(blake3)}


def _digest_set(digest: str) -> dict[str, str]:
    algorithm, _, value = digest.partition(":")
    return {algorithm: value}
