"""What is answered to a move: a promotion, a rollback, a deployment, a release. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from lineage.contract.decisions import decision_from_json, decision_to_json
from lineage.contract.fields import from_fields
from lineage.contract.results.slots import Serving
from lineage.display import Shown, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineage.guard.decision import Decision


@dataclass(frozen=True, repr=False)
class SlotChange(Shown):
    """What a move does to one slot: the references before and after, None where nothing stands.

    ``revision`` is the slot's before. ``passed_over`` tells what could have stood by and does not,
    with what speaks against it, by its reference; ``moves_pipeline`` that a rollback to what stands
    by would take its pipeline back too. ``staged_before`` and ``staged_after`` are what is to serve
    once a staged release is finished.
    """

    model: str
    environment: str
    serving_before: str | None
    backup_before: str | None
    serving_after: str | None
    backup_after: str | None
    revision: int = 0
    passed_over: Mapping[str, str] = field(default_factory=dict)
    moves_pipeline: bool = False
    staged_before: str | None = None
    staged_after: str | None = None

    def to_json(self) -> dict[str, Any]:
        """One entry of the ``plan`` in the JSON of `release`."""
        return {
            "model": self.model,
            "environment": self.environment,
            "serving": {"before": self.serving_before, "after": self.serving_after},
            "backup": {"before": self.backup_before, "after": self.backup_after},
            "staged": {"before": self.staged_before, "after": self.staged_after},
            "passed_over": dict(self.passed_over),
            "moves_pipeline": self.moves_pipeline,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any], revision: int) -> SlotChange:
        """Read back what :meth:`to_json` wrote; the revision stands beside the plan."""
        serving, backup, staged = body["serving"], body["backup"], body["staged"]
        return from_fields(
            cls,
            body,
            serving_before=serving["before"],
            backup_before=backup["before"],
            serving_after=serving["after"],
            backup_after=backup["after"],
            revision=revision,
            staged_before=staged["before"],
            staged_after=staged["after"],
        )

    @override
    def _line(self) -> str:
        sides = [
            f"{name} {before or '-'} → {after or '-'}"
            for name, before, after in (
                ("serving", self.serving_before, self.serving_after),
                ("backup", self.backup_before, self.backup_after),
                ("staged", self.staged_before, self.staged_after),
            )
            if before != after
        ]
        return f"{self.model} in {self.environment}: {', '.join(sides) or 'stays'}"

    @override
    def _facts(self) -> dict[str, object]:
        return {
            "model": self.model,
            "environment": self.environment,
            "served": self.serving_before,
            "serves": self.serving_after,
            "stood by": self.backup_before,
            "stands by": self.backup_after,
            "is staged": self.staged_after,
        }


@dataclass(frozen=True, repr=False)
class MoveResult(Shown):
    """What a promotion, rollback, deployment or release did, or would do.

    ``unused_waivers`` are the rules that were asked to be waived and did not fail. ``proposed`` is
    the version that would best stand by where nothing does, by the slot. ``rolled_back`` are the
    versions that came out of a slot and do not return without a new validation.
    """

    environment: str
    changed: bool
    slots: tuple[Serving, ...]
    decisions: tuple[Decision, ...]
    emptied_backups: tuple[str, ...] = ()
    pipeline: dict[str, str | None] = field(default_factory=dict)
    steps: tuple[SlotChange, ...] = ()
    unused_waivers: tuple[str, ...] = ()
    proposed: Mapping[str, str] = field(default_factory=dict)
    rolled_back: tuple[str, ...] = ()

    @property
    def revisions(self) -> dict[str, int]:
        """The revision of each slot that is touched, before it is, by the model's name."""
        return {step.model: step.revision for step in self.steps}

    def to_json(self) -> dict[str, Any]:
        """JSON of `release` and `pipeline deploy`."""
        return {
            "environment": self.environment,
            "changed": self.changed,
            "pipeline": self.pipeline,
            "models": [slot.to_json() for slot in self.slots],
            "emptied_backups": list(self.emptied_backups),
            "plan": [step.to_json() for step in self.steps],
            "proposed_backups": dict(self.proposed),
            "rolled_back": list(self.rolled_back),
        }

    @override
    def _line(self) -> str:
        if not self.changed:
            return f"nothing changed in {self.environment}"
        moved = "; ".join(step._line() for step in self.steps)
        digest = self.pipeline.get("digest")
        runs = f"pipeline {self.pipeline.get('name')}@{digest} in {self.environment}"
        return moved or (runs if digest is not None else f"changed in {self.environment}")

    @override
    def _facts(self) -> dict[str, object]:
        return {
            "environment": self.environment,
            "changed": self.changed,
            "pipeline": self.pipeline.get("digest"),
            "slots": [step._line() for step in self.steps],
        }

    @override
    def _repr_html_(self) -> str:
        rows = [list(step._facts().values()) for step in self.steps]
        headings = self.steps[0]._facts() if self.steps else ()
        return table(self._line(), headings, rows)

    def to_whole_json(self) -> dict[str, Any]:
        """What goes over HTTP: the decisions that the move rests on too, and the revisions."""
        return self.to_json() | {
            "decisions": [decision_to_json(decision) for decision in self.decisions],
            "unused_waivers": list(self.unused_waivers),
            "revisions": self.revisions,
        }

    @classmethod
    def from_whole_json(cls, body: Mapping[str, Any]) -> MoveResult:
        """Read back what :meth:`to_whole_json` wrote."""
        revisions = body["revisions"]
        return from_fields(
            cls,
            body,
            slots=tuple(Serving.from_json(slot) for slot in body["models"]),
            decisions=tuple(decision_from_json(decision) for decision in body["decisions"]),
            emptied_backups=tuple(body["emptied_backups"]),
            steps=tuple(
                SlotChange.from_json(step, revisions[step["model"]]) for step in body["plan"]
            ),
            unused_waivers=tuple(body["unused_waivers"]),
            proposed=body["proposed_backups"],
            rolled_back=tuple(body["rolled_back"]),
        )
