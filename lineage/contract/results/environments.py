"""What is answered about environments: what runs there, and what its hosts say. Pure."""

from __future__ import annotations

from typing_extensions import override

from lineage.contract.results.documents import Document, Key, moment, optional, several, values
from lineage.contract.results.slots import Serving
from lineage.identity.components import EnvironmentKind


class DeployedPipeline(Document):
    """A pipeline version that runs in an environment."""

    name = Key(str)
    """The pipeline's name."""
    digest = Key(str)
    """The digest of the version that runs."""
    revision = Key(int)
    """How often another one was deployed."""
    deployed_at = Key(moment)
    """Since when it runs."""
    deployed_by = Key(str)
    """Who deployed it."""

    @override
    def _line(self) -> str:
        return f"{self.name}@{self.digest}, deployed by {self.deployed_by}"


class EnvironmentRecord(Document):
    """An environment: its kind, its policy, every pipeline deployment and every slot."""

    name = Key(str)
    """Its name."""
    kind = Key(EnvironmentKind)
    """What may serve in it."""
    created_at = Key(moment)
    """When it was created."""
    created_by = Key(str)
    """Who created it."""
    policy = Key(values)
    """What it demands, by the keys of a file for `env apply`."""
    pipelines = Key(several(DeployedPipeline))
    """Every pipeline version that runs there."""
    slots = Key(several(Serving.from_json))
    """Every slot, by model."""

    @override
    def _line(self) -> str:
        return f"{self.name} ({self.kind.value})"

    @override
    def _facts(self) -> dict[str, object]:
        return {
            "environment": self.name,
            "kind": self.kind.value,
            "pipelines": [f"{one.name}@{one.digest}" for one in self.pipelines],
            "serving": [slot.ref for slot in self.slots if slot.ref is not None],
            "created": self.created_at,
            "by": self.created_by,
        }


class SlotReports(Document):
    """How many instances of a slot are in which state, as they reported it."""

    environment = Key(str)
    """The environment's name."""
    model = Key(str)
    """The model's name."""
    state = Key(str)
    """The worst state of any: ``foreign``, ``lagging``, ``skewed``, ``rolling``, ``in-step``."""
    instances = Key(int)
    """How many have reported."""
    in_step = Key(int)
    """How many have loaded what is declared."""
    lag_seconds = Key(optional(float))
    """For how many seconds the one that lags most has lagged; None where none does."""
    last_report_at = Key(optional(moment))
    """When the newest report came."""

    @override
    def _line(self) -> str:
        slot = f"{self.model} in {self.environment}"
        return f"{slot} is {self.state}, {self.in_step} of {self.instances} in step"


class PipelineShare(Document):
    """A model that a pipeline is shared with."""

    model = Key(str)
    """The model's name."""
    shared_at = Key(moment)
    """Since when."""
    shared_by = Key(str)
    """Who shared it."""

    @override
    def _line(self) -> str:
        return f"shared with {self.model} by {self.shared_by}"


class PipelineShares(Document):
    """All that a pipeline is shared with, after a change of it."""

    pipeline = Key(str)
    """The pipeline's name."""
    changed = Key(bool)
    """Whether the change was one."""
    shares = Key(several(PipelineShare))
    """The models that it is shared with, by name."""

    @override
    def _line(self) -> str:
        names = ", ".join(share.model for share in self.shares) or "no model"
        return f"pipeline {self.pipeline} is shared with {names}"
