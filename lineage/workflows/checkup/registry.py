"""What the registry is examined for: whether it answers, who may write it, clocks and versions."""

from __future__ import annotations

import datetime as dt
import os
import stat
from typing import TYPE_CHECKING, Any, Final

from lineage import installed, timestamps
from lineage.acts import act
from lineage.capture.project import Project, opened
from lineage.connection import only_servers
from lineage.database.limits import NOTABLE
from lineage.errors import LineageError, RegistryUnreachable
from lineage.registry_url import PREFIX, is_postgresql, is_remote, path_of, without_password
from lineage.remote import logins
from lineage.remote.client import RemoteRegistry, transport_to
from lineage.workflows.stores import dvc_remote_of, local_store_of, require_reachable_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Engine

    from lineage.connection import AnyRegistry
    from lineage.remote.transport import Transport
    from lineage.workflows.checkup.findings import Examined

CODES: Final = (
    *("registry", "writable", "clock", "version", "token", "environments", "store-known"),
)

SOON: Final = dt.timedelta(days=14)
"""How long before its end a token is told of."""

_LOCKED: Final = 3.0
"""Seconds that another process's write is waited for."""

_ANSWERED: Final = 4.0
"""Seconds that a server may take for an answer: fewer than its examination has."""

_READY: Final = "/readyz"
_ALIVE: Final = "/healthz"


def registry(examined: Examined, url_flag: str | None) -> None:
    """The registry, and what is set up in it: the checks of :data:`CODES`."""
    with opened() as project:
        url = project.registry_url(url_flag)
        if is_remote(url):
            _server(project, url, examined)
        else:
            _database(project, url, examined)


def permissions(examined: Examined, url_flag: str | None) -> None:
    """Files that others could read or change: ``permissions``."""
    logins.require_private()
    with opened() as project:
        url = project.registry_url(url_flag)
    path = path_of(url) if url.startswith(PREFIX) else None
    places = [one for one in (path, path.parent if path else None) if one and one.exists()]
    for place in places:
        mode = stat.S_IMODE(place.stat().st_mode)
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            examined.warned(
                "permissions",
                f"every user of this machine may change {place} (mode {mode:04o})",
                f"Take that back: chmod o-w {place}",
            )
            return
    examined.passed("permissions", "nobody else may change what is kept here")


def _database(project: Project, url: str, examined: Examined) -> None:
    try:
        from lineage.database.engine import open_engine
        from lineage.database.schema import HEAD, require_current
        from lineage.registry.registry import Registry
    except ModuleNotFoundError as error:
        raise only_servers(error) from None
    engine = open_engine(url, lock_timeout=_LOCKED)
    try:
        require_current(engine)
        examined.passed("registry", f"{without_password(url)} answers, with schema {HEAD}")
        _writable(engine, url)
        examined.passed("writable", "the registry can be written")
        _clock_of_database(engine, url, examined)
        examined.skipped("version", "the registry is no server")
        examined.skipped("token", "a database asks for none")
        _set_up(project, Registry(engine), examined)
    finally:
        engine.dispose()


def _writable(engine: Engine, url: str) -> None:
    """Begin a write and end it without one."""
    from lineage.database.engine import transaction

    if url.startswith(PREFIX) and not os.access(path_of(url).parent, os.W_OK):
        raise RegistryUnreachable(
            f"The folder of {path_of(url)} is read-only, and SQLite writes beside its file.",
            remedy="Make the file and its folder writable.",
        )
    with transaction(engine, writing=True):
        pass


def _clock_of_database(engine: Engine, url: str, examined: Examined) -> None:
    from lineage.database.engine import read
    from lineage.database.head import newest

    now = dt.datetime.now(dt.UTC)
    with read(engine) as session:
        at = newest(session).at
        theirs = None
        if is_postgresql(url):
            theirs = session.connection().exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    if theirs is not None and abs(theirs - now) > NOTABLE:
        _other_clock(examined, theirs - now, "the database's")
    elif at is not None and timestamps.moment(at) - now > NOTABLE:
        _other_clock(examined, timestamps.moment(at) - now, "the newest event's")
    else:
        examined.passed("clock", "this machine's clock goes with the registry's")


def _other_clock(examined: Examined, ahead: dt.timedelta, whose: str) -> None:
    seconds = ahead.total_seconds()
    word = "behind" if seconds > 0 else "ahead of"
    examined.warned(
        "clock",
        f"this machine's clock is {abs(seconds):,.0f} s {word} {whose}",
        "Let both go by NTP: what expires, and what happened when, is judged by them.",
    )


def _server(project: Project, url: str, examined: Examined) -> None:
    transport = transport_to(url)
    try:
        status, _ = transport.glance(_READY, _ANSWERED)
        if status == 503:
            raise RegistryUnreachable(
                f"The server at {transport.url} is not ready: its database does not answer, or "
                "has another schema.",
                remedy=f"Where the server is, look at its log, and run {act('db upgrade')}",
            )
        if status != 200:
            raise RegistryUnreachable(
                f"What answers at {transport.url} is no registry (HTTP {status}).",
                remedy="Check the address: LINEAGE_REGISTRY or [registry] url in lineage.toml.",
            )
        examined.passed("registry", f"{transport.url} is ready")
        examined.skipped("writable", "that is the server's own matter")
        _clock_of_server(transport, examined)
        remote = RemoteRegistry(transport)
        try:
            principal = remote.principal
        except LineageError as error:
            examined.failed("token", error)
            return
        _version(principal.get("version"), examined)
        if not _token(principal, examined):
            raise RegistryUnreachable(
                f"What answers at {transport.url} says nothing of whom the token speaks for.",
                remedy="Check the address: LINEAGE_REGISTRY or [registry] url in lineage.toml.",
            )
        _set_up(project, remote, examined)
    finally:
        transport.close()


def _clock_of_server(transport: Transport, examined: Examined) -> None:
    before = dt.datetime.now(dt.UTC)
    theirs = transport.clock(_ALIVE, _ANSWERED)
    if theirs is None:
        examined.skipped("clock", "the server does not say what time it is")
        return
    ahead = theirs - before
    if abs(ahead) > NOTABLE:
        _other_clock(examined, ahead, "the server's")
    else:
        examined.passed("clock", "this machine's clock goes with the server's")


def _version(theirs: object, examined: Examined) -> None:
    name, own = installed.distribution()
    if theirs == own:
        examined.passed("version", f"here and on the server it is {own}")
    elif not isinstance(theirs, str):
        examined.warned(
            "version",
            f"here it is {own}, and the server is of an older one that does not say",
            f"Upgrade the server: pip install --upgrade {installed.WHOLE}",
        )
    else:
        examined.warned(
            "version",
            f"here it is {own}, on the server {theirs[:40]}",
            "Upgrade the older one: pip install --upgrade "
            + (name if name == installed.WHOLE else f"{name} here, {installed.WHOLE} there"),
        )


def _token(principal: Mapping[str, Any], examined: Examined) -> bool:
    """Whom the token speaks for, and for how long; false where the answer does not say it."""
    try:
        name, scopes = principal["name"], ", ".join(principal["scopes"])
        end = principal.get("expires_at")
        left = timestamps.moment(end) - dt.datetime.now(dt.UTC) if end is not None else None
    except (KeyError, TypeError, ValueError):
        return False
    if end is None or left is None:
        examined.passed("token", f"{name} may {scopes}")
    elif left > SOON:
        examined.passed("token", f"{name} may {scopes}, until {end[:10]}")
    else:
        examined.warned(
            "token",
            f"the token of {name} ends on {end[:16].replace('T', ' ')}",
            f"Ask for another one with its scopes ({scopes}), and log in with it.",
        )
    return True


def _set_up(project: Project, opened_registry: AnyRegistry, examined: Examined) -> None:
    names = [row["name"] for row in opened_registry.environments()]
    if names:
        examined.passed("environments", f"there are {', '.join(names)}")
    else:
        examined.warned(
            "environments",
            "there is no environment, so nothing can serve",
            f"Create production and staging: {act('init', yes=True)}",
        )
    if installed.on_host():
        examined.skipped("store-known", "a serving host stores no weights")
        return
    try:
        address = dvc_remote_of(project) or local_store_of(project)
    except LineageError:
        examined.skipped("store-known", "the store itself is told of")
        return
    require_reachable_at(address, opened_registry)
    examined.passed("store-known", "the registry takes versions whose weights are in that store")
