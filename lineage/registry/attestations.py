"""Attestations: recording a signed statement that holds, listing them, and what the guard sees.

A statement is verified when it is recorded, and again when the guard asks: a row that somebody
wrote past this program counts for nothing.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select as select_columns

from lineage import timestamps
from lineage.acts import act
from lineage.attest.claims import Claim, claim_of, require_about
from lineage.attest.keys import LARGEST as LARGEST_KEY
from lineage.attest.keys import VerifyingKey
from lineage.attest.statements import About
from lineage.attest.verification import Verified, judges, sigstore, verified
from lineage.contract.requests import LARGEST_ATTESTATION
from lineage.database import clock, events, tables, telling
from lineage.database.audit.entries import registry_id
from lineage.database.sql import col, func, or_, select
from lineage.database.values import metrics_of
from lineage.errors import Conflict, LineageError, SignatureMismatch, UsageError
from lineage.guard.evidence import Signature
from lineage.identity.digest import Digest, blake3_of
from lineage.identity.signers import Identity, is_identity

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlmodel import Session

    from lineage.attest.verification import Signer
    from lineage.identity.references import Reference
    from lineage.registry.access import Actor
    from lineage.registry.sight import Sight

MOST: Final = 1000
"""Attestations of one version that one may record, and that are listed."""

MOST_SHOWN: Final = 50
"""Attestations that are told of with a version: each is verified again for it."""

MOST_TOGETHER: Final = 4 << 20
"""Characters of all of them together: who may validate fills no room that others sign in."""

MOST_LISTED: Final = 16 << 20
"""Characters of those that are listed: whoever lists them is given each whole."""

_WHAT: Final = "the attestation"


def record(
    sight: Sight,
    reference: str | Reference,
    document: str,
    public_key: str | None,
    signed_by: str | None,
    actor: Actor,
) -> dict[str, Any]:
    """Record a signed statement on a version; JSON of it. One that is there already stays.

    Args:
        sight: a transaction, and what may be seen in it.
        reference: the version.
        document: the envelope or bundle.
        public_key: who signed it, as a key in PEM; or
        signed_by: as an identity.
        actor: who records it.

    Raises:
        NotFound: the version does not exist.
        UsageError: it is no signed statement, or too large.
        SignatureMismatch: its signature does not hold, or it is not about this version.
        Conflict: the same one recorded too many of it.
    """
    session = sight.session
    version = sight.version(reference)
    for text, limit, what in (
        (document, LARGEST_ATTESTATION, "attestation"),
        (public_key or "", LARGEST_KEY, "public key"),
    ):
        if _size(text, what) > limit:
            raise UsageError(
                f"The {what} has more than {limit:,} bytes.",
                remedy="Keep it beside the weights, where it is verified: "
                + act("attest verify", "FILE", "PATH", key="PUB"),
            )
    proof = verified(document, _signer(public_key, signed_by), _WHAT)
    claim = _claimed(session, version, proof)
    digest = blake3_of(document.encode())
    ref = f"{version.model}@{version.number}"
    table = tables.Attestation
    of_version = col(table.version_id) == version.id
    known = session.exec(
        select(table).where(of_version, table.digest == digest, table.signed_by == proof.signed_by)
    ).first()
    if known is not None:
        return _shown(session, version, [known])[0] | {"ref": ref, "created": False}
    kept = select_columns(func.count(), func.coalesce(func.sum(func.length(table.document)), 0))
    own = col(table.recorded_by) == actor.name
    count, size = session.connection().execute(kept.where(of_version, own)).one()
    if count >= MOST or size + len(document) > MOST_TOGETHER:
        raise Conflict(
            f"{actor.name} recorded {count} attestations of {ref} already, of {size:,} characters "
            "together.",
            remedy="Keep this one beside the weights.",
        )
    at = clock.stamp(session)
    row = table(
        version_id=version.id or 0,
        about=claim.about.value,
        validation_id=claim.validation,
        digest=digest,
        signed_by=proof.signed_by,
        public_key=proof.key.pem.decode(),
        document=document,
        recorded_at=at,
        recorded_by=actor.name,
    )
    telling.tell(session, row)
    answer = _shown(session, version, [row])[0] | {"ref": ref, "created": True}
    events.append(
        session,
        at=at,
        actor=actor.name,
        kind="attested",
        subject=ref,
        payload={
            name: answer[name] for name in ("about", "says", "signed_by", "validation", "digest")
        },
        also=[version.model],
    )
    return answer


def _signer(public_key: str | None, signed_by: str | None) -> Signer:
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


def _size(text: str, what: str) -> int:
    """The bytes of a text that can be kept."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise UsageError(
            f"The {what} is not UTF-8 text.", remedy="Give the file as it was made."
        ) from None


def listed(session: Session, version: tables.ModelVersion) -> list[dict[str, Any]]:
    """The attestations of a version, the newest first, each with its envelope: a bounded list."""
    table = tables.Attestation
    number, size = col(table.id), func.length(table.document)
    sizes = select_columns(number, size).where(col(table.version_id) == version.id)
    rows = session.connection().execute(sizes.order_by(number.desc()).limit(MOST)).all()
    together = accumulate(size for _, size in rows)
    chosen = [id_ for (id_, _), sum_ in zip(rows, together, strict=True) if sum_ <= MOST_LISTED]
    query = select(table).where(number.in_(chosen)).order_by(number.desc())
    return _shown(session, version, session.exec(query).all())


def newest(session: Session, version: tables.ModelVersion) -> dict[str, Any]:
    """What is recorded of a version, the newest first, without the envelopes: for `show`.

    Returns:
        JSON: ``attestations``, and ``more_attestations``, how many older ones there are.
    """
    table = tables.Attestation
    of_version = col(table.version_id) == version.id
    query = select(table).where(of_version).order_by(col(table.id).desc()).limit(MOST_SHOWN)
    rows = session.exec(query).all()
    more = 0
    if len(rows) == MOST_SHOWN:
        more = session.exec(select(func.count()).where(of_version)).one() - len(rows)
    return {
        "attestations": _told(session, version, rows),
        "more_attestations": more,
    }


def signatures(
    session: Session,
    version: tables.ModelVersion,
    keys: Collection[str],
    verdicts: Collection[int],
) -> tuple[Signature, ...]:
    """What some signed of a version, for the guard: one for each thing, the newest that holds.

    Args:
        session: a transaction.
        version: the version.
        keys: their fingerprints and identities.
        verdicts: the numbers of those that are looked at, besides the weights.

    Raises:
        UsageError: identities alone signed a thing, and no root of trust can be used here.
    """
    table = tables.Attestation
    looked_at = or_(
        col(table.about) == About.WEIGHTS.value, col(table.validation_id).in_([*verdicts])
    )
    query = (
        select_columns(
            col(table.id), col(table.about), col(table.validation_id), col(table.signed_by)
        )
        .where(col(table.version_id) == version.id, col(table.signed_by).in_([*keys]), looked_at)
        .order_by(col(table.id).desc())
    )
    found: dict[tuple[str, int | None], Signature] = {}
    rows = session.connection().execute(query).all()
    able = any(is_identity(signer) for *_, signer in rows) and judges()
    unknown: set[tuple[str, int | None]] = set()
    for number, about, validation, signer in rows:
        thing = (about, validation)
        if is_identity(signer) and not able:
            unknown.add(thing)
            continue
        row = session.get(table, number) if thing not in found else None
        if row is not None and _claim(session, version, row) is not None:
            found[thing] = Signature(
                row.signed_by, row.about, row.validation_id, row.recorded_at, row.recorded_by
            )
    if unknown - found.keys():
        sigstore().trust()  # why nobody can say here whether it is signed
    return tuple(found.values())


def _claim(session: Session, version: tables.ModelVersion, row: tables.Attestation) -> Claim | None:
    """What a row claims if it is what it was when it was recorded; None where it is not.

    That is: of its signer, about this version, and on what the row says.
    """
    identity = row.signed_by if is_identity(row.signed_by) else None
    try:
        signer = _signer(row.public_key if identity is None else None, identity)
        proof = verified(row.document, signer, _WHAT)
        claim = _claimed(session, version, proof)
    except LineageError:
        return None
    said = (proof.signed_by, claim.about.value, claim.validation)
    return claim if said == (row.signed_by, row.about, row.validation_id) else None


def _claimed(session: Session, version: tables.ModelVersion, proof: Verified) -> Claim:
    """What a statement whose signature holds claims of a version, if it is about it.

    Raises:
        UsageError: it is none, or says too little.
        SignatureMismatch: it is about something else.
    """
    ref = f"{version.model}@{version.number}"
    claim = claim_of(proof.statement, _WHAT)
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
    require_about(claim, blake3, version.tuple_xxh3, ref, _WHAT)
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


def _told(
    session: Session, version: tables.ModelVersion, rows: Sequence[tables.Attestation]
) -> list[dict[str, Any]]:
    """Rows, verified again: what one says is None where it does not hold any more.

    Whether an identity's holds is None where no root of trust can be used here: nobody knows.
    """
    able = any(is_identity(row.signed_by) for row in rows) and judges()
    told = []
    for row in rows:
        checked = able or not is_identity(row.signed_by)
        claim = _claim(session, version, row) if checked else None
        told.append(
            {
                "about": row.about,
                "says": claim.sentence if claim is not None else None,
                "verified": claim is not None if checked else None,
                "validation": row.validation_id,
                "signed_by": row.signed_by,
                "digest": row.digest,
                "recorded_at": row.recorded_at,
                "recorded_by": row.recorded_by,
            }
        )
    return told


def _shown(
    session: Session, version: tables.ModelVersion, rows: Sequence[tables.Attestation]
) -> list[dict[str, Any]]:
    """The same with the envelope and the key, by which anybody verifies it."""
    told = _told(session, version, rows)
    return [
        one | {"public_key": row.public_key, "document": row.document}
        for one, row in zip(told, rows, strict=True)
    ]
