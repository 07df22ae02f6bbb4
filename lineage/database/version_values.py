"""What the row of a version holds of its components. Pure, and quickly loaded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lineage.identity.origin import WeightsOrigin

if TYPE_CHECKING:
    from lineage.database import tables


def origin_of(row: tables.ModelVersion) -> WeightsOrigin | None:
    """What made a version's weights; None where nobody looked."""
    return WeightsOrigin.from_json(json.loads(row.weights_made)) if row.weights_made else None


def missing_components(row: tables.ModelVersion) -> tuple[str, ...]:
    """The names of the components that a version lacks."""
    held = {
        "code": row.code_digest,
        "data": row.data_blake3,
        "pipeline": row.pipeline_blake3,
        "weights": row.weights_xxh3,
    }
    return tuple(name for name, digest in held.items() if digest is None)
