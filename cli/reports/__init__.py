"""The guard's decision in the words of other programs: GitHub, JUnit readers, SARIF readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.inert import inert_json

if TYPE_CHECKING:
    from lineage.guard.decision import Decision, NothingServes

FORMATS = ("text", "json", "github", "junit", "sarif")


def render(form: str, decision: Decision | NothingServes) -> str:
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
    return inert_json(decision.to_json(), indent=2)
