"""Checkpoints: what a history was at a moment, as C2SP writes it (c2sp.org/tlog-checkpoint). Pure.

Three lines: whose history it is, how many events it had, and the root of the Merkle tree over them.
Two more tell the newest event's digest and the moment. :mod:`lineage.identity.notes` signs it.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lineage.acts import act
from lineage.errors import UsageError
from lineage.identity import notes
from lineage.identity.merkle import HASH_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ORIGIN: Final = "lineage-guard/"
"""What stands before a registry's id in the first line."""

HEAD, TIME = "head ", "time "
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True)
class Checkpoint:
    """What a history was at a moment.

    Attributes:
        registry: the registry's id.
        size: how many events it had; the newest one's number.
        root: the root of the Merkle tree over them.
        head: the newest event's digest; None where a foreign checkpoint does not say.
        at: when it was made, ISO 8601; None where it does not say.
    """

    registry: str
    size: int
    root: bytes
    head: str | None = None
    at: str | None = None

    @property
    def origin(self) -> str:
        """The first line, which is the name of the key that signs, too."""
        return ORIGIN + self.registry

    @property
    def text(self) -> str:
        """The text that is signed."""
        lines = [self.origin, str(self.size), base64.b64encode(self.root).decode()]
        lines += [HEAD + self.head] if self.head is not None else []
        lines += [TIME + self.at] if self.at is not None else []
        return "\n".join(lines) + "\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of a checkpoint; further lines of others are passed over.

        Raises:
            UsageError: it is none of a registry.
        """
        origin, size, root, *further = [*text.split("\n"), "", ""]
        decoded = _root(root)
        if not origin.startswith(ORIGIN) or _SIZE.fullmatch(size) is None or decoded is None:
            raise UsageError(
                "What was given is no checkpoint of a registry's history.",
                remedy=f"Give a file that {act('audit checkpoint')} wrote, or a server that puts "
                "checkpoints out.",
            )
        return cls(
            origin.removeprefix(ORIGIN),
            int(size),
            decoded,
            _said(further, HEAD),
            _said(further, TIME),
        )

    def to_json(self) -> dict[str, Any]:
        """JSON of `audit checkpoint`, before it is signed."""
        return {
            "checkpoint": self.text,
            "registry": self.registry,
            "events": self.size,
            "root": base64.b64encode(self.root).decode(),
            "head": self.head,
            "at": self.at,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Checkpoint:
        """Read back what :meth:`to_json` wrote."""
        return cls.parse(body["checkpoint"])


def read(note: str) -> tuple[Checkpoint, notes.Note]:
    """A checkpoint and the note that it is the text of, whose signatures are not checked yet.

    Raises:
        UsageError: it is none.
    """
    parsed = notes.parse(note)
    return Checkpoint.parse(parsed.text), parsed


def _said(lines: list[str], label: str) -> str | None:
    return next((line.removeprefix(label) for line in lines if line.startswith(label)), None)


def _root(text: str) -> bytes | None:
    try:
        root = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return root if len(root) == HASH_SIZE else None


def differences(
    kept: Sequence[Checkpoint], same: Sequence[bool], registry: str | None, events: int
) -> Iterator[str]:
    """From which event on a history is another one than checkpoints saw.

    Args:
        kept: the checkpoints.
        same: for each, whether the history's first events are those that it saw.
        registry: the id of the registry; None where it has no event.
        events: how many events the history has.
    """
    sound = [one.size for one, holds in zip(kept, same, strict=True) if holds]
    for one, holds in sorted(zip(kept, same, strict=True), key=lambda pair: pair[0].size):
        seen = f"a checkpoint{f' of {one.at}' if one.at else ''} saw {one.size} events"
        since = max((size for size in sound if size < one.size), default=0) + 1
        if registry is not None and one.registry != registry:
            yield f"{seen} of the registry {one.registry}, and this one is {registry}"
        elif one.size > events:
            many = one.size > events + 1
            gone = f"events {events + 1} to {one.size} were" if many else f"event {one.size} was"
            yield (
                f"{seen}, and the history ends at {events}: {gone} cut off, or an older state "
                "was put back"
            )
        elif not holds:
            yield f"{seen} that are not these: the history was written anew from event {since} on"
