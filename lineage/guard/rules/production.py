"""Whether the data of the verdict that counts is like what production saw lately."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lineage.acts import act
from lineage.guard.decision import Check, Status
from lineage.guard.evidence import Basis
from lineage.guard.facts import Facts, Transition
from lineage.guard.policy import LikeProduction
from lineage.guard.rules.evidence import proof_waived
from lineage.guard.seen_lately import DAYS, SeenLately

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.evidence.likeness import Apart, Likeness

CODE: Final = "data-like-production"
_TOLD: Final = 3
"""Columns that a sentence names."""


def data_like_production(facts: Facts) -> Check:
    """Fails when the data of the verdict is surely unlike what production saw lately.

    It judges who enters, never what serves, returns or is to stand by: a rollback has to work when
    production has moved away from what was validated.
    """
    demand = facts.policy.like_production
    details: dict[str, Any] = {"demanded": demand.value}
    if demand is LikeProduction.OFF:
        return Check(CODE, Status.PASS, "no likeness to production is demanded", details=details)
    if facts.transition is not Transition.ENTER:
        summary = "it is asked of what enters, not of what serves, returns or stands by"
        return Check(CODE, Status.PASS, summary, details=details)
    if facts.verdict is None and not proof_waived(facts):
        summary = "there is no validation whose data could be looked at"
        return Check(CODE, Status.SKIPPED, summary, details=details)
    seen = facts.seen or SeenLately()
    details |= seen.to_json()
    if seen.days is None and facts.serving_metrics is None:
        summary = f"nothing serves {_slot(facts)} yet, so there is nothing to be like"
        return Check(CODE, Status.PASS, summary, details=details)
    missing = _missing(facts, seen)
    if missing is not None:
        return Check(CODE, _refused(facts), *missing, details)
    assert seen.likeness is not None  # nosec B101 # noqa: S101 - else something is missing
    return _compared(facts, seen, seen.likeness, details)


def _missing(facts: Facts, seen: SeenLately) -> tuple[str, str] | None:
    """What is not there to compare, and what to do."""
    if facts.verdict is None:
        what = (
            f"there is no validation of {facts.ref} with what {facts.runs}, and a waiver of "
            "another rule says nothing of its data"
        )
        return what, f"Validate it with a profile of its data: {_validate(facts)}"
    if seen.days is None:
        what = (
            f"nothing is recorded of what {facts.model} saw in {facts.environment} in the last "
            f"{DAYS} days that are over"
        )
        observe = act("observe", facts.model, env=facts.environment, data="BATCH")
        return what, (
            f"Record what production sees: {observe}, or let the service call observe "
            "(lineage.follow), and promote when a day of it is over"
        )
    if seen.profile is None:
        what = f"the validation of {facts.ref} that counts has no profile of its data"
        return what, f"Validate it with a profile: {_validate(facts)}"
    if not seen.validated_rows:
        what = f"the profile of the data that {facts.ref} was validated on is of no rows"
        return what, f"Validate it on data with rows: {_validate(facts)}"
    if seen.likeness is None or not seen.likeness.compared:
        what = (
            f"no column of the data that {facts.ref} was validated on was counted in "
            f"{facts.environment}"
        )
        return what, f"Validate it on data as production has it: {_validate(facts)}"
    return None


def _compared(facts: Facts, seen: SeenLately, likeness: Likeness, details: dict[str, Any]) -> Check:
    moved, lately = likeness.moved, _lately(facts, seen)
    if moved:
        return Check(
            CODE,
            _refused(facts),
            f"{facts.ref} was validated on other data than {lately}: {_named(moved)}",
            f"Validate it on newer data ({_validate(facts)}), or train on newer data",
            details,
        )
    if likeness.is_little:
        summary = (
            f"{seen.validated_rows:,} validated rows and {seen.rows:,} that {lately} are too few "
            f"to tell whether they are alike: by chance alone up to {_part(likeness.chance)} of "
            "rows may be others"
        )
        return Check(CODE, Status.WARN, summary, details=details)
    count = len(likeness.compared)
    columns = "its one column is" if count == 1 else f"its {count} columns are"
    summary = f"{columns} like what {lately}{_besides(likeness)}"
    return Check(CODE, Status.PASS, summary, details=details)


def _refused(facts: Facts) -> Status:
    lenient = facts.policy.like_production is LikeProduction.WARN
    return Status.WARN if lenient else Status.FAIL


def _slot(facts: Facts) -> str:
    return f"{facts.model} in {facts.environment}"


def _lately(facts: Facts, seen: SeenLately) -> str:
    """What production saw, as a sentence says it."""
    first, last = seen.days or ("", "")
    when = f"on {first}" if first == last else f"from {first} to {last}"
    return f"{facts.environment} saw {when}"


def _named(moved: Sequence[Apart]) -> str:
    """The columns that moved most: at least so much of each is surely other."""
    told = [f"at least {_part(one.sure)} of {one.column}" for one in moved[:_TOLD]]
    more = f" and {len(moved) - _TOLD} more columns" if len(moved) > _TOLD + 1 else ""
    more = " and one more column" if len(moved) == _TOLD + 1 else more
    return f"{', '.join(told)}{more} would have to change"


def _besides(likeness: Likeness) -> str:
    """The columns that could not be compared."""
    told = [
        f"{len(names)} {'is' if len(names) == 1 else 'are'} {why}"
        for names, why in (
            (likeness.unseen, "not counted there"),
            (likeness.unlike, "of another kind"),
        )
        if names
    ]
    return f"; besides, {' and '.join(told)}" if told else ""


def _part(share: float) -> str:
    return f"{share:.0%}"


def _validate(facts: Facts) -> str:
    """The act that validates it, with the pipeline that is to run, on other data.

    By a command where no stated verdict counts.
    """
    deployed = facts.deployed
    another = deployed is not None and str(deployed.blake3) != facts.own_pipeline
    named = facts.named(deployed) if deployed is not None and another else None
    program = () if facts.policy.evidence.accepts(Basis.STATED) else ("--", "COMMAND")
    where = f", where {named} is checked out" if named is not None else ""
    return act("validate", facts.ref, *program, pipeline=named, profile="DATA") + where
