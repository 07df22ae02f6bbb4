"""`login` and `logout`: which token goes to which server."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from .. import output
from ..options import Json

Server = Annotated[
    str, typer.Argument(metavar="URL", help="The server: https://…", show_default=False)
]
LONGEST = 8192


def login(
    url: Server,
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Read the token from stdin, not the terminal.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Keep a token for a server, in a file that only you can read.

    It goes to this server alone, also where a repository's lineage.toml names it.

    Example: `lineage login https://lineage.example.com`
    """
    from lineage.workflows.login import log_in, server_named

    server = server_named(url)
    done = log_in(server, _from_stdin() if token_stdin else _typed(server))
    if as_json:
        output.emit(done.to_json())
        return
    if done.note is not None:
        output.note(f"note: {done.note}")
    output.say(f"logged in to {done.server}" + (f" as {done.name}" if done.name else ""))


def logout(url: Server, as_json: Json = False) -> None:
    """Forget the token for a server. It stays valid: revoke it with `token revoke`.

    Example: `lineage logout https://lineage.example.com`
    """
    from lineage.errors import NotFound
    from lineage.workflows.login import log_out, server_named

    server = server_named(url)
    if log_out(server) is None:
        raise NotFound(f"There is no login to {server}.", remedy="Nothing is to be done.")
    if as_json:
        output.emit({"server": server})
    else:
        output.say(f"logged out of {server}")


def _from_stdin() -> str:
    return _one(sys.stdin.readline(LONGEST))


def _typed(server: str) -> str:
    import getpass

    from lineage.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError(
            "There is no terminal to type the token at.",
            remedy="Give it on stdin, with --token-stdin.",
        )
    return _one(getpass.getpass(f"Token for {server}: "))


def _one(text: str) -> str:
    from lineage.errors import UsageError

    token = text.strip()
    if not token:
        raise UsageError("No token was given.", remedy="Type it, or give it with --token-stdin.")
    return token
