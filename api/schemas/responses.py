"""Bodies of responses: describe for the documentation what is answered (docs/reference/json.md)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from lineage.contract.results import Side
from lineage.guard.decision import Status


class Answer(BaseModel):
    """Keys may be added in later versions, never taken away."""

    model_config = ConfigDict(extra="allow")


class NamedDigest(Answer):
    """A pipeline and a version of it."""

    name: str | None = None
    digest: str | None = None


class RegisteredAnswer(Answer):
    """A model version."""

    model: str
    version: int
    ref: str
    kind: str
    created: bool
    tuple: str
    code: str | None
    data: str | None
    pipeline: str | None
    weights: str | None
    registered_at: str
    registered_by: str


class LabelsAnswer(Answer):
    """What is said of a model or a version: one of ``model`` and ``ref`` is there."""

    description: str | None
    tags: dict[str, str]
    changed: bool


class ModelAnswer(Answer):
    """A model: the names that it had before, its newest version, what is said of it."""

    name: str
    former_names: list[str]
    created_at: str
    created_by: str
    latest: str | None
    description: str | None
    tags: dict[str, str]
    archived_at: str | None
    archived_by: str | None


class TombstoneAnswer(Answer):
    """What is left of a deleted version."""

    model: str
    version: int
    ref: str
    tuple: str
    deleted_at: str
    deleted_by: str


class OccupyingAnswer(Answer):
    """A version that serves or stands by."""

    version: int
    ref: str
    tuple: str
    code: str | None
    data: str | None
    pipeline: str | None
    weights: str | None
    promoted_at: str
    promoted_by: str


class BackupAnswer(OccupyingAnswer):
    """A version that stands by, and whether it could take over at once.

    `moves_pipeline` tells that a rollback would take its pipeline back too.
    """

    moves_pipeline: bool | None
    ready: bool | None
    checked_at: str | None
    reasons: list[str]
    copies: list[dict[str, Any]]


class WeightsAnswer(Answer):
    """The weights of a version, and where there are copies of them."""

    ref: str
    weights: str
    blake3: str | None
    path: str
    size: int
    files: int
    copies: list[dict[str, Any]]


class SlotAnswer(Answer):
    """What serves, its backup, and, only where there is one, what is staged to serve.

    ``side`` is which of them goes with the pipeline that was asked with.
    """

    environment: str
    model: str
    revision: int
    pipeline: NamedDigest
    serving: OccupyingAnswer | None
    backup: BackupAnswer | None
    waiver: dict[str, Any] | None
    contradicted: bool
    staged: OccupyingAnswer | None = None
    side: Side | None = None


class PackagesAnswer(Answer):
    """What the hosts of a version must have; ``packages`` is null where nobody observed it."""

    environment: str
    kind: str
    ref: str
    demanded: list[str]
    validation: int | None
    basis: str | None
    packages: dict[str, list[str]] | None
    gaps: list[str]


class MovedSlotAnswer(SlotAnswer):
    """The slot after a move, and the move in full."""

    changed: bool
    move: dict[str, Any]


class MovedAnswer(Answer):
    """What a deployment or a release did, or would do."""

    environment: str
    changed: bool
    pipeline: NamedDigest
    models: list[SlotAnswer]
    emptied_backups: list[str]
    plan: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    proposed_backups: dict[str, str]
    rolled_back: list[str]
    unused_waivers: list[str]
    revisions: dict[str, int]
    dry_run: bool


class CheckAnswer(Answer):
    """What one rule came to."""

    code: str
    status: Status
    summary: str
    remedy: str | None
    details: dict[str, Any]


class DecisionAnswer(Answer):
    """The guard's decision."""

    allowed: bool
    model: str
    version: int
    environment: str
    pipeline: NamedDigest
    checks: list[CheckAnswer]


class EnvironmentAnswer(Answer):
    """An environment: its policy, what runs there, and every slot."""

    name: str
    kind: str
    created_at: str
    created_by: str
    policy: dict[str, Any]
    pipelines: list[dict[str, Any]]
    slots: list[SlotAnswer]


class PipelineVersionAnswer(Answer):
    """A recorded pipeline version."""

    name: str
    digest: str
    blake3: str
    manifest: dict[str, Any] | None
    commit: str | None
    dirty: bool
    recorded_at: str
    recorded_by: str


class EventAnswer(Answer):
    """One entry of the history."""

    seq: int
    at: str
    actor: str
    kind: str
    subject: str
    payload: dict[str, Any]
    previous: str
    digest: str


class PageAnswer(Answer):
    """One page of a list; ``next`` is the cursor of the one behind it, null at the end."""

    items: list[dict[str, Any]]
    next: str | None


class ItemsAnswer(Answer):
    """A short list as a whole."""

    items: list[dict[str, Any]]


class EventsAnswer(Answer):
    """Events; ``next`` is the number to give as ``after``, null where there are no more now."""

    items: list[EventAnswer]
    next: int | None


class TokenAnswer(Answer):
    """A token; the secret itself only when it is made."""

    id: str
    name: str
    scopes: list[str]
    environments: list[str] | None
    models: list[str] | None
    created_at: str
    created_by: str
    expires_at: str | None
    revoked_at: str | None
    revoked_by: str | None
    last_used_at: str | None


class NewTokenAnswer(TokenAnswer):
    """A token with its secret, which is never shown again."""

    token: str


class WebhookAnswer(Answer):
    """A webhook; the secret itself only when it is made."""

    id: int
    address: str
    on: list[str]
    environments: list[str] | None
    models: list[str] | None
    format: str
    created_at: str
    created_by: str
    rotated_at: str | None
    disabled_at: str | None
    removed_at: str | None


class NewWebhookAnswer(WebhookAnswer):
    """A webhook with its secret, which is never shown again."""

    secret: str


class DeliveryAnswer(Answer):
    """A message to a webhook, and what became of it."""

    id: str
    webhook: int
    type: str
    seq: int | None
    state: str
    attempts: int
    made_at: str
    next_at: str | None
    tried_at: str | None
    status: int | None
    detail: str | None


class PrincipalAnswer(Answer):
    """Who asks, and what is open to them."""

    name: str
    scopes: list[str]
    environments: list[str] | None
    models: list[str] | None
    expires_at: str | None
    shared: bool
    records_stores: bool
    version: str


class DatabaseAnswer(Answer):
    """What checking the database found."""

    revision: str | None
    head: str
    problems: list[str]


class AuditAnswer(Answer):
    """What checking the chain of events found."""

    valid: bool
    events: int
    head: str | None
    problems: list[str]


class HeadAnswer(Answer):
    """The newest event's number and digest, and the digest of the one that was asked for."""

    registry: str | None
    events: int
    head: str | None
    then: str | None


class CheckpointAnswer(Answer):
    """What the history is; ``checkpoint`` is the text of C2SP's form, ``note`` the signed one."""

    checkpoint: str
    registry: str
    events: int
    root: str
    head: str | None
    at: str | None
    note: str | None = None


class ConsistencyAnswer(Answer):
    """A consistency proof of RFC 6962, its hashes in base64."""

    size: int
    hashes: list[str]
    checkpoint: str


class InclusionAnswer(Answer):
    """An inclusion proof of RFC 6962; ``entry`` is the leaf, ``hashes`` are in base64."""

    format: str
    event: int
    entry: str
    hashes: list[str]
    checkpoint: str


class DriftAnswer(Answer):
    """What changed in what production sees of a model: the JSON of `lineage drift`."""

    model: str
    environment: str
    ref: str | None
    state: Literal["quiet", "hard", "soft", "drift", "unknown"]
    tier: Literal["page", "ticket", "explain"] | None
    missing: dict[str, str] | None
    windows: list[dict[str, Any]]
    changes: list[dict[str, Any]]
    validated: dict[str, float] | None
    months: list[dict[str, Any]]
