"""Messages: what a receiver is told of an event, of a refusal, of a state that began. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lineage import strict_json
from lineage.contract import addresses
from lineage.contract.webhooks import (
    BACKUP_NOT_READY,
    CONTRADICTED,
    DRIFTED,
    HOST_LAGGING,
    MOVES,
    REFUSED,
    TEST,
    WebhookFormat,
)
from lineage.inert import inert

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from lineage.contract.results import Serving
    from lineage.contract.results.drift import Drift
    from lineage.guard.decision import Decision

LAGGING: Final = "lagging"
"""The event of a host that goes on with what served before."""

KINDS: Final = (*MOVES, LAGGING)
"""The kinds of the events that messages are made of."""

MOST_SLOTS: Final = 50
"""Slots that a message tells of; ``slots_total`` says how many there are."""

MOST_COLUMNS: Final = 20
"""Columns that a message of a change names."""

LONGEST_TEXT: Final = 500

Slot = dict[str, Any]
"""What a message says of a slot: its ``model`` and ``path``, and what else it tells."""


@dataclass(frozen=True)
class Happening:
    """What receivers may be told.

    Attributes:
        type: what happened.
        at: when, ISO 8601 in UTC.
        environment: where; None of a test.
        data: what is told of it as a whole.
        slots: what is told of each slot that it concerns.
        seq: the event's number; None of what is no event.
    """

    type: str
    at: str
    environment: str | None
    data: dict[str, Any]
    slots: tuple[Slot, ...] = ()
    seq: int | None = None

    def seen_by(
        self,
        types: Collection[str],
        environments: Collection[str] | None,
        models: Collection[str] | None,
    ) -> Happening | None:
        """What of it one is told who asks for some types, environments and models; None: nothing.

        Args:
            types: the types of messages.
            environments: the environments; None for all.
            models: the models, of which one is told no others; None for all.
        """
        if self.type not in types:
            return None
        if environments is not None and self.environment not in environments:
            return None
        if models is None:
            return self
        slots = tuple(slot for slot in self.slots if slot["model"] in models)
        return replace(self, slots=slots) if slots else None

    def body(self, form: WebhookFormat) -> str:
        """The message, as it is sent."""
        if form is WebhookFormat.SLACK:
            return strict_json.dumps({"text": _escaped(self.sentence)})
        data = self.data | {"environment": self.environment, "slots": self.slots[:MOST_SLOTS]}
        if len(self.slots) > MOST_SLOTS:
            data["slots_total"] = len(self.slots)
        if self.seq is not None:
            data |= {"seq": self.seq, "path": f"{addresses.EVENTS}?after={self.seq - 1}&limit=1"}
        return strict_json.dumps({"type": self.type, "timestamp": self.at, "data": data})

    @property
    def sentence(self) -> str:
        """The same for people, on one line."""
        if self.type == TEST:
            return f"lineage-guard reaches you here (webhook {self.data['webhook']})."
        named = [slot.get("ref") or slot["model"] for slot in self.slots]
        more = f" and {len(named) - 5} more" if len(named) > 5 else ""
        whom = ", ".join(named[:5]) + more or _pipeline(self.data)
        said = f"{self.type}: {whom} in {self.environment}"
        if self.data.get("actor"):
            said += f" (by {self.data['actor']})"
        why = self.data.get("reason") or next(filter(None, map(_why, self.slots)), None)
        return said + (f": {why}" if why else "")


class Entry(NamedTuple):
    """An event of one of :data:`KINDS`, as its row has it."""

    seq: int
    at: str
    actor: str
    kind: str
    subject: str
    payload: str


def of_event(event: Entry) -> Happening | None:
    """What an event says; None where it does not tell as events do: nothing here wrote it."""
    try:
        payload = json.loads(event.payload)
        return _lagging(event, payload) if event.kind == LAGGING else _moved(event, payload)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def _moved(event: Entry, payload: Mapping[str, Any]) -> Happening:
    environment = payload["environment"]
    data: dict[str, Any] = {"actor": event.actor, "reason": payload.get("reason")}
    if "pipeline" in payload:
        data["pipeline"] = payload["pipeline"]
    if payload.get("waivers"):
        data["waived"] = sorted({waiver["code"] for waiver in payload["waivers"]})
    slots = tuple(
        _slot(environment, subject.removesuffix(f"@{environment}"), state)
        for subject, state in sorted(payload.get("slots", {}).items())
    )
    return Happening(event.kind, event.at, environment, data, slots, event.seq)


def of_refusal(decisions: Sequence[Decision], at: str, actor: str) -> Happening:
    """A move that the guard refused, with the rules that fail of each model."""
    environment = decisions[0].environment
    slots = tuple(
        _place(environment, decision.model)
        | {
            "ref": decision.ref,
            "failures": [
                {"code": check.code, "summary": check.summary[:LONGEST_TEXT]}
                for check in decision.failures
            ],
        }
        for decision in decisions
        if not decision.allowed
    )
    return Happening(REFUSED, at, environment, {"actor": actor}, slots)


def of_states(serving: Iterable[Serving], at: str) -> Iterator[Happening]:
    """What is so now of slots, and worth a message where it begins."""
    for slot in serving:
        if slot.serving is None:
            continue
        told = _place(slot.environment, slot.model) | {"ref": slot.serving.ref}
        if slot.contradicted:
            yield Happening(CONTRADICTED, at, slot.environment, {}, (told,))
        if slot.backup is None:
            told |= {"backup": None, "reasons": ["nothing stands by"]}
        elif slot.readiness is not None and not slot.readiness.ready:
            reasons = [reason[:LONGEST_TEXT] for reason in slot.readiness.reasons]
            told |= {"backup": slot.backup.ref, "reasons": reasons}
        else:
            continue
        yield Happening(BACKUP_NOT_READY, at, slot.environment, {}, (told,))


def of_drifts(found: Iterable[Drift], at: str) -> Iterator[Happening]:
    """The changes that go on in what production sees, and that page or open a ticket."""
    for drift in found:
        for change in drift["changes"]:
            if change["ended"] is not None or change["tier"] == "explain":
                continue
            told = {name: change[name] for name in ("kind", "tier", "since", "told", "loss")}
            told["columns"] = [column["name"] for column in change["columns"]][:MOST_COLUMNS]
            told["sentence"] = change["sentence"][:LONGEST_TEXT]
            slot = _place(drift.environment, drift.model) | {"ref": drift.ref} | told
            yield Happening(DRIFTED, at, drift.environment, {}, (slot,))


def of_test(webhook: int, at: str, actor: str) -> Happening:
    """A message that says nothing but that it arrives."""
    return Happening(TEST, at, None, {"webhook": webhook, "actor": actor})


def name_of(state: Happening) -> str:
    """What tells a state of a slot from others: its type and the slot; of a change, its window."""
    slot = state.slots[0]
    name = f"{state.type} {slot['model']}@{state.environment}"
    return f"{name} {slot['told']}" if state.type == DRIFTED else name


def _lagging(event: Entry, payload: Mapping[str, Any]) -> Happening:
    environment = payload["environment"]
    slot = _place(environment, event.subject.removesuffix(f"@{environment}"))
    told = {name: payload.get(name) for name in ("instance", "weights", "pipeline", "since")}
    data = {"actor": event.actor} | told
    return Happening(HOST_LAGGING, event.at, environment, data, (slot,), event.seq)


def _slot(environment: str, model: str, state: Mapping[str, Any]) -> Slot:
    sides = {name: _ref(model, state.get(name)) for name in ("serving", "backup", "staged")}
    ref = sides["serving"] or sides["staged"]
    told = _place(environment, model) | {"ref": ref, "revision": state["revision"]}
    return told | {name: side for name, side in sides.items() if name != "staged" or side}


def _ref(model: str, side: Mapping[str, Any] | None) -> str | None:
    return f"{model}@{side['version']}" if side is not None else None


def _place(environment: str, model: str) -> Slot:
    return {"model": model, "path": addresses.SLOT.format(env=environment, model=model)}


def _pipeline(data: Mapping[str, Any]) -> str:
    pipeline = data.get("pipeline")
    return f"pipeline {pipeline['name']}" if pipeline else "nothing"


def _why(slot: Slot) -> str | None:
    """Why a slot is told of: what refuses it, changed, or speaks against its backup."""
    failures = slot.get("failures")
    if failures:
        return f"{failures[0]['code']}: {failures[0]['summary']}"
    return slot.get("sentence") or next(iter(slot.get("reasons", ())), None)


def _escaped(text: str) -> str:
    """A text that holds no markup of Slack's: no link, no mention of everybody."""
    plain = inert(text)[:3000]
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
