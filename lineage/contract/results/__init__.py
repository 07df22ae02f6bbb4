"""What the registry answers, in the JSON shapes of the reference (docs/reference/json.md). Pure."""

from lineage.contract.results.backups import Candidate, Readiness
from lineage.contract.results.graph import (
    GraphEdge,
    GraphNode,
    Held,
    Impact,
    Impacted,
    NodeKind,
    Trace,
)
from lineage.contract.results.leaks import Leak, Leaked
from lineage.contract.results.moves import MoveResult, SlotChange
from lineage.contract.results.operations import Audit, Head, PlannedChange, SchemaCheck
from lineage.contract.results.packages import (
    MOST_DIFFERENCES,
    DemandedPackages,
    PackageDifference,
)
from lineage.contract.results.slots import ServedVersion, Serving, Side, nothing_observed
from lineage.contract.results.versions import FoundPipeline, NamedPipeline, Registered

__all__ = [
    "MOST_DIFFERENCES",
    "Audit",
    "Candidate",
    "DemandedPackages",
    "FoundPipeline",
    "GraphEdge",
    "GraphNode",
    "Head",
    "Held",
    "Impact",
    "Impacted",
    "Leak",
    "Leaked",
    "MoveResult",
    "NamedPipeline",
    "NodeKind",
    "PackageDifference",
    "PlannedChange",
    "Readiness",
    "Registered",
    "SchemaCheck",
    "ServedVersion",
    "Serving",
    "Side",
    "SlotChange",
    "Trace",
    "nothing_observed",
]
