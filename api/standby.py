"""Reads answers about slots from a streaming standby, where it is as far as the primary was.

What is taken from it is never older than what the primary had when the request came: the standby's
own snapshot, in which the answer is read, says so (docs/decisions/0035-look-ups-from-a-standby.md).
In every other case the primary is to be asked, and the standby is left alone for a while.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakSet

from sqlalchemy import event

from lineage.database import clock, standby
from lineage.database.engine import open_engine, read
from lineage.errors import LineageError, NotFound, UsageError
from lineage.registry.registry import Registry
from lineage.registry_url import without_password

from .known import CONFIRMED_FOR

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from lineage.contract.results import Serving
    from lineage.database.touched import Thing
    from lineage.errors import PipelineMismatch

    from .known import RegistryVersion

TIMEOUT: Final = 1.0
"""Seconds that the standby may take for an answer."""

READERS: Final = 4
"""Answers that are read from it at once; the primary is asked for more."""

BEHIND: Final = 0.05, 1.0
"""Seconds that it is left alone for where it is behind: at first, and at the most."""

AWAY: Final = 5.0
"""Seconds that it is left alone for where it is not to be used."""

STEP: Final = 0.01
"""Seconds from one state of the primary that is remembered to the next."""

logger = logging.getLogger("lineage.registry.standby")


class Reading(NamedTuple):
    """What was read about a slot, and the version from which on that is so."""

    version: RegistryVersion
    answer: Serving | PipelineMismatch
    grounds: frozenset[Thing]


@dataclass(frozen=True, slots=True)
class _Refused:
    """Why nothing is taken from it."""

    reason: str


_AHEAD: Final = _Refused("is ahead of what the primary said a moment ago")
_BEHIND: Final = _Refused("is behind the primary")
_ANOTHER: Final = _Refused("has another history than the primary")
_PROMOTED: Final = _Refused("is no standby: it takes writes of its own")
_LATE: Final = _Refused(f"did not answer within {TIMEOUT:g} s")


class Standby:
    """A streaming standby of the registry's database."""

    def __init__(self, url: str, primary: Engine) -> None:
        """At a URL, of the registry that an engine is of.

        Raises:
            UsageError: the URL cannot be read.
        """
        self._shown = without_password(url)
        self._engine = open_engine(url, lock_timeout=TIMEOUT, connections=READERS)
        self._engine.update_execution_options(**{clock.JUDGES_AS: primary})
        event.listen(self._engine, "connect", self._connected)
        self._connections: WeakSet[Any] = WeakSet()
        self._guard = threading.Lock()
        self._free = threading.Semaphore(READERS)
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="standby")
        self._marks: deque[RegistryVersion] = deque()
        self._until = 0.0
        self._pause = 0.0
        self._is_told = False

    def note(self, version: RegistryVersion) -> None:
        """Remember a state of the primary, for as long as it may be taken for the present one."""
        marks = self._marks
        if marks and marks[-1].state == version.state:
            marks[-1] = version
        elif not marks or version.asked - marks[-1].asked >= STEP:
            marks.append(version)
            while marks[0].asked < version.asked - CONFIRMED_FOR:
                marks.popleft()

    async def read(
        self, environment: str, model: str, pipeline: str | None, version: RegistryVersion
    ) -> Reading | None:
        """What the standby says of a slot; None where the primary is to be asked.

        Raises:
            NotFound: there is no such environment or model.
            UsageError: the pipeline version's digest cannot be read.
        """
        if version.newest is None or time.monotonic() < self._until:
            return None
        if not self._free.acquire(blocking=False):
            return None
        job = self._threads.submit(self._read, environment, model, pipeline, version)
        job.add_done_callback(lambda _: self._free.release())
        found: Reading | _Refused
        try:
            async with asyncio.timeout(TIMEOUT):
                found = await asyncio.wrap_future(job)
        except TimeoutError:
            self._hang_up()
            found = _LATE
        except (NotFound, UsageError):
            raise
        except LineageError as error:
            found = _Refused(f"cannot be used: {str(error).rstrip('.')}")
        except Exception:
            logger.exception("the standby %s cannot be read", self._shown)
            found = _Refused("cannot be read")
        if isinstance(found, _Refused):
            self._leave(found)
            return None
        self._answered()
        return found

    def close(self) -> None:
        """Close its connections."""
        self._hang_up()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()

    def _read(
        self, environment: str, model: str, pipeline: str | None, version: RegistryVersion
    ) -> Reading | _Refused:
        """Read the level and the answer in one snapshot, in a thread."""
        marks = tuple(self._marks)
        with read(self._engine) as session:
            level = standby.level(session, version.newest[0] if version.newest else 0)
            refused = _refused(level, version)
            if refused is not None:
                return refused
            mark = next((mark for mark in reversed(marks) if _is_in(mark, level)), None)
            if mark is None or time.monotonic() - mark.asked >= CONFIRMED_FOR:
                return _BEHIND
            registry = Registry(self._engine, session)
            answer, grounds = registry.serving_on_grounds(model, environment, pipeline=pipeline)
        since = replace(version, state=mark.state, asked=mark.asked)
        return Reading(since, answer, grounds)

    def _answered(self) -> None:
        self._pause = 0.0
        if self._is_told:
            self._is_told = False
            logger.info("the standby %s is used again", self._shown)

    def _leave(self, refused: _Refused) -> None:
        """Leave it alone for a while; say so once, and not where it is behind for a moment."""
        if refused is _AHEAD:
            return
        pause, is_short = AWAY, False
        if refused is _BEHIND:
            first, most = BEHIND
            pause = self._pause = min(max(first, 2 * self._pause), most)
            is_short = pause < most
        self._until = max(self._until, time.monotonic() + pause)
        if not is_short and not self._is_told:
            self._is_told = True
            logger.warning(
                "the standby %s %s; the primary is asked until it can be used again",
                self._shown,
                refused.reason,
            )

    def _connected(self, connection: Any, _: object) -> None:  # noqa: ANN401 - psycopg's
        with self._guard:
            self._connections.add(connection)

    def _hang_up(self) -> None:
        """End whatever is asked: a thread that waits for a server that hangs is not given back."""
        with self._guard:
            connections = list(self._connections)
        for connection in connections:
            with (
                suppress(Exception),  # it is closed already
                socket.socket(fileno=os.dup(connection.fileno())) as line,
            ):
                line.shutdown(socket.SHUT_RDWR)


def _refused(level: standby.Level, version: RegistryVersion) -> _Refused | None:
    """Why a state of the standby is not one that a request at a version may be answered from."""
    if not level.follows:
        return _PROMOTED
    if version.newest is None or level.digest is None or level.reported < version.reported:
        return _BEHIND
    number, digest = version.newest
    if level.digest != digest:
        return _ANOTHER
    return _AHEAD if level.newest > number else None


def _is_in(mark: RegistryVersion, level: standby.Level) -> bool:
    """Whether everything that a state of the primary showed is seen on the standby.

    The state is a snapshot, ``xmin:xmax:running``: it shows nothing of transactions from xmax on.
    """
    return int(str(mark.state).split(":")[1]) <= level.finished
