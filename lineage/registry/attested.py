"""Attestations as they are recorded, read again: what one claims, where it holds."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from lineage import timestamps
from lineage.acts import act
from lineage.attest import envelope
from lineage.attest.claims import Claim, claim_of, require_about
from lineage.attest.keys import VerifyingKey
from lineage.attest.statements import About
from lineage.attest.verification import verified
from lineage.database import tables
from lineage.database.audit.entries import registry_id
from lineage.database.values import metrics_of
from lineage.errors import LineageError, SignatureMismatch, UsageError
from lineage.identity.digest import Digest
from lineage.identity.signers import Identity, is_identity

if TYPE_CHECKING:
    from sqlmodel import Session

    from lineage.attest.verification import Signer, Verified

WHAT: Final = "the attestation"
"""How a message calls one."""

_SMALL: Final = 16 << 10
"""Characters of an envelope whose meaning is kept: a version may have a thousand decisions."""


def signer_of(public_key: str | None, signed_by: str | None) -> Signer:
    """Who is said to have signed: one key, or one identity.

    Raises:
        UsageError: neither, both, or none that there is.
    """
    if (public_key is None) is (signed_by is None):
        raise UsageError(
            "A signature is of one key or of one identity.",
            remedy="Name the one who signed: the public key, or the identity and its issuer.",
        )
    if public_key is not None:
        return VerifyingKey.parse(public_key.encode(), "the public key")
    try:
        return Identity.parse(signed_by or "")
    except ValueError as problem:
        raise UsageError(f"{problem}.", remedy="Name who signed: identity:WHO issuer:URL") from None


def meaning_of(document: str) -> Digest | None:
    """What the statement in an envelope says, whether its signature holds or not.

    None where it is no envelope: somebody wrote the row.
    """
    return _kept(document) if len(document) <= _SMALL else _meaning(document)


def _meaning(document: str) -> Digest | None:
    try:
        return envelope.meaning(envelope.read(document, WHAT).payload)
    except LineageError:
        return None


_kept = lru_cache(maxsize=2_000)(_meaning)


def claim_in(
    session: Session, version: tables.ModelVersion, row: tables.Attestation
) -> Claim | None:
    """What a row claims if it is what it was when it was recorded; None where it is not.

    That is: of its signer, about this version, and on what the row says.
    """
    identity = row.signed_by if is_identity(row.signed_by) else None
    try:
        signer = signer_of(row.public_key if identity is None else None, identity)
        proof = verified(row.document, signer, WHAT)
        claim = claimed(session, version, proof)
    except LineageError:
        return None
    said = (proof.signed_by, claim.about.value, claim.validation)
    return claim if said == (row.signed_by, row.about, row.validation_id) else None


def claimed(session: Session, version: tables.ModelVersion, proof: Verified) -> Claim:
    """What a statement whose signature holds claims of a version, if it is about it.

    Raises:
        UsageError: it is none, or says too little.
        SignatureMismatch: it is about something else.
    """
    ref = f"{version.model}@{version.number}"
    claim = claim_of(proof.statement, WHAT)
    own = claim.tuple is not None and (claim.about is About.WEIGHTS or claim.registry is not None)
    if claim.weights is None or (claim.about is not About.WEIGHTS and not own):
        raise UsageError(
            f"The attestation does not say enough to be recorded: it names no BLAKE3 of {ref}.",
            remedy=f"Sign it here: {act('attest sign', ref, key='FILE', record=True)}; what others "
            "signed is verified beside the bytes: "
            + act("attest verify", "FILE", "PATH", key="PUB"),
        )
    if version.weights_blake3 is None:
        raise SignatureMismatch(
            f"No BLAKE3 of the weights of {ref} was recorded, so nothing is signed of them.",
            remedy=f"Register them again: {act('register', version.model, store=True)}",
        )
    blake3 = Digest(version.weights_blake3)
    require_about(claim, blake3, version.tuple_xxh3, ref, WHAT)
    if claim.about is not About.WEIGHTS:
        _require_here(session, version, claim, ref)
    return claim


def _require_here(session: Session, version: tables.ModelVersion, claim: Claim, ref: str) -> None:
    """Refuse a verdict or a decision of another registry, and a verdict that it does not hold."""
    if claim.registry != registry_id(session):
        raise SignatureMismatch(
            f"The attestation is on what another registry says of {ref}.",
            remedy="Record it there; or sign what this one says.",
        )
    if claim.about is not About.VALIDATION:
        return
    row = session.get(tables.Validation, claim.validation) if claim.validation else None
    if row is None or row.version_id != version.id or not _is_verdict(row, claim):
        raise SignatureMismatch(
            f"The attestation is on a verdict that {ref} does not have.",
            remedy="Sign one that it has: "
            + act("attest sign", ref, as_="validation", key="FILE", record=True),
        )


def _is_verdict(row: tables.Validation, claim: Claim) -> bool:
    """Whether what was signed is the verdict of a row: its number alone could be another's.

    A registry that was restored from a copy gives numbers again.
    """
    held = {
        "basis": row.basis,
        "metrics": metrics_of(row),
        "validated_at": timestamps.written(timestamps.moment(row.validated_at)),
        "validated_by": row.validated_by,
        "pipeline": Digest(row.pipeline_blake3).value,
    }
    return row.passed is claim.passed and held == claim.verdict
