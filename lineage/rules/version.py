"""What a version must be by itself."""

from __future__ import annotations

from lineage.components import Kind
from lineage.decision import Check, Facts, Status


def kind(facts: Facts) -> Check:
    """Fails when an experiment is promoted into a production environment."""
    if facts.kind is Kind.EXPERIMENT:
        return Check(
            "kind",
            Status.FAIL,
            f"{facts.ref} is an experiment, and experiments never enter {facts.environment}",
            f"Register it for production from a clean tree: lineage register {facts.model} "
            "--kind production",
        )
    return Check("kind", Status.PASS, f"{facts.ref} was registered for production")


def tuple_complete(facts: Facts) -> Check:
    """Fails when a component is missing."""
    if facts.missing:
        return Check(
            "tuple-complete",
            Status.FAIL,
            f"{facts.ref} was registered without its {' and '.join(facts.missing)}",
            f"Register it with all four components: lineage register {facts.model}",
            {"missing": list(facts.missing)},
        )
    return Check("tuple-complete", Status.PASS, "code, data, pipeline and weights are recorded")


def code_clean(facts: Facts) -> Check:
    """Fails when the code had changes that no commit holds."""
    if "code" in facts.missing:
        return Check("code-clean", Status.SKIPPED, "no code is recorded")
    if facts.dirty:
        return Check(
            "code-clean",
            Status.FAIL,
            f"{facts.ref} was registered from a tree with uncommitted changes",
            f"Commit them, train again and register: lineage register {facts.model}",
        )
    return Check("code-clean", Status.PASS, "the code is a commit, unchanged")


def weights_intact(facts: Facts) -> Check:
    """Fails when the weights were missing or changed the last time that somebody looked."""
    code = "weights-intact"
    if "weights" in facts.missing:
        return Check(code, Status.SKIPPED, "no weights are recorded")
    found = facts.weights
    if found is None:
        return Check(
            code, Status.PASS, "the weights were read at registration; nobody looked since"
        )
    seen = f"at {found.place} on {found.at[:10]} ({found.by})"
    details = {
        "state": found.state,
        "place": found.place,
        "checked_at": found.at,
        "checked_by": found.by,
    }
    if found.state == "intact":
        return Check(code, Status.PASS, f"the weights were intact {seen}", details=details)
    was = "were missing" if found.state == "missing" else "did not match their digests"
    return Check(
        code,
        Status.FAIL,
        f"the weights of {facts.ref} {was} {seen}",
        f"Restore them and look again: lineage verify {facts.ref}",
        details,
    )
