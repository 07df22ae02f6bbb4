"""A registry in a PostgreSQL database.

A reader takes one snapshot. A writer first takes the registry's lock, which is let go at the end of
its transaction: events are numbered without gaps, so writers stand in line anyway, and each then
decides on what all before it left behind.

Nothing rests on a session: locks and settings are a transaction's. Behind a pooler that gives each
transaction another connection (pgbouncer's ``pool_mode = transaction``) the URL says so, with
``?pool_mode=transaction``: then nothing is prepared, and settings come with each transaction.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from lineage.acts import act
from lineage.database import errors, libpq
from lineage.errors import LineageError, RegistryUnreachable, UsageError
from lineage.masking import hide, masked, masked_url
from lineage.patience import CONNECT_TIMEOUT, NameLookup, Patience
from lineage.registry_url import named_by

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

POOL_MODE: Final = "pool_mode"
"""The key of the URL's query that says what a pooler does."""

EACH_WAITS: Final = "lineage_each_waits"
"""The option of an engine whose transactions set for themselves what a session would be set to."""

LEAST_TIMEOUT: Final = 2
"""Seconds that libpq takes at the least. A person waits as long, for each of two addresses."""

LOCK: Final = 0x6C696E65
"""The advisory lock that a writer holds: "line" in ASCII."""

REPORTS_LOCK: Final = LOCK + 1
"""The lock of those who write reports of hosts, which no other writer waits for."""

_READS: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
"""A reader has one snapshot."""

_WRITES: Final = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
"""A writer, who is alone once it has its lock, sees what is there then."""

_THEN: Final[dict[object, str]] = {
    True: f"SELECT pg_advisory_xact_lock({LOCK})",
    "reports": "SELECT set_config('synchronous_commit', 'off', true), "
    f"pg_advisory_xact_lock({REPORTS_LOCK})",
}
"""What a writer asks for first, by what it writes."""


def beginning(connection: Connection, writing: object) -> str:
    """The words by which a transaction begins: one round trip, with the lock of a writer.

    The driver begins none by itself: that would be another one.
    """
    words = [_WRITES if writing else _READS]
    milliseconds = connection.get_execution_options().get(EACH_WAITS)
    if milliseconds is not None:
        words += [f"SET LOCAL lock_timeout = {milliseconds}", "SET LOCAL timezone = 'UTC'"]
    if writing:
        words.append(_THEN[writing])
    return "; ".join(words)


def open_engine(
    url: str, *, lock_timeout: float, connections: int, connect_timeout: int | None = None
) -> Engine:
    """An engine for a PostgreSQL database; nothing is connected yet.

    Raises:
        UsageError: the URL cannot be read, or the driver is not installed.
    """
    milliseconds = int(lock_timeout * 1000)
    pooled = is_pooled(url)
    options = f"-c lock_timeout={milliseconds} -c timezone=UTC"
    arguments: dict[str, Any] = {
        "connect_timeout": connect_timeout or _patience(),
        "autocommit": True,
    }
    arguments |= {"prepare_threshold": None} if pooled else {"options": options}
    try:
        address = _address(url)
        file = named_by(url)
        if file is not None:
            libpq.require_harmless(address.query, file)
            named = address.translate_connect_args(username="user", database="dbname")
            arguments |= libpq.nothing_added(named | address.query)
        engine = create_engine(
            address,
            pool_size=connections,
            max_overflow=0,
            pool_use_lifo=True,
            connect_args=arguments,
            execution_options={EACH_WAITS: milliseconds} if pooled else {},
        )
        event.listen(engine, "do_connect", _look_up)
        if file is not None:
            event.listen(engine, "do_connect", libpq.connect)
        return engine
    except ModuleNotFoundError:
        raise UsageError(
            "PostgreSQL needs the driver psycopg.",
            remedy="Install it: pip install 'lineage-guard[postgresql]'",
        ) from None


def _patience() -> int:
    """Seconds that a connection may take, by who waits for it."""
    return max(LEAST_TIMEOUT, min(int(Patience.here().reach / 1.5), CONNECT_TIMEOUT))


def _look_up(_dialect: Any, _record: Any, _words: Any, named: dict[str, Any]) -> None:  # noqa: ANN401 - SQLAlchemy's
    """Look up the server's name first, which libpq does without an end.

    Raises:
        RegistryUnreachable: nobody says in time where it is.
    """
    if named.get("hostaddr"):
        return
    hosts = str(named.get("host") or os.environ.get("PGHOST") or "").split(",")
    end = time.monotonic() + int(named["connect_timeout"])
    for lookup in [NameLookup(host) for host in hosts]:
        try:
            lookup.require(max(0.0, end - time.monotonic()))
        except TimeoutError as error:
            raise RegistryUnreachable(
                f"The registry cannot be reached: {error}.",
                remedy="Check its address, and that this machine's resolver answers.",
            ) from None


def is_pooled(url: str) -> bool:
    """Whether a pooler may give each transaction another connection.

    Raises:
        UsageError: the URL cannot be read, or names a mode that there is not.
    """
    mode = _read(url).query.get(POOL_MODE, "session")
    if mode not in ("session", "transaction"):
        raise UsageError(
            f"The registry's URL says {POOL_MODE}={str(mode)[:40]}, which is no mode to use.",
            remedy=f"Write {POOL_MODE}=transaction behind a pooler that is in that mode, or leave "
            "it out.",
        )
    return mode == "transaction"


def conninfo(url: str) -> str:
    """The URL as libpq reads it.

    Raises:
        UsageError: it cannot be read.
    """
    return _address(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _address(url: str) -> URL:
    address = _read(url).difference_update_query([POOL_MODE])
    for secret in (address.password, address.query.get("password")):
        hide(str(secret) if secret is not None else None)
    return address.set(drivername="postgresql+psycopg")


def _read(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise UsageError(
            "The registry's PostgreSQL URL cannot be read.",
            remedy="Write it as postgresql+psycopg://user@host/database",
        ) from None


def translate(error: Any, engine: Engine) -> LineageError:  # noqa: ANN401 - psycopg.Error
    """The registry's own error for one of PostgreSQL's."""
    state = str(getattr(error, "sqlstate", None) or "")
    said = masked(" ".join(str(error).split()))[:300].rstrip(".?")
    if state.startswith("23"):
        return errors.inconsistent(said)
    if state.startswith("22") or "NUL" in said:
        return errors.not_text(said)
    where = masked_url(engine.url.render_as_string(hide_password=True))
    hint = "Check that the server runs and lets this user in."
    return errors.unreachable(where, state, said, _UNREACHABLE, hint)


_UNREACHABLE: Final = (
    ("55P03", errors.LOCKED),
    ("40", ("was changed meanwhile", "Try again.")),
    ("25006", ("is read-only", "Connect to the primary server.")),
    ("53100", errors.FULL),
    (
        "42501",
        ("does not let this user write", f"As its owner: {act('db grant', 'ROLE')}"),
    ),
)
