"""What an event touches: the things that its rows are about, by which answers are found that end.

Every change of a told row has its event, and the event holds the row (decision 25). So what an
event's rows are about is all that it changed, whatever made it; no verb has to say so. Pure.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

Thing = tuple[str | int, ...]
"""What a row is about: a word for its kind, and the values that tell it from others."""

TOKENS: Final[Thing] = ("tokens",)
"""The tokens, all together."""

_VERSION: Final = ("version", "version_id")

ABOUT: Final[Mapping[str, tuple[str, ...] | None]] = MappingProxyType(
    {
        "slot": ("slot", "environment", "model"),
        "environment_policy": ("policy", "environment"),
        "pipeline_deployment": ("deployment", "environment", "pipeline"),
        "pipeline_version": ("pipeline", "pipeline"),
        "pipeline_commit": ("commit", "pipeline"),
        "model_version": ("versions", "model"),
        "validation": _VERSION,
        "approval": _VERSION,
        "attestation": _VERSION,
        "waiver": _VERSION,
        "served_pair": _VERSION,
        "rolled_back": _VERSION,
        "weights_copy": _VERSION,
        "weights_check": _VERSION,
        "watched_run": _VERSION,
        "copy_check": ("copy", "copy_id"),
        "store": ("store", "name"),
        "token": ("tokens",),
        "event_subject": ("subject", "subject"),
        "model": ("model", "name"),
        "version_note": _VERSION,
        "environment": None,
        "data_version": None,
        "stage_run": None,
        "version_chain": None,
        "profile": None,
        "validation_profile": None,
        "pipeline_share": None,
        "model_tag": None,
        "version_tag": None,
        "webhook": None,
    }
)
"""By table: a word, and the columns whose values follow it.

None where no answer about a slot rests on it: rows that are there before anything rests on them and
never change, what people say of models and versions, and what a token may see.
"""


def touched(payload: str) -> frozenset[Thing] | None:
    """What an event changed, by its payload; None where it does not tell, so that it may be all."""
    try:
        return _told(json.loads(payload))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None  # nothing here wrote it


def _told(document: dict[str, Any]) -> frozenset[Thing] | None:
    rows = document.get("rows")
    if not isinstance(rows, dict) or not rows.keys() <= ABOUT.keys():
        return None
    things: set[Thing] = set()
    for table, changed in rows.items():
        about = ABOUT[table]
        if about is not None:
            word, *columns = about
            things.update((word, *(row[column] for column in columns)) for row in changed)
    return frozenset(things)
