"""The guard's values as JSON, and read back: decisions, validations, waivers, held copies. Pure.

What a value tells a person is its own ``to_json``; here stands what goes over HTTP besides, and the
way back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage import timestamps
from lineage.contract import moments
from lineage.contract.fields import from_fields
from lineage.contract.rest_remedies import with_requests, without_requests
from lineage.guard.decision import Check, Decision, Status
from lineage.guard.evidence import Basis
from lineage.guard.facts import HeldCopy, Root, Sample, Transition, Verdict, Waiver
from lineage.guard.requirements import Outcome
from lineage.identity.digest import Digest
from lineage.identity.pipeline import Manifest, PipelineVersion

if TYPE_CHECKING:
    from collections.abc import Mapping


def decision_to_json(decision: Decision) -> dict[str, Any]:
    """The guard's JSON with requests in its remedies, and what the version was about to do."""
    body = decision.to_json() | {"move": decision.move.value}
    for check in body["checks"]:
        check["remedy"] = check["remedy"] and with_requests(check["remedy"])
    return body


def decision_from_json(body: Mapping[str, Any]) -> Decision:
    """Read back what :func:`decision_to_json` wrote; before it said the move, it was to enter."""
    checks = tuple(
        from_fields(
            Check,
            check,
            status=Status(check["status"]),
            remedy=check["remedy"] and without_requests(check["remedy"]),
        )
        for check in body["checks"]
    )
    return from_fields(
        Decision, body, checks=checks, move=Transition(body.get("move", Transition.ENTER))
    )


def validation_to_json(validation: Verdict) -> dict[str, Any]:
    """All that the guard looks at of a validation."""
    pipeline = validation.pipeline
    return {
        "id": validation.id,
        "manifest": pipeline.manifest.to_json() if pipeline.manifest else None,
        "digest": pipeline.xxh3,
        "passed": validation.passed,
        "validated_at": validation.validated_at,
        "validated_by": validation.validated_by,
        "requirements": [outcome.to_json() for outcome in validation.outcomes],
        "metrics": dict(validation.metrics),
        "basis": validation.basis.value,
        "rests_on": validation.rests_on,
        "overturned": validation.overturned,
        "commit": validation.commit,
        "elsewhere": validation.elsewhere,
        "root": _root_to_json(validation.root),
        "person": validation.person,
        "on_word": validation.on_word,
    }


def validation_from_json(body: Mapping[str, Any]) -> Verdict:
    """Read back what :func:`validation_to_json` wrote."""
    return from_fields(
        Verdict,
        body,
        pipeline=pipeline_version_from_json(body),
        outcomes=tuple(Outcome.from_json(outcome) for outcome in body["requirements"]),
        basis=Basis(body["basis"]),
        root=_root_from_json(body.get("root")),
    )


def _root_to_json(root: Root | None) -> dict[str, Any] | None:
    if root is None:
        return None
    return {
        "pipeline": root.pipeline,
        "basis": root.basis.value,
        "validated_by": root.validated_by,
        "person": root.person,
    }


def _root_from_json(body: Mapping[str, Any] | None) -> Root | None:
    return from_fields(Root, body, basis=Basis(body["basis"])) if body is not None else None


def pipeline_version_from_json(body: Mapping[str, Any]) -> PipelineVersion:
    """A recorded pipeline version: by its ``manifest``, or by the ``digest`` that was stated."""
    manifest = body["manifest"]
    if manifest is None:
        return PipelineVersion(None, Digest(body["digest"]))
    return PipelineVersion(Manifest.from_json(manifest))


def waiver_from_json(body: Mapping[str, Any]) -> Waiver:
    """Read back what :meth:`Waiver.to_json` wrote."""
    at, until = timestamps.moment(body["waived_at"]), moments.read(body["until"])
    return from_fields(Waiver, body, by=body["waived_by"], at=at, until=until)


def held_copy_from_json(body: Mapping[str, Any]) -> HeldCopy:
    """Read back what :meth:`HeldCopy.to_json` wrote."""
    return from_fields(
        HeldCopy,
        body,
        by=body["checked_by"],
        at=timestamps.moment(body["checked_at"]),
        deep_at=moments.read(body.get("deep_at")),
        shared=body.get("shared", True),
        sample=Sample.from_json(body.get("sample")),
    )
