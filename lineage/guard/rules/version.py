"""What a version must be by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.acts import act
from lineage.guard.decision import Check, Status
from lineage.identity.components import Kind
from lineage.identity.origin import OriginState

if TYPE_CHECKING:
    from lineage.guard.facts import Facts


def kind(facts: Facts) -> Check:
    """Fails when an experiment is promoted into a production environment."""
    if facts.kind is Kind.EXPERIMENT:
        return Check(
            "kind",
            Status.FAIL,
            f"{facts.ref} is an experiment, and experiments never enter {facts.environment}",
            _from_elsewhere(facts)
            or "Register it for production from a clean tree: "
            f"{act('register', facts.model, kind='production')}",
        )
    return Check("kind", Status.PASS, f"{facts.ref} was registered for production")


def tuple_complete(facts: Facts) -> Check:
    """Fails when a component is missing."""
    if facts.missing:
        return Check(
            "tuple-complete",
            Status.FAIL,
            f"{facts.ref} was registered without its {' and '.join(facts.missing)}",
            _from_elsewhere(facts)
            or f"Register it with all four components: {act('register', facts.model)}",
            {"missing": list(facts.missing)},
        )
    return Check("tuple-complete", Status.PASS, "code, data, pipeline and weights are recorded")


def code_clean(facts: Facts) -> Check:
    """Fails when the code had changes that no commit holds; tells what it made of the weights."""
    if "code" in facts.missing:
        return Check("code-clean", Status.SKIPPED, "no code is recorded")
    if facts.dirty:
        return Check(
            "code-clean",
            Status.FAIL,
            f"{facts.ref} was registered from a tree with uncommitted changes",
            f"Commit them, train again and register: {act('register', facts.model)}",
        )
    clean, origin = "the code is a commit, unchanged", facts.origin
    if origin is None:
        return Check("code-clean", Status.PASS, clean)
    details = {"made": origin.to_json()}
    if origin.state is OriginState.STALE:
        return Check(
            "code-clean",
            Status.WARN,
            f"{clean}, but the weights {origin.sentence}",
            "Train again on the code as it is and register: "
            f"{act('register', facts.model, '--', 'dvc', 'repro', '--force')}",
            details,
        )
    return Check(
        "code-clean", Status.PASS, f"{clean}; the weights {origin.sentence}", None, details
    )


def _from_elsewhere(facts: Facts) -> str | None:
    """How to register a model from elsewhere for production; None for one that was made here."""
    origin = facts.origin
    if origin is None or not origin.is_external:
        return None
    lacks = facts.missing
    again = act(
        "register",
        facts.model,
        external=origin.source,
        code="URL@COMMIT" if "code" in lacks else None,
        data="NAME=URI@VERSION" if "data" in lacks else None,
        pipeline="NAME@DIGEST" if "pipeline" in lacks else None,
        kind="production",
    )
    return f"Register it for production, and say what is not known of it: {again}"
