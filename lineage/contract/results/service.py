"""What is answered about who may ask, and who is told: tokens and webhooks. Pure."""

from __future__ import annotations

from typing_extensions import override

from lineage.contract.results.documents import Document, Key, moment, optional, several


class Principal(Document):
    """Who speaks to a server, and what is open to them."""

    name = Key(str)
    """The name in which is recorded."""
    person = Key(optional(str))
    """The person whom it stands for."""
    scopes = Key(several(str))
    """What the token may do."""
    environments = Key(optional(several(str)))
    """The environments that it is bound to; None where it is bound to none."""
    models = Key(optional(several(str)))
    """The models that it is bound to; None where it is bound to none."""
    expires_at = Key(optional(moment))
    """When the token is over; None where it is not."""

    @override
    def _line(self) -> str:
        return f"{self.name} may {', '.join(self.scopes)}"


class TokenRecord(Document):
    """A bearer token, without its secret."""

    id = Key(str)
    """By what it is revoked."""
    name = Key(str)
    """The name in which is recorded what is done with it."""
    person = Key(str)
    """The person whom it stands for."""
    scopes = Key(several(str))
    """What it may do."""
    environments = Key(optional(several(str)))
    """The environments that it is bound to; None where it is bound to none."""
    models = Key(optional(several(str)))
    """The models that it is bound to; None where it is bound to none."""
    created_at = Key(moment)
    """When it was made."""
    created_by = Key(str)
    """Who made it."""
    expires_at = Key(optional(moment))
    """When it is over; None where it is not."""
    revoked_at = Key(optional(moment))
    """When it was revoked; None where it was not."""
    revoked_by = Key(optional(str))
    """Who revoked it."""
    last_used_at = Key(optional(moment))
    """When it was used last."""

    @override
    def _line(self) -> str:
        ended = ", revoked" if self.revoked_at is not None else ""
        return f"{self.id} of {self.name}: {', '.join(self.scopes)}{ended}"


class NewTokenRecord(TokenRecord):
    """A token that was just made, with its secret: no other answer holds that.

    It shows itself without it.
    """

    @property
    def token(self) -> str:
        """The token itself."""
        return str(self["token"])


class WebhookRecord(Document):
    """A webhook, without its secret and without the path of its URL."""

    id = Key(int)
    """Its number."""
    address = Key(str)
    """Where it is, without what may be secret."""
    on = Key(several(str))
    """What it is told of."""
    environments = Key(optional(several(str)))
    """The environments of which it is told; None for all."""
    models = Key(optional(several(str)))
    """The models of which it is told; None for all."""
    format = Key(str)
    """The shape of its messages."""
    created_at = Key(moment)
    """When it was added."""
    created_by = Key(str)
    """Who added it."""
    rotated_at = Key(optional(moment))
    """When its secret was made anew."""
    disabled_at = Key(optional(moment))
    """Since when nothing is sent to it, for it failed too often."""
    removed_at = Key(optional(moment))
    """When it was removed."""

    @override
    def _line(self) -> str:
        return f"webhook {self.id} to {self.address}"


class NewWebhookRecord(WebhookRecord):
    """A webhook that was just given a secret: no other answer holds that.

    It shows itself without it.
    """

    @property
    def secret(self) -> str:
        """What its messages are signed with."""
        return str(self["secret"])


class DeliveryRecord(Document):
    """A message to a webhook, and what became of it."""

    id = Key(str)
    """The message's id, which its receiver sees too."""
    webhook = Key(int)
    """The webhook's number."""
    type = Key(str)
    """What it tells of."""
    seq = Key(optional(int))
    """The number of the event that it tells of."""
    state = Key(str)
    """``pending``, ``delivered`` or ``failed``."""
    attempts = Key(int)
    """How often it was sent."""
    made_at = Key(moment)
    """When it was made."""
    next_at = Key(optional(moment))
    """When it is sent next."""
    tried_at = Key(optional(moment))
    """When it was sent last."""
    status = Key(optional(int))
    """The HTTP status of the last answer."""
    detail = Key(optional(str))
    """What was wrong."""

    @override
    def _line(self) -> str:
        return f"{self.type} to webhook {self.webhook}: {self.state}"
