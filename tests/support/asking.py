"""Asks the process that forks for a command: `python -IS asking.py ADDRESS COMMAND [WORD…]`.

It loads little: a script of a test runs it in the place of a command.
"""

import json
import os
import socket
import sys


def ask(
    address: str, words: list[str], cwd: str, env: dict[str, str], streams: list[int]
) -> tuple[int, socket.socket]:
    """Start a command with these streams; its process, and where it is told how that ended.

    Once nobody waits there any more, the process is killed with all that it started.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.connect(address)
    request = json.dumps([words, cwd, env]).encode()
    socket.send_fds(connection, [request], streams)
    return told(connection), connection


def told(connection: socket.socket) -> int:
    """The number that is told next: how a process ended, negative where a signal ended it."""
    number = connection.recv(16)
    assert number, "the process that forks has ended"
    return int(number)


if __name__ == "__main__":
    _, _address, *_words = sys.argv
    _here = os.getcwd()  # noqa: PTH109 - pathlib takes longer to load than all of this
    _, _waiting = ask(_address, _words, _here, dict(os.environ), [0, 1, 2])
    _code = told(_waiting)
    if _code < 0:
        os.kill(os.getpid(), -_code)
    sys.exit(_code)
