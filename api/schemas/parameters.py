"""Parameters: describe the names, digests and selectors that stand in addresses and bodies."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from pydantic import Field, StringConstraints

from lineage.contract.bodies.texts import NAME
from lineage.identity import references

SELECTOR = f"^{references.SELECTOR}$"

Span = Annotated[
    str,
    StringConstraints(pattern=r"^[1-9][0-9]{0,4}[smhdw]$"),
    Field(description="A span of time.", examples=["12h", "7d"]),
]
KeepLast = Annotated[
    int, Field(ge=1, le=1_000_000, description="The newest versions of each model that are kept.")
]
KeepServed = Annotated[
    int, Field(ge=0, le=10_000, description="How many of what served in each slot to keep.")
]
KeepDays = Annotated[
    int, Field(ge=0, le=36_500, description="Days for which what registered or served is kept.")
]
Selector = Annotated[
    str,
    StringConstraints(pattern=SELECTOR, max_length=140),
    Field(
        description="A number, `latest`, or what serves in an environment: `production`, "
        "`production:backup`.",
        examples=["7", "latest", "staging"],
    ),
]

EnvPath = Annotated[str, Path(pattern=NAME, max_length=128, examples=["production"])]
ModelPath = Annotated[str, Path(pattern=NAME, max_length=128, examples=["churn"])]
PipelinePath = Annotated[str, Path(pattern=NAME, max_length=128, examples=["churn"])]
VersionPath = Annotated[
    str,
    Path(
        pattern=SELECTOR,
        max_length=140,
        description="A number, `latest`, or what serves in an environment: `production`, "
        "`production:backup`.",
        examples=["7"],
    ),
]
DigestPath = Annotated[
    str,
    Path(
        min_length=1,
        max_length=2033,
        description="`algorithm:value`, whole or a unique beginning of at least 8 digits.",
        examples=["xxh3:99aa06d3014798d86001c324468d497f"],
    ),
]
