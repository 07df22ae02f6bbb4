"""Parts of request bodies: describe what was observed of a run."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from lineage.contract.bodies.components import Body
from lineage.contract.bodies.texts import Line
from lineage.identity.watched import MOST_DISTRIBUTIONS, MOST_MODULES, MOST_UNDECLARED

FilePath = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
"""A file of the repository, relative to the project's folder."""
Scripts = Annotated[list[FilePath], Field(max_length=100)]


class UndeclaredBody(Body):
    """A file that was read and is in no component."""

    path: FilePath
    role: Literal["code", "parameters", "data"]
    tracked: bool = Field(description="Whether git tracks it.")
    by: Scripts = Field(default_factory=list, description="The scripts that read it.")


class ModuleBody(Body):
    """A module of the repository that was imported."""

    name: FilePath
    path: FilePath


class DistributionBody(Body):
    """An installed distribution that something was imported of."""

    name: Line
    version: Line
    by: Scripts = Field(default_factory=list, description="The scripts that imported it.")


class InterpreterBody(Body):
    """A Python that took part."""

    implementation: Line
    version: Line
    platform: Line
    processes: Annotated[int, Field(ge=0, le=2**31 - 1)]


class WatchedBody(Body):
    """What was observed of a run: paths of the repository alone, no values of an environment."""

    run: dict[str, Any] = Field(description="The command that was run.")
    complete: bool | None = Field(
        default=None, description="Whether there are no gaps; not read, the server tells by them."
    )
    gaps: Annotated[list[Line], Field(max_length=2000)] = Field(
        default_factory=list, description="What may be missing, a sentence each."
    )
    undeclared: Annotated[list[UndeclaredBody], Field(max_length=MOST_UNDECLARED)]
    code: Annotated[list[FilePath], Field(max_length=100_000)] = Field(
        default_factory=list, description="The pipeline's code files that were run."
    )
    modules: Annotated[list[ModuleBody], Field(max_length=MOST_MODULES)]
    distributions: Annotated[list[DistributionBody], Field(max_length=MOST_DISTRIBUTIONS)]
    interpreters: Annotated[list[InterpreterBody], Field(max_length=1000)]
