"""The tables (docs/design.md, "State, and the invariant as a foreign key").

The schema itself refuses a state that breaks the invariant.

Attributes say the algorithm: keys point to ``blake3``, the BLAKE3 of canonical bytes, and ``xxh3``
is the digest that people and JSON show (or the one that was stated, where only a digest was); their
columns are called ``digest`` and ``public_digest``. Times are ISO 8601 text in UTC. Triggers stand
in the migrations: they keep history immutable and the newest validation decisive.

Making a table's class takes milliseconds, so each is made when it is first named: a look-up needs
few of them.
"""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineage.database.tables.access import KeptAnswer, PipelineShare, Token
    from lineage.database.tables.attestations import Attestation
    from lineage.database.tables.checks import WeightsCheck
    from lineage.database.tables.copies import CopyCheck, Store, WeightsCopy
    from lineage.database.tables.data import DataItem, DataVersion
    from lineage.database.tables.environments import Environment, PipelineDeployment, Slot, Waiver
    from lineage.database.tables.evidence import Profile, ValidationProfile
    from lineage.database.tables.history import Event, EventSubject
    from lineage.database.tables.labels import ModelTag, VersionNote, VersionTag
    from lineage.database.tables.lineage import (
        LineageEdge,
        LineageLabel,
        LineageNode,
        LineageVersion,
        StageRun,
        VersionChain,
    )
    from lineage.database.tables.pairs import RolledBack, ServedPair
    from lineage.database.tables.policies import Approval, EnvironmentPolicy
    from lineage.database.tables.versions import (
        Model,
        ModelVersion,
        PipelineCommit,
        PipelineVersion,
        Validation,
        VersionMetric,
    )
    from lineage.database.tables.watched import WatchedRun
    from lineage.database.tables.webhooks import Webhook, WebhookDelivery
    from lineage.database.tables.windows import SeenStream, SeenWindow

_MODULES = {
    "access": ("KeptAnswer", "PipelineShare", "Token"),
    "attestations": ("Attestation",),
    "checks": ("WeightsCheck",),
    "copies": ("CopyCheck", "Store", "WeightsCopy"),
    "data": ("DataItem", "DataVersion"),
    "environments": ("Environment", "PipelineDeployment", "Slot", "Waiver"),
    "evidence": ("Profile", "ValidationProfile"),
    "history": ("Event", "EventSubject"),
    "labels": ("ModelTag", "VersionNote", "VersionTag"),
    "lineage": (
        *("LineageEdge", "LineageLabel", "LineageNode", "LineageVersion"),
        *("StageRun", "VersionChain"),
    ),
    "pairs": ("RolledBack", "ServedPair"),
    "policies": ("Approval", "EnvironmentPolicy"),
    "versions": (
        *("Model", "ModelVersion", "PipelineCommit", "PipelineVersion", "Validation"),
        "VersionMetric",
    ),
    "watched": ("WatchedRun",),
    "webhooks": ("Webhook", "WebhookDelivery"),
    "windows": ("SeenStream", "SeenWindow"),
}

__all__ = [
    "Approval",
    "Attestation",
    "CopyCheck",
    "DataItem",
    "DataVersion",
    "Environment",
    "EnvironmentPolicy",
    "Event",
    "EventSubject",
    "KeptAnswer",
    "LineageEdge",
    "LineageLabel",
    "LineageNode",
    "LineageVersion",
    "Model",
    "ModelTag",
    "ModelVersion",
    "PipelineCommit",
    "PipelineDeployment",
    "PipelineShare",
    "PipelineVersion",
    "Profile",
    "RolledBack",
    "SeenStream",
    "SeenWindow",
    "ServedPair",
    "Slot",
    "StageRun",
    "Store",
    "Token",
    "Validation",
    "ValidationProfile",
    "VersionChain",
    "VersionMetric",
    "VersionNote",
    "VersionTag",
    "Waiver",
    "WatchedRun",
    "Webhook",
    "WebhookDelivery",
    "WeightsCheck",
    "WeightsCopy",
]


def __getattr__(name: str) -> object:
    for module, classes in _MODULES.items():
        if name in classes:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def load_all() -> None:
    """Make every class, so that ``SQLModel.metadata`` is the whole schema."""
    for module in _MODULES:
        import_module(f"{__name__}.{module}")
