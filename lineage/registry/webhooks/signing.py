"""Signatures of messages, as Standard Webhooks have them: HMAC-SHA256 over id, time and body."""

from __future__ import annotations

import base64
import hmac
import secrets
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIX: Final = "whsec_"
"""What a secret begins with."""


def new_secret() -> str:
    """A secret of 256 random bits."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def new_id() -> str:
    """The id of a message, which stays the same over all attempts."""
    return f"msg_{secrets.token_hex(16)}"


def headers(identity: str, at: int, body: bytes, keys: Sequence[str]) -> dict[str, str]:
    """The headers by which a receiver knows who sent a message, when, and that it is whole.

    Args:
        identity: the message's id.
        at: the moment of the attempt, in seconds since 1970.
        body: what is sent.
        keys: the secrets; each signs.
    """
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(_signature(key, identity, at, body) for key in keys),
    }


def _signature(key: str, identity: str, at: int, body: bytes) -> str:
    signed = f"{identity}.{at}.".encode() + body
    digest = hmac.digest(base64.b64decode(key.removeprefix(PREFIX)), signed, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"
