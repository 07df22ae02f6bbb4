"""What is recorded, as it is shown: models, versions, what is said of them, events. Pure."""

from __future__ import annotations

from typing import Any, TypeAlias

from typing_extensions import override

from lineage.contract.results.documents import (
    Document,
    Key,
    moment,
    optional,
    several,
    texts,
    values,
)
from lineage.guard.evidence import Basis
from lineage.guard.requirements import Outcome
from lineage.identity.components import Kind

Outcomes: TypeAlias = tuple[Outcome, ...]


class Labels(Document):
    """What is said of a model or of a version."""

    description = Key(optional(str))
    """What people say of it."""
    tags = Key(texts)
    """What people tagged it with."""

    @property
    def of(self) -> str:
        """The model, or the version as a person writes it."""
        return str(self.get("ref") or self["model"])

    @property
    def changed(self) -> bool:
        """Whether the edit changed something."""
        return bool(self["changed"])

    @override
    def _line(self) -> str:
        return f"{self.of}: {self.description or 'not described'}"

    @override
    def _facts(self) -> dict[str, object]:
        return {"of": self.of, "description": self.description, "tags": self.tags}


class _Model(Document):
    """A model, with its newest version."""

    name = Key(str)
    """The model's name."""
    latest = Key(optional(str))
    """Its newest version, as a person writes it; None where there is none."""
    created_at = Key(moment)
    """When it was recorded."""
    created_by = Key(str)
    """Who recorded it."""
    description = Key(optional(str))
    """What people say of it."""
    tags = Key(texts)
    """What people tagged it with."""
    archived_at = Key(optional(moment))
    """Since when it is archived; None where it is not."""

    @override
    def _line(self) -> str:
        return f"{self.name}, the newest is {self.latest}" if self.latest else self.name


class ModelRecord(_Model):
    """A model of a list, with its newest version and what serves of it."""

    serving = Key(texts)
    """What serves of it, by environment."""

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


class NamedModel(_Model):
    """A model by itself, with every name that it had."""

    former_names = Key(several(str))
    """The names that it had before, which go on naming it."""
    archived_by = Key(optional(str))
    """Who archived it."""


class DeletedVersion(Document):
    """What is left of an experiment that was deleted."""

    model = Key(str)
    """The model's name."""
    version = Key(int)
    """Its number, which is not given again."""
    ref = Key(str)
    """The version as a person writes it."""
    tuple = Key(str)
    """The digest of its four components."""
    deleted_at = Key(moment)
    """When it was deleted."""
    deleted_by = Key(str)
    """Who deleted it."""

    @override
    def _line(self) -> str:
        return f"{self.ref} was deleted by {self.deleted_by}"


class Validation(Document):
    """A verdict on a version with a pipeline version; true where it is a pass."""

    def __bool__(self) -> bool:
        return self.passed

    id = Key(int)
    """Its number."""
    passed = Key(bool)
    """Whether it is a pass."""
    pipeline = Key(str, "pipeline", "digest")
    """The digest of the pipeline version."""
    basis = Key(Basis)
    """What it rests on: a run that was watched, another verdict, or somebody's word."""
    metrics = Key(values)
    """What was measured, by name; empty where nothing was."""
    requirements = Key(several(Outcome.from_json))
    """What each configured requirement came to."""
    elsewhere = Key(bool)
    """Whether it was made where the version's weights and pipeline were not looked at."""
    rests_on = Key(optional(int))
    """The number of the verdict that a carried one rests on."""
    validated_at = Key(moment)
    """When it was recorded."""
    validated_by = Key(str)
    """Who recorded it."""

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


class SignedStatement(Document):
    """A signed statement on a version, which held when it was recorded, and whether it does now."""

    about = Key(str)
    """What it is on: the weights, a verdict, or a decision."""
    says = Key(optional(str))
    """What it says of it; None where it is not verified."""
    verified = Key(optional(bool))
    """Whether its signature holds, by the key or the identity that it was recorded with, and is on
    this version; None of an identity's where the registry has no root of trust that it can use.
    """
    validation = Key(optional(int))
    """The number of the verdict that it is on."""
    signed_by = Key(str)
    """The fingerprint of the key that signed it, or the identity, ``identity:WHO issuer:URL``."""
    recorded_at = Key(moment)
    """When it was recorded."""
    recorded_by = Key(str)
    """Who recorded it."""

    @override
    def _line(self) -> str:
        return f"{self.says or self.about} signed by {self.signed_by}"

    @override
    def _facts(self) -> dict[str, object]:
        told = {"about": self.about, "validation": self.validation, "signed by": self.signed_by}
        told |= {"verified": self.verified}
        return told | {"recorded": self.recorded_at, "by": self.recorded_by}


class Attestation(SignedStatement):
    """A signed statement on a version with its envelope: whoever has it verifies it."""

    document = Key(str)
    """The envelope, as it was signed."""
    public_key = Key(str)
    """The key in PEM; of an identity the one that signed this once."""


SignedStatements: TypeAlias = tuple[SignedStatement, ...]


class VersionRecord(Document):
    """All that is recorded of a version, its validations with it."""

    model = Key(str)
    """The model's name."""
    version = Key(int)
    """Its number within the model."""
    ref = Key(str)
    """The version as a person writes it."""
    kind = Key(Kind)
    """How much of it is tracked, and so where it may go."""
    tuple = Key(str)
    """The digest of its four components."""
    code = Key(optional(str))
    """The code that made it: a commit, and what was changed on top of it."""
    data = Key(optional(str))
    """The digest of its data."""
    pipeline = Key(optional(str))
    """The digest of the pipeline version that it was registered with."""
    weights = Key(optional(str))
    """The digest of its weights."""
    dirty = Key(bool, "components", "code", "dirty")
    """Whether its code had changes that no commit holds."""
    parent = Key(optional(str))
    """The version that it was made from."""
    registered_at = Key(moment)
    """When it was registered."""
    registered_by = Key(str)
    """Who registered it."""
    validations = Key(several(Validation))
    """Every verdict on it, the newest first."""

    @property
    def attestations(self) -> SignedStatements:
        """The newest signed statements on it that are recorded, the newest first.

        None of a server of an earlier version.
        """
        return tuple(map(SignedStatement, self.get("attestations", ())))

    @property
    def validation(self) -> Validation | None:
        """The newest verdict on it, with whatever pipeline; None where there is none."""
        return next(iter(self.validations), None)

    @property
    def metrics(self) -> dict[str, Any]:
        """What the newest verdict measured, by name."""
        return self.validation.metrics if self.validation is not None else {}

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
            "signed": [one._line() for one in self.attestations] or None,
            "metrics": self.metrics,
        }


class Approval(Document):
    """An approval of a version for an environment."""

    environment = Key(str)
    """Where it may serve by it."""
    pipeline = Key(optional(str), "pipeline", "digest")
    """The digest of the pipeline version that it is bound to; None where none ran there."""
    person = Key(str)
    """The person whom it counts for."""
    approved_at = Key(moment)
    """When it was given."""
    approved_by = Key(str)
    """Who gave it."""

    @override
    def _line(self) -> str:
        return f"approved for {self.environment} by {self.person}"


class ApprovalRecord(Approval):
    """An approval that was just given, and how many there are of how many that are needed."""

    ref = Key(str)
    """The version as a person writes it."""
    approvals = Key(int)
    """How many persons approved it."""
    needed = Key(int)
    """How many the environment demands."""

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

    seq = Key(int)
    """Its number."""
    at = Key(moment)
    """When it happened."""
    actor = Key(str)
    """Who did it."""
    kind = Key(str)
    """What was done: ``registered``, ``promoted``."""
    subject = Key(str)
    """What it was done to."""
    payload = Key(values)
    """The particulars, which differ by kind."""

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
