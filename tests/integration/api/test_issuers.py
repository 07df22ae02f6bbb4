"""An issuer that hangs, fails or drips: it delays those with its own tokens, and nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time

import httpx
import pytest
from lineage.api import issuer_keys

from lineage.connection import connect
from lineage.contract.requests import NewToken
from tests.conftest import make_registry
from tests.integration.api.test_service import SLOT, _fill
from tests.integration.api.test_tokens import Issuer
from tests.support.servers import registry_server, serving


class Hanging:
    """Something that takes connections and answers none; it counts them."""

    def __init__(self, drip: bytes = b"") -> None:
        self._drip = drip
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked = 0
        self._kept: list[socket.socket] = []
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.asked += 1
                self._kept.append(connection)
                if self._drip:
                    threading.Thread(target=self._send, args=(connection,), daemon=True).start()

    def _send(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
            while True:
                connection.sendall(self._drip)
                time.sleep(0.05)

    def close(self) -> None:
        for connection in (*self._kept, self._listener):
            connection.close()


@pytest.fixture(params=[b"", b" "], ids=["silent", "dripping"])
def hanging(request):
    made = Hanging(request.param)
    yield made
    made.close()


@pytest.fixture
def signer():
    return Issuer()


@pytest.fixture
def filled(tmp_path):
    url = f"sqlite:///{tmp_path / 'registry.db'}"
    make_registry(url, _fill)
    return url


def _trust(tmp_path, *urls):
    file = tmp_path / "trust.toml"
    entry = '[[trust]]\nissuer = "{}"\naudience = "lineage"\nclaims = {{repository = "acme/churn"}}\nscopes = ["read"]\n'
    file.write_text("".join(entry.format(url) for url in urls))
    return file


def _get(address, token):
    began = time.monotonic()
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.get(f"{address}{SLOT}", headers=headers, timeout=30)
    return answer.status_code, time.monotonic() - began


def test_an_issuer_that_hangs_delays_nobody_but_its_own(
    filled, hanging, signer, tmp_path, monkeypatch
):
    monkeypatch.setattr(issuer_keys, "WITHIN", 5.0)
    with connect(filled) as registry:
        own = registry.create_token(NewToken("job", ("read",)), actor="t")["token"]
    with serving(signer.app) as good, registry_server(
        filled, trust=_trust(tmp_path, hanging.url, good), failed_logins=100
    ) as address:  # fmt: skip
        signer.url = good
        of_hanging = [signer.sign(iss=hanging.url, jti=str(number)) for number in range(20)]
        statuses: list[tuple[int, float]] = []
        waiting = [
            threading.Thread(target=lambda token=token: statuses.append(_get(address, token)))
            for token in of_hanging
        ]
        for thread in waiting:
            thread.start()
        time.sleep(0.5)
        for token in (own, signer.sign(), own):
            status, seconds = _get(address, token)
            assert (status, seconds < 3.5) == (200, True), seconds
        for thread in waiting:
            thread.join(30)
        assert {status for status, _ in statuses} == {503}
        assert max(seconds for _, seconds in statuses) < 12, "all wait for one and the same fetch"
        assert hanging.asked == 1
        status, seconds = _get(address, of_hanging[0])
        assert (status, seconds < 1) == (503, True), "a failure is remembered"
        assert hanging.asked == 1


def test_tokens_of_an_issuer_that_is_away_count_as_tried(filled, signer, tmp_path):
    with registry_server(
        filled, trust=_trust(tmp_path, "http://127.0.0.1:9"), failed_logins=4
    ) as address:
        tokens = [signer.sign(iss="http://127.0.0.1:9", jti=str(number)) for number in range(8)]
        statuses = [_get(address, token)[0] for token in tokens]
    assert (statuses[0], statuses[-1]) == (503, 429)


def test_keys_are_renewed_while_those_that_are_known_go_on(filled, signer, tmp_path, monkeypatch):
    with (
        serving(signer.app) as url,
        registry_server(filled, trust=_trust(tmp_path, url)) as address,
    ):
        signer.url = url
        assert _get(address, signer.sign())[0] == 200
        assert signer.fetched == 1
        monkeypatch.setattr(issuer_keys, "RENEWED_AFTER", 0.0)
        status, seconds = _get(address, signer.sign(jti="2"))
        assert (status, seconds < 2) == (200, True)
        end = time.monotonic() + 10
        while signer.fetched < 2:
            assert time.monotonic() < end, "they are fetched behind the request"
            time.sleep(0.01)


def test_an_issuer_that_goes_away_takes_no_token_with_it_until_its_keys_are_old(
    filled, signer, tmp_path, monkeypatch
):
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(serving(signer.app))
        signer.url = url
        away = contextlib.ExitStack()
        away.push(stack.pop_all())
        with registry_server(filled, trust=_trust(tmp_path, url)) as address:
            assert _get(address, signer.sign())[0] == 200
            away.close()
            monkeypatch.setattr(issuer_keys, "RENEWED_AFTER", 0.0)
            for number in range(3):
                assert _get(address, signer.sign(jti=str(number)))[0] == 200
            monkeypatch.setattr(issuer_keys, "KEYS_FOR", 0.0)
            monkeypatch.setattr(issuer_keys, "REFRESH_AFTER", -1.0)
            assert _get(address, signer.sign(jti="old"))[0] == 503


def test_a_neighbours_guesses_lock_out_no_token_of_an_issuer(filled, signer, tmp_path):
    with serving(signer.app) as url, registry_server(
        filled, trust=_trust(tmp_path, url), failed_logins=3
    ) as address:  # fmt: skip
        signer.url = url
        assert _get(address, signer.sign())[0] == 200
        guesses = [_get(address, f"lng_{'a' * 12}_{'b' * 43}")[0] for _ in range(6)]
        assert guesses[-1] == 429
        assert _get(address, signer.sign(jti="another"))[0] == 200
        assert _get(address, signer.sign(kid="k9"))[0] == 429, "a key that is not known is a guess"
        assert signer.fetched == 1


@pytest.mark.parametrize(
    "keys", ['["x"]', "[null]", "null", "7", "[{}]", '[{"kty": "RSA", "kid": 1, "n": 7}]',
             '[{"kty": "EC", "kid": "k", "crv": 5, "x": [], "y": {}}]', "[" * 5000]
)  # fmt: skip
def test_keys_that_are_none_are_told_and_not_asked_for_again_and_again(monkeypatch, keys):
    text = f'{{"keys": {keys}}}'.encode()
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        known = {"issuer": "https://issuer.example", "jwks_uri": "https://issuer.example/keys"}
        return httpx.Response(
            200, **({"content": text} if "keys" in asked[-1] else {"json": known})
        )

    client = httpx.AsyncClient
    monkeypatch.setattr(
        issuer_keys.httpx,
        "AsyncClient",
        lambda **given: client(transport=httpx.MockTransport(answer), **given),
    )
    known = issuer_keys.IssuerKeys("https://issuer.example")

    async def find() -> None:
        for _ in range(5):
            with contextlib.suppress(issuer_keys.IssuerUnreachable):
                assert await known.find("k") is None

    asyncio.run(find())
    assert len(asked) == 2
