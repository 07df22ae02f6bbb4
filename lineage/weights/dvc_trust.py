"""Trust in the settings of a DVC remote: whose word counts for which.

A repository's ``.dvc/config`` and ``config.local``, and what a registry says of a store, say where
a remote is. With whose credentials it is opened, and to which server these are shown, is said by
the user's and the system's configuration, or by the environment (decision 27).
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_HARMLESS: Final = frozenset(
    {
        *("url", "jobs", "checksum_jobs", "worktree", "version_aware", "no_traverse", "verify"),
        *("type", "protected", "shared", "slow_link_warning", "method", "auth", "user", "port"),
        *("timeout", "read_timeout", "connect_timeout", "connection_timeout", "max_sessions"),
        *("region", "cache_regions", "listobjects", "sse", "sse_kms_key_id", "acl", "grant_read"),
        *("grant_read_acp", "grant_write_acp", "grant_full_control", "projectname"),
        *("allow_anonymous_login", "exclude_environment_credential"),
        *("exclude_visual_studio_code_credential", "exclude_shared_token_cache_credential"),
        *("exclude_managed_identity_credential", "replication", "use_https"),
        *("gdrive_trash_only", "gdrive_acknowledge_abuse"),
    }
)
"""What anybody may say; DVC has more settings with each version, and those are not among these."""

_LEADS_ELSEWHERE: Final = frozenset({"endpointurl", "oss_endpoint", "use_ssl", "ssl_verify"})
"""What leads credentials to another server, or shows them on the way: none but one's own."""

_OWN_KEYS: Final[Mapping[str, tuple[frozenset[str], ...]]] = {
    "s3": (frozenset({"access_key_id", "secret_access_key"}),),
    "oss": (frozenset({"oss_key_id", "oss_key_secret"}),),
    "azure": (
        frozenset({"account_name", "account_key"}),
        frozenset({"account_name", "sas_token"}),
    ),
}
"""What stands for a whole credential, so that the user's own are not used beside it."""

_BESIDE_KEYS: Final = frozenset({"session_token"})
_BESIDE_OWN: Final = frozenset({"port"})
"""What leads from the place that the user speaks of to another program there."""

_ACCOUNT: Final = re.compile(r"[a-z0-9]{3,24}", re.ASCII)
"""An account's name of Azure's: of another text the host is made that is asked."""

_NOBODY: Final = ("s3", "gs")
"""Where ``allow_anonymous_login`` keeps every credential back."""

_TRUE: Final = (True, "true", "True", "TRUE")
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


def refused(url: str, said: Mapping[str, Any], own: Mapping[str, Any]) -> str | None:
    """The first setting that only the user may say, of what others say of a remote.

    Args:
        url: where the remote is.
        said: what a repository or a registry says of it.
        own: what the user's configuration says itself, which counts in the place of theirs.

    Returns:
        The setting's name; None where all are harmless.
    """
    kind = url.partition(":")[0].lower()
    theirs = {key: value for key, value in said.items() if key not in own}
    known = _HARMLESS - _BESIDE_OWN if own else _HARMLESS
    if not own:  # else these would be used with what the user says of the place
        keys = next((keys for keys in _OWN_KEYS.get(kind, ()) if all(map(said.get, keys))), None)
        if keys is not None:
            known |= keys | _BESIDE_KEYS | _LEADS_ELSEWHERE
        elif kind in _NOBODY and said.get("allow_anonymous_login") in _TRUE:
            known |= _LEADS_ELSEWHERE
    found = (key for key, value in sorted(theirs.items()) if key not in known)
    return next((key for key in found if not _is_safe(kind, key, theirs[key])), None)


def counting(said: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that count: the user's own, and what others say beside them."""
    return {key: value for key, value in said.items() if key != "url"} | dict(own)


def _is_safe(kind: str, key: str, value: Any) -> bool:  # noqa: ANN401 - a setting's value
    """Whether a setting of those leads nowhere else, or to where the environment sends it."""
    if key == "account_name":
        return _ACCOUNT.fullmatch(str(value)) is not None
    if key in ("use_ssl", "ssl_verify"):
        return value in _TRUE
    named = (os.environ.get(name, "").rstrip("/") for name in _ENDPOINTS)
    return kind == "s3" and key == "endpointurl" and str(value).rstrip("/") in {*named} - {""}
