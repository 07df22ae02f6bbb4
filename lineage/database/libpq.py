"""What libpq may add of its own to a PostgreSQL connection, and where it may add nothing.

libpq fills in what a URL leaves out from ``PGPASSWORD`` and its like, from ``~/.pgpass``, from
service files and from a client's certificate. That is the user's, for the databases that the user
names. A URL that a repository's file names is reached with what stands in it and nothing else.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Final

from lineage.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SAYS_WHERE: Final = frozenset(
    {
        "application_name",
        "connect_timeout",
        "dbname",
        "host",
        "hostaddr",
        "password",
        "port",
        "sslmode",
        "target_session_attrs",
        "user",
    }
)
"""What the query of a repository's URL may hold: no file, no service, no program."""

_NOWHERE: Final = f"{os.devnull}/none"
_LEFT_OUT: Final = ("service", "servicefile", "connect_timeout", "options", "passfile")
_NEVER_EMPTY: Final = (b"PGMINPROTOCOLVERSION", b"PGMAXPROTOCOLVERSION", b"PGSSLMAXPROTOCOLVERSION")
_SENT: Final = ("PGTZ", "PGDATESTYLE", "PGGEQO")
_CONNECTING: Final = threading.Lock()
_METHODS: Final = "none,password,md5,scram-sha-256"


def require_harmless(query: Mapping[str, Any], file: str) -> None:
    """Refuse a repository's URL that names more than where the database is.

    Raises:
        UsageError: it names a file, a service or the like; or ``PGSERVICE`` is set.
    """
    others = sorted(set(query) - _SAYS_WHERE)
    if others:
        raise UsageError(
            f"The registry's URL in {file} sets {others[0][:40]!r}, in which a repository has no "
            "say.",
            remedy="If you trust it, give the whole URL yourself, in LINEAGE_REGISTRY.",
        )
    if os.environ.get("PGSERVICE"):
        raise UsageError(
            f"PGSERVICE is set, and only {file} names the registry's database.",
            remedy="If it is yours, name it yourself, in LINEAGE_REGISTRY; or unset PGSERVICE.",
        )


def connect(dialect: Any, _: object, words: Sequence[Any], named: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as SQLAlchemy calls it
    """Connect without the variables that libpq sends as settings and has no keyword for."""
    with _CONNECTING:
        kept = {name: os.environ.pop(name) for name in _SENT if name in os.environ}
        try:
            return dialect.connect(*words, **named)
        finally:
            os.environ.update(kept)


def nothing_added(url: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by which libpq takes nothing of the environment or of the user's files.

    Args:
        url: what the URL says, by libpq's keywords.

    Returns:
        What to connect with beside it.
    """
    from psycopg.pq import Conninfo

    found: dict[str, Any] = {"passfile": _NOWHERE}
    known = set()
    for option in Conninfo.get_defaults():
        name = option.keyword.decode()
        known.add(name)
        if name in _LEFT_OUT or option.envvar is None or url.get(name) is not None:
            continue
        if option.compiled is not None:
            found[name] = option.compiled.decode()
        elif option.envvar not in _NEVER_EMPTY:
            found[name] = ""
    if not url.get("user"):
        import pwd

        found["user"] = pwd.getpwuid(os.geteuid()).pw_name
    found |= {"sslcertmode": "disable"} if "sslcertmode" in known else {}
    found |= {"gssencmode": "disable"} if "gssencmode" in known else {}
    if "require_auth" in known:
        found["require_auth"] = _METHODS
    return found
