"""Settings of a server: read what it is told when it starts, in variables named ``LINEAGE_…``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of a server; `lineage serve` fills them from its flags too."""

    model_config = SettingsConfigDict(env_prefix="LINEAGE_", frozen=True)

    registry: str = "sqlite:///.lineage/registry.db"
    no_auth: bool = False
    trust: Path | None = None
    max_body: Annotated[int, Field(ge=1024)] = 16 << 20
    failed_logins: Annotated[int, Field(ge=1)] = 20
    log_all: bool = False
    threads: Annotated[int, Field(ge=2, le=200)] = 12
    lock_timeout: Annotated[float, Field(gt=0)] = 10.0
