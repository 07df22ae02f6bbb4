"""Texts of bodies: describe names, digests, moments and lines."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from lineage.identity import references

NAME = f"^{references.NAME}$"
PRINTABLE = r"^[^\x00-\x1f\x7f]+$"

Name = Annotated[str, StringConstraints(pattern=NAME, max_length=128)]
Digest = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,31}:[!-~]{1,2000}$", max_length=2033),
    Field(examples=["xxh3:99aa06d3014798d86001c324468d497f"]),
]
Text = Annotated[str, StringConstraints(max_length=2000)]
Line = Annotated[str, StringConstraints(max_length=1000, pattern=PRINTABLE)]
Moment = Annotated[
    str,
    StringConstraints(max_length=40),
    Field(description="ISO 8601; UTC without a zone.", examples=["2026-11-21T08:00:00Z"]),
]
