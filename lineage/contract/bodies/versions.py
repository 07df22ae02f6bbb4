"""Bodies of registrations and validations: describe a version, and a verdict on one."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from lineage.contract.bodies.components import (
    Body,
    ChainBody,
    CodeBody,
    CopyBody,
    DataItemBody,
    DigestsBody,
    MadeBody,
    PipelineBody,
    WeightsBody,
)
from lineage.contract.bodies.texts import Moment, Text
from lineage.contract.bodies.watched import WatchedBody
from lineage.identity.watched import MOST_KEPT

Watched = Annotated[list[WatchedBody], Field(max_length=MOST_KEPT)]


class VersionBody(Body):
    """A model version to register; ``production`` needs all four components and clean code."""

    kind: Literal["production", "experiment"] = "production"
    code: CodeBody | None = None
    data: Annotated[list[DataItemBody], Field(min_length=1, max_length=100_000)] | None = None
    pipeline: PipelineBody | None = None
    weights: WeightsBody | None = None
    made: MadeBody | None = None
    chain: ChainBody | None = Field(default=None, description="What led to it, run by run.")
    stored: Annotated[list[CopyBody], Field(max_length=100)] = Field(default_factory=list)
    digests: DigestsBody | None = None
    parent: Annotated[str, StringConstraints(max_length=300)] | None = Field(
        default=None,
        description="The version it was made from, and behind a colon the relation to it.",
        examples=["churn@6", "churn@6:distilled-from"],
    )
    run: dict[str, Any] | None = Field(default=None, description="The training that was run.")
    watched: Watched = Field(
        default_factory=list, description="What was observed of runs that made it."
    )
    dry_run: bool = Field(default=False, description="Whether it would be recorded; it is not.")


class CarriedBody(Body):
    """The validation that a verdict rests on, and what differs, in words."""

    rests_on: Annotated[int, Field(ge=1, le=2**31 - 1)]
    difference: Text


class RunBody(Body):
    """The command that was run for a verdict."""

    command: Annotated[list[str], Field(min_length=1, max_length=10_000)]
    exit_status: int | None = None
    folder: str | None = None
    host: str | None = None
    started_at: Moment | None = None
    seconds: Annotated[float, Field(ge=0)] | None = None


class ValidationBody(Body):
    """A verdict. It cannot be a pass where a requirement does not hold of the metrics."""

    pipeline: PipelineBody
    passed: bool
    metrics: dict[str, Any] | None = None
    requirements: Annotated[list[Text], Field(max_length=1000)] = Field(
        default_factory=list, examples=[["auc >= 0.80"]]
    )
    run: RunBody | None = None
    data: Annotated[list[DataItemBody], Field(min_length=1, max_length=100_000)] | None = None
    watched: Watched = Field(
        default_factory=list, description="What was observed of runs that it rests on."
    )
    carried: CarriedBody | None = None
    elsewhere: bool = Field(
        default=False, description="It was made where the version's own parts were not looked at."
    )
    profile: dict[str, Any] | None = Field(
        default=None, description="What the data looked like: the JSON of a profile."
    )
    dry_run: bool = Field(default=False, description="Whether it would be recorded; it is not.")

    @model_validator(mode="after")
    def _only_a_pass_is_carried(self) -> Self:
        if self.carried is not None and not self.passed:
            raise ValueError("only a pass is carried over")
        if self.carried is not None and self.dry_run:
            raise ValueError("what is carried over is not tried")
        return self
