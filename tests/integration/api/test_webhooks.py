"""Webhooks as a receiver sees them: a real server, real sockets, another implementation that reads."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import ssl
import threading
import time

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from standardwebhooks.webhooks import Webhook

from lineage.connection import connect
from lineage.contract.requests import NewToken
from lineage.contract.webhooks import NewWebhook, WebhookFormat
from lineage.errors import UsageError
from lineage.guard.decision import GuardRefused
from lineage.registry.webhooks import deliverer, sending
from lineage.registry.webhooks.addresses import networks
from lineage.registry.webhooks.outbox import Message
from lineage.registry.webhooks.sending import Sender
from tests.conftest import BOTH, add_validated, add_version, captured_pipeline, make_registry
from tests.support.receivers import PATIENCE, receiving
from tests.support.servers import registry_server

LOOPBACK = "127.0.0.0/8"
SECRET = "whsec_" + "QUJD" * 8


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Rounds follow one another at once: nothing here waits for the clock."""
    for name in ("EVERY", "IDLE"):
        monkeypatch.setattr(deliverer, name, 0.02)
    monkeypatch.setattr(deliverer, "STATES_AFTER", 0.0)


def _until(registry, identity: int, state: str):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        rows = registry.webhook_deliveries(identity)
        found = [row for row in rows if row["state"] == state]
        if found:
            return found[0]
        time.sleep(0.02)
    raise AssertionError(rows)


@BOTH
def test_a_receiver_is_told_of_moves_and_refusals_and_can_check_who_says_it(database):
    make_registry(database)
    with (
        receiving() as receiver,
        registry_server(database, no_auth=True, webhook_allow=LOOPBACK) as address,
        connect(address) as registry,
    ):
        for seed in "12":
            add_validated(registry, seed)
        add_version(registry, "3")
        registry.release("production", captured_pipeline(), ["churn@1"], actor="t")
        made = registry.add_webhook(
            NewWebhook(receiver.url(), ("promoted", "refused", "contradicted")), actor="ann"
        )
        registry.promote("churn@2", "production", reason="better", actor="ann")
        _, headers, body = receiver.next()
        document = Webhook(made["secret"]).verify(body, headers)
        assert (document["type"], document["data"]["actor"]) == ("promoted", "ann")
        assert headers["User-Agent"].startswith("lineage-guard/")
        event = httpx.get(address + document["data"]["path"]).json()["items"][0]
        assert (event["seq"], event["kind"]) == (document["data"]["seq"], "promoted")
        slot = httpx.get(address + document["data"]["slots"][0]["path"]).json()
        assert slot["serving"]["ref"] == "churn@2"
        with pytest.raises(GuardRefused):
            registry.promote("churn@3", "production", actor="bob")
        document = json.loads(receiver.next()[2])
        assert (document["type"], document["data"]["actor"]) == ("refused", "bob")
        registry.validate("churn@2", captured_pipeline(), passed=False, actor="t")
        assert json.loads(receiver.next()[2])["type"] == "contradicted"
        delivered = _until(registry, made["id"], "delivered")
        assert (delivered["status"], delivered["attempts"]) == (204, 1)
        metrics = httpx.get(f"{address}/metrics").text
        assert 'lineage_webhook_attempts_total{outcome="delivered"}' in metrics
        assert "lineage_webhook_outbox_messages" in metrics
        assert receiver.got.empty(), "each is sent once"


def test_what_a_receiver_answers_is_not_followed_and_little_of_it_is_kept(database):
    make_registry(database)
    with (
        receiving() as receiver,
        registry_server(database, no_auth=True, webhook_allow=LOOPBACK) as address,
        connect(address) as registry,
    ):
        for path, status, says in (("/moved", 302, None), ("/down", 500, "out of \\x1b[31morder")):
            made = registry.add_webhook(NewWebhook(receiver.url(path)), actor="ann")
            registry.test_webhook(made["id"], actor="ann")
            failed = _until(registry, made["id"], "failed")
            assert failed["status"] == status
            assert (failed["detail"] or "").startswith(says or "")
            assert len(failed["detail"] or "") < 400
        slack = registry.add_webhook(
            NewWebhook(receiver.url("/slack"), format=WebhookFormat.SLACK), actor="ann"
        )
        registry.test_webhook(slack["id"], actor="ann")
        paths = [receiver.next() for _ in range(3)]
        assert [path for path, _, _ in paths] == ["/moved", "/down", "/slack"]
        assert list(json.loads(paths[-1][2])) == ["text"]


def test_a_receiver_that_hangs_keeps_no_other_waiting(database):
    make_registry(database)
    with (
        receiving() as receiver,
        registry_server(database, no_auth=True, webhook_allow=LOOPBACK) as address,
        connect(address) as registry,
    ):
        hanging = registry.add_webhook(NewWebhook(receiver.url("/hangs")), actor="ann")
        for _ in range(12):
            registry.test_webhook(hanging["id"], actor="ann")
        other = registry.add_webhook(NewWebhook(receiver.url()), actor="ann")
        registry.test_webhook(other["id"], actor="ann")
        _until(registry, other["id"], "delivered")
        waiting = [row["state"] for row in registry.webhook_deliveries(hanging["id"])]
        assert waiting == ["pending"] * 12
        receiver.released.set()


def test_only_public_addresses_are_reached_unless_the_operator_says_so(database):
    """When it is added, and again at each delivery: what was open may be closed by then."""
    make_registry(database)
    with receiving() as receiver:
        with (
            registry_server(database, no_auth=True, webhooks=False) as address,
            connect(address) as registry,
        ):
            for url in (receiver.url(), "https://localhost/", "https://169.254.169.254/latest/"):
                with pytest.raises(UsageError, match="is not a public address"):
                    registry.add_webhook(NewWebhook(url), actor="ann")
        with connect(database) as registry:
            made = registry.add_webhook(NewWebhook(receiver.url()), actor="ann")
            registry.test_webhook(made["id"], actor="ann")
        with (
            registry_server(database, no_auth=True) as address,
            connect(address) as registry,
        ):
            failed = _until(registry, made["id"], "failed")
        assert failed["detail"] == (
            "No webhook may lead to 127.0.0.1: 127.0.0.1 is not a public address."
        )
        assert receiver.got.empty()


def test_webhooks_are_for_an_admin_who_is_bound_to_nothing(database):
    make_registry(database)
    with connect(database) as registry:
        tokens = {
            name: registry.create_token(NewToken(name, scopes, **bound), actor="t")["token"]
            for name, scopes, bound in (
                ("admin", ("admin",), {}),
                ("bound", ("admin",), {"models": ("churn",)}),
                ("reader", ("read", "deploy"), {}),
            )
        }
    with registry_server(database, webhook_allow=LOOPBACK, webhooks=False) as address:
        asked = {"url": "http://127.0.0.1:1/hook"}
        for name, expected in (("admin", 201), ("bound", 403), ("reader", 403)):
            headers = {"Authorization": f"Bearer {tokens[name]}"}
            made = httpx.post(f"{address}/v1/webhooks", json=asked, headers=headers)
            assert made.status_code == expected, made.text
            listed = httpx.get(f"{address}/v1/webhooks", headers=headers)
            assert listed.status_code == (200 if expected == 201 else 403)
            assert "secret" not in listed.text


def _certificate(name: str, folder):
    """A certificate of a name, signed by itself, and the file that holds it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    whole = folder / "receiver.pem"
    whole.write_bytes(
        made.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return whole


def test_a_message_goes_to_the_address_that_was_looked_at_under_the_name(tmp_path, monkeypatch):
    """The name is looked up once: whoever answers for it gives no other address in between."""
    import asyncio

    file = _certificate("hooks.example.test", tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    asked = []

    def look_up(host, port, **_):
        asked.append(host)
        return [(0, 0, 0, "", ("127.0.0.1" if len(asked) < 3 else "127.0.0.9", port))]

    with receiving(context) as receiver:

        async def send(name: str):
            sender = Sender(networks(LOOPBACK), look_up)
            message = Message(
                "msg_1", 1, "test", f"https://{name}:{receiver.port}/a?b=c", "{}", (SECRET,), 0
            )
            try:
                return await sender.send(message)
            finally:
                await sender.close()

        arrived = asyncio.run(send("hooks.example.test"))
        assert (arrived.status, asked) == (204, ["hooks.example.test"])
        path, headers, _ = receiver.next()
        assert (path, headers["Host"]) == ("/a?b=c", f"hooks.example.test:{receiver.port}")
        other = asyncio.run(send("other.example.test"))
        assert other.status is None
        assert "certificate" in other.detail.lower()
        assert receiver.got.empty()


def test_a_receiver_that_drips_is_given_up(tmp_path, monkeypatch):
    import asyncio
    import socket

    monkeypatch.setattr(sending, "TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def drip() -> None:
            peer, _ = listener.accept()
            with peer:
                try:
                    peer.sendall(b"HTTP/1.1 200 OK\r\n")
                    for _ in range(1000):
                        peer.sendall(b"X: y\r\n")
                        time.sleep(0.05)
                except OSError:
                    pass

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        message = Message("msg_1", 1, "test", f"http://127.0.0.1:{port}/", "{}", (SECRET,), 0)

        async def send():
            sender = Sender(networks(LOOPBACK))
            try:
                return await sender.send(message)
            finally:
                await sender.close()

        outcome = asyncio.run(send())
        assert outcome.status is None
        assert outcome.detail.startswith("no answer within")
        thread.join(PATIENCE)


def test_a_server_that_is_told_not_to_delivers_nothing(database):
    make_registry(database)
    with (
        receiving() as receiver,
        registry_server(
            database,
            no_auth=True,
            webhook_allow=str(ipaddress.ip_network(LOOPBACK)),
            webhooks=False,
        ) as address,
        connect(address) as registry,
    ):
        made = registry.add_webhook(NewWebhook(receiver.url()), actor="ann")
        registry.test_webhook(made["id"], actor="ann")
        time.sleep(0.2)
        assert registry.webhook_deliveries(made["id"])[0]["state"] == "pending"
        assert receiver.got.empty()
