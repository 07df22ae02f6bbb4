"""The verbs of a remote registry on webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.contract import addresses
from lineage.remote.verbs import Verbs

if TYPE_CHECKING:
    from lineage.contract.webhooks import NewWebhook


class RemoteWebhooks(Verbs):
    """The verbs on webhooks."""

    def webhooks(self) -> list[dict[str, Any]]:
        """Every webhook without its secret, the newest first."""
        return list(self._http.pages(addresses.WEBHOOKS))

    def webhook_deliveries(self, identity: int) -> list[dict[str, Any]]:
        """The messages to a webhook and what became of them, the newest first."""
        return list(self._http.pages(addresses.DELIVERIES.format(id=int(identity))))

    def add_webhook(self, new: NewWebhook, *, actor: str) -> dict[str, Any]:
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
        document: dict[str, Any] = self._http.write(
            "POST", addresses.WEBHOOKS, body, actor, once=False
        )
        return document

    def rotate_webhook(self, identity: int, *, actor: str) -> dict[str, Any]:
        """Give a webhook another secret; JSON of it with the ``secret``. It is not repeated."""
        path = addresses.WEBHOOK_SECRET.format(id=int(identity))
        document: dict[str, Any] = self._http.write("POST", path, None, actor, once=False)
        return document

    def test_webhook(self, identity: int, *, actor: str) -> dict[str, Any]:
        """Let a server send a message that says nothing but that it arrives; its delivery."""
        path = addresses.WEBHOOK_TEST.format(id=int(identity))
        document: dict[str, Any] = self._http.write("POST", path, None, actor)
        return document

    def remove_webhook(self, identity: int, *, actor: str) -> dict[str, Any]:
        """Remove a webhook; JSON of it. What waits for it is not sent any more."""
        path = addresses.WEBHOOK.format(id=int(identity))
        document: dict[str, Any] = self._http.write("DELETE", path, None, actor)
        return document
