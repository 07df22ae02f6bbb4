"""What obstore is told of a store: DVC's settings of S3, GCS and Azure in its words.

A setting that obstore cannot follow is refused by name, and never left out silently; what only
says how objects are written plays no part, since a store is only read through it. With keys of a
store's own, nothing of the environment's stands beside them: they are all that it is shown.
"""

from __future__ import annotations

import json
import os
from configparser import Error as UnreadableProfile
from configparser import RawConfigParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from lineage.weights.filesystems import at_home, azure_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Words = dict[str, Any]
"""What a store of obstore's is made with: ``config``, ``client_options`` and so on."""

ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_KEYS: Final = ("access_key_id", "secret_access_key")
_ELSEWHERE: Final = ("credential_process", "role_arn", "sso_session", "sso_start_url")
"""What of a profile says that its keys come from another program or service."""

_KEPT_BY_AZURE: Final = {
    "access_key": ("account_key",),
    "sas_token": ("sas_key",),
    "client_secret": ("client_id", "client_secret", "tenant_id"),
}
"""What stands for a whole credential of Azure's, by what obstore calls its kind."""


def s3(settings: Mapping[str, Any]) -> Words:
    """What an S3 store is told.

    Raises:
        ValueError: obstore cannot do what a setting or the user's profile says.
    """
    profile = _aws_profile(settings)
    endpoint = _first(settings.get("endpointurl"), *map(os.getenv, ENDPOINTS))
    endpoint = _first(endpoint, profile.get("endpoint_url"))
    if not settings.get("use_ssl", True) and not endpoint:
        raise _not_done("use_ssl = false without an endpointurl", "s3fs")
    config: Words = {
        "aws_endpoint_url_s3": endpoint,
        "region": _first(
            settings.get("region"),
            os.getenv("AWS_REGION"),
            os.getenv("AWS_DEFAULT_REGION"),
            profile.get("region"),
        ),
    }
    if settings.get("sse_customer_key"):
        config["server_side_encryption"] = "sse-c"
        config["sse_customer_key_base64"] = settings["sse_customer_key"]
    words = _words(config, endpoint, settings)
    if settings.get("allow_anonymous_login"):
        config["skip_signature"] = True
        return words
    keys = _aws_keys(settings, profile)
    if keys is not None:
        words["credential_provider"] = lambda: keys
    return words


def _aws_keys(settings: Mapping[str, Any], profile: Mapping[str, str]) -> Words | None:
    """The keys that are said; None where obstore finds them: in the environment, or a role's."""
    for said, prefix, token in (
        (settings, "", "session_token"),
        (profile, "aws_", "aws_session_token"),
    ):
        if said is profile and "profile" not in settings and os.getenv("AWS_ACCESS_KEY_ID"):
            return None
        key, secret = (said.get(prefix + name) for name in _KEYS)
        if key and secret:
            return {
                "access_key_id": key,
                "secret_access_key": secret,
                "token": said.get(token),
                "expires_at": None,
            }
    elsewhere = next((name for name in _ELSEWHERE if profile.get(name)), None)
    if elsewhere is not None:
        raise _not_done(f"{elsewhere} of an AWS profile", "s3fs")
    if settings.get("profile"):
        raise ValueError(f"AWS's files have no keys of the profile {settings['profile'][:60]!r}")
    return None


def _aws_profile(settings: Mapping[str, Any]) -> dict[str, str]:
    """What the user's own AWS files say of the profile."""
    name = settings.get("profile") or os.getenv("AWS_PROFILE") or "default"
    found: dict[str, str] = {}
    section = name if name == "default" else f"profile {name}"
    for setting, variable, default, title in (
        ("configpath", "AWS_CONFIG_FILE", ".aws/config", section),
        ("credentialpath", "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", name),
    ):
        path = os.getenv(variable) or settings.get(setting) or at_home(default)
        found |= _section(path, title)
    return found


def _section(path: str, name: str) -> dict[str, str]:
    """A section of a file as Python's configparser reads it; empty where it is not there."""
    files = RawConfigParser(strict=False)
    try:
        files.read(path, encoding="utf-8")
    except (UnreadableProfile, UnicodeDecodeError):  # whose text holds lines of the file
        raise ValueError(f"{path} cannot be read") from None
    return dict(files[name]) if files.has_section(name) else {}


def gs(settings: Mapping[str, Any]) -> Words:
    """What a store of Google's is told.

    Raises:
        ValueError: the file of credentials cannot be read.
    """
    endpoint = settings.get("endpointurl")
    config: Words = {"base_url": endpoint}
    if settings.get("allow_anonymous_login"):
        config["skip_signature"] = True
    elif settings.get("credentialpath"):
        path = settings["credentialpath"]
        try:
            kind = json.loads(Path(path).read_bytes())["type"]
        except OSError as error:
            raise ValueError(f"{path}: {(error.strerror or '').lower()}") from None
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{path} holds no credentials of Google's") from None
        own = kind == "service_account"
        config["service_account" if own else "application_credentials"] = path
    return _words(config, endpoint, settings)


def azure(settings: Mapping[str, Any]) -> Words:
    """What a store of Azure's is told.

    Raises:
        ValueError: there is neither an account nor a connection string.
    """
    said = azure_words(settings, _own_of_azure, credential=lambda **_: None)
    config: Words = {
        "account_name": said["account_name"],
        "account_key": said["account_key"],
        "sas_key": (said["sas_token"] or "").lstrip("?"),
        **{key: said[key] for key in ("tenant_id", "client_id", "client_secret")},
    }
    if said["connection_string"]:
        config |= _connection(said["connection_string"])
    if "credential" not in said and not any(
        config[key] for keys in _KEPT_BY_AZURE.values() for key in keys
    ):
        config["skip_signature"] = True
    for kind, keys in _KEPT_BY_AZURE.items():
        if all(map(config.get, keys)):
            config["credential_type"] = kind
            break
    return _words(config, config.get("endpoint"), settings)


def _connection(text: str) -> Words:
    """A connection string's account, its key or token, and where it leads."""
    pairs = (part.partition("=") for part in text.split(";") if part.strip())
    said = {key.strip().lower(): value.strip() for key, _, value in pairs}
    if "usedevelopmentstorage" in said:
        raise _not_done("UseDevelopmentStorage", "adlfs")
    endpoint, name = said.get("blobendpoint", "").rstrip("/"), said.get("accountname")
    if not endpoint and name and said.get("endpointsuffix"):
        scheme = said.get("defaultendpointsprotocol", "https")
        endpoint = f"{scheme}://{name}.blob.{said['endpointsuffix']}"
    name = name or (urlsplit(endpoint).hostname or "").partition(".")[0]
    if not name:
        raise ValueError("its connection_string names no account")
    return {
        "account_name": name,
        "account_key": said.get("accountkey"),
        "sas_key": said.get("sharedaccesssignature", "").lstrip("?"),
        "endpoint": endpoint,
    }


def _own_of_azure(name: str) -> str | None:
    """What the environment, or the configuration of Azure's own command, says of storage."""
    folder = os.getenv("AZURE_CONFIG_DIR") or at_home(".azure")
    found = os.getenv(f"AZURE_STORAGE_{name.upper()}")
    return found or _section(os.path.join(folder, "config"), "storage").get(name)  # noqa: PTH118


def _words(config: Words, endpoint: str | None, settings: Mapping[str, Any]) -> Words:
    """A store's words; a connection without TLS is made only where its address says so."""
    connecting = settings.get("connect_timeout") or settings.get("connection_timeout") or 5
    reading = settings.get("read_timeout") or settings.get("timeout") or 15
    client: Words = {
        "allow_http": (endpoint or "").lower().startswith("http://"),
        "connect_timeout": f"{connecting}s",
        "read_timeout": f"{reading}s",
        "timeout": "1h",  # of a whole answer: its pieces have the one above
    }
    verify = settings.get("ssl_verify", os.getenv("AWS_CA_BUNDLE") or True)
    if verify is False:
        client["allow_invalid_certificates"] = True
    elif verify is not True:
        client["root_certificate"] = Path(verify).read_bytes()
    for key in [key for key, value in config.items() if value in (None, "")]:
        del config[key]
    return {"config": config, "client_options": client}


def _first(*said: str | None) -> str | None:
    return next(filter(None, said), None)


def _not_done(what: str, library: str) -> ValueError:
    return ValueError(f"obstore cannot follow {what}; pip install {library} adds what can")


MADE: Final[Mapping[str, Callable[[Mapping[str, Any]], Words]]] = {
    "s3": s3,
    "gs": gs,
    "azure": azure,
}
"""By the kind of store, as a URL names it."""
