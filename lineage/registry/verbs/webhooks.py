"""The verbs on webhooks: who is told of what, and what became of that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.contract.results.service import DeliveryRecord, NewWebhookRecord, WebhookRecord
from lineage.database import clock
from lineage.registry.verbs.base import Verbs

if TYPE_CHECKING:
    from lineage.contract.webhooks import NewWebhook
    from lineage.display import Listing


class WebhookVerbs(Verbs):
    """Verbs on webhooks; for who is bound to nothing."""

    def webhooks(self) -> Listing[WebhookRecord]:
        """Every webhook without its secret, the newest first.

        Raises:
            NotPermitted: who speaks is bound.
        """
        from lineage.registry.webhooks import records

        with self._read() as session:
            self._sight(session).require_all()
            return WebhookRecord.listing(records.listed(session), "webhooks")

    def webhook_deliveries(self, identity: int) -> Listing[DeliveryRecord]:
        """The messages to a webhook and what became of them, the newest first.

        Raises:
            NotFound: there is no such webhook.
            NotPermitted: who speaks is bound.
        """
        from lineage.registry.webhooks import records

        with self._read() as session:
            self._sight(session).require_all()
            return DeliveryRecord.listing(
                records.deliveries(session, identity), f"messages to webhook {identity}"
            )

    def add_webhook(self, new: NewWebhook, *, actor: str) -> NewWebhookRecord:
        """Add a webhook; JSON of it with the ``secret``, which is never shown again.

        Servers deliver, so it is theirs to say whether they may reach the address.

        Raises:
            UsageError: the URL, a type, a format or a name is not valid.
            Conflict: there are as many as may be.
            NotPermitted: who speaks is bound.
        """
        from lineage.registry.webhooks import records

        with self._write() as session:
            self._sight(session).require_all()
            return NewWebhookRecord(records.add(session, new, clock.stamp(session), actor))

    def rotate_webhook(self, identity: int, *, actor: str) -> NewWebhookRecord:
        """Give a webhook another secret; JSON of it with the ``secret``.

        The one before signs beside it for a day.

        Raises:
            NotFound: there is no such webhook.
            NotPermitted: who speaks is bound.
        """
        from lineage.registry.webhooks import records

        with self._write() as session:
            self._sight(session).require_all()
            return NewWebhookRecord(records.rotate(session, identity, clock.stamp(session), actor))

    def test_webhook(self, identity: int, *, actor: str) -> DeliveryRecord:
        """Let a server send a message that says nothing but that it arrives; its delivery.

        It is sent once. Where it arrives, a webhook that was disabled is not any more.

        Raises:
            NotFound: there is no such webhook.
            NotPermitted: who speaks is bound.
        """
        from lineage.registry.webhooks import records

        with self._write() as session:
            self._sight(session).require_all()
            return DeliveryRecord(records.test(session, identity, clock.stamp(session), actor))

    def remove_webhook(self, identity: int, *, actor: str) -> WebhookRecord:
        """Remove a webhook; JSON of it. What waits for it is not sent any more.

        Raises:
            NotFound: there is no such webhook.
            NotPermitted: who speaks is bound.
        """
        from lineage.registry.webhooks import records

        with self._write() as session:
            self._sight(session).require_all()
            return WebhookRecord(records.remove(session, identity, clock.stamp(session), actor))
