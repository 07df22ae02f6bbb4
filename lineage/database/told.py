"""What the history tells: for each table the columns that events hold, and what they leave out.

An event's payload holds under ``rows`` each row that was written with it, as ``{table: [{column:
value, …}, …]}`` with the columns that are declared here; each row names its event in ``event``.
The database holds both against each other (``migrations/triggers.py``), and `audit verify` replays
them. Names are those of SQL. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_LARGE: Final = MappingProxyType({"document": "large; `digest` is the BLAKE3 of it"})


@dataclass(frozen=True)
class Told:
    """A table whose rows the history tells.

    Attributes:
        table: its name.
        key: its primary key.
        columns: what events hold of a row, each value as JSON (booleans as true or false).
        moves: the columns that may change, each time with an event that tells the whole row anew;
            none where a row never changes.
        unbound: the columns that no event holds, and why.
        event: the column that names the event which tells the row's present state.
        follows: whether its ``model`` becomes another when that model is renamed: the event of the
            renaming tells of it, and the row goes on naming the one that it named before.
    """

    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    moves: tuple[str, ...] = ()
    unbound: Mapping[str, str] = field(default_factory=lambda: _NONE)
    event: str = "event"
    follows: bool = False


def _side(name: str) -> tuple[str, ...]:
    return tuple(
        f"{name}_{column}"
        for column in (
            "version_id",
            "version_kind",
            "pipeline",
            "pipeline_digest",
            "validation_id",
            "passed",
            "promoted_at",
            "promoted_by",
        )
    )


_SLOT_MOVES: Final = (
    "revision",
    *_side("serving"),
    "serving_waiver_id",
    "serving_waiver_code",
    "waivers_after",
    *_side("backup"),
    *_side("staged"),
)

_DECLARED: Final = (
    Told(
        "model",
        ("name",),
        (
            "name",
            "created_at",
            "created_by",
            "became",
            "description",
            "archived_at",
            "archived_by",
        ),
        moves=("became", "description", "archived_at", "archived_by"),
    ),
    Told("model_tag", ("model", "name"), ("model", "name", "value"), ("value",), follows=True),
    Told(
        "data_version",
        ("digest",),
        ("digest", "public_digest"),
    ),
    Told(
        "pipeline_version",
        ("pipeline", "digest"),
        (
            "pipeline",
            "digest",
            "public_digest",
            "code_commit",
            "code_dirty",
            "recorded_at",
            "recorded_by",
            "unseen",
        ),
        unbound={"manifest": "large; `digest` is the BLAKE3 of it"},
    ),
    Told(
        "pipeline_commit",
        ("pipeline", "pipeline_digest"),
        ("pipeline", "pipeline_digest", "code_commit", "seen_at", "seen_by"),
    ),
    Told(
        "model_version",
        ("id",),
        (
            "id",
            "model",
            "number",
            "kind",
            "tuple_digest",
            "code_digest",
            "code_dirty",
            "code_remote",
            "code_branch",
            "code_subfolder",
            "data_digest",
            "data_asserted",
            "pipeline",
            "pipeline_digest",
            "weights_digest",
            "weights_blake3",
            "weights_path",
            "weights_size",
            "weights_files",
            "weights_made",
            "parent_id",
            "registered_at",
            "registered_by",
            "run",
            "registered_by_person",
        ),
        follows=True,
    ),
    Told("version_tag", ("version_id", "name"), ("version_id", "name", "value"), ("value",)),
    Told(
        "version_note",
        ("version_id",),
        ("version_id", "description", "deleted_at", "deleted_by"),
        moves=("description", "deleted_at", "deleted_by"),
    ),
    Told(
        "validation",
        ("id",),
        (
            "id",
            "version_id",
            "pipeline",
            "pipeline_digest",
            "passed",
            "metrics",
            "outcomes",
            "validated_at",
            "validated_by",
            "basis",
            "rests_on",
            "difference",
            "run",
            "data_digest",
            "elsewhere",
            "validated_by_person",
            "on_word",
        ),
    ),
    Told(
        "approval",
        ("id",),
        (
            "id",
            "version_id",
            "environment",
            "pipeline",
            "pipeline_digest",
            "approved_at",
            "approved_by",
            "approved_by_person",
            "claimed",
        ),
    ),
    Told(
        "attestation",
        ("id",),
        (
            *("id", "version_id", "about", "validation_id", "digest", "signed_by", "public_key"),
            *("recorded_at", "recorded_by"),
        ),
        unbound=_LARGE,
    ),
    Told("environment", ("name",), ("name", "kind", "created_at", "created_by")),
    Told(
        "environment_policy",
        ("environment", "revision"),
        ("environment", "revision", "document", "applied_at", "applied_by"),
    ),
    Told(
        "pipeline_deployment",
        ("environment", "pipeline"),
        ("environment", "pipeline", "digest", "revision", "deployed_at", "deployed_by"),
        moves=("digest", "revision", "deployed_at", "deployed_by"),
    ),
    Told(
        "waiver",
        ("id",),
        (
            "id",
            "environment",
            "version_id",
            "code",
            "pipeline",
            "pipeline_digest",
            "reason",
            "until",
            "waived_at",
            "waived_by",
            "waived_by_person",
        ),
    ),
    Told(
        "slot",
        ("environment", "model"),
        ("environment", "model", "environment_kind", *_SLOT_MOVES),
        moves=_SLOT_MOVES,
        follows=True,
    ),
    Told(
        "served_pair",
        ("environment", "version_id", "pipeline_digest"),
        ("environment", "version_id", "pipeline_digest", "model", "pipeline", "seq"),
        moves=("seq",),
        follows=True,
    ),
    Told(
        "rolled_back",
        ("id",),
        (
            "id",
            "environment",
            "version_id",
            "verdicts_until",
            "reason",
            "at",
            "by",
            "pipeline_digest",
            "version_left",
            "seq",
        ),
    ),
    Told(
        "store",
        ("name",),
        ("name", "url", "config", "added_at", "added_by", "shared", "marker", "approved"),
        moves=("config", "shared", "marker", "approved"),
    ),
    Told(
        "weights_copy",
        ("id",),
        (
            "id",
            "version_id",
            "store",
            "object",
            "listing",
            "size",
            "files",
            "found_there",
            "repository",
            "revision",
            "stored_at",
            "stored_by",
            "removed_at",
            "removed_by",
        ),
        moves=("removed_at", "removed_by"),
    ),
    Told(
        "copy_check",
        ("id",),
        ("id", "copy_id", "state", "deep", "checked_at", "checked_by", "sample"),
    ),
    Told(
        "weights_check",
        ("id",),
        ("id", "version_id", "state", "place", "checked_at", "checked_by"),
    ),
    Told("pipeline_share", ("id",), ("id", "pipeline", "model", "shared"), follows=True),
    Told(
        "watched_run",
        ("id",),
        (
            "id",
            "version_id",
            "validation_id",
            "pipeline",
            "pipeline_digest",
            "digest",
            "recorded_at",
            "recorded_by",
        ),
        unbound=_LARGE,
    ),
    Told("stage_run", ("digest",), ("digest",), unbound=_LARGE),
    Told("version_chain", ("version_id",), ("version_id", "digest"), unbound=_LARGE),
    Told("profile", ("digest",), ("digest", "public_digest"), unbound=_LARGE),
    Told("validation_profile", ("validation_id",), ("validation_id", "profile_digest")),
    Told(
        "token",
        ("id",),
        (
            "id",
            "name",
            "person",
            "fingerprint",
            "scopes",
            "environments",
            "models",
            "created_at",
            "created_by",
            "expires_at",
            "revoked_at",
            "revoked_by",
        ),
        moves=("revoked_at", "revoked_by"),
        unbound={
            "key": "a secret; `fingerprint` is the BLAKE3 of it and of `digest`",
            "digest": "a secret; `fingerprint` is the BLAKE3 of `key` and of it",
            "last_used_at": "no move, and noted many times a day",
        },
    ),
    Told(
        "webhook",
        ("id",),
        (
            "id",
            "address",
            "fingerprint",
            "types",
            "environments",
            "models",
            "format",
            "created_at",
            "created_by",
            "rotated_at",
            "disabled_at",
            "removed_at",
            "removed_by",
        ),
        moves=("fingerprint", "rotated_at", "disabled_at", "removed_at", "removed_by"),
        unbound=dict.fromkeys(
            ("url", "secret", "secret_before"),
            "secrets, the URL of many a receiver too; `fingerprint` is the BLAKE3 of all three",
        )
        | {
            "told_until": "how far messages were made, noted with each",
            "conditions": "what was so when messages were made last",
        },
    ),
    Told("event_subject", ("subject", "seq"), ("subject",), event="seq"),
)

TOLD: Final[Mapping[str, Told]] = MappingProxyType({told.table: told for told in _DECLARED})
"""What is told, by table."""

UNTOLD: Final[Mapping[str, str]] = MappingProxyType(
    {
        "event": "the history itself",
        "data_item": "many; the digest of their data version is over all of them, and none is "
        "added once that is recorded",
        "version_metric": "worked out from the newest verdict of each version, and again by `audit "
        "verify`",
        **dict.fromkeys(
            ("lineage_node", "lineage_edge", "lineage_label", "lineage_version"),
            "worked out from the runs and pipelines of versions, and again by `audit verify`",
        ),
        "seen_window": "many each hour; what hosts and batches say they saw, no word of a person",
        "seen_stream": "which parts of windows came, so that none counts twice",
        "kept_answer": "answers to repeated requests, deleted after a week",
        "webhook_delivery": "messages about the history, deleted after a month",
    }
)
"""The tables whose rows no event holds, and why."""
