"""What answers is no registry of this version: that is said in a sentence, whatever it answers."""

from __future__ import annotations

import pytest

from lineage.connection import connect
from lineage.errors import RegistryUnreachable
from tests.support.servers import serving

from .test_typed_answers import ANSWERS, WRITES

BODIES = ("{}", "[]", "3", "null", '"text"', '{"items": 3}', '{"items": [{}], "next": null}', "{")


@pytest.fixture(scope="module")
def foreign():
    """A server that gives one answer to all; what that is is set."""
    said = {"type": b"application/json", "body": b"{}"}

    async def answer(scope, receive, send):
        if scope["type"] == "http":
            headers = [(b"content-type", said["type"])]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": said["body"]})

    with serving(answer, "h11", lifespan="off") as address, connect(address) as registry:
        yield registry, said


@pytest.mark.parametrize("body", BODIES)
def test_json_of_something_else_is_no_registry(foreign, body):
    registry, said = foreign
    said.update(type=b"application/json", body=body.encode())
    for name, (_, ask) in ANSWERS.items():
        with pytest.raises(RegistryUnreachable, match="is not a registry of this version"):
            pytest.fail(f"{name}: {ask(registry)!r}")
    for name, ask in WRITES.items():
        with pytest.raises(RegistryUnreachable, match="is not a registry of this version"):
            pytest.fail(f"{name}: {ask(registry)!r}")


def test_a_page_is_no_registry(foreign):
    registry, said = foreign
    said.update(type=b"text/html", body=b"<html>Sign in</html>")
    with pytest.raises(RegistryUnreachable, match="is not a registry of this version"):
        registry.show("churn@1")


def test_what_is_asked_wrongly_is_not_blamed_on_the_server(foreign):
    registry, _ = foreign
    with pytest.raises(TypeError):
        registry.show()
    with pytest.raises(AttributeError):
        registry.show(3)
