"""Webhooks: what a receiver can be told of, and in which shape. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from lineage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

MOVES: Final = (
    "promoted",
    "released",
    "deployed",
    "rolled-back",
    "retired",
    "backup-set",
    "staged",
    "withdrawn",
)
"""Messages of moves; each is called like the event that tells of it."""

REFUSED: Final = "refused"
BACKUP_NOT_READY: Final = "backup-not-ready"
CONTRADICTED: Final = "contradicted"
HOST_LAGGING: Final = "host-lagging"
DRIFTED: Final = "drifted"

TYPES: Final = (*MOVES, REFUSED, BACKUP_NOT_READY, CONTRADICTED, HOST_LAGGING, DRIFTED)
"""All that a receiver can ask to be told of."""

TEST: Final = "test"
"""The message that is sent on request alone."""


class WebhookFormat(StrEnum):
    """The shape of a message's body."""

    STANDARD = "standard"
    """JSON with ``type``, ``timestamp`` and ``data``, as Standard Webhooks recommend."""

    SLACK = "slack"
    """JSON with one ``text``, as incoming webhooks of Slack and of others take it."""


@dataclass(frozen=True)
class NewWebhook:
    """What a webhook is to be: where messages go, of what, and of which slots (None: of all)."""

    url: str
    on: tuple[str, ...] = TYPES
    environments: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    format: WebhookFormat = WebhookFormat.STANDARD


def named_types(words: Iterable[str]) -> tuple[str, ...]:
    """The types of messages that words name, each by itself or several by commas; all for none.

    Raises:
        UsageError: there is no such type.
    """
    named = {part.strip() for word in words for part in word.split(",")} - {""}
    for name in sorted(named - {*TYPES}):
        raise UsageError(
            f"Nobody can be told of {name[:60]!r}.", remedy=f"Name some of {', '.join(TYPES)}."
        )
    return tuple(kind for kind in TYPES if kind in named) or TYPES


def format_of(name: str) -> WebhookFormat:
    """The format that is called so.

    Raises:
        UsageError: there is none.
    """
    try:
        return WebhookFormat(name)
    except ValueError:
        raise UsageError(
            f"{name[:60]!r} is no format of messages.",
            remedy=f"Name one of {', '.join(WebhookFormat)}.",
        ) from None
