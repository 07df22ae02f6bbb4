"""What is recorded, as it is shown: models, versions, what is said of them, events. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from typing_extensions import override

from lineage import timestamps
from lineage.contract.results.documents import Document
from lineage.guard.evidence import Basis
from lineage.guard.requirements import Outcome
from lineage.identity.components import Kind

if TYPE_CHECKING:
    import datetime as dt

Outcomes: TypeAlias = tuple[Outcome, ...]


class ModelRecord(Document):
    """A model, with its newest version."""

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self["name"])

    @property
    def latest(self) -> str | None:
        """Its newest version, as a person writes it; None where there is none."""
        latest: str | None = self["latest"]
        return latest

    @property
    def created_at(self) -> dt.datetime:
        """When it was recorded."""
        return timestamps.moment(self["created_at"])

    @property
    def created_by(self) -> str:
        """Who recorded it."""
        return str(self["created_by"])

    @property
    def serving(self) -> dict[str, str]:
        """What serves of it, by environment."""
        return dict(self["serving"])

    @property
    def description(self) -> str | None:
        """What people say of it."""
        text: str | None = self["description"]
        return text

    @property
    def tags(self) -> dict[str, str]:
        """What people tagged it with."""
        return dict(self["tags"])

    @override
    def _line(self) -> str:
        return f"{self.name}, the newest is {self.latest}" if self.latest else self.name

    @override
    def _facts(self) -> dict[str, object]:
        return {
            "model": self.name,
            "newest": self.latest,
            "serving": self.serving,
            "description": self.description,
            "tags": self.tags,
            "recorded": self.created_at,
            "by": self.created_by,
        }


class Validation(Document):
    """A verdict on a version with a pipeline version; true where it is a pass."""

    def __bool__(self) -> bool:
        return self.passed

    @property
    def id(self) -> int:
        """Its number."""
        return int(self["id"])

    @property
    def passed(self) -> bool:
        """Whether it is a pass."""
        return bool(self["passed"])

    @property
    def pipeline(self) -> str:
        """The digest of the pipeline version."""
        return str(self["pipeline"]["digest"])

    @property
    def basis(self) -> Basis:
        """What it rests on: a run that was watched, another verdict, or somebody's word."""
        return Basis(self["basis"])

    @property
    def metrics(self) -> dict[str, Any]:
        """What was measured, by name; empty where nothing was."""
        return dict(self["metrics"] or {})

    @property
    def requirements(self) -> Outcomes:
        """What each configured requirement came to."""
        return tuple(Outcome.from_json(outcome) for outcome in self["requirements"])

    @property
    def elsewhere(self) -> bool:
        """Whether it was made where the version's weights and pipeline were not looked at."""
        return bool(self["elsewhere"])

    @property
    def rests_on(self) -> int | None:
        """The number of the verdict that a carried one rests on."""
        number: int | None = self["rests_on"]
        return number

    @property
    def validated_at(self) -> dt.datetime:
        """When it was recorded."""
        return timestamps.moment(self["validated_at"])

    @property
    def validated_by(self) -> str:
        """Who recorded it."""
        return str(self["validated_by"])

    @override
    def _line(self) -> str:
        word = "passed" if self.passed else "failed"
        return f"{self.get('ref', 'validation')} {word} with pipeline {self.pipeline}"

    @override
    def _facts(self) -> dict[str, object]:
        return {
            "validation": self.id,
            "passed": self.passed,
            "pipeline": self.pipeline,
            "basis": self.basis.value,
            "metrics": self.metrics,
            "broken": [o.sentence for o in self.requirements if o.holds is False] or None,
            "validated": self.validated_at,
            "by": self.validated_by,
        }


Validations: TypeAlias = tuple[Validation, ...]


class VersionRecord(Document):
    """All that is recorded of a version, its validations with it."""

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self["model"])

    @property
    def version(self) -> int:
        """Its number within the model."""
        return int(self["version"])

    @property
    def ref(self) -> str:
        """The version as a person writes it."""
        return str(self["ref"])

    @property
    def kind(self) -> Kind:
        """How much of it is tracked, and so where it may go."""
        return Kind(self["kind"])

    @property
    def tuple(self) -> str:
        """The digest of its four components."""
        return str(self["tuple"])

    @property
    def code(self) -> str | None:
        """The code that made it: a commit, and what was changed on top of it."""
        return self._digest("code")

    @property
    def data(self) -> str | None:
        """The digest of its data."""
        return self._digest("data")

    @property
    def pipeline(self) -> str | None:
        """The digest of the pipeline version that it was registered with."""
        return self._digest("pipeline")

    @property
    def weights(self) -> str | None:
        """The digest of its weights."""
        return self._digest("weights")

    @property
    def dirty(self) -> bool:
        """Whether its code had changes that no commit holds."""
        return bool(self["components"]["code"]["dirty"])

    @property
    def parent(self) -> str | None:
        """The version that it was made from."""
        return self._digest("parent")

    @property
    def registered_at(self) -> dt.datetime:
        """When it was registered."""
        return timestamps.moment(self["registered_at"])

    @property
    def registered_by(self) -> str:
        """Who registered it."""
        return str(self["registered_by"])

    @property
    def validations(self) -> Validations:
        """Every verdict on it, the newest first."""
        return tuple(Validation(row) for row in self["validations"])

    @property
    def validation(self) -> Validation | None:
        """The newest verdict on it, with whatever pipeline; None where there is none."""
        return next(iter(self.validations), None)

    @property
    def metrics(self) -> dict[str, Any]:
        """What the newest verdict measured, by name."""
        return self.validation.metrics if self.validation is not None else {}

    def _digest(self, name: str) -> str | None:
        digest: str | None = self[name]
        return digest

    @override
    def _line(self) -> str:
        return f"{self.ref} ({self.kind.value}), registered by {self.registered_by}"

    @override
    def _facts(self) -> dict[str, object]:
        newest = self.validation
        return {
            "version": self.ref,
            "kind": self.kind.value,
            "tuple": self.tuple,
            "code": self.code,
            "data": self.data,
            "pipeline": self.pipeline,
            "weights": self.weights,
            "parent": self.parent,
            "registered": self.registered_at,
            "by": self.registered_by,
            "newest verdict": newest._line() if newest is not None else None,
            "metrics": self.metrics,
        }


class ApprovalRecord(Document):
    """An approval that was just given, and how many there are of how many that are needed."""

    @property
    def ref(self) -> str:
        """The version as a person writes it."""
        return str(self["ref"])

    @property
    def environment(self) -> str:
        """Where it may serve by it."""
        return str(self["environment"])

    @property
    def person(self) -> str:
        """The person whom it counts for."""
        return str(self["person"])

    @property
    def approvals(self) -> int:
        """How many persons approved it."""
        return int(self["approvals"])

    @property
    def needed(self) -> int:
        """How many the environment demands."""
        return int(self["needed"])

    @property
    def approved_at(self) -> dt.datetime:
        """When it was given."""
        return timestamps.moment(self["approved_at"])

    @override
    def _line(self) -> str:
        count = f"{self.approvals} of {self.needed} needed"
        return f"{self.ref} approved for {self.environment} by {self.person}: {count}"

    @override
    def _facts(self) -> dict[str, object]:
        return {
            "version": self.ref,
            "environment": self.environment,
            "by": self.person,
            "approved": self.approved_at,
            "approvals": self.approvals,
            "needed": self.needed,
        }


class EventRecord(Document):
    """An event of the history."""

    @property
    def seq(self) -> int:
        """Its number."""
        return int(self["seq"])

    @property
    def at(self) -> dt.datetime:
        """When it happened."""
        return timestamps.moment(self["at"])

    @property
    def actor(self) -> str:
        """Who did it."""
        return str(self["actor"])

    @property
    def kind(self) -> str:
        """What was done: ``registered``, ``promoted``."""
        return str(self["kind"])

    @property
    def subject(self) -> str:
        """What it was done to."""
        return str(self["subject"])

    @property
    def payload(self) -> dict[str, Any]:
        """The particulars, which differ by kind."""
        return dict(self["payload"])

    @override
    def _line(self) -> str:
        return f"{self.seq} {self.kind} {self.subject} by {self.actor}"

    @override
    def _facts(self) -> dict[str, object]:
        return {
            "seq": self.seq,
            "time": self.at,
            "actor": self.actor,
            "event": self.kind,
            "subject": self.subject,
            "reason": self.payload.get("reason"),
        }
