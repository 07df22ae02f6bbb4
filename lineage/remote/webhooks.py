"""The verbs of a remote registry on webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.contract import addresses
from lineage.contract.results.service import DeliveryRecord, NewWebhookRecord, WebhookRecord
from lineage.remote.verbs import Verbs

if TYPE_CHECKING:
    from lineage.contract.webhooks import NewWebhook
    from lineage.display import Listing


class RemoteWebhooks(Verbs):
    """The verbs on webhooks."""

    def webhooks(self) -> Listing[WebhookRecord]:
        """Every webhook without its secret, the newest first."""
        return WebhookRecord.listing(self._http.pages(addresses.WEBHOOKS), "webhooks")

    def webhook_deliveries(self, identity: int) -> Listing[DeliveryRecord]:
        """The messages to a webhook and what became of them, the newest first."""
        return DeliveryRecord.listing(
            self._http.pages(addresses.DELIVERIES.format(id=int(identity))),
            f"messages to webhook {identity}",
        )

    def add_webhook(self, new: NewWebhook, *, actor: str) -> NewWebhookRecord:
        """Add a webhook; JSON of it with the ``secret``, which is never shown again.

        It is not repeated where no answer came: nothing is kept by which it could be answered.
        """
        body = {
            "url": new.url,
            "on": list(new.on),
            "environments": list(new.environments) if new.environments is not None else None,
            "models": list(new.models) if new.models is not None else None,
            "format": str(new.format),
        }
        return NewWebhookRecord(
            self._http.write("POST", addresses.WEBHOOKS, body, actor, once=False)
        )

    def rotate_webhook(self, identity: int, *, actor: str) -> NewWebhookRecord:
        """Give a webhook another secret; JSON of it with the ``secret``. It is not repeated."""
        path = addresses.WEBHOOK_SECRET.format(id=int(identity))
        return NewWebhookRecord(self._http.write("POST", path, None, actor, once=False))

    def test_webhook(self, identity: int, *, actor: str) -> DeliveryRecord:
        """Let a server send a message that says nothing but that it arrives; its delivery."""
        path = addresses.WEBHOOK_TEST.format(id=int(identity))
        return DeliveryRecord(self._http.write("POST", path, None, actor))

    def remove_webhook(self, identity: int, *, actor: str) -> WebhookRecord:
        """Remove a webhook; JSON of it. What waits for it is not sent any more."""
        path = addresses.WEBHOOK.format(id=int(identity))
        return WebhookRecord(self._http.write("DELETE", path, None, actor))
