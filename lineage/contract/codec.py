"""Values as they go over HTTP: written by one side, read by the other. Pure.

A digest that comes with what it is of is a claim: it is taken anew, and a claim that differs is
refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.contract.captured import Captured, CapturedPipelineVersion
from lineage.contract.results import (
    Candidate,
    FoundPipeline,
    Moved,
    NamedPipeline,
    Occupying,
    Readiness,
    Registered,
    Serving,
    Step,
)
from lineage.errors import DigestMismatch, UsageError
from lineage.guard.decision import Check, Decision, Status
from lineage.guard.facts import Basis, HeldCopy, Move, Verdict, Waiver
from lineage.guard.requirements import Outcome
from lineage.identity.components import (
    CodeVersion,
    Components,
    DataItem,
    DataVersion,
    Known,
    Weights,
)
from lineage.identity.digest import Digest
from lineage.identity.pipeline import Manifest, PipelineVersion
from lineage.weights.copies import NewCopy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Json = dict[str, Any]


# what a client captured


def captured_to_json(captured: Captured) -> Json:
    """The components of a version, each with what its digest is taken of."""
    parts = captured.components
    return {
        "code": _code_to_json(parts.code) if parts.code else None,
        "data": data_to_json(parts.data),
        "pipeline": (
            pipeline_to_json(CapturedPipelineVersion(captured.pipeline_name, parts.pipeline))
            if parts.pipeline
            else None
        ),
        "weights": _weights_to_json(parts.weights) if parts.weights else None,
        "stored": [copy.to_json() for copy in captured.stored],
        "digests": {"tuple": parts.tuple_digest, **parts.digests},
    }


def captured_from_json(model: str, body: Mapping[str, Any]) -> Captured:
    """The components of a version, every digest taken anew.

    Args:
        model: the model's name.
        body: what :func:`captured_to_json` wrote.

    Raises:
        DigestMismatch: a claim is not what its manifest comes to.
        UsageError: a digest or a manifest cannot be read.
    """
    pipeline = body.get("pipeline")
    found = described_pipeline(pipeline, model) if pipeline is not None else None
    components = Components(
        _code_from_json(body["code"]) if body.get("code") is not None else None,
        data_from_json(body.get("data")),
        found.version if found else None,
        _weights_from_json(body["weights"]) if body.get("weights") is not None else None,
    )
    held = {"tuple": components.tuple_digest, **components.digests}
    for name, claim in (body.get("digests") or {}).items():
        _check_claim(f"{name} digest", claim, held.get(name))
    stored = tuple(NewCopy.from_json(copy) for copy in body.get("stored") or ())
    return Captured(components, found.name if found else model, stored=stored)


def data_to_json(data: DataVersion | None) -> list[Json] | None:
    """The items of a data version."""
    if data is None:
        return None
    return [
        {"name": i.name, "digest": i.digest, "known": i.known.value, "size": i.size}
        for i in data.items
    ]


def data_from_json(items: Iterable[Mapping[str, Any]] | None) -> DataVersion | None:
    """A data version by its items.

    Raises:
        UsageError: a name stands twice, or a digest cannot be read.
    """
    if items is None:
        return None
    found = [
        DataItem(item["name"], Digest(item["digest"]), Known(item["known"]), item.get("size"))
        for item in items
    ]
    if len({item.name for item in found}) != len(found):
        raise UsageError("A data item stands twice.", remedy="Give each item a name of its own.")
    return DataVersion(tuple(sorted(found)))


def pipeline_to_json(pipeline: CapturedPipelineVersion | NamedPipeline) -> Json:
    """A pipeline version: captured, stated by a digest, or a recorded one by its digest."""
    if isinstance(pipeline, NamedPipeline):
        return {"name": pipeline.name, "digest": pipeline.digest}
    version = pipeline.version
    body: Json = {"name": pipeline.name, "commit": pipeline.commit, "dirty": pipeline.dirty}
    if version.manifest is None:
        return body | {"stated": version.stated}
    return body | {
        "manifest": version.manifest.to_json(),
        "digest": version.digest,
        "blake3": version.identity,
    }


def pipeline_from_json(
    body: Mapping[str, Any], name: str | None = None
) -> CapturedPipelineVersion | NamedPipeline:
    """A pipeline version, every digest of a manifest taken anew; ``name`` where it names none.

    Raises:
        DigestMismatch: a claim is not what the manifest comes to.
        UsageError: it is neither described, nor stated, nor named.
    """
    if body.get("manifest") is None and body.get("stated") is None:
        digest = body.get("digest")
        if digest is None:
            raise UsageError(
                "The pipeline version is missing.",
                remedy="Give its manifest, the digest of a recorded one, or state one.",
            )
        return NamedPipeline(body.get("name") or name, digest)
    return described_pipeline(body, name)


def described_pipeline(body: Mapping[str, Any], name: str | None) -> CapturedPipelineVersion:
    """A pipeline version that is not only named.

    Raises:
        DigestMismatch: a claim is not what the manifest comes to.
        UsageError: it has no name, or is both described and stated, or neither.
    """
    name = body.get("name") or name
    manifest, stated = body.get("manifest"), body.get("stated")
    if name is None or (manifest is None) == (stated is None):
        raise UsageError(
            "A pipeline version has a name, and either a manifest or a stated digest.",
            remedy="Give its `name`, and its `manifest` or `stated`.",
        )
    version = PipelineVersion(
        Manifest.from_json(manifest) if manifest is not None else None,
        Digest(stated) if stated is not None else None,
    )
    _check_claim("digest of the pipeline", body.get("digest"), version.digest)
    _check_claim("BLAKE3 of the pipeline", body.get("blake3"), version.identity)
    return CapturedPipelineVersion(
        name, version, body.get("commit"), bool(body.get("dirty", False))
    )


def _check_claim(what: str, claim: str | None, found: str | None) -> None:
    if claim is not None and claim != found:
        raise DigestMismatch(
            f"The {what} is said to be {claim[:80]}, but it is {found}.",
            remedy="Capture it again with this version of lineage-guard.",
        )


def _code_to_json(code: CodeVersion) -> Json:
    return {
        "commit": code.commit,
        "difference": code.difference,
        "remote": code.remote,
        "branch": code.branch,
        "subfolder": code.subfolder,
    }


def _code_from_json(code: Mapping[str, Any]) -> CodeVersion:
    difference = code.get("difference")
    return CodeVersion(
        code["commit"],
        Digest(difference) if difference is not None else None,
        code.get("remote"),
        code.get("branch"),
        code.get("subfolder") or "",
    )


def _weights_to_json(weights: Weights) -> Json:
    return {
        "digest": weights.digest,
        "blake3": weights.blake3,
        "path": weights.path,
        "size": weights.size,
        "files": weights.files,
    }


def _weights_from_json(weights: Mapping[str, Any]) -> Weights:
    blake3 = weights.get("blake3")
    return Weights(
        Digest(weights["digest"]),
        Digest(blake3) if blake3 is not None else None,
        weights["path"],
        weights["size"],
        weights.get("files", 1),
    )


# what a server answers


def found_pipeline(body: Mapping[str, Any]) -> FoundPipeline:
    """A recorded pipeline version, read back from its JSON."""
    manifest = body["manifest"]
    version = PipelineVersion(
        Manifest.from_json(manifest) if manifest is not None else None,
        Digest(body["digest"]) if manifest is None else None,
    )
    return FoundPipeline(
        body["name"],
        version,
        body["commit"],
        body["dirty"],
        body["recorded_at"],
        body["recorded_by"],
    )


def registered(body: Mapping[str, Any]) -> Registered:
    """A version, read back from its JSON."""
    return Registered(**{key: body[key] for key in Registered.__dataclass_fields__})


def serving(body: Mapping[str, Any]) -> Serving:
    """A slot, read back from its JSON."""
    waiver = body["waiver"]
    rests_on, in_force = None, []
    if waiver is not None:
        in_force = [_waiver(one) for one in waiver["further"]]
        if waiver["ended"]:
            rests_on = _waiver(waiver)
        else:
            in_force.insert(0, _waiver(waiver))
    backup = body["backup"]
    return Serving(
        environment=body["environment"],
        model=body["model"],
        revision=body["revision"],
        pipeline=body["pipeline"],
        serving=_occupying(body["model"], body["serving"]),
        backup=_occupying(body["model"], backup),
        contradicted=body["contradicted"],
        waivers=tuple(in_force),
        rests_on=rests_on,
        readiness=_readiness(backup) if backup is not None else None,
    )


def decision_to_json(decision: Decision) -> Json:
    """The guard's JSON, and what the version was about to do."""
    return decision.to_json() | {"move": decision.move.value}


def decision(body: Mapping[str, Any]) -> Decision:
    """A decision, read back from its JSON."""
    checks = tuple(
        Check(c["code"], Status(c["status"]), c["summary"], c["remedy"], c["details"])
        for c in body["checks"]
    )
    move = Move(body.get("move", Move.ENTER))
    return Decision(body["model"], body["version"], body["environment"], checks, move)


def moved_to_json(moved: Moved) -> Json:
    """JSON of a move, with the decisions it rests on and the revisions before it."""
    return moved.to_json() | {
        "decisions": [decision_to_json(made) for made in moved.decisions],
        "unused_waivers": list(moved.unused_waivers),
        "revisions": moved.revisions,
    }


def moved(body: Mapping[str, Any]) -> Moved:
    """A move, read back from its JSON."""
    return Moved(
        environment=body["environment"],
        changed=body["changed"],
        slots=tuple(serving(slot) for slot in body["models"]),
        decisions=tuple(decision(made) for made in body["decisions"]),
        emptied_backups=tuple(body["emptied_backups"]),
        pipeline=body["pipeline"],
        steps=tuple(_step(step, body["revisions"]) for step in body["plan"]),
        unused_waivers=tuple(body["unused_waivers"]),
        proposed=body["proposed_backups"],
    )


def verdict_to_json(verdict: Verdict) -> Json:
    """All that the guard looks at of a verdict."""
    version = verdict.pipeline
    return {
        "id": verdict.id,
        "manifest": version.manifest.to_json() if version.manifest else None,
        "digest": version.digest,
        "passed": verdict.passed,
        "validated_at": verdict.validated_at,
        "validated_by": verdict.validated_by,
        "requirements": [outcome.to_json() for outcome in verdict.outcomes],
        "metrics": dict(verdict.metrics),
        "basis": verdict.basis.value,
        "rests_on": verdict.rests_on,
        "overturned": verdict.overturned,
        "commit": verdict.commit,
    }


def verdict(body: Mapping[str, Any]) -> Verdict:
    """A verdict, read back from its JSON."""
    manifest = body["manifest"]
    return Verdict(
        id=body["id"],
        pipeline=PipelineVersion(
            Manifest.from_json(manifest) if manifest is not None else None,
            Digest(body["digest"]) if manifest is None else None,
        ),
        passed=body["passed"],
        validated_at=body["validated_at"],
        validated_by=body["validated_by"],
        outcomes=tuple(Outcome.from_json(outcome) for outcome in body["requirements"]),
        metrics=body["metrics"],
        basis=Basis(body["basis"]),
        rests_on=body["rests_on"],
        overturned=body["overturned"],
        commit=body["commit"],
    )


def _waiver(body: Mapping[str, Any]) -> Waiver:
    return Waiver(body["code"], body["reason"], body["waived_by"], body["waived_at"], body["until"])


def _occupying(model: str, side: Mapping[str, Any] | None) -> Occupying | None:
    if side is None:
        return None
    fields = {key: side[key] for key in Occupying.__dataclass_fields__ if key != "model"}
    return Occupying(model, **fields)


def _readiness(backup: Mapping[str, Any]) -> Readiness | None:
    """What is known of a backup; None where nothing is, as of a past moment."""
    if backup.get("ready") is None:
        return None
    copies = tuple(held_copy(copy) for copy in backup["copies"])
    return Readiness(backup["ready"], backup["checked_at"], tuple(backup["reasons"]), copies)


def held_copy(copy: Mapping[str, Any]) -> HeldCopy:
    """What a store holds, read back from its JSON."""
    return HeldCopy(
        copy["store"], copy["state"], copy["deep"], copy["checked_at"], copy["checked_by"]
    )


def candidate(body: Mapping[str, Any]) -> Candidate:
    """A version that could stand by, read back from its JSON."""
    read = {
        "reasons": tuple(body["reasons"]),
        "copies": tuple(held_copy(copy) for copy in body["copies"]),
    }
    fields = {key: body[key] for key in Candidate.__dataclass_fields__}
    return Candidate(**fields | read)


def _step(step: Mapping[str, Any], revisions: Mapping[str, int]) -> Step:
    before, backup = step["serving"], step["backup"]
    return Step(
        step["model"],
        step["environment"],
        before["before"],
        backup["before"],
        before["after"],
        backup["after"],
        revisions[step["model"]],
        step["passed_over"],
    )
