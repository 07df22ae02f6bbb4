"""Real stores: a folder, an S3 server on loopback, and a way to it on which things go wrong."""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import random
import select
import shutil
import socket
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore.hooks
import pytest
from botocore.config import Config
from botocore.hooks import EventAliaser
from botocore.loaders import JSONFileLoader, Loader

from lineage.weights.copies import StoreAddress
from tests.support.once import WORKER, shared_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIATEST",
    "AWS_SECRET_ACCESS_KEY": "test-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
}
ENDPOINT = "AWS_ENDPOINT_URL_S3"
"""Says on a host that its credentials may go to this server."""

_BUCKETS = itertools.count()


@dataclass
class Bucket:
    """A bucket of the S3 server, looked into from behind."""

    client: Any
    name: str
    endpoint: str

    def address(self, name: str = "s3", endpoint: str | None = None) -> StoreAddress:
        settings = {"endpointurl": endpoint or self.endpoint}
        return StoreAddress(name, f"s3://{self.name}/weights", settings)

    def objects(self) -> dict[str, bytes]:
        """Every object by its name in the store."""
        found = {}
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        for page in pages:
            for row in page.get("Contents", []):
                key = row["Key"]
                if not key.startswith("weights/files/md5/"):
                    continue
                name = "".join(key.removeprefix("weights/files/md5/").split("/"))
                body = self.client.get_object(Bucket=self.name, Key=key)["Body"]
                found[name] = body.read()
        return found

    def key(self, name: str) -> str:
        return f"weights/files/md5/{name[:2]}/{name[2:]}"

    def put(self, name: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=self.key(name), Body=data)

    def delete(self, name: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=self.key(name))


@dataclass
class Folder:
    """The same of a store that is a folder."""

    path: Path

    def address(self, name: str = "folder") -> StoreAddress:
        return StoreAddress(name, self.path.as_uri())

    def _path(self, name: str) -> Path:
        return self.path / "files" / "md5" / name[:2] / name[2:]

    def objects(self) -> dict[str, bytes]:
        found = (self.path / "files" / "md5").rglob("*")
        return {f.parent.name + f.name: f.read_bytes() for f in found if f.is_file()}

    def put(self, name: str, data: bytes) -> None:
        self.delete(name)
        self._path(name).parent.mkdir(parents=True, exist_ok=True)
        self._path(name).write_bytes(data)
        self._path(name).chmod(0o444)  # as DVC leaves what it believes for ever

    def delete(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)


@contextlib.contextmanager
def s3_server() -> Iterator[str]:
    """The S3 server of a run of tests; its address, to which the credentials may go meanwhile."""
    _, connection = shared_process(f"{__name__}:serve_s3")
    with connection, pytest.MonkeyPatch.context() as patch:
        address = connection.recv(100).decode()
        assert address, "the S3 server does not start"
        read_once(patch)
        patch.setitem(CREDENTIALS, ENDPOINT, address)
        yield address


def serve_s3(listener: int) -> None:
    """Serve until nobody is connected any more; who connects is told the address."""
    from moto import backends
    from moto.server import ThreadedMotoServer

    modules = frozenset(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules  # it looks through its files twice a request
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port()).encode()
    with socket.socket(fileno=listener) as listening:
        users = [listening.accept()[0]]
        users[0].send(address)
        while users:
            for one in select.select([listening, *users], [], [])[0]:
                if one is listening:
                    users.append(listening.accept()[0])
                    users[-1].send(address)
                else:  # it says nothing: it is gone
                    users.remove(one)
                    one.close()
        shutil.rmtree(Path(listening.getsockname()).parent)
    server.stop()


def read_once(patch: pytest.MonkeyPatch) -> None:
    """Let botocore do once what each client does alike.

    It looks through its files and reads them, tells whether its own functions take what they are
    given, finds the newer names of events, and reads the authorities that it trusts.
    """
    from aiobotocore.httpsession import AIOHTTPSession

    read, look = JSONFileLoader.load_file, Loader.list_available_services
    patch.setattr(JSONFileLoader, "load_file", _kept(read))
    patch.setattr(Loader, "list_available_services", _kept(look))
    patch.setattr(EventAliaser, "_alias_event_name", _kept(EventAliaser._alias_event_name))
    patch.setattr(
        botocore.hooks, "accepts_kwargs", _kept_by_function(botocore.hooks.accepts_kwargs)
    )
    patch.setattr(AIOHTTPSession, "_build_verify_context", _trusting(AIOHTTPSession))


def _kept(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method whose answer is kept by its arguments, whosever method it is."""
    kept: dict[object, Any] = {}

    @functools.wraps(method)
    def answer(owner: object, *arguments: object, **named: object) -> Any:
        key = arguments, *named.items()
        if key not in kept:
            kept[key] = method(owner, *arguments, **named)
        return kept[key]

    return answer


def _kept_by_function(ask: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What is asked of a function, or of a method, kept for as long as that function lives."""
    kept = weakref.WeakKeyDictionary[Any, Any]()

    def answer(handler: Any) -> Any:
        function = getattr(handler, "__func__", handler)
        if function not in kept:
            kept[function] = ask(handler)
        return kept[function]

    return answer


def _trusting(http: type) -> Callable[[Any], Any]:
    """What a client without a certificate of its own trusts, read once for each setting."""
    build: Callable[[Any], Any] = vars(http)["_build_verify_context"]
    built: dict[object, Any] = {}

    def shared(session: Any) -> Any:
        if session._cert_file:
            return build(session)
        if session._verify not in built:
            built[session._verify] = build(session)
        return built[session._verify]

    return shared


@functools.cache
def _client(endpoint: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="AKIATEST",
        aws_secret_access_key="test-secret",
        region_name="us-east-1",
        config=Config(retries={"max_attempts": 10}),
    )


def new_bucket(endpoint: str) -> Bucket:
    client = _client(endpoint)
    name = f"bucket-{WORKER}-{next(_BUCKETS)}"
    client.create_bucket(Bucket=name)
    return Bucket(client, name, endpoint)


def make_buckets(endpoint: str, *names: str) -> None:
    """Make buckets by their names, where they are not there."""
    for name in names:
        _client(endpoint).create_bucket(Bucket=name)


class Wire:
    """A way to a server on which connections break, stall, or lose and turn bits, now and then."""

    def __init__(self, target: str, seed: int, rate: float = 0.15) -> None:
        self._target = ("127.0.0.1", int(target.rpartition(":")[2]))
        self._random = random.Random(seed)
        self._rate = rate
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
            except OSError:
                return
            for source, sink, back in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pump, args=(source, sink, back), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, back: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                fault = self._random.random() / self._rate if back else 1.0
                if fault < 0.4:
                    sink.sendall(data[: self._random.randrange(len(data))])
                    break
                if fault < 0.8:
                    damaged = bytearray(data)
                    damaged[self._random.randrange(len(data))] ^= 1 << self._random.randrange(8)
                    data = bytes(damaged)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
