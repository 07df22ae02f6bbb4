"""What is answered to a move: a promotion, a rollback, a deployment, a release. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineage.contract.results.slots import Serving
    from lineage.guard.decision import Decision


@dataclass(frozen=True)
class Step:
    """What a move does to one slot: the references before and after, None where nothing stands.

    ``revision`` is the slot's before. ``passed_over`` tells what could have stood by and does not,
    with what speaks against it, by its reference.
    """

    model: str
    environment: str
    serving_before: str | None
    backup_before: str | None
    serving_after: str | None
    backup_after: str | None
    revision: int = 0
    passed_over: Mapping[str, str] = field(default_factory=dict)

    def then(self, after: Step, passed_over: Mapping[str, str]) -> Step:
        """The step from this state to a later one."""
        return replace(
            self,
            serving_after=after.serving_after,
            backup_after=after.backup_after,
            passed_over=passed_over,
        )

    def to_json(self) -> dict[str, Any]:
        """One entry of the ``plan`` in the JSON of `release`."""
        return {
            "model": self.model,
            "environment": self.environment,
            "serving": {"before": self.serving_before, "after": self.serving_after},
            "backup": {"before": self.backup_before, "after": self.backup_after},
            "passed_over": dict(self.passed_over),
        }


@dataclass(frozen=True)
class Moved:
    """What a promotion, rollback, deployment or release did, or would do.

    ``unused_waivers`` are the rules that were asked to be waived and did not fail. ``proposed`` is
    the version that would best stand by where nothing does, by the slot.
    """

    environment: str
    changed: bool
    slots: tuple[Serving, ...]
    decisions: tuple[Decision, ...]
    emptied_backups: tuple[str, ...] = ()
    pipeline: dict[str, str | None] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    unused_waivers: tuple[str, ...] = ()
    proposed: Mapping[str, str] = field(default_factory=dict)

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
        }
