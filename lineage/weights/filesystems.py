"""The file systems behind stores, made as DVC makes them: of S3, GCS and Azure without loading DVC.

What DVC knows and this module does not (another kind of store, a setting of a later version) is
left to DVC. Which settings get here is decided before (:mod:`lineage.weights.dvc_trust`).
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _bool(value: object) -> bool:
    word = str(value).lower()
    if word not in ("true", "false"):
        raise ValueError(f"expected true or false, not {word[:40]!r}")
    return word == "true"


def _bool_or_path(value: object) -> bool | str:
    with suppress(ValueError):
        return _bool(value)
    return str(value)


def _whole(value: Any) -> int:  # noqa: ANN401 - a setting's value
    number = int(value)
    if number < 1:
        raise ValueError("expected a number of at least 1")
    return number


_COMMON: Final[Mapping[str, Callable[[Any], object]]] = {
    "jobs": _whole,
    "checksum_jobs": _whole,
    "worktree": _bool,
    "no_traverse": _bool,
    "version_aware": _bool,
    "verify": _bool,
}
_S3: Final = (
    *("region", "profile", "credentialpath", "configpath", "endpointurl", "access_key_id"),
    *("secret_access_key", "session_token", "sse", "sse_kms_key_id", "sse_customer_algorithm"),
    *("sse_customer_key", "acl", "grant_read", "grant_read_acp", "grant_write_acp"),
    "grant_full_control",
)
_AZURE: Final = (
    *("connection_string", "sas_token", "account_name", "account_key", "tenant_id", "client_id"),
    "client_secret",
)
_AZURE_EXCLUDES: Final = (
    *("exclude_environment_credential", "exclude_visual_studio_code_credential"),
    *("exclude_shared_token_cache_credential", "exclude_managed_identity_credential"),
)
_KNOWN: Final[Mapping[str, Mapping[str, Callable[[Any], object]]]] = {
    "s3": {
        **_COMMON,
        **dict.fromkeys(_S3, str),
        **dict.fromkeys(
            ("listobjects", "use_ssl", "allow_anonymous_login", "cache_regions"), _bool
        ),
        **dict.fromkeys(("read_timeout", "connect_timeout"), int),
        "ssl_verify": _bool_or_path,
    },
    "gs": {
        **_COMMON,
        **dict.fromkeys(("projectname", "credentialpath", "endpointurl"), str),
        "allow_anonymous_login": _bool,
    },
    "azure": {
        **_COMMON,
        **dict.fromkeys(_AZURE, str),
        **dict.fromkeys(("allow_anonymous_login", *_AZURE_EXCLUDES), _bool),
        **dict.fromkeys(("timeout", "read_timeout", "connection_timeout"), int),
    },
}
"""The settings that DVC has of each kind, and what makes a value of one."""

_GRANTS: Final = {
    "grant_full_control": "GrantFullControl",
    "grant_read": "GrantRead",
    "grant_read_acp": "GrantReadACP",
    "grant_write_acp": "GrantWriteACP",
}
_TRANSFERS: Final = frozenset(
    {
        *("max_queue_size", "max_concurrent_requests"),
        *("multipart_threshold", "multipart_chunksize"),
    }
)
"""What of the user's AWS configuration says how transfers go, and is no setting of a client."""


def known(kind: str, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """A remote's settings as DVC takes them; None where DVC itself is to be asked.

    Raises:
        ValueError: a value is none of its setting.
    """
    table = _KNOWN.get(kind)
    if table is None or not table.keys() >= settings.keys():
        return None
    found = {}
    for key, value in settings.items():
        try:
            found[key] = table[key](value)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{key}: {error}") from None
    return found


def opened(kind: str, settings: Mapping[str, Any], attempts: int) -> Any:  # noqa: ANN401 - fsspec's
    """The file system of a kind that is known here.

    Args:
        kind: of :func:`known`.
        settings: what :func:`known` gave.
        attempts: how often botocore tries, for each of two times that s3fs does.

    Raises:
        ImportError: its plugin is not installed.
    """
    if kind == "s3":
        from s3fs import S3FileSystem

        words = s3_words(settings)
        patience = {"total_max_attempts": attempts, "mode": "standard"}
        words.setdefault("config_kwargs", {}).setdefault("retries", patience)
        filesystem = S3FileSystem(skip_instance_cache=True, **words)
        filesystem.retries = 2
        filesystem.connect()
        return filesystem
    if kind == "gs":
        from gcsfs import GCSFileSystem

        return GCSFileSystem(skip_instance_cache=True, **gs_words(settings))
    from adlfs import AzureBlobFileSystem

    return AzureBlobFileSystem(skip_instance_cache=True, **_azure_words(settings))


def root_of(kind: str, url: str) -> str:
    """Where a store begins, as its file system has paths."""
    from fsspec.utils import infer_storage_options

    parts = infer_storage_options(url)
    return str(parts["host"] + parts["path"] if kind == "azure" else parts["path"])


def s3_words(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What s3fs is told, as `dvc-s3` does.

    Raises:
        ValueError: two settings exclude each other.
    """
    told: dict[str, Any] = {
        "version_aware": False,
        "key": settings.get("access_key_id"),
        "secret": settings.get("secret_access_key"),
        "token": settings.get("session_token"),
        "profile": settings.get("profile"),
        "use_ssl": settings.get("use_ssl", True),
        "anon": settings.get("allow_anonymous_login", False),
    }
    aws = _aws_configuration(settings.get("profile"))
    client = {
        "region_name": settings.get("region"),
        "endpoint_url": settings.get("endpointurl"),
        "verify": settings.get("ssl_verify"),
    }
    config = {
        "read_timeout": settings.get("read_timeout"),
        "connect_timeout": settings.get("connect_timeout"),
        "s3": aws,
    }
    for variable, key in (
        ("AWS_SHARED_CREDENTIALS_FILE", "credentialpath"),
        ("AWS_CONFIG_FILE", "configpath"),
    ):
        if settings.get(key):
            os.environ.setdefault(variable, settings[key])
    regions = (client["region_name"], aws.get("region_name"), os.getenv("AWS_REGION"))
    if regions == (None, None, None):
        told["cache_regions"] = settings.get("cache_regions", True)
    told["client_kwargs"] = client
    told["config_kwargs"] = config
    told["s3_additional_kwargs"] = _s3_additional(settings)
    return _said(told)


def _said(told: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is None, or holds nothing."""
    found = {k: _said(v) if isinstance(v, dict) else v for k, v in told.items()}
    return {k: v for k, v in found.items() if v is not None and v != {}}


def _s3_additional(settings: Mapping[str, Any]) -> dict[str, Any]:
    import base64

    from s3fs.utils import SSEParams

    key = settings.get("sse_customer_key")
    if key and settings.get("sse_kms_key_id"):
        raise ValueError("`sse_kms_key_id` and `sse_customer_key` exclude each other")
    grants = {name: settings[key] for key, name in _GRANTS.items() if settings.get(key)}
    if grants and settings.get("acl"):
        raise ValueError("`acl` and `grant_*` exclude each other")
    encryption = SSEParams(
        server_side_encryption=settings.get("sse"),
        sse_customer_algorithm=settings.get("sse_customer_algorithm")
        or ("AES256" if key else None),
        sse_customer_key=base64.b64decode(key) if key else None,
        sse_kms_key_id=settings.get("sse_kms_key_id"),
    )
    told: dict[str, Any] = encryption.to_kwargs()
    return told | grants | {"ACL": settings.get("acl")}


def _aws_configuration(profile: str | None) -> dict[str, Any]:
    """The section ``s3`` of a profile in the user's AWS configuration, without its transfers."""
    from botocore.configloader import load_config

    path = os.environ.get("AWS_CONFIG_FILE") or at_home(".aws/config")
    if not Path(path).exists():
        return {}
    section = (load_config(path)["profiles"].get(profile or "default") or {}).get("s3", {})
    return {key: value for key, value in section.items() if key not in _TRANSFERS}


def at_home(name: str) -> str:
    """A path below the user's home; as it is written where there is none."""
    return os.path.expanduser(f"~/{name}")  # noqa: PTH111 - nobody may be without a home


def gs_words(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What gcsfs is told, as `dvc-gs` does."""
    anonymous = settings.get("allow_anonymous_login")
    project = settings.get("projectname")
    return {
        "consistency": None,
        "version_aware": False,
        **({"project": project} if project is not None else {}),
        "token": "anon" if anonymous else settings.get("credentialpath"),  # nosec B105 # no secret
        "endpoint_url": settings.get("endpointurl"),
        "session_kwargs": {"trust_env": True},
    }


def _azure_words(settings: Mapping[str, Any]) -> dict[str, Any]:
    from azure.identity.aio import DefaultAzureCredential
    from knack.config import CLIConfig

    logging.getLogger("azure.identity.aio").setLevel(logging.ERROR)  # as DVC: each failed way
    folder = os.getenv("AZURE_CONFIG_DIR") or at_home(".azure")
    own = CLIConfig(config_dir=folder, config_env_var_prefix="AZURE")
    return azure_words(
        settings, lambda name: own.get("storage", name, None), DefaultAzureCredential
    )


def azure_words(
    settings: Mapping[str, Any],
    own: Callable[[str], str | None],
    credential: Callable[..., object],
) -> dict[str, Any]:
    """What adlfs is told, as `dvc-azure` does.

    Args:
        settings: the remote's.
        own: what the user's configuration of Azure's own command says.
        credential: makes the user's default credential.

    Raises:
        ValueError: there is neither an account nor a connection string.
    """
    told: dict[str, Any] = {"version_aware": False}
    for key, name in (
        ("connection_string", "connection_string"),
        ("account_name", "account"),
        ("account_key", "key"),
        ("sas_token", "sas_token"),
    ):
        told[key] = settings[key] if key in settings else own(name)
    for key in ("tenant_id", "client_id", "client_secret"):
        told[key] = settings.get(key)
    if not (told["account_name"] or told["connection_string"]):
        raise ValueError("it needs an account_name or a connection_string")
    whole = any(value for key, value in told.items() if key != "account_name")
    if not whole and not settings.get("allow_anonymous_login", False):
        excluded = {key: settings.get(key, False) for key in _AZURE_EXCLUDES}
        told["credential"] = credential(exclude_interactive_browser_credential=False, **excluded)
    return told
