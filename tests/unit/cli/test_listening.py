"""Where a server listens: what cannot be listened on is told, and no ending is the guard's."""

from __future__ import annotations

import socket

import pytest
import typer
from lineage.cli.listening import listening, run

from lineage.errors import UsageError


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("127.0.0.1", "Address already in use"),
        ("192.0.2.1", "Cannot assign requested address"),
        ("nowhere.invalid", "not known|resolution"),
        ("a" * 70, "no such name|not known|resolution"),
    ],
)
def test_what_cannot_be_listened_on_is_told(host, why, taken):
    with pytest.raises(UsageError, match=rf"^Port {taken} of {host} .*: .*({why})") as told:
        listening(host, taken, remedy="Another.")
    assert told.value.remedy == "Another."
    assert "(" not in str(told.value)


def test_each_address_of_a_name_is_listened_at():
    port = free()
    listeners = listening("localhost", port, remedy="")
    try:
        assert "127.0.0.1" in {one.getsockname()[0] for one in listeners}
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass
    finally:
        for one in listeners:
            one.close()


async def failing(scope, receive, send):
    """An application that does not start."""
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no disk"})


def test_a_server_that_does_not_start_does_not_end_as_the_guard_does():
    with pytest.raises(typer.Exit) as ended:
        run(f"{__name__}:failing", "127.0.0.1", free(), log_config=None)
    assert ended.value.exit_code == 1
