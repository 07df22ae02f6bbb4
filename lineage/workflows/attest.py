"""Signing what is recorded of a version, and verifying what somebody signed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from lineage.acts import act
from lineage.attest import envelope, statements
from lineage.attest.claims import Claim, another, claim_of, require_about
from lineage.attest.files import ALGORITHMS, files_at, files_here, stored_files
from lineage.attest.keys import SigningKey, VerifyingKey
from lineage.attest.statements import About
from lineage.attest.verification import name_of, verified
from lineage.contract.requests import LARGEST_ATTESTATION
from lineage.contract.results.records import VersionRecord
from lineage.contract.results.versions import NamedPipeline
from lineage.display import Shown
from lineage.errors import NotFound, SignatureMismatch, UsageError
from lineage.identity.references import Reference
from lineage.identity.signers import Identity, is_identity
from lineage.weights.check import recorded
from lineage.workflows.destination import Destination
from lineage.workflows.signing import named, read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from lineage.attest.keyless_signing import KeylessSigner
    from lineage.attest.statements import Signed
    from lineage.attest.verification import Signer
    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.results.records import Validation
    from lineage.weights.copies import StoredWeights

    Opened = Callable[[], AbstractContextManager[AnyRegistry]]


def document(path: Path) -> str:
    """A signed statement in a file, as it is recorded.

    Raises:
        UsageError: there is none.
    """
    try:
        return read(path, "signature", LARGEST_ATTESTATION).decode()
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no text.", remedy="Give the file as it was made.") from None


@dataclass(frozen=True)
class Asked:
    """What is to be signed: ``environment`` of a decision, or of the verdict that counts there.

    ``algorithm`` is that of the digests of the files of weights; ``path`` is where they are on this
    disk, None for what is recorded and in stores.
    """

    about: About = About.WEIGHTS
    environment: str | None = None
    algorithm: str = "sha256"
    path: Path | None = None

    @classmethod
    def checked(
        cls, about: str, environment: str | None, algorithm: str, path: Path | None
    ) -> Asked:
        """What is asked for, in words.

        Raises:
            UsageError: there is no such thing, or its parts do not go together.
        """
        if about not in list(About):
            raise UsageError(
                f"{about[:40]!r} is nothing that is signed.",
                remedy=f"Use one of {', '.join(About)}.",
            )
        if algorithm not in ALGORITHMS:
            raise UsageError(
                f"{algorithm[:40]!r} is no algorithm of a signature's digests.",
                remedy=f"Use one of {', '.join(ALGORITHMS)}.",
            )
        if about == About.DECISION and environment is None:
            raise UsageError(
                "A decision is one for an environment.",
                remedy="Name it: "
                + act("attest sign", "REF", as_="decision", env="ENVIRONMENT", key="FILE"),
            )
        if about == About.WEIGHTS and environment is not None:
            raise UsageError(
                "Weights are the same in every environment.",
                remedy="Leave it out, or sign a validation or a decision.",
            )
        if about != About.WEIGHTS and path is not None:
            raise UsageError("Only weights lie at a path.", remedy="Leave the path out.")
        return cls(About(about), environment, algorithm, path)


@dataclass(frozen=True, repr=False)
class Attested(Shown):
    """A signed statement: ``text`` as it is kept, who signed it, and what it says.

    ``ref`` is the version that it is on, by its number. ``signed_by`` is the fingerprint of
    ``public_key``, which is in PEM; or an identity, which that key signed for once. ``claim`` tells
    what is claimed of what, ``claim.sentence`` in words.
    """

    ref: str
    text: str
    signed_by: str
    public_key: str
    claim: Claim

    @property
    def signer(self) -> Signer:
        """Who signed it: the key, or the identity."""
        if is_identity(self.signed_by):
            return Identity.parse(self.signed_by)
        return VerifyingKey.parse(self.public_key.encode(), "the key")

    @override
    def _line(self) -> str:
        return f"{self.signed_by} signed {self.claim.sentence}"

    @override
    def _facts(self) -> dict[str, object]:
        return {"signed by": self.signed_by, "about": self.claim.about.value} | {
            "says": self.claim.sentence,
            "characters": len(self.text),
        }

    @override
    def to_json(self) -> dict[str, Any]:
        """JSON of `attest`."""
        return {"signed_by": self.signed_by, **self.claim.to_json(), "text": self.text}


def attest(
    project: Project,
    registry: AnyRegistry,
    reference: str,
    asked: Asked,
    key: SigningKey | KeylessSigner,
) -> Attested:
    """Sign a statement on a version.

    Args:
        project: whose ``.lineageignore`` counts for weights at a path.
        registry: where the version is recorded.
        reference: the version.
        asked: what is to be signed.
        key: signs it, or who signs it without one.

    Raises:
        NotFound: the version, a verdict on it, or the environment does not exist.
        StoreUnreachable: sigstore, or a store, cannot be used.
        IntegrityFailure: the bytes are not what was registered, or no BLAKE3 of them was.
    """
    version = VersionRecord(registry.show(reference))
    stored = registry.stored(version.ref)
    blake3 = recorded(stored)
    if asked.about is About.WEIGHTS:
        files = _files(stored, asked.path, project, asked.algorithm)
        statement = statements.of_weights(version, blake3, files)
    elif asked.about is About.VALIDATION:
        verdict = _verdict(registry, version, asked.environment)
        runs = NamedPipeline(verdict["pipeline"]["name"], verdict.pipeline)
        pipeline = registry.pipeline(runs).version.blake3
        number = Destination.of(registry).id
        statement = statements.of_validation(version, blake3, verdict, pipeline, number)
    else:
        assert asked.environment is not None  # nosec B101 # noqa: S101 - Asked.checked
        statement = statements.of_decision(
            version,
            blake3,
            registry.guard(version.ref, asked.environment),
            registry.environment(asked.environment)["policy"],
            Destination.of(registry).id,
            dt.datetime.now(dt.UTC),
        )
    text, signer, public = _sealed(statement, key, bundle=asked.about is About.WEIGHTS)
    claim = claim_of(statement, "the statement")
    return Attested(version.ref, text, name_of(signer), public.pem.decode(), claim)


def record(registry: AnyRegistry, attested: Attested, actor: str) -> None:
    """Record what was signed on the version that it is on: what a reference names may be another.

    Raises:
        IntegrityFailure: the registry finds that it does not hold.
    """
    registry.record_attestation(attested.ref, attested.text, **named(attested.signer), actor=actor)


def _sealed(
    statement: dict[str, Any], key: SigningKey | KeylessSigner, *, bundle: bool
) -> tuple[str, Signer, VerifyingKey]:
    """A statement as it is signed, who signed it, and the key that did; keyless, a bundle."""
    if isinstance(key, SigningKey):
        return envelope.sealed(statement, key, bundle=bundle), key.verifying, key.verifying
    return key.sealed(statement)


def _files(stored: StoredWeights, path: Path | None, project: Project, algorithm: str) -> Signed:
    if path is not None:
        return files_here(stored, path, project.root, algorithm)
    return stored_files(stored, algorithm)


def _verdict(registry: AnyRegistry, version: VersionRecord, environment: str | None) -> Validation:
    """The newest verdict; with an environment, that on the pipeline version that runs there."""
    verdicts = version.validations
    if environment is not None:
        decision = registry.guard(version.ref, environment)
        runs = decision.pipeline["digest"]
        if runs is None:
            check = decision.check("pipeline-deployed")
            raise NotFound(
                f"No verdict on {version.ref} counts in {environment}: {check.summary}.",
                remedy=check.remedy or f"See why: {act('guard', version.ref, env=environment)}",
            )
        verdicts = tuple(one for one in verdicts if one.pipeline == runs)
    if not verdicts:
        where = f" with the pipeline that runs in {environment}" if environment else ""
        raise NotFound(
            f"{version.ref} was never validated{where}.",
            remedy=f"Validate it: {act('validate', version.ref)}",
        )
    return verdicts[0]


@dataclass(frozen=True)
class Verified:
    """A statement whose signature holds; ``target`` is the version or path that it is about."""

    claim: Claim
    signed_by: str
    target: str | None
    statement: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """JSON of `attest verify`."""
        told = {"signed_by": self.signed_by, "target": self.target}
        return told | self.claim.to_json() | {"statement": dict(self.statement)}


def verify(
    file: Path, signer: Signer, target: str | None, opened: Opened, trust: Path | None = None
) -> Verified:
    """Verify a signed statement, and that it is about what is named.

    Args:
        file: the envelope or bundle.
        signer: who must have signed it.
        target: a version, or a path; None where only the signature is asked for. What is there on
            disk, or has a ``/``, is a path.
        opened: opens the registry, where a version is named.
        trust: the root of trust for identities; None for the one that is configured.

    Raises:
        UsageError: the file cannot be used.
        SignatureMismatch: the signature does not hold, or it is about something else.
        CaptureError: the path cannot be read.
    """
    if trust is not None and isinstance(signer, VerifyingKey):
        raise UsageError(
            "A root of trust says nothing of a key.", remedy="Leave it out, or name the identity."
        )
    proof = verified(read(file, "signature", envelope.LARGEST), signer, str(file), trust)
    claim = claim_of(proof.statement, str(file))
    if target is not None:
        if Path(target).exists() or "/" in target.partition("@")[0]:
            _require_path(claim, Path(target), file)
        else:
            Reference.parse(target)
            with opened() as registry:
                _require_version(claim, registry, target, file)
    return Verified(claim, proof.signed_by, target, proof.statement)


def _require_path(claim: Claim, path: Path, file: Path) -> None:
    """Refuse a statement that is not about what lies at a path."""
    blake3, signed = files_at(path, [file])
    if claim.files is None:
        if claim.weights != blake3:
            raise another(str(file), claim, str(path))
        return
    _require_files(claim, signed[claim.files.algorithm], str(path), file)


def _require_files(claim: Claim, found: Signed, what: str, file: Path) -> None:
    """Refuse a model signature whose files are not those that are there: all of them, no other."""
    assert claim.files is not None  # nosec B101 # noqa: S101 - only of weights
    there = {
        one.path: one.digest
        for one in found.files
        if not any(one.path == top or one.path.startswith(f"{top}/") for top in claim.ignored)
    }
    stated = {one.path: one.digest for one in claim.files.files}
    for path in sorted(stated.keys() | there.keys()):
        if stated.get(path) == there.get(path):
            continue
        name = repr(path[:80]) if path else "the file"
        problem = "holds other bytes than were signed"
        if path not in there:
            problem = "was signed and is not there"
        elif path not in stated:
            problem = "is there and was not signed"
        raise SignatureMismatch(
            f"{what} is not what {file} is about: {name} {problem}.",
            remedy="Take what was signed from where it was made.",
        )


def _require_version(claim: Claim, registry: AnyRegistry, target: str, file: Path) -> None:
    """Refuse a statement that is not about a version as it is recorded."""
    stored = registry.stored(target)
    if claim.weights is None and claim.files is not None:
        _require_files(claim, stored_files(stored, claim.files.algorithm), stored.ref, file)
        return
    require_about(
        claim, recorded(stored), registry.show(stored.ref)["tuple"], stored.ref, str(file)
    )
