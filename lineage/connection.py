"""Opening a registry, wherever it is: one surface over a database and over a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.database.limits import LOCK_TIMEOUT
from lineage.errors import LineageError
from lineage.registry_url import is_remote

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from lineage.contract.results import SchemaCheck
    from lineage.registry.registry import Registry
    from lineage.remote.client import RemoteRegistry

    AnyRegistry: TypeAlias = Registry | RemoteRegistry


def check(url: str) -> SchemaCheck:
    """Check a registry's database, also one whose schema is not this program's.

    Raises:
        RegistryUnreachable: it cannot be reached.
        IntegrityFailure: the file cannot be read as a database.
    """
    if is_remote(url):
        with connect(url) as registry:
            return registry.check()
    from lineage.database import schema
    from lineage.database.engine import open_engine

    engine = open_engine(url)
    try:
        return schema.check(engine)
    finally:
        engine.dispose()


def names_in(registry: AnyRegistry) -> Callable[[str], list[str]]:
    """What tells the names that a model of a registry has and had, the present one first."""

    def names_of(model: str) -> list[str]:
        try:
            found = registry.model(model)
        except LineageError:  # whoever goes on is told what is wrong
            return []
        return [found["name"], *found["former_names"]]

    return names_of


def connect(
    url: str, *, token: str | None = None, lock_timeout: float = LOCK_TIMEOUT
) -> AnyRegistry:
    """Open a registry.

    Args:
        url: ``sqlite:///path``, ``postgresql+psycopg://host/database``, or a server's ``https://…``.
        token: a server's bearer token; by default ``LINEAGE_TOKEN``, where it is bound to this
            server, or that of the user's login.
        lock_timeout: seconds to wait for another process's write to a database.

    Raises:
        RegistryUnreachable: there is none, or its schema is not this program's.
        IntegrityFailure: the file is damaged.
        UsageError: the URL cannot be read.
    """
    if is_remote(url):
        from lineage.remote.client import connect as connect_remote

        return connect_remote(url, token)
    try:
        from lineage.registry.registry import open_registry
    except ModuleNotFoundError as error:
        raise only_servers(error) from None
    return open_registry(url, lock_timeout=lock_timeout)


def only_servers(error: ModuleNotFoundError) -> Exception:
    """Why no database is opened where what opens one is not installed."""
    from lineage.installed import missing

    instead = "Name the registry's server (LINEAGE_REGISTRY=https://…)"
    return missing(error, "A registry that is a database", instead) or error
