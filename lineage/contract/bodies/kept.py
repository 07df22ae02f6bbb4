"""Bodies of captures that wait: a request as it would be sent, and what is asked before it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, ValidationError, model_validator

from lineage.contract.bodies.components import Body
from lineage.contract.bodies.texts import Digest
from lineage.contract.bodies.versions import RunBody, ValidationBody, VersionBody
from lineage.contract.validation import first_problem
from lineage.errors import UsageError
from lineage.timestamps import parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class KeptBody(Body):
    """What waits of a run; ``after`` is the number of the newest that there was before it."""

    request: VersionBody | ValidationBody
    after: Annotated[int, Field(ge=0, le=2**31 - 1)]

    @model_validator(mode="after")
    def _a_run_that_began(self) -> Self:
        run = self.request.run
        read = RunBody.model_validate(run) if isinstance(run, dict) else run
        if read is None or read.started_at is None:
            raise ValueError("it does not tell when its run began")
        parse_time(read.started_at)
        return self


class KeptVersion(KeptBody):
    """A training's version; ``to_store`` tells whether its weights are to be stored first."""

    request: VersionBody
    to_store: bool


class KeptValidation(KeptBody):
    """A verdict, and the ``tuple`` of the version that it is on."""

    request: ValidationBody
    tuple: Digest


def check(kind: type[KeptBody], body: Mapping[str, Any]) -> None:
    """Hold what waits against its schema.

    Raises:
        UsageError: it does not hold; the message is where, and what is wrong there.
    """
    try:
        kind.model_validate(body)
    except ValidationError as error:
        raise UsageError(first_problem(error)[:200], remedy="Capture it again.") from None
