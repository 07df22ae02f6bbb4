"""Whether a version is signed by a key or an identity that an environment names (decision 43)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lineage.acts import act
from lineage.guard.decision import Check, Status
from lineage.guard.evidence import SignedThing
from lineage.guard.facts import Transition
from lineage.guard.rules.evidence import proof_waived, remedy
from lineage.identity.signers import is_identity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.guard.evidence import Evidence
    from lineage.guard.facts import Facts

_SERVED: Final = (Transition.STAY, Transition.RETURN)


def signed_by(facts: Facts) -> Check:
    """Fails when nobody whom the environment names signed the weights, or the verdict."""
    code = "signed-by"
    evidence = facts.policy.evidence
    details: dict[str, Any] = {"keys": list(evidence.signed_by), "signatures": []}
    if not evidence.signed_by:
        return Check(code, Status.PASS, "no signature is demanded", details=details)
    details["signatures"] = [
        {"key": s.key, "about": s.about, "recorded_at": s.at, "recorded_by": s.by}
        for thing in evidence.signed
        for s in facts.signatures
        if s.key in evidence.signed_by and _is_of(facts, thing, s.about, s.validation)
    ]
    signed = {signature["about"] for signature in details["signatures"]}
    missing = [thing for thing in evidence.signed if thing.value not in signed]
    if not missing:
        what = " and ".join(_WORDS[thing] for thing in evidence.signed)
        summary = (
            f"{_kind(evidence, 'a')} that {facts.environment} names signed {what} of {facts.ref}"
        )
        return Check(code, Status.PASS, summary, details=details)
    if _has_served(facts):
        missing = [thing for thing in missing if thing in _asked_anew(facts)]
    if not missing:
        summary = f"{facts.ref} has served in {facts.environment}: it needs no new signature"
        return Check(code, Status.PASS, summary, details=details)
    if missing == [SignedThing.VALIDATION] and facts.verdict is None:
        return _without_verdict(facts, details)
    what = " and ".join(_WORDS[thing] for thing in missing)
    summary = f"{_kind(evidence, 'no')} that {facts.environment} names signed {what} of {facts.ref}"
    return Check(code, Status.FAIL, summary, _sign(facts, missing), details)


def _without_verdict(facts: Facts, details: dict[str, Any]) -> Check:
    """The rules of the proof say that there is none; where one is waived, nobody else would."""
    code, summary = "signed-by", "there is no validation to be signed"
    if not proof_waived(facts):
        return Check(code, Status.SKIPPED, summary, details=details)
    return Check(
        code,
        Status.FAIL,
        f"{summary}, and a waiver of another rule is no signature",
        f"{remedy(facts)}; then sign that verdict",
        details,
    )


def _has_served(facts: Facts) -> bool:
    return facts.transition in _SERVED or facts.served_here


def _asked_anew(facts: Facts) -> tuple[SignedThing, ...]:
    """What must be signed of a version that has served: the verdict, where the pipeline moves."""
    moves = facts.transition is Transition.STAY and facts.pipeline_moves
    return (SignedThing.VALIDATION,) if moves else ()


_WORDS: Final = {
    SignedThing.WEIGHTS: "the weights",
    SignedThing.VALIDATION: "the verdict that counts",
}


def _is_of(facts: Facts, thing: SignedThing, about: str, validation: int | None) -> bool:
    """Whether a signature is on a thing: of verdicts only the one that counts."""
    if about != thing.value:
        return False
    verdict = facts.verdict
    return thing is SignedThing.WEIGHTS or (verdict is not None and validation == verdict.id)


def _sign(facts: Facts, missing: Sequence[SignedThing]) -> str:
    """How to sign what is missing; a verdict that there is not yet is none that can be signed."""
    there = [one for one in missing if one is SignedThing.WEIGHTS or facts.verdict is not None]
    who = "with such a key" if _keys(facts.policy.evidence) else "as one of them"
    if len(there) == 1:
        return f"Sign it {who}, and record that: {_signing(facts, there[0])}"
    each = "; ".join(f"{_WORDS[thing]}: {_signing(facts, thing)}" for thing in there)
    return f"Sign them {who}, and record that: {each}"


def _signing(facts: Facts, thing: SignedThing) -> str:
    """What signs one: where the pipeline moves, not the verdict with the one that runs now."""
    verdict = thing is SignedThing.VALIDATION
    ref, about = facts.ref, thing.value if verdict else None
    env = facts.environment if verdict and not facts.pipeline_moves else None
    if _keys(facts.policy.evidence):
        return act("attest sign", ref, as_=about, env=env, key="FILE", record=True)
    return act("attest sign", ref, as_=about, env=env, keyless=True, record=True)


def _keys(evidence: Evidence) -> bool:
    """Whether keys are named, and not identities alone."""
    return not all(map(is_identity, evidence.signed_by))


def _kind(evidence: Evidence, word: str) -> str:
    """What is named: keys, identities, or both."""
    if not any(map(is_identity, evidence.signed_by)):
        return f"{word} key"
    if _keys(evidence):
        return f"{word} key or identity"
    return "an identity" if word == "a" else f"{word} identity"
