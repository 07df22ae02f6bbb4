"""DVC's own schema of a ``dvc.yaml``, compiled once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@cache
def pipeline_schema() -> Callable[[Any], Any]:
    """The schema that DVC holds a ``dvc.yaml`` against.

    DVC compiles the part that is about a stage anew for each stage, which took longer than all else
    of a capture of thousands.
    """
    from dvc.schema import DO_KWD, FOREACH_IN, FOREACH_KWD, MULTI_STAGE_SCHEMA, STAGE_DEFINITION
    from dvc.schema import STAGES as KEY
    from voluptuous import Schema

    stage, templated = Schema(STAGE_DEFINITION), Schema(FOREACH_IN)

    def one(document: Any) -> Any:  # noqa: ANN401 - parsed YAML
        is_templated = isinstance(document, Mapping) and {FOREACH_KWD, DO_KWD} & document.keys()
        return (templated if is_templated else stage)(document)

    schema: Callable[[Any], Any] = Schema(MULTI_STAGE_SCHEMA | {KEY: {str: one}})
    return schema
