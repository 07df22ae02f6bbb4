"""What is known of a version's weights: where they are, whether they are right, since when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lineage.acts import act
from lineage.guard import looks
from lineage.guard.decision import Check, Status
from lineage.identity.components import Kind

if TYPE_CHECKING:
    from lineage.guard.facts import Facts


def weights_intact(facts: Facts) -> Check:
    """Fails when the weights were missing or changed the last time that somebody looked."""
    code = "weights-intact"
    if "weights" in facts.missing:
        return Check(code, Status.SKIPPED, "no weights are recorded")
    found = facts.weights
    if facts.copies and (found is None or found.at <= max(copy.at for copy in facts.copies)):
        return _stored(facts)
    if found is None:
        return _unstored(facts, "the weights were read at registration; nobody looked since", {})
    seen = f"at {found.place} on {found.at[:10]} ({found.by})"
    details = {
        "state": found.state,
        "place": found.place,
        "checked_at": found.at,
        "checked_by": found.by,
    }
    if found.state == "intact" and facts.copies:
        return _stored(facts)
    if found.state == "intact":
        return _unstored(facts, f"the weights were intact {seen}", details)
    was = "were missing" if found.state == "missing" else "did not match their digests"
    return Check(
        code,
        Status.FAIL,
        f"the weights of {facts.ref} {was} {seen}",
        f"Restore them and look again: {act('verify', facts.ref)}",
        details,
    )


def _unstored(facts: Facts, summary: str, details: dict[str, Any]) -> Check:
    """What is in no store cannot be fetched; an experiment stores nothing unless it is asked to."""
    if facts.kind is Kind.EXPERIMENT:
        return Check("weights-intact", Status.PASS, summary, details=details)
    return Check(
        "weights-intact",
        Status.WARN,
        f"{summary}, and they are in no store",
        f"Store them from wherever they are: {act('store put', facts.ref, 'PATH')}",
        details,
    )


def _stored(facts: Facts) -> Check:
    """What the stores hold: one intact copy is enough."""
    code = "weights-intact"
    details = {"copies": [copy.to_json() for copy in facts.copies]}
    intact = [copy for copy in facts.copies if copy.intact]
    if intact:
        newest = max(copy.at for copy in intact)
        where = ", ".join(copy.store for copy in intact)
        outdated = looks.outdated(facts)
        if outdated is not None:
            return Check(code, Status.WARN, outdated, look_again(facts), details)
        stores = f"{len(intact)} of {len(facts.copies)} stores" if facts.copies[1:] else "store"
        summary = f"the weights were intact in {stores} {where} on {newest[:10]}"
        return Check(code, Status.PASS, summary, details=details)
    found = "; ".join(f"{_WAS[copy.state]} {copy.store}" for copy in facts.copies)
    seen = max(copy.at for copy in facts.copies)[:10]
    summary = f"the weights of {facts.ref} {found} on {seen}"
    unknown = all(copy.state == "unreachable" for copy in facts.copies)
    remedy = (
        f"Look again when the store answers: {act('verify', facts.ref)}"
        if unknown
        else f"Put them back from wherever they are: {act('store put', facts.ref, 'PATH')}"
    )
    return Check(code, Status.WARN if unknown else Status.FAIL, summary, remedy, details)


def look_again(facts: Facts) -> str:
    """What to do where the looks at the copies do not count any more."""
    return f"Look again, at every byte: {act('verify', facts.ref)}"


_WAS: Final = {
    "missing": "were missing in store",
    "changed": "did not match their digests in store",
    "unreachable": "could not be looked for in store",
}
