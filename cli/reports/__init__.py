"""The guard's decision in the words of other programs: GitHub, JUnit readers, SARIF readers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineage.guard.decision import Decision

FORMATS = ("text", "json", "github", "junit", "sarif")


def render(form: str, decision: Decision) -> str:
    """A decision as a document of one of :data:`FORMATS` other than text."""
    if form == "junit":
        from . import junit

        return junit.render(decision)
    if form == "sarif":
        from . import sarif

        return sarif.render(decision)
    if form == "github":
        from . import github

        github.summarise(decision)
        return github.render(decision)
    return json.dumps(decision.to_json(), indent=2, ensure_ascii=False)
