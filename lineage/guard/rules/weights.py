"""What is known of a version's weights: where they are, whether they are right, since when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lineage import timestamps
from lineage.acts import act
from lineage.guard import looks
from lineage.guard.decision import Check, Status
from lineage.guard.facts import Transition
from lineage.guard.policy import Demand
from lineage.identity.components import Kind

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from lineage.guard.facts import Facts, HeldCopy

CODE: Final = "weights-intact"
_HELD: Final = "a serving host holds the weights of {}, every byte checked"


def weights_intact(facts: Facts) -> Check:
    """Fails when the weights were missing or changed the last time that somebody looked.

    It fails, too, for what enters while no store that counts is known to have its weights.
    """
    if "weights" in facts.missing:
        return Check(CODE, Status.SKIPPED, "no weights are recorded")
    if facts.held and facts.transition in (Transition.RETURN, Transition.STAND_BY):
        held = {"copies": [copy.to_json() for copy in facts.copies]}
        return Check(CODE, Status.PASS, _HELD.format(facts.ref), details=held)
    found = facts.weights
    if facts.copies and (found is None or timestamps.moment(found.at) <= _newest(facts.copies)):
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
        CODE,
        Status.FAIL,
        f"the weights of {facts.ref} {was} {seen}",
        f"Restore them and look again: {act('verify', facts.ref)}",
        details,
    )


def out_of_reach(facts: Facts) -> str | None:
    """Why no copy counts though there are some: each is in a folder that one host alone has."""
    if facts.usable or not facts.copies:
        return None
    stores = ", ".join(copy.store for copy in facts.copies)
    are = "a folder of one host" if len(facts.copies) == 1 else "folders of one host each"
    return (
        f"the weights of {facts.ref} are only in {stores}, {are}, where no other host can fetch "
        "them from"
    )


def store_them(facts: Facts) -> str:
    """What to do where no store that counts has the weights."""
    put = act("store put", facts.ref, "PATH")
    if not facts.shared:
        return f"Store them from wherever they are: {put}"
    return (
        f"Add a store that every host reaches ({act('store add', 'NAME', 's3://BUCKET/PATH')}) and "
        f"store them from wherever they are: {act('store put', facts.ref, 'PATH', to='NAME')}. A "
        f"folder that every host mounts is one: {act('store add', 'NAME', 'PATH', shared=True)}"
    )


def look_again(facts: Facts) -> str:
    """What to do where the looks at the copies do not count any more."""
    return f"Look again, at every byte: {act('verify', facts.ref)}"


def _unstored(facts: Facts, summary: str, details: dict[str, Any]) -> Check:
    """What is in no store cannot be fetched; an experiment stores nothing unless it is asked to."""
    if facts.kind is Kind.EXPERIMENT:
        return Check(CODE, Status.PASS, summary, details=details)
    summary = f"{summary}, and they are in no store"
    return Check(CODE, _of_unstored(facts), summary, store_them(facts), details)


def _of_unstored(facts: Facts) -> Status:
    """What enters needs its weights in a store, unless the policy lets it; what is there stays."""
    lenient = facts.policy.unstored_weights is Demand.WARN
    enters = facts.transition is Transition.ENTER
    return Status.FAIL if enters and not lenient else Status.WARN


def _newest(copies: Iterable[HeldCopy]) -> dt.datetime:
    """When somebody last looked at any of some copies."""
    return max(copy.at for copy in copies)


def _stored(facts: Facts) -> Check:
    """What the stores that count hold: one intact copy is enough."""
    copies = facts.usable
    details = {"copies": [copy.to_json() for copy in facts.copies]}
    unreachable = out_of_reach(facts)
    if unreachable is not None:
        return Check(CODE, _of_unstored(facts), unreachable, store_them(facts), details)
    intact = [copy for copy in copies if copy.intact]
    if intact:
        outdated = looks.outdated(facts)
        if outdated is not None:
            return Check(CODE, Status.WARN, outdated, look_again(facts), details)
        newest = _newest(intact)
        where = ", ".join(copy.store for copy in intact)
        stores = f"{len(intact)} of {len(copies)} stores" if copies[1:] else "store"
        summary = f"the weights were intact in {stores} {where} on {newest:%Y-%m-%d}"
        return Check(CODE, Status.PASS, summary, details=details)
    found = "; ".join(f"{_WAS[copy.state]} {copy.store}" for copy in copies)
    seen = f"{_newest(copies):%Y-%m-%d}"
    summary = f"the weights of {facts.ref} {found} on {seen}"
    unknown = all(copy.state == "unreachable" for copy in copies)
    remedy = (
        f"Look again when the store answers: {act('verify', facts.ref)}"
        if unknown
        else f"Put them back from wherever they are: {act('store put', facts.ref, 'PATH')}"
    )
    return Check(CODE, Status.WARN if unknown else Status.FAIL, summary, remedy, details)


_WAS: Final = {
    "missing": "were missing in store",
    "changed": "did not match their digests in store",
    "unreachable": "could not be looked for in store",
}
