"""The tables (design §5): the schema itself refuses a state that breaks the invariant.

Where a column is called ``digest`` and keys point to it, it holds the BLAKE3 of canonical bytes;
``public_digest`` is the one that people and JSON show. Times are ISO 8601 text in UTC. Triggers
stand in the migrations: they keep history immutable and the newest verdict decisive.
"""

from lineage.store.tables.environments import (
    Approval,
    Environment,
    EnvironmentPolicy,
    PipelineDeployment,
    Slot,
    Waiver,
)
from lineage.store.tables.history import Event, EventSubject
from lineage.store.tables.versions import (
    DataItem,
    DataVersion,
    Model,
    ModelVersion,
    PipelineVersion,
    Validation,
    WeightsCheck,
)

__all__ = [
    "Approval",
    "DataItem",
    "DataVersion",
    "Environment",
    "EnvironmentPolicy",
    "Event",
    "EventSubject",
    "Model",
    "ModelVersion",
    "PipelineDeployment",
    "PipelineVersion",
    "Slot",
    "Validation",
    "Waiver",
    "WeightsCheck",
]
