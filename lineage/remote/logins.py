"""The user's logins: which token goes to which server, in a file of the user's own.

``lineage-guard/logins.json`` in ``XDG_CONFIG_HOME``, by default ``~/.config``, readable by its
owner alone. No repository has a say in it; a token is found by the server's address in its one
spelling.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Final

from lineage import bounded_file, kept
from lineage.errors import UsageError
from lineage.registry_url import server_of
from lineage.whole_file import write_whole

LARGEST: Final = 1 << 20
"""Bytes of the file that are read at the most."""

_PRIVATE: Final = 0o600


def logins_file() -> Path:
    """The file, whether or not it is there."""
    config = os.environ.get("XDG_CONFIG_HOME", "")
    base = Path(config) if config.startswith("/") else kept.home() / ".config"
    return base / "lineage-guard" / "logins.json"


def token_of(url: str) -> str | None:
    """The token that the user logged in to a server with; None without a login.

    Raises:
        UsageError: the file is open to others, is another user's, or cannot be read.
    """
    return _read().get(server_of(url))


def log_in(url: str, token: str) -> str:
    """Keep a token for a server, in the place of an earlier one; the server's address.

    Raises:
        UsageError: the file cannot be kept.
    """
    server = server_of(url)
    _write(_read() | {server: token})
    return server


def require_private() -> None:
    """Refuse a file of logins that others could read, or that is none.

    Raises:
        UsageError: it is.
    """
    _read()


def log_out(url: str) -> bool:
    """Forget a server's token; whether there was one.

    Raises:
        UsageError: the file cannot be kept.
    """
    logins = _read()
    found = logins.pop(server_of(url), None) is not None
    if found:
        _write(logins)
    return found


def _read() -> dict[str, str]:
    path = logins_file()
    try:
        with bounded_file.opened(path) as (file, size):
            _require_private(path, os.fstat(file.fileno()))
            text = bounded_file.bounded(file, size, LARGEST)
        logins = json.loads(text)["tokens"]
        if not all(isinstance(token, str) for token in logins.values()):
            raise ValueError
    except bounded_file.Missing:
        return {}
    except bounded_file.Unfit as reason:
        raise UsageError(f"{path} {reason}.", remedy="Remove it, and log in again.") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UsageError(
            f"{path} is no file of logins.", remedy="Remove it, and log in again."
        ) from None
    return dict(logins)


def _require_private(path: Path, status: os.stat_result) -> None:
    if not hasattr(os, "geteuid"):  # Windows: it lies in the user's own folder, modes say nothing
        return
    if status.st_uid != os.geteuid():
        raise UsageError(
            f"{path} holds tokens, and is another user's.",
            remedy="Remove it, and log in again as yourself.",
        )
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise UsageError(
            f"{path} holds tokens, and is open to other users "
            f"(mode {stat.S_IMODE(status.st_mode):04o}).",
            remedy=f"Close it: chmod 600 {path}; if others could read it, revoke the tokens.",
        )


def _write(logins: dict[str, str]) -> None:
    path = logins_file()
    text = json.dumps({"tokens": logins}, indent=2, sort_keys=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(path, f"{text}\n".encode(), mode=_PRIVATE)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.",
            remedy="Make it writable, or set XDG_CONFIG_HOME.",
        ) from None
