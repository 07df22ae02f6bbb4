"""Signing what is recorded of a version, and verifying what somebody signed."""

from __future__ import annotations

import datetime as dt
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lineage import bounded_file
from lineage.acts import act
from lineage.attest import envelope, statements
from lineage.attest.claims import Claim, another, claim_of, require_about
from lineage.attest.files import ALGORITHMS, files_at, files_here, stored_files
from lineage.attest.keys import LARGEST, SigningKey, VerifyingKey
from lineage.attest.statements import About
from lineage.attest.verification import name_of, sigstore, verified
from lineage.contract.requests import LARGEST_ATTESTATION
from lineage.contract.results.records import VersionRecord
from lineage.contract.results.versions import NamedPipeline
from lineage.errors import NotFound, SignatureMismatch, UsageError
from lineage.identity.references import Reference
from lineage.identity.signers import Identity
from lineage.weights.check import recorded
from lineage.workflows.destination import Destination

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from lineage.attest.keyless_signing import KeylessSigner
    from lineage.attest.keys import Password
    from lineage.attest.statements import Signed
    from lineage.attest.verification import Signer
    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.results.records import Validation
    from lineage.weights.copies import StoredWeights

    Opened = Callable[[], AbstractContextManager[AnyRegistry]]

KEY: Final = "LINEAGE_SIGNING_KEY"
"""The variable that holds a private key in PEM where no file is named."""


def signing_key(path: Path | None, password: Password, note: Callable[[str], object]) -> SigningKey:
    """The key to sign with: of a file, else what :data:`KEY` holds.

    Args:
        path: the file.
        password: asked where it is encrypted.
        note: told where others can read the file.

    Raises:
        UsageError: there is none, or it cannot be used.
    """
    if path is None:
        pem = os.environ.get(KEY, "")
        if not pem.strip():
            raise UsageError(
                "No key to sign with was given.",
                remedy=f"Name its file: {act('attest sign', 'REF', key='FILE')}; or set {KEY} to "
                "the key itself, in PEM.",
            )
        return SigningKey.parse(os.fsencode(pem), f"the key in {KEY}", password)
    key = SigningKey.parse(_read(path, "key"), f"the key in {path}", password)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        note(f"note: {path} can be read or changed by others (mode {mode:o}): chmod 600 {path}")
    return key


def keyless_signer(key: Path | None, trust: Path | None) -> KeylessSigner:
    """Who this environment vouches for, and the sigstore that signs.

    Args:
        key: a key's file, which is not used where nobody needs one.
        trust: a private sigstore's trust configuration; None for what is configured.

    Raises:
        UsageError: there is no identity, sigstore is not installed, or a key was named.
        StoreUnreachable: a service that is needed cannot be reached.
    """
    if key is not None:
        raise UsageError(
            "Who signs keyless needs no key.",
            remedy=f"Name one of both: {act('attest sign', 'REF', keyless=True)}, or "
            + act("attest sign", "REF", key="FILE"),
        )
    sigstore()
    from lineage.attest.keyless_signing import KeylessSigner

    return KeylessSigner.here(trust)


def signer(key: Path | None, identity: str | None, issuer: str | None) -> Signer:
    """Who must have signed: a public key in a file, or an identity that an issuer vouched for.

    Raises:
        UsageError: neither or both were named, or it cannot be used.
    """
    if key is not None and identity is None and issuer is None:
        return VerifyingKey.parse(_read(key, "key"), f"the key in {key}")
    if key is not None or identity is None or issuer is None:
        raise UsageError(
            "Who signed is a public key, or an identity with its issuer.",
            remedy=f"Name one: {act('attest verify', 'FILE', key='PUB')}, or {_by_identity()}",
        )
    try:
        return Identity(identity, issuer)
    except ValueError as problem:
        raise UsageError(f"{problem}.", remedy=f"Name who signed: {_by_identity()}") from None


def _by_identity() -> str:
    return act("attest verify", "FILE", identity="WHO", issuer="URL")


def named(signer: Signer) -> dict[str, str]:
    """A signer as a registry is told of it: the keywords of ``record_attestation``."""
    if isinstance(signer, VerifyingKey):
        return {"public_key": signer.pem.decode()}
    return {"signed_by": str(signer)}


def _read(path: Path, what: str, limit: int = LARGEST) -> bytes:
    try:
        return bounded_file.read(path, limit)
    except bounded_file.Unfit as reason:
        raise UsageError(f"{path} {reason}.", remedy=f"Name the file of the {what}.") from None


def document(path: Path) -> str:
    """A signed statement in a file, as it is recorded.

    Raises:
        UsageError: there is none.
    """
    try:
        return _read(path, "signature", LARGEST_ATTESTATION).decode()
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


@dataclass(frozen=True)
class Attested:
    """A signed statement: ``text`` as it is kept, who signed it, and what it says."""

    text: str
    signer: Signer
    claim: Claim

    @property
    def signed_by(self) -> str:
        """What the signer is called."""
        return name_of(self.signer)

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
        named = NamedPipeline(verdict["pipeline"]["name"], verdict.pipeline)
        pipeline = registry.pipeline(named).version.blake3
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
    text, signed_by = _sealed(statement, key, bundle=asked.about is About.WEIGHTS)
    return Attested(text, signed_by, claim_of(statement, "the statement"))


def _sealed(
    statement: dict[str, Any], key: SigningKey | KeylessSigner, *, bundle: bool
) -> tuple[str, Signer]:
    """A statement as it is signed, and who signed it; keyless, always a bundle."""
    if isinstance(key, SigningKey):
        return envelope.sealed(statement, key, bundle=bundle), key.verifying
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
    proof = verified(_read(file, "signature", envelope.LARGEST), signer, str(file), trust)
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
    require_about(claim, recorded(stored), registry.show(target)["tuple"], stored.ref, str(file))
