"""Whether a verdict is of the evidence that an environment takes (decision 22).

What a carried verdict rests on is looked at as the verdict itself is: its basis, and whose it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lineage.acts import act
from lineage.guard.evidence import Basis
from lineage.guard.policy import PROOF
from lineage.guard.rules.replays import replay
from lineage.identity.persons import Who

if TYPE_CHECKING:
    from lineage.guard.facts import Facts, Verdict

_HOW: Final = {Basis.RUN: "by a run", Basis.STATED: "as stated"}
_CAME: Final = {Basis.RUN: "came of a run", Basis.STATED: "was only stated"}


def basis_told(verdict: Verdict) -> str:
    """What a verdict rests on, as the end of a sentence."""
    if verdict.basis is not Basis.CARRIED:
        return _HOW[verdict.basis]
    root = f" ({_HOW[verdict.root.basis]})" if verdict.root is not None else ""
    word = ", as stated" if verdict.on_word else ""
    return f"carried over from {verdict.rests_on}{root}{word}"


def which(facts: Facts) -> str:
    """Which pipeline a verdict must be on: the one that runs, or that this move lets run."""
    return "the pipeline that is to run" if facts.pipeline_moves else "the deployed pipeline"


def not_taken(facts: Facts, verdict: Verdict) -> str | None:
    """Why a passing verdict on the deployed pipeline does not count in the environment."""
    its = f"{facts.ref}'s verdict with {which(facts)} {verdict.pipeline.xxh3.short}"
    return _basis_not_taken(facts, verdict, its) or _person_not_taken(facts, verdict, its)


def proof_waived(facts: Facts) -> bool:
    """Whether somebody waived a rule of the proof: it fails for nobody then who is without one."""
    return any(waiver.code in PROOF for waiver in facts.waivers)


def never_run(facts: Facts, verdict: Verdict) -> bool:
    """Whether it rests on somebody's word, on a pipeline that the version was never run with."""
    root = verdict.root
    basis, pipeline = (
        (root.basis, root.pipeline)
        if root is not None
        else (verdict.basis, str(verdict.pipeline.blake3))
    )
    return basis is Basis.STATED and pipeline not in facts.ran_with


def remedy(facts: Facts) -> str:
    """How to come to a verdict that is taken."""
    evidence = facts.policy.evidence
    who = "Validate it"
    if evidence.validators is not None:
        who = f"Let {' or '.join(evidence.validators)} validate it"
    elif evidence.not_registrant:
        who = f"Let somebody else than {facts.registrant} validate it"
    if evidence.accepts(Basis.RUN) and not evidence.accepts(Basis.STATED):
        return f"{who} with {which(facts)}, {run_it(facts)}"
    replayed = replay(facts) if evidence.accepts(Basis.RUN) else None
    moves = facts.pipeline_moves and facts.recorded
    named = facts.named(facts.deployed) if moves and facts.deployed is not None else None
    return f"{who} with {which(facts)}: {replayed or act('validate', facts.ref, pipeline=named)}"


def run_it(facts: Facts) -> str:
    """How a verdict comes to be one of a run."""
    server = "where a server keeps the registry, with a token that has the scope validate:run"
    replayed = replay(facts)
    if replayed is not None:
        return f"by a run ({replayed}); {server}"
    deployed = facts.deployed
    another = deployed is not None and str(deployed.blake3) != facts.own_pipeline
    named = facts.named(deployed) if deployed is not None and another else None
    return (
        "by a command that is run and watched "
        f"({act('validate', facts.ref, '--', 'COMMAND', pipeline=named)}); {server}"
    )


def _basis_not_taken(facts: Facts, verdict: Verdict, its: str) -> str | None:
    evidence, environment = facts.policy.evidence, facts.environment
    root = verdict.root
    if verdict.basis is not Basis.CARRIED:
        if evidence.accepts(verdict.basis):
            return None
        return f"{its} {_CAME[verdict.basis]}, and {environment} accepts none of that basis"
    carried = f"{its} is carried over from validation {verdict.rests_on}"
    if not evidence.accepts(Basis.CARRIED):
        return f"{carried}, and {environment} accepts none that is"
    if verdict.on_word and not evidence.accepts(Basis.STATED):
        return (
            f"{carried} on the word of {verdict.validated_by}, whose token lacks the scope "
            f"validate:run, and {environment} accepts none that is only stated"
        )
    if root is None or evidence.accepts(root.basis):
        return None
    return f"{carried}, which {_CAME[root.basis]}, and {environment} accepts none of that basis"


def _person_not_taken(facts: Facts, verdict: Verdict, its: str) -> str | None:
    evidence = facts.policy.evidence
    registrant = Who(facts.registered_by, facts.registrant_person)
    told = [(Who(verdict.validated_by, verdict.person), f"{its} is {verdict.counts_as}'s")]
    if verdict.root is not None:
        root = verdict.root
        sentence = f"{its} rests on validation {verdict.rests_on} of {root.counts_as}"
        told.append((Who(root.validated_by, root.person), sentence))
    for who, sentence in told:
        if not evidence.may_validate(who.counts_as):
            return f"{sentence}, whose verdicts do not count in {facts.environment}"
        if evidence.not_registrant and who.may_be(registrant):
            return f"{sentence}, who registered it and may not be its validator"
    return None
