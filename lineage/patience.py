"""Patience: how long a registry that is away is waited for, by who waits.

A person at a terminal is told within five seconds; a job goes on for longer. What an operating
system's resolver takes has no bound of its own, so a name is looked up beside.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from ipaddress import ip_address
from threading import Thread
from typing import TYPE_CHECKING, Final, NamedTuple

from lineage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST: Final = 3600.0
"""Seconds that ``LINEAGE_TIMEOUT`` says at the most."""

CONNECT_TIMEOUT: Final = 10
"""Seconds that a connection to each address of a database may take, where no person waits."""


class Patience(NamedTuple):
    """Seconds that a request may take.

    ``whole`` are for all of it with its retries, ``reach`` until the server is there and says that
    it works, ``connect`` for one connection.
    """

    whole: float = 30.0
    reach: float = 30.0
    connect: float = 5.0

    @classmethod
    def here(cls) -> Patience:
        """That of this process: ``LINEAGE_TIMEOUT``, else by whether a person looks on.

        Raises:
            UsageError: the variable says no number of seconds.
        """
        person = sys.stderr is not None and sys.stderr.isatty()
        return cls.of(os.environ.get("LINEAGE_TIMEOUT"), person=person)

    @classmethod
    def of(cls, said: str | None, *, person: bool) -> Patience:
        """What ``LINEAGE_TIMEOUT`` says; else less for a person, who waits at a terminal.

        Raises:
            UsageError: it says no number of seconds.
        """
        if said is None:
            return cls(reach=3.0, connect=1.5) if person else cls()
        try:
            seconds = float(said)
        except ValueError:
            seconds = 0
        if not 0 < seconds <= LARGEST:
            raise UsageError(
                f"LINEAGE_TIMEOUT is {said[:20]!r}, which is no number of seconds.",
                remedy=f"Set it to at most {LARGEST:.0f} seconds, for example 30.",
            )
        return cls(seconds, seconds)


class NameLookup:
    """A host's name that is being looked up, which an operating system may take minutes for.

    Args:
        host: the name; None, an address or a socket's path where there is nothing to look up.
        resolve: looks a name up.
    """

    def __init__(
        self, host: str | None, resolve: Callable[[str, None], object] = socket.getaddrinfo
    ) -> None:
        self._host = host
        self._thread: Thread | None = None
        if host and not host.startswith(("/", "@")) and not _is_address(host):
            self._thread = Thread(target=self._look_up, args=(resolve,), daemon=True)
            self._thread.start()

    def require(self, seconds: float) -> None:
        """Wait until it is known where the host is, or that nobody knows; who connects is told.

        Raises:
            TimeoutError: that takes longer.
        """
        if self._thread is None:
            return
        self._thread.join(seconds)
        if self._thread.is_alive():
            raise TimeoutError(f"the name {self._host} is not resolved in time")

    def _look_up(self, resolve: Callable[[str, None], object]) -> None:
        with suppress(OSError, UnicodeError):
            resolve(self._host or "", None)


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
