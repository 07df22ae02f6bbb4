"""Whether a version can be replayed with the deployed pipeline, and the act that does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.acts import act

if TYPE_CHECKING:
    from lineage.guard.facts import Facts


def replay(facts: Facts, ref: str | None = None) -> str | None:
    """The act that runs a version with the pipeline that is deployed; None where none can.

    A commit must hold that pipeline, and it must run there already: what is only to be deployed is
    found nowhere.

    Args:
        facts: what is known.
        ref: the version; by default the one that is judged.
    """
    deployed = facts.deployed
    if deployed is None or deployed.manifest is None or facts.pipeline_moves:
        return None
    if not (facts.recorded and facts.deployed_is_commit):
        return None
    return act("validate", ref or facts.ref, in_=facts.environment)
