"""Words of the pages: what is so in a slot, in a word, a sentence and how urgent. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Urgency(IntEnum):
    """How much something needs somebody; the greatest first."""

    WELL = 0
    NOTE = 1
    WARN = 2
    BAD = 3

    @property
    def kind(self) -> str:
        """The class of its badge: its colour is nothing but a repetition of its sign."""
        return self.name.lower()

    @property
    def sign(self) -> str:
        """The sign before its word."""
        return {0: "✓", 1: "●", 2: "▲", 3: "✕"}[int(self)]


@dataclass(frozen=True)
class Matter:
    """One thing that is so in a slot, in a word and a sentence."""

    urgency: Urgency
    word: str
    sentence: str


HOSTS: Final = {
    "in_step": (Urgency.WELL, "in step", "on what is declared"),
    "rolling": (Urgency.NOTE, "rolling", "on the way to what is declared"),
    "skewed": (Urgency.WARN, "skewed", "with other packages than the validation"),
    "lagging": (Urgency.BAD, "lagging", "still on what served before"),
    "foreign": (Urgency.BAD, "foreign", "on something that was never declared"),
    "unknown": (Urgency.NOTE, "silent", "without a report lately"),
}
"""What hosts are beside the registry: how urgent, the word, and what they are on."""


def matters(slot: Mapping[str, Any], observed: Mapping[str, Any] | None) -> list[Matter]:
    """What is so in a slot, the most urgent first; what is well where nothing else is.

    Args:
        slot: JSON of `serving`.
        observed: JSON of what hosts report of it, None where none has.
    """
    found = [*_of_what_serves(slot), *_of_the_backup(slot), *_of_hosts(observed or {})]
    if not found:
        found = [
            Matter(Urgency.WELL, "in order", "What serves is proven, and the backup is ready.")
        ]
    return sorted(found, key=lambda matter: -matter.urgency)


TIERS: Final = {"page": Urgency.BAD, "ticket": Urgency.WARN, "explain": Urgency.NOTE}
"""How urgent a change is of what production sees, by its tier."""


def of_drift(found: Mapping[str, Any]) -> list[Matter]:
    """What is so in what production sees, the most urgent first.

    Args:
        found: JSON of `drift`.
    """
    if found["missing"] is not None:
        return [Matter(Urgency.NOTE, "unknown", found["missing"]["what"])]
    going_on = [one for one in found["changes"] if one["ended"] is None]
    matters = [
        Matter(TIERS[one["tier"]], f"{one['kind']}, {one['tier']}", one["sentence"])
        for one in going_on
    ]
    if not matters:
        sentence = "What production sees is like what was validated."
        matters = [Matter(Urgency.WELL, "quiet", sentence)]
    return sorted(matters, key=lambda matter: -matter.urgency)


def urgency(found: list[Matter]) -> Urgency:
    """The greatest urgency of some matters."""
    return max((matter.urgency for matter in found), default=Urgency.WELL)


def _of_what_serves(slot: Mapping[str, Any]) -> Iterator[Matter]:
    if slot["contradicted"]:
        yield Matter(
            Urgency.BAD,
            "contradicted",
            "The newest validation of what serves, or is staged, is a failure.",
        )
    if slot["serving"] is None:
        yield Matter(Urgency.NOTE, "empty", "Nothing serves.")
    waiver = slot["waiver"]
    if waiver is not None and waiver["ended"]:
        sentence = f"The waiver of {waiver['code']} that this rests on has ended."
        yield Matter(Urgency.BAD, "waiver ended", sentence)
    elif waiver is not None:
        until = f" until {waiver['until']}" if waiver["until"] else ""
        sentence = f"{waiver['waived_by']} waived {waiver['code']}{until}: {waiver['reason']}"
        yield Matter(Urgency.WARN, "waiver", sentence)
    if slot.get("staged") is not None:
        sentence = f"{slot['staged']['ref']} is staged: it serves once its release is finished."
        yield Matter(Urgency.NOTE, "rollout", sentence)


def _of_the_backup(slot: Mapping[str, Any]) -> Iterator[Matter]:
    backup = slot["backup"]
    if slot["serving"] is None:
        return
    if backup is None:
        yield Matter(Urgency.WARN, "no backup", "Nothing stands by: a rollback has no target.")
    elif not backup["ready"]:
        why = "; ".join(backup["reasons"]) or "it is not known whether it could take over"
        yield Matter(Urgency.WARN, "backup not ready", f"{backup['ref']}: {why}")


def _of_hosts(observed: Mapping[str, Any]) -> Iterator[Matter]:
    for state, (how, word, on) in HOSTS.items():
        count = observed.get(state, 0)
        if count and how > Urgency.WELL:
            sentence = f"{count} of {observed['instances']} hosts: {on}."
            yield Matter(how, f"{count} {word}", sentence)
