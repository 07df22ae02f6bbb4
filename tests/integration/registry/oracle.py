"""A simple model of what should hold: plain sets and lists, nothing shared with the program."""

from __future__ import annotations

from dataclasses import dataclass, field

BAR = 0.5
PROOF = ("pipeline-deployed", "validated", "pipeline-match")


@dataclass
class Verdict:
    passed: bool
    auc: float
    root: int | None = None
    """The position of the verdict that a carried one rests on."""
    by: str = "ann"
    """The person whose verdict it is."""
    run: bool = False
    """Whether a command was run for it, as in a replay; else it is somebody's word."""


@dataclass
class Policy:
    require: bool = False
    path: bool = False
    approvals: int = 0
    backup: bool = False
    carried: bool = True
    stated: bool = True
    validators: tuple[str, ...] | None = None
    not_registrant: bool = False
    waive: bool = False


Pair = tuple[str, str]
"""A version and a pipeline version."""


@dataclass
class Mark:
    """A rollback: of a version with all its pairs, or of one pair."""

    pair: tuple[str, str | None]
    version_left: bool
    told: int
    """How many verdicts had been told then."""
    moment: int


@dataclass
class Slot:
    serving: str | None = None
    on: str | None = None
    """The pipeline version that it serves with."""
    proof: int | None = None
    """The position of the verdict that the slot rests on; None where a waiver is."""
    backup: Pair | None = None
    waivers: set[str] = field(default_factory=set)
    """The rules waived for what serves."""
    coming: Pair | None = None
    """What is to serve once its release is finished."""


@dataclass
class World:
    """Versions are named by their reference; pipeline versions by a word."""

    policy: Policy = field(default_factory=Policy)
    deployed: str | None = None
    slots: dict[str, Slot] = field(default_factory=dict)
    verdicts: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    told: list[Verdict] = field(default_factory=list)
    approvals: dict[str, list[tuple[str, str | None]]] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)
    staged: set[str] = field(default_factory=set)
    served: dict[Pair, int] = field(default_factory=dict)
    """The moment at which a pair was last seen to serve on a proof."""
    marks: list[Mark] = field(default_factory=list)
    moment: int = 0

    def newest(self, ref: str, text: str | None) -> int | None:
        return self.verdicts.get((ref, text or ""), [None])[-1]

    def tell(self, ref: str, text: str, verdict: Verdict) -> None:
        self.told.append(verdict)
        self.verdicts.setdefault((ref, text), []).append(len(self.told) - 1)

    def proof(self, ref: str, text: str | None) -> int | None:
        newest = self.newest(ref, text)
        return newest if newest is not None and self.told[newest].passed else None

    def carriable(self, ref: str, text: str) -> int | None:
        """A real pass that still counts, with another pipeline version."""
        for (other, with_text), positions in self.verdicts.items():
            verdict = self.told[positions[-1]]
            if other == ref and with_text != text and verdict.passed and verdict.root is None:
                return positions[-1]
        return None

    def _counts(self, ref: str, position: int) -> bool:
        verdict = self.told[position]
        rests = [verdict] if verdict.root is None else [verdict, self.told[verdict.root]]
        if not all(self._taken_from(one.by) for one in rests):
            return False
        if not (rests[-1].run or self.policy.stated):
            return False
        if not verdict.passed or verdict.root is None:
            return verdict.passed
        root_pair = next(p for (r, _), p in self.verdicts.items() if r == ref and verdict.root in p)
        return self.policy.carried and self.told[root_pair[-1]].passed

    def _taken_from(self, person: str) -> bool:
        """Whether the policy takes this person's verdicts; the tester registers every version."""
        named = self.policy.validators is None or person in self.policy.validators
        return named and not (self.policy.not_registrant and person == "tester")

    def _mark(self, ref: str, text: str | None) -> Mark | None:
        """The newest rollback that concerns a pair."""
        for mark in reversed(self.marks):
            if mark.pair[0] == ref and (mark.version_left or mark.pair[1] == text):
                return mark
        return None

    def _made_since(self, ref: str, text: str | None, position: int) -> bool:
        """Whether a verdict comes of a validation that is newer than the rollback."""
        root, mark = self.told[position].root, self._mark(ref, text)
        return mark is None or (position if root is None else root) >= mark.told

    def returns(self, ref: str, text: str | None) -> bool:
        """Whether a pair served, and was not rolled back since."""
        mark = self._mark(ref, text)
        served = self.served.get((ref, text or ""))
        return served is not None and (mark is None or mark.moment <= served)

    def failures(
        self,
        ref: str,
        text: str | None,
        move: str,
        before: str | None,
        takes_back: bool = False,
    ) -> set[str]:
        """The rules that fail for a version on a pipeline version that runs or is to run.

        ``before`` is the one that runs until then.
        """
        failing = set()
        newest = self.newest(ref, text)
        if text is None:
            failing.add("pipeline-deployed")
        if not any(r == ref for r, _ in self.verdicts):
            failing.add("validated")
        elif text is not None and newest is None:
            failing.add("pipeline-match")
        elif newest is not None:
            stays = move == "stay" and text == self.deployed
            back = stays or self._made_since(ref, text, newest)
            if not (back and self._counts(ref, newest)):
                failing.add("validated")
        if ref in self.damaged:
            failing.add("weights-intact")
        if self.policy.require and newest is not None and self.told[newest].auc < BAR:
            failing.add("requirements")
        if move in ("enter", "stand-by"):
            if self.policy.path and ref not in self.staged:
                failing.add("promotion-path")
            given = self.approvals.get(ref, [])
            people = {who for who, bound in given if bound in (before, text)}
            if len(people) < self.policy.approvals:
                failing.add("approvals")
        if self.policy.backup and move in ("enter", "stay"):
            best, _ = self.standby(ref, text, before, takes_back)
            ready = best is not None and not self._against(best, text, before)
            first = move == "enter" and self._slot(ref).serving is None
            if not ready and not first:
                failing.add("backup-ready")
        return failing

    def _slot(self, ref: str) -> Slot:
        return self.slots.get(ref.partition("@")[0], Slot())

    def _against(self, pair: Pair, text: str | None, before: str | None) -> set[str]:
        """What speaks against what stands in the slot, or served there, as the backup."""
        slot = self._slot(pair[0])
        stands = pair in ((slot.serving, slot.on), slot.backup)
        move = "return" if stands or self.returns(*pair) else "stand-by"
        return self.failures(*pair, move, before if pair[1] == text else text)

    def standby(
        self, ref: str, text: str | None, before: str | None, takes_back: bool
    ) -> tuple[Pair | None, list[Pair]]:
        """The best pair behind what is to serve, of all that were looked at."""
        slot, after, seen = self._slot(ref), (ref, text), []
        was = (slot.serving, slot.on or text) if slot.serving else None
        out = was if takes_back and was != after else None
        for pair in self._contenders(slot, text, ref.partition("@")[0]):
            gone = out is not None and (pair == out or (pair[0] == out[0] and out[0] != after[0]))
            if pair == after or gone or pair in seen:
                continue
            seen.append(pair)
            stays = pair == slot.backup and was == after
            proven = self.proof(*pair) is not None
            if proven and (stays or not self._against(pair, text, before)):
                return pair, seen
        return None, seen

    def _contenders(self, slot: Slot, text: str | None, model: str) -> list[Pair]:
        found: list[Pair] = []
        sides = [(slot.serving, slot.on or text) if slot.serving else None, slot.backup]
        for side in sides:
            if side is not None and text is not None:
                found += [side, (side[0], text)]
        served = [pair for pair in self.served if pair[0].startswith(f"{model}@")]
        return found + sorted(served, key=lambda pair: -self.served[pair])[:20]

    def open(
        self,
        ref: str,
        text: str | None,
        move: str,
        before: str | None,
        takes_back: bool = False,
    ) -> set[str]:
        """The failures that no waiver in force covers."""
        slot = self._slot(ref)
        stays = slot.serving == ref and text == self.deployed and move == "stay"
        in_force = slot.waivers if stays else set()
        return self.failures(ref, text, move, before, takes_back) - in_force

    def move_of(self, ref: str, text: str | None) -> str:
        slot = self._slot(ref)
        if slot.serving == ref and slot.on in (None, text):
            return "stay"
        if self.returns(ref, text):
            return "return"
        return "stay" if slot.serving == ref else "enter"

    def way_back(self, model: str, text: str) -> Pair | None:
        """The pair that a model goes back to with its pipeline: the first that is ready."""
        slot = self.slots[model]
        served = sorted(
            (p for p in self.served if p[0].startswith(f"{model}@") and p[1] == text),
            key=lambda pair: -self.served[pair],
        )
        found = [(pair, "return" if self.returns(*pair) else "stand-by") for pair in served]
        sides = (slot.backup[0] if slot.backup else None, slot.serving)
        found += [
            ((ref, text), "return")
            for ref in sides
            if ref is not None and self.proof(ref, text) is not None
        ]
        for pair, move in found:
            if not self.failures(*pair, move, self.deployed):
                return pair
        return found[0][0] if found else None

    def put(
        self, ref: str, text: str | None, waived: set[str], backup: Pair | None, takes_back: bool
    ) -> None:
        """What a slot is after a version was put there; what goes may be rolled back by that."""
        model = ref.partition("@")[0]
        slot = self.slots.setdefault(model, Slot())
        if takes_back and slot.serving is not None:
            self.take_back(slot, ref, text)
        if slot.serving != ref:
            slot.waivers = set()
        slot.serving, slot.on, slot.backup, slot.coming = ref, text, backup, None
        slot.proof = self.proof(ref, text)
        slot.waivers |= waived
        self.seen(slot)

    def take_back(self, slot: Slot, ref: str | None, text: str | None) -> None:
        """Mark what serves as rolled back for what comes, or for nothing."""
        left = ref is not None and ref != slot.serving
        if left or (slot.on is not None and slot.on != (text if ref is not None else None)):
            pair = (slot.serving, slot.on)
            self.marks.append(Mark(pair, left, len(self.told), self.moment))

    def seen(self, slot: Slot) -> None:
        """A slot has changed: what serves in it on a proof was seen to."""
        if slot.serving is not None and slot.proof is not None and slot.on is not None:
            self.served[slot.serving, slot.on] = self.moment

    def coming(self) -> dict[str, Pair]:
        """What is staged, by the model."""
        return {model: slot.coming for model, slot in self.slots.items() if slot.coming}

    def deploy(self, text: str) -> None:
        """The pipeline moves: that ends every waiver."""
        if text != self.deployed:
            for slot in self.slots.values():
                slot.waivers = set()
        self.deployed = text
