"""Attestations: recording a signed statement that holds, and what the guard sees of them.

A statement is verified when it is recorded, and again when the guard asks: a row that somebody
wrote past this program counts for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select as select_columns

from lineage.acts import act
from lineage.attest.keys import LARGEST as LARGEST_KEY
from lineage.attest.statements import About
from lineage.attest.verification import judges, sigstore, verified
from lineage.contract.requests import LARGEST_ATTESTATION
from lineage.database import clock, events, tables, telling
from lineage.database.sql import col, func, or_
from lineage.errors import Conflict, UsageError
from lineage.guard.evidence import Signature
from lineage.identity.digest import blake3_of
from lineage.identity.signers import is_identity
from lineage.registry.attestation_lists import shown
from lineage.registry.attested import WHAT, claim_in, claimed, meaning_of, signer_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlmodel import Session

    from lineage.attest.claims import Claim
    from lineage.identity.references import Reference
    from lineage.registry.access import Actor
    from lineage.registry.sight import Sight

MOST: Final = 1000
"""Attestations of one version that one may record."""

MOST_TOGETHER: Final = 4 << 20
"""Characters of all of them together: who may validate fills no room that others sign in."""


def record(
    sight: Sight,
    reference: str | Reference,
    document: str,
    public_key: str | None,
    signed_by: str | None,
    actor: Actor,
) -> dict[str, Any]:
    """Record a signed statement on a version; JSON of it. One that is there already stays.

    One is what a signer says, in whatever spelling, and signed however often.

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
    proof = verified(document, signer_of(public_key, signed_by), WHAT)
    claim = claimed(session, version, proof)
    digest = blake3_of(document.encode())
    ref = f"{version.model}@{version.number}"
    table = tables.Attestation
    of_version = col(table.version_id) == version.id
    known = _known(session, version, document, claim, proof.signed_by)
    if known is not None:
        return shown(session, version, [known])[0] | {"ref": ref, "created": False}
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
    answer = shown(session, version, [row])[0] | {"ref": ref, "created": True}
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


def _known(
    session: Session, version: tables.ModelVersion, document: str, claim: Claim, signed_by: str
) -> tables.Attestation | None:
    """The row of a signature that is recorded: that of its envelope, or another that holds.

    One that says the same and does not hold any more is none: it is recorded anew.
    """
    table = tables.Attestation
    query = select_columns(col(table.id), col(table.digest), col(table.document)).where(
        col(table.version_id) == version.id,
        col(table.signed_by) == signed_by,
        col(table.about) == claim.about.value,
        col(table.validation_id) == claim.validation,
    )
    digest, meaning = blake3_of(document.encode()), meaning_of(document)
    own = None
    for number, of_row, written in session.connection().execute(query.order_by(col(table.id))):
        if of_row == digest or meaning_of(written) == meaning:
            row = session.get_one(table, number)
            if claim_in(session, version, row) is not None:
                return row
            own = row if of_row == digest else own
    return own


def _size(text: str, what: str) -> int:
    """The bytes of a text that can be kept."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise UsageError(
            f"The {what} is not UTF-8 text.", remedy="Give the file as it was made."
        ) from None


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
        if row is not None and claim_in(session, version, row) is not None:
            found[thing] = Signature(
                row.signed_by, row.about, row.validation_id, row.recorded_at, row.recorded_by
            )
    if unknown - found.keys():
        sigstore().trust()  # why nobody can say here whether it is signed
    return tuple(found.values())
