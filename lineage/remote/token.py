"""The token that goes to a server: the one that the user bound to it, and no other.

A token is bound by a login, or by standing in ``LINEAGE_TOKEN`` beside the server's address in
``LINEAGE_REGISTRY``, in ``--registry`` or in the caller's own code. What a repository names is
asked only with a login (decision 27). Where the token of a login goes in the place of
``LINEAGE_TOKEN``, the log says so.
"""

from __future__ import annotations

import logging
import os
from functools import cache

from lineage.acts import act
from lineage.errors import UsageError
from lineage.masking import hide
from lineage.registry_url import is_remote, named_by, server_of
from lineage.remote import logins

logger = logging.getLogger("lineage.remote")


def token_for(url: str) -> str | None:
    """The token for a server; None where there is none, so that it is asked without.

    Raises:
        UsageError: ``LINEAGE_TOKEN`` is set, and not bound to this server.
    """
    token = _token_for(url)
    hide(token)
    return token


def _token_for(url: str) -> str | None:
    given = os.environ.get("LINEAGE_TOKEN", "").strip() or None
    hide(given)
    file = named_by(url)
    if given is None or file is not None or _is_of_another(url):
        login = logins.token_of(url)
        if login is None and given is not None:
            raise _not_bound(server_of(url), file)
        if given not in (None, login):
            _warn(server_of(url), file)
        return login
    return given


@cache
def _warn(server: str, file: str | None) -> None:
    """Log, once for a server, that its login goes there and ``LINEAGE_TOKEN`` does not."""
    why = "LINEAGE_REGISTRY names another" if file is None else f"only {file} names it"
    logger.warning(
        "LINEAGE_TOKEN is not used for %s, for %s: the token of the login is.", server, why
    )


def _is_of_another(url: str) -> bool:
    """Whether ``LINEAGE_REGISTRY`` binds ``LINEAGE_TOKEN`` to another server."""
    bound = os.environ.get("LINEAGE_REGISTRY", "")
    return is_remote(bound) and server_of(bound) != server_of(url)


def _not_bound(server: str, file: str | None) -> UsageError:
    if file is None:
        return UsageError(
            f"LINEAGE_TOKEN is for the server that LINEAGE_REGISTRY names, and not for {server}.",
            remedy=f"Name this one there (LINEAGE_REGISTRY={server}), or log in to it: "
            f"{act('login', server)}",
        )
    return UsageError(
        f"Only {file} names {server}, and LINEAGE_TOKEN is not sent to a server that the "
        "repository chooses.",
        remedy=f"If it is yours, say so beside the token (LINEAGE_REGISTRY={server}), or log in to "
        f"it: {act('login', server)}",
    )
