"""OpenLineage (spec 2-0-2): stages, the registration, verdicts and decisions as the runs of jobs.

A line is an event, as OpenLineage's own transports write them to a file. Facets are those of the
specification alone. A requirement, and a rule of the guard, is a test of the ``test`` facet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lineage import timestamps
from lineage.export.described import PRODUCER, as_uri, identified, measured
from lineage.guard.decision import Status
from lineage.inert import inert_json

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator
    from uuid import UUID

    from lineage.contract.results.records import Validation
    from lineage.export.described import Described
    from lineage.export.steps import Content, Step
    from lineage.guard.decision import Check, Decision

_SPEC: Final = "https://openlineage.io/spec"
_EVENT: Final = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_NAMESPACE: Final = "lineage-guard"

_FACETS: Final = {
    "version": "1-0-1/DatasetVersionDatasetFacet",
    "sourceCodeLocation": "1-1-0/SourceCodeLocationJobFacet",
    "executionParameters": "1-0-0/ExecutionParametersRunFacet",
    "test": "1-0-1/TestRunFacet",
    "jobType": "2-0-4/JobTypeJobFacet",
    "datasetType": "1-0-1/DatasetTypeDatasetFacet",
}

_STATUSES: Final = {
    Status.PASS: ("pass", "error"),
    Status.FAIL: ("fail", "error"),
    Status.WARN: ("fail", "warn"),
    Status.WAIVED: ("fail", "warn"),
    Status.SKIPPED: ("skip", "error"),
}
"""The status and the severity of a test that a rule comes to."""

_OUTCOMES: Final = {True: "pass", False: "fail", None: "skip"}
"""The status of a test that a requirement comes to; one that is still open is skipped."""


def written(described: Described) -> str:
    """A version as OpenLineage events, one a line."""
    return "".join(f"{inert_json(event)}\n" for event in events(described))


def events(described: Described) -> Iterator[dict[str, Any]]:
    """The events of a version: each run begins, and is complete."""
    version = described.version
    for step in described.made.steps:
        yield from _step(described, step)
    yield from _run(described, "register", version.registered_at, **_registration(described))
    for validation in reversed(version.validations):
        yield from _run(
            described,
            "validate",
            validation.validated_at,
            number=validation.id,
            inputs=[_model(described), *_judged_on(validation)],
            run=_facets(test={"tests": list(_tests(validation))}),
        )
    for decision in described.decisions:
        yield from _run(
            described,
            "guard",
            timestamps.moment(timestamps.now()),
            number=decision.environment,
            inputs=[_model(described)],
            run=_facets(test={"tests": [_rule(check) for check in decision.checks]}),
            name=_job(decision),
        )


def _step(described: Described, step: Step) -> Iterator[dict[str, Any]]:
    """A run that led to the version; of the time, only by when it was over is known.

    It is called by its content: in what is exported of other versions it is the same.
    """
    parameters = [{"key": key, "value": _text(value)} for key, value in step.parameters]
    if step.commands:
        parameters.append({"key": "command", "value": " && ".join(step.commands)})
    inputs = [_content(content) for content in step.used if content.role != "output"]
    if step.origin:
        place = " ".join(step.origin[key] for key in ("url", "path") if key in step.origin)
        inputs.append(_dataset(place, step.origin.get("rev", place), "ORIGIN"))
    yield from _run(
        described,
        "import" if step.imported else "stage",
        described.version.registered_at,
        inputs=inputs,
        outputs=[_content(content) for content in step.made],
        run=_facets(executionParameters={"parameters": parameters}) if parameters else {},
        name=f"{described.version.model}.{step.name}",
        identifier=identified("run", step.id),
    )


def _content(content: Content) -> dict[str, Any]:
    return _dataset(content.name, content.digest, "CODE" if content.role == "code" else "FILE")


def _registration(described: Described) -> dict[str, Any]:
    """What went into a version, and the model that came out."""
    parameters = [{"key": key, "value": _text(value)} for key, value in described.parameters]
    weights = described.made.weights
    return {
        "inputs": [
            *(
                _dataset(item.name, item.digest, "FILE" if item.verified else "ASSERTED")
                for item in described.data
            ),
            *([_content(weights)] if weights is not None else []),
        ],
        "outputs": [_model(described)] if described.version.weights is not None else [],
        "run": _facets(executionParameters={"parameters": parameters}) if parameters else {},
        "place": _source(described),
    }


def _run(
    described: Described,
    job: str,
    at: dt.datetime,
    *,
    inputs: list[dict[str, Any]],
    run: dict[str, Any],
    outputs: list[dict[str, Any]] | None = None,
    name: str | None = None,
    number: int | str | None = None,
    place: dict[str, Any] | None = None,
    identifier: UUID | None = None,
) -> Iterator[dict[str, Any]]:
    """The two events of a run: a START, and a COMPLETE with what is known."""
    kind = {"processingType": "BATCH", "integration": "LINEAGE-GUARD", "jobType": job.upper()}
    base = {
        "eventTime": timestamps.written(at),
        "producer": PRODUCER,
        "schemaURL": _EVENT,
        "run": {"runId": str(identifier or described.identifier(job, number)), "facets": run},
        "job": {
            "namespace": _NAMESPACE,
            "name": name or f"{described.version.model}.{job}",
            "facets": _facets(jobType=kind) | (place or {}),
        },
    }
    known = {"inputs": inputs, "outputs": outputs or []}
    yield {"eventType": "START", **base}
    yield {"eventType": "COMPLETE", **base, **known}


def _job(decision: Decision) -> str:
    return f"{decision.model}.guard.{decision.environment}"


def _model(described: Described) -> dict[str, Any]:
    version = described.version
    return _dataset(version.model, version.weights or version.tuple, "MODEL", version.ref)


def _judged_on(validation: Validation) -> Iterator[dict[str, Any]]:
    """The data that a verdict names."""
    for item in validation["data"]:
        yield _dataset(item["name"], item["digest"], "FILE")


def _dataset(name: str, digest: str, kind: str, version: str | None = None) -> dict[str, Any]:
    """A dataset by its name; its version is its digest."""
    shown = f"{version} {digest}" if version else digest
    facets = _facets(version={"datasetVersion": shown}, datasetType={"datasetType": kind})
    return {"namespace": _NAMESPACE, "name": name, "facets": facets}


def _source(described: Described) -> dict[str, Any]:
    """Where the code is; nothing where no repository is known."""
    code = described.code
    url = as_uri(code["remote"]) if code["remote"] is not None else None
    if url is None or described.commit is None:
        return {}
    place = {
        "type": "git",
        "url": url,
        "repoUrl": code["remote"],
        "version": described.commit,
        "branch": code["branch"],
        "path": code["subfolder"] or None,
    }
    return _facets(sourceCodeLocation={key: text for key, text in place.items() if text})


def _tests(validation: Validation) -> Iterator[dict[str, Any]]:
    """The requirements of a verdict; the verdict itself where there is none."""
    for outcome in validation.requirements:
        yield {
            "name": outcome.requirement,
            "status": _OUTCOMES[outcome.holds],
            "severity": "error",
            "type": "requirement",
            "description": outcome.sentence,
            "params": dict(outcome.metrics),
        }
    yield {
        "name": "verdict",
        "status": "pass" if validation.passed else "fail",
        "severity": "error",
        "type": f"validation ({validation.basis.value})",
        "description": f"pipeline {validation.pipeline}",
        "params": dict(measured(validation)),
    }


def _rule(check: Check) -> dict[str, Any]:
    status, severity = _STATUSES[check.status]
    return {
        "name": check.code,
        "status": status,
        "severity": severity,
        "type": f"guard ({check.status.value})",
        "description": check.summary,
    }


def _facets(**facets: dict[str, Any]) -> dict[str, Any]:
    return {name: facet | _told(name) for name, facet in facets.items()}


def _told(name: str) -> dict[str, str]:
    version, _, title = _FACETS[name].partition("/")
    place = f"{_SPEC}/facets/{version}/{title}.json#/$defs/{title}"
    return {"_producer": PRODUCER, "_schemaURL": place}


def _text(value: object) -> str:
    return value if isinstance(value, str) else inert_json(value)
