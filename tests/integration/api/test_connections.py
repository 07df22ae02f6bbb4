"""An answer as it goes over a connection: whole, whatever it is made of."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from urllib.parse import urlsplit

from fastapi import Response
from fastapi.responses import StreamingResponse

from tests.support.servers import serving

HEAD = b"HTTP/1.1 200 OK\r\n"


async def _application(scope, receive, send):
    if scope["type"] != "http":
        return
    match scope["path"]:
        case "/body":
            response = Response("whole")
        case "/parts":
            response = StreamingResponse(iter(["one", "two"]))
        case "/echo":
            response = Response((await receive())["body"])
        case _:
            response = Response(status_code=204)
    await response(scope, receive, send)


@contextmanager
def _asking():
    with serving(_application) as address:
        parts = urlsplit(address)
        with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
            yield connection


def _until(connection, end):
    found = b""
    while not found.endswith(end):
        part = connection.recv(1 << 16)
        assert part, found
        found += part
    return found


def test_a_head_goes_out_whatever_comes_behind_it():
    with _asking() as connection:
        for request, end in (
            (b"GET /body", b"\r\n\r\nwhole"),
            (b"HEAD /body", b"\r\n\r\n"),
            (b"GET /none", b"\r\n\r\n"),
            (b"GET /parts", b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"),
            (b"GET /body", b"\r\n\r\nwhole"),
        ):
            connection.sendall(request + b" HTTP/1.1\r\nHost: here\r\n\r\n")
            found = _until(connection, end)
            assert found.count(b"HTTP/1.1 ") == 1, request


def test_a_head_and_its_body_are_one_piece():
    with _asking() as connection:
        connection.sendall(b"GET /body HTTP/1.1\r\nHost: here\r\n\r\n")
        assert connection.recv(1 << 16).endswith(b"\r\n\r\nwhole")


def test_a_client_that_asks_first_is_told_to_go_on():
    with _asking() as connection:
        connection.sendall(
            b"POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        )
        assert _until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"body")
        assert _until(connection, b"\r\n\r\nbody").startswith(HEAD)


def test_a_connection_that_ends_gives_its_answer_first():
    with _asking() as connection:
        connection.sendall(b"HEAD /body HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        assert _until(connection, b"\r\n\r\n").startswith(HEAD)
        assert connection.recv(1) == b""
