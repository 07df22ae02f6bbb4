"""Settings of a server: read what it is told when it starts, in variables named ``LINEAGE_…``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from lineage import timestamps
from lineage.registry.checker import named_stores
from lineage.registry.webhooks.addresses import networks
from lineage.registry_url import is_postgresql


def _span(text: str) -> str:
    if not timestamps.is_span(text):
        raise ValueError(f"{text[:40]!r} is no span of time; write it as 30m, 6h or 1d")
    return text


class Settings(BaseSettings):
    """The settings of a server; `lineage serve` fills them from its flags too."""

    model_config = SettingsConfigDict(env_prefix="LINEAGE_", frozen=True)

    registry: str = "sqlite:///.lineage/registry.db"
    standby: str | None = None
    """A streaming standby of the registry's PostgreSQL, from which answers about slots are read."""

    no_auth: bool = False
    read_only: bool = False
    """Only show what is there: a file's registry, to whoever is on this machine."""

    checkout: Path | None = None
    """Where the pages of a server that only shows look for the lines of code that differ."""

    trust: Path | None = None
    max_body: Annotated[int, Field(ge=1024)] = 16 << 20
    failed_logins: Annotated[int, Field(ge=1)] = 20
    max_waiting: Annotated[int, Field(ge=0)] = 20_000
    """Hosts that may wait on a process, if it may open as many files."""
    log_all: bool = False
    threads: Annotated[int, Field(ge=2, le=200)] = 12
    lock_timeout: Annotated[float, Field(gt=0)] = 10.0
    check_every: Annotated[str, AfterValidator(_span)] | None = None
    checkpoint_to: str | None = None
    checkpoint_key: str | None = None
    beside_lock: Path | None = None
    """A file by which several processes agree which one does what is done beside answering."""

    check_stores: str = ""
    """Names by commas, or ``*`` for all that every host reaches; needed where it looks at all."""

    webhooks: bool = True
    """Whether this server delivers what webhooks are to be told; another one may do it."""

    webhook_allow: str = ""
    """Networks by commas that webhooks may lead to besides public addresses."""

    @model_validator(mode="after")
    def _only_shows(self) -> Self:
        if self.read_only and (not self.no_auth or is_postgresql(self.registry)):
            raise ValueError("read_only is for a registry in a file, and with no_auth")
        if self.checkout is not None and not self.read_only:
            raise ValueError("checkout is for a server that is read_only")
        return self

    @model_validator(mode="after")
    def _names_stores(self) -> Self:
        if self.check_every is not None:
            named_stores(self.check_stores)
        networks(self.webhook_allow)
        return self
