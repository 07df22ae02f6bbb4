"""Bodies of requests on what is said of models and versions, and what becomes of models."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from lineage.contract.bodies.components import Body
from lineage.contract.bodies.texts import Name
from lineage.identity.labels import LONGEST_DESCRIPTION, LONGEST_VALUE, MOST_TAGS


class LabelsBody(Body):
    """What is said of a model or a version anew; what is not named stays as it is."""

    description: Annotated[str, StringConstraints(max_length=LONGEST_DESCRIPTION)] | None = Field(
        default=None, description="What it is; an empty one is taken away."
    )
    tags: dict[str, Annotated[str, StringConstraints(max_length=LONGEST_VALUE)] | None] = Field(
        default_factory=dict,
        max_length=MOST_TAGS,
        description="Values by name; null takes a tag away.",
        examples=[{"team": "risk", "ticket": None}],
    )


class RenameBody(Body):
    """The new name of a model."""

    to: Name


class ArchiveBody(Body):
    """Whether a model is archived, or taken up again."""

    restore: bool = False
