"""What happens in a registry, as its history calls it."""

from __future__ import annotations

from typing import Final

from lineage.contract.webhooks import MOVES

EVENT_KINDS: Final = (
    *MOVES,
    *("model-created", "model-renamed", "model-archived", "model-restored", "labelled"),
    *("registered", "chain-recorded", "run-watched", "validated", "approved", "attested"),
    "version-deleted",
    *("pipeline-recorded", "pipeline-shared", "environment-created", "policy-applied"),
    *("weights-stored", "weights-checked", "weights-removed"),
    *("backup-checked", "backup-held", "lagging"),
    *("store-added", "store-changed", "store-approved"),
    *("token-created", "token-revoked"),
    *("webhook-added", "webhook-rotated", "webhook-removed", "webhook-disabled"),
    "webhook-enabled",
)
"""The kinds of events."""
