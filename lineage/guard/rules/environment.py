"""What an environment demands besides: its policy, and the repository's own requirements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lineage.acts import act
from lineage.guard import looks
from lineage.guard.decision import Check, Status
from lineage.guard.expressions import Budget
from lineage.guard.facts import Facts, Transition
from lineage.guard.policy import SAME_PIPELINE
from lineage.guard.requirements import Requirement
from lineage.guard.rules.replays import replay
from lineage.guard.rules.weights import look_again, out_of_reach, store_them
from lineage.identity.persons import Who, distinct, folded

if TYPE_CHECKING:
    from lineage.guard.facts import Approval, Standby, Verdict
    from lineage.guard.requirements import Outcome

_SERVED: Final = (Transition.STAY, Transition.RETURN)
"""What only a version does that has served in the environment."""


def _has_served(facts: Facts) -> bool:
    """Whether it serves, returns, or is to stand by where it served."""
    return facts.transition in _SERVED or facts.served_here


def requirements(facts: Facts) -> Check:
    """Fails when a metric requirement does not hold on the validation that counts.

    A comparison with what serves judges who enters, never who returns.
    """
    code = "requirements"
    verdict = facts.verdict
    if verdict is None:
        return Check(code, Status.SKIPPED, "there is no validation to read metrics from")
    budget = Budget()
    own = [_decided(facts, verdict, outcome, budget) for outcome in verdict.outcomes]
    demanded = [
        _evaluated(facts, verdict, requirement, budget)
        for requirement in facts.policy.requirements_of(facts.model)
    ]
    broken = [outcome for outcome in (*own, *demanded) if not outcome.holds]
    details = {
        "requirements": [outcome.to_json() | {"source": "repository"} for outcome in own]
        + [outcome.to_json() | {"source": "environment"} for outcome in demanded]
    }
    if broken:
        return Check(
            code,
            Status.FAIL,
            "; ".join(outcome.sentence for outcome in broken),
            "Improve the model and validate again "
            f"({act('validate', facts.ref)}), or change the requirement where it is wrong: in "
            f"lineage.toml, or by {act('env apply', 'FILE')}",
            details,
        )
    count = len(own) + len(demanded)
    some = "the requirement holds" if count == 1 else f"all {count} requirements hold"
    summary = some if count else "no requirement is configured"
    return Check(code, Status.PASS, summary, details=details)


def promotion_path(facts: Facts) -> Check:
    """Fails when the environment demands that the version served elsewhere first."""
    code = "promotion-path"
    source = facts.policy.promote_from
    if source is None:
        return Check(code, Status.PASS, f"{facts.environment} demands no path")
    details = {"promote_from": source}
    if facts.served_before:
        return Check(code, Status.PASS, f"{facts.ref} served in {source} first", details=details)
    if _has_served(facts):
        return Check(
            code, Status.PASS, f"{facts.ref} has served in {facts.environment}", details=details
        )
    return Check(
        code,
        Status.FAIL,
        f"{facts.ref} never served in {source}, and {facts.environment} takes versions from there",
        f"Let it serve there first: {act('promote', facts.ref, env=source)}",
        details,
    )


def approvals(facts: Facts) -> Check:
    """Fails when fewer persons approved than demanded, or the registrant approved its own."""
    code = "approvals"
    needed = facts.policy.approvals
    counted = [a for a in facts.approvals if a.current and facts.policy.may_approve(_who(a))]
    registrant = Who(facts.registered_by, facts.registrant_person)
    own = [a for a in counted if _who(a).may_be(registrant)]
    people = distinct(map(_who, counted))
    proven = {folded(a.counts_as) for a in counted if not a.claimed}
    claimed = tuple(name for name in people if folded(name) not in proven)
    details: dict[str, Any] = {
        "needed": needed,
        "approved_by": list(people),
        "claimed": list(claimed),
        "stale": list(distinct(_who(a) for a in facts.approvals if not a.current)),
    }
    if needed == 0:
        return Check(code, Status.PASS, "no approval is demanded", details=details)
    if _has_served(facts):
        summary = f"{facts.ref} has served in {facts.environment}: it needs no new approval"
        return Check(code, Status.PASS, summary, details=details)
    approve = f"Let other people approve it: {_approve(facts)}"
    if own:
        summary = f"{facts.registrant} registered {facts.ref} and approved it too"
        return Check(code, Status.FAIL, summary, approve, details)
    if len(people) < needed:
        summary = f"{facts.ref} has {len(people)} of {needed} approvals{_stale(details['stale'])}"
        return Check(code, Status.FAIL, summary, approve, details)
    summary = f"approved by {', '.join(people)}{_claimed(people, claimed)}"
    return Check(code, Status.PASS, summary, details=details)


def backup_ready(facts: Facts) -> Check:
    """Fails when the environment demands a ready backup and the change would leave none."""
    code = "backup-ready"
    standby = facts.standby
    details: dict[str, Any] = {
        "demanded": facts.policy.backup,
        "backup": standby.ref if standby else None,
        "reason": standby.reason if standby else None,
        "moves_pipeline": standby.moves_pipeline if standby else None,
    }
    slot = f"{facts.model} in {facts.environment}"
    if facts.transition is Transition.STAND_BY:
        return _could_take_over(facts)
    if facts.transition is Transition.LEAVE:
        return _emptied(facts, slot, details)
    demanded = facts.policy.backup and facts.transition is not Transition.RETURN
    if not demanded:
        return _left_without(facts, standby, slot, details)
    problem = _against(facts, standby)
    if standby is not None and problem is None:
        return Check(code, Status.PASS, f"{standby.ref} stands by for {slot}", details=details)
    if facts.transition is Transition.ENTER and facts.serving_metrics is None:
        summary = f"nothing serves {slot} yet, so nothing can stand by"
        return Check(code, Status.WARN, summary, details=details)
    summary = f"nothing would stand by for {slot}"
    if standby is not None:
        summary = f"{standby.ref} would stand by for {slot}, but {problem}"
    return Check(code, Status.FAIL, summary, _backup_remedy(facts), details)


def _emptied(facts: Facts, slot: str, details: dict[str, Any]) -> Check:
    """Nothing serves or stands by in a slot that is emptied, whatever did before."""
    if not facts.policy.backup:
        return Check("backup-ready", Status.PASS, "no backup is demanded", details=details)
    knowingly = act(
        "retire", facts.model, env=facts.environment, waive="backup-ready", reason="TEXT"
    )
    return Check(
        "backup-ready",
        Status.FAIL,
        f"nothing would serve {slot} or stand by, and {facts.environment} demands a backup",
        "Let another version serve instead "
        f"({act('promote', f'{facts.model}@NUMBER', env=facts.environment)}), or have the rule "
        f"waived by somebody who may: {knowingly}",
        details,
    )


def _against(facts: Facts, standby: Standby | None) -> str | None:
    """Why what would stand by is not the backup that is demanded."""
    if standby is None or not standby.ready:
        return standby.reason if standby is not None else None
    if standby.moves_pipeline and facts.policy.backup == SAME_PIPELINE:
        return "its pipeline would move too"
    return None


def _left_without(
    facts: Facts, standby: Standby | None, slot: str, details: dict[str, Any]
) -> Check:
    """What is said of a backup that nobody demands here: a return is never held up for one."""
    code = "backup-ready"
    if standby is not None and not standby.ready:
        summary = f"{standby.ref} will not stand by for {slot}: {standby.reason}"
        return Check(code, Status.WARN, summary, _backup_remedy(facts), details)
    if facts.policy.backup and standby is None:
        summary = f"nothing will stand by for {slot}"
        return Check(code, Status.WARN, summary, _backup_remedy(facts), details)
    summary = f"{standby.ref} stands by for {slot}" if standby else "no backup is demanded"
    return Check(code, Status.PASS, summary, details=details)


def _could_take_over(facts: Facts) -> Check:
    """Whether the bytes of what is to stand by are where they can be fetched."""
    details = {"copies": [copy.to_json() for copy in facts.copies]}
    outdated = looks.outdated(facts)
    if outdated is not None:
        return Check("backup-ready", Status.FAIL, outdated, look_again(facts), details)
    if facts.held or any(copy.intact for copy in facts.usable):
        summary = f"the weights of {facts.ref} can be fetched at once"
        return Check("backup-ready", Status.PASS, summary, details=details)
    unreachable = out_of_reach(facts)
    if unreachable is not None:
        return Check("backup-ready", Status.FAIL, unreachable, store_them(facts), details)
    return Check(
        "backup-ready",
        Status.FAIL,
        f"no store is known to hold the weights of {facts.ref} intact",
        f"Look for them ({act('verify', facts.ref)}), or store them from wherever they are: "
        f"{act('store put', facts.ref, 'PATH')}",
        details,
    )


def _decided(facts: Facts, verdict: Verdict, outcome: Outcome, budget: Budget) -> Outcome:
    """A requirement's outcome; one that compares with what serves is evaluated now."""
    if outcome.holds is not None:
        return outcome
    return _evaluated(facts, verdict, Requirement.parse(outcome.requirement), budget)


def _evaluated(facts: Facts, verdict: Verdict, requirement: Requirement, budget: Budget) -> Outcome:
    returns = facts.transition is Transition.RETURN or facts.served_here
    if returns and requirement.compares_with_serving:
        return requirement.of_a_return(verdict.metrics, budget)
    return requirement.evaluate(verdict.metrics, facts.serving_metrics, budget)


def _who(approval: Approval) -> Who:
    return Who(approval.by, approval.person)


def _approve(facts: Facts) -> str:
    """The act that approves the pair; of a pipeline version that nobody recorded yet, what runs."""
    pipeline = None
    if facts.deployed is not None and facts.pipeline_moves and facts.recorded:
        pipeline = f"{facts.pipeline}@{facts.deployed.xxh3.short}"
    return act("approve", facts.ref, env=facts.environment, pipeline=pipeline)


def _stale(people: list[str]) -> str:
    if not people:
        return ""
    which = "that of" if len(people) == 1 else "those of"
    be = "is" if len(people) == 1 else "are"
    return f"; {which} {', '.join(people)} {be} for another pipeline version"


def _claimed(people: tuple[str, ...], claimed: tuple[str, ...]) -> str:
    """Whose names no token proves."""
    if not claimed:
        return ""
    return " (claimed)" if len(claimed) == len(people) else f" (claimed: {', '.join(claimed)})"


def _backup_remedy(facts: Facts) -> str:
    pipeline = facts.named(facts.deployed) if facts.deployed else None
    ref = facts.standby.ref if facts.standby is not None else f"{facts.model}@{facts.environment}"
    program = ("--", "COMMAND") if facts.deployed and facts.deployed.manifest else ()
    validate = replay(facts, ref) or act("validate", ref, *program, pipeline=pipeline)
    return (
        "Validate what is to stand by with the pipeline that is to run "
        f"({validate}), and have its weights checked or put back: "
        f"{act('verify', ref)} or {act('store put', ref, 'PATH')}"
    )
