"""Whether a version is signed by a key that an environment names (decision 43)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lineage.acts import act
from lineage.guard.decision import Check, Status
from lineage.guard.evidence import SignedThing
from lineage.guard.facts import Transition

if TYPE_CHECKING:
    from lineage.guard.facts import Facts

_SERVED: Final = (Transition.STAY, Transition.RETURN)


def signed_by(facts: Facts) -> Check:
    """Fails when no key that the environment names signed the weights, or the verdict."""
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
        summary = f"a key that {facts.environment} names signed {what} of {facts.ref}"
        return Check(code, Status.PASS, summary, details=details)
    if _has_served(facts):
        missing = [thing for thing in missing if thing in _asked_anew(facts)]
    if not missing:
        summary = f"{facts.ref} has served in {facts.environment}: it needs no new signature"
        return Check(code, Status.PASS, summary, details=details)
    if missing == [SignedThing.VALIDATION] and facts.verdict is None:
        return Check(code, Status.SKIPPED, "there is no validation to be signed", details=details)
    what = " and ".join(_WORDS[thing] for thing in missing)
    summary = f"no key that {facts.environment} names signed {what} of {facts.ref}"
    return Check(code, Status.FAIL, summary, _sign(facts, missing[0]), details)


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


def _sign(facts: Facts, thing: SignedThing) -> str:
    """How to sign it: where the pipeline moves, not the verdict with the one that runs now."""
    verdict = thing is SignedThing.VALIDATION
    done = act(
        "attest sign",
        facts.ref,
        as_=thing.value if verdict else None,
        env=facts.environment if verdict and not facts.pipeline_moves else None,
        key="FILE",
        record=True,
    )
    return f"Sign it with such a key, and record that: {done}"
