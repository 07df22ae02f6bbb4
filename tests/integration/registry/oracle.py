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


@dataclass
class Policy:
    require: bool = False
    path: bool = False
    approvals: int = 0
    backup: bool = False
    carried: bool = True
    waive: bool = False


@dataclass
class Slot:
    serving: str | None = None
    proof: int | None = None
    """The position of the verdict that the slot rests on; None where a waiver is."""
    backup: str | None = None
    waivers: set[str] = field(default_factory=set)
    """The rules waived for what serves."""


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
    out: dict[str, int] = field(default_factory=dict)
    """How many verdicts had been told when a version was rolled back last."""

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
        if not verdict.passed or verdict.root is None:
            return verdict.passed
        root_pair = next(p for (r, _), p in self.verdicts.items() if r == ref and verdict.root in p)
        return self.policy.carried and self.told[root_pair[-1]].passed

    def _made_since(self, ref: str, position: int) -> bool:
        """Whether a verdict comes of a validation that is newer than the rollback."""
        root = self.told[position].root
        return (position if root is None else root) >= self.out.get(ref, 0)

    def failures(self, ref: str, text: str | None, move: str, before: str | None) -> set[str]:
        """The rules that fail for a version on a pipeline version that runs or is to run."""
        failing = set()
        newest = self.newest(ref, text)
        if text is None:
            failing.add("pipeline-deployed")
        if not any(r == ref for r, _ in self.verdicts):
            failing.add("validated")
        elif text is not None and newest is None:
            failing.add("pipeline-match")
        elif (newest is not None and not self._counts(ref, newest)) or (
            newest is not None and move != "stay" and not self._made_since(ref, newest)
        ):
            failing.add("validated")
        if ref in self.damaged:
            failing.add("weights-intact")
        if self.policy.require and newest is not None and self.told[newest].auc < BAR:
            failing.add("requirements")
        if move in ("enter", "stand-by"):
            if self.policy.path and ref not in self.staged:
                failing.add("promotion-path")
            people = {who for who, bound in self.approvals.get(ref, []) if bound == before}
            if len(people) < self.policy.approvals:
                failing.add("approvals")
        if (
            self.policy.backup
            and move in ("enter", "stay")
            and not self._backup_ready(ref, text, move)
        ):
            failing.add("backup-ready")
        return failing

    def standby(self, ref: str, text: str | None) -> str | None:
        """The first that passed and could take over at once; what stands by behind what stays."""
        slot = self.slots.get(ref.partition("@")[0], Slot())
        for side, candidate in (("serving", slot.serving), ("backup", slot.backup)):
            if candidate in (None, ref) or self.proof(str(candidate), text) is None:
                continue
            stays = side == "backup" and slot.serving == ref
            if stays or not self.failures(str(candidate), text, "return", None):
                return candidate
        return None

    def _backup_ready(self, ref: str, text: str | None, move: str) -> bool:
        slot = self.slots.get(ref.partition("@")[0], Slot())
        candidate = self.standby(ref, text)
        if candidate is None:
            others = {slot.serving, slot.backup} - {None, ref}
            return move == "enter" and slot.serving is None and not others
        return not self.failures(candidate, text, "return", None)

    def open(self, ref: str, text: str | None, move: str, before: str | None) -> set[str]:
        """The failures that no waiver in force covers."""
        slot = self.slots.get(ref.partition("@")[0], Slot())
        in_force = {code for code in slot.waivers if slot.serving == ref and text == self.deployed}
        return self.failures(ref, text, move, before) - in_force

    def move_of(self, ref: str) -> str:
        slot = self.slots.get(ref.partition("@")[0], Slot())
        return "stay" if slot.serving == ref else "enter"

    def put(self, ref: str, text: str | None, waived: set[str]) -> None:
        """What a slot is after a version was put there."""
        model = ref.partition("@")[0]
        slot = self.slots.setdefault(model, Slot())
        backup = self.standby(ref, text)
        if slot.serving != ref:
            slot.waivers = set()
        slot.serving, slot.backup, slot.proof = ref, backup, self.proof(ref, text)
        slot.waivers |= waived

    def deploy(self, text: str) -> None:
        """The pipeline moves: that ends every waiver."""
        if text != self.deployed:
            for slot in self.slots.values():
                slot.waivers = set()
        self.deployed = text
