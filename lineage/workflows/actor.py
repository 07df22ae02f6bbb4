"""The actor: finds out who acts, where nobody says so."""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING, Any

from lineage.registry.access import LONGEST_NAME
from lineage.registry_url import is_remote

if TYPE_CHECKING:
    from lineage.capture.project import Project


def actor(project: Project | None = None) -> str:
    """``LINEAGE_ACTOR``, else git's e-mail address, else the login name.

    A server that asks for tokens goes by the token instead.
    """
    named = os.environ.get("LINEAGE_ACTOR")
    if named:
        return named[:LONGEST_NAME]
    if project is not None and project.git is not None:
        identity: Any = project.git.identity()
        if identity:
            return str(identity)[:LONGEST_NAME]
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def actor_of_host(project: Project) -> str:
    """Who a host is: a server goes by its token, so git, which takes long to load, is not asked."""
    return actor(None if is_remote(project.registry_url()) else project)
