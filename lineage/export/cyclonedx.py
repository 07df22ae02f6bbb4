"""CycloneDX 1.6: a version as a machine-learning model with its card, its data and its packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from lineage import timestamps
from lineage.export.described import as_uri, measured, number
from lineage.export.formulation import data_ref, formula
from lineage.export.hashes import hashes
from lineage.identity.signers import is_identity
from lineage.inert import inert_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lineage.contract.results.records import SignedStatement
    from lineage.export.described import DataItem, Described

_PREFIX: Final = "lineage-guard:"
"""Before the names of properties, as the specification asks for."""


def written(described: Described) -> str:
    """A version as a CycloneDX document."""
    return inert_json(document(described), indent=2) + "\n"


def document(described: Described) -> dict[str, Any]:
    """The bill of materials of a version."""
    parts = [*map(_data, described.data), *_packages(described)]
    formulation = formula(described)
    further: dict[str, Any] = {
        "formulation": [formulation] if formulation else [],
        "declarations": _declarations(described),
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{described.identifier('bom')}",
        "version": 1,
        "metadata": {
            "timestamp": timestamps.written(described.version.registered_at),
            "tools": {"components": [{"type": "application", "name": "lineage-guard"}]},
            "component": _model(described),
        },
        "components": parts,
        "dependencies": [
            {
                "ref": described.version.ref,
                "dependsOn": sorted({part["bom-ref"] for part in parts}),
            }
        ],
    } | {name: part for name, part in further.items() if part}


def _model(described: Described) -> dict[str, Any]:
    """The model itself."""
    version = described.version
    model: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": version.ref,
        "name": version.model,
        "version": str(version.version),
        "hashes": list(hashes(version.weights, described.weights["blake3"])),
        "pedigree": _pedigree(described),
        "modelCard": _card(described),
        "properties": list(_properties(described)),
    }
    if version["description"]:
        model["description"] = version["description"]
    return {key: value for key, value in model.items() if value not in ([], {})}


def _pedigree(described: Described) -> dict[str, Any]:
    """The commit of the code, and the version that it was made from."""
    found: dict[str, Any] = {}
    if described.commit is not None:
        remote = described.code["remote"]
        url = as_uri(remote) if remote and "://" in remote else None
        found["commits"] = [{"uid": described.commit} | ({"url": url} if url is not None else {})]
    parent = described.version.parent
    if parent is not None:
        name, _, number = parent.rpartition("@")
        ancestor = {"type": "machine-learning-model", "name": name, "version": number}
        found["ancestors"] = [ancestor]
    return found


def _card(described: Described) -> dict[str, Any]:
    """The model card: the data, and what the newest verdict measured."""
    newest = described.version.validation
    card: dict[str, Any] = {
        "bom-ref": f"{described.version.ref}/card",
        "modelParameters": {"datasets": [{"ref": _ref(item)} for item in described.data]},
    }
    if newest is not None:
        metrics = dict(measured(newest))
        card["quantitativeAnalysis"] = {
            "performanceMetrics": [_metric(name, value, metrics) for name, value in metrics.items()]
        }
    return card


def _metric(name: str, value: float, metrics: Mapping[str, float]) -> dict[str, str]:
    """A metric; of ``slices.new.auc`` the slice is ``slices.new``.

    Another part of the data is one if the same was measured of all: ``command.seconds`` is a whole.
    """
    part, _, last = name.rpartition(".")
    if part.startswith("slices.") or (part and last in metrics):
        return {"type": last, "value": number(value), "slice": part}
    return {"type": name, "value": number(value)}


def _declarations(described: Described) -> dict[str, Any]:
    """What was signed of it: a claim each, and what it rests on, by the digest of the envelope."""
    version = described.version.ref
    claims, evidence = [], []
    for one in described.signed:
        ref = f"{version}/attestation/{one['digest']}/{one.signed_by}"
        claims.append({"target": version, "predicate": one.says, "evidence": [ref]})
        evidence.append(
            {
                "bom-ref": ref,
                "propertyName": f"{_PREFIX}attestation",
                "description": f"A statement with the digest {one['digest']}, signed by "
                f"{_signer(one)}, verified when it was recorded and again for this.",
                "created": timestamps.written(one.recorded_at),
            }
        )
    return {"claims": claims, "evidence": evidence} if claims else {}


def _signer(one: SignedStatement) -> str:
    if is_identity(one.signed_by):
        return f"{one.signed_by} without a key of its own, by the registry's root of trust"
    return f"the key {one.signed_by}"


def _data(item: DataItem) -> dict[str, Any]:
    """An item of data, as a component."""
    component: dict[str, Any] = {
        "type": "data",
        "bom-ref": _ref(item),
        "name": item.name,
        "hashes": list(hashes(item.digest)),
        "data": [{"type": "dataset", "name": item.name}],
        "properties": [
            _property("digest", item.digest),
            _property("known", "verified" if item.verified else "asserted"),
        ],
    }
    return {key: value for key, value in component.items() if value != []}


def _ref(item: DataItem) -> str:
    return data_ref(item.name, item.digest)


def _packages(described: Described) -> Iterator[dict[str, Any]]:
    """The packages that the newest watched verdict's run imported."""
    for name, version in described.packages:
        purl = f"pkg:pypi/{quote(name, safe='')}@{quote(version, safe='')}"
        library = {"type": "library", "bom-ref": purl, "name": name, "version": version}
        yield library | {"purl": purl}


def _properties(described: Described) -> Iterator[dict[str, str]]:
    """What CycloneDX has no place for: the tuple and its parts, the pipeline, the verdict."""
    version, pipeline = described.version, described.pipeline
    told = {
        "kind": version.kind.value,
        "tuple": version.tuple,
        "code": version.code,
        "data": version.data,
        "pipeline": f"{pipeline.name}@{version.pipeline}" if pipeline else version.pipeline,
        "pipeline-blake3": pipeline.version.blake3 if pipeline else None,
        "weights": version.weights,
        "registered-by": version.registered_by,
    }
    newest = version.validation
    if newest is not None:
        told["verdict"] = "passed" if newest.passed else "failed"
        told["verdict-basis"] = newest.basis.value
        told["verdict-pipeline"] = newest.pipeline
    if version.get("more_attestations"):
        told["more-attestations"] = str(version["more_attestations"])
    for decision in described.decisions:
        word = "allowed" if decision.allowed else "refused"
        told[f"guard:{decision.environment}"] = word
    yield from (_property(name, text) for name, text in told.items() if text is not None)
    yield from (
        _property(f"parameter:{name}", text if isinstance(text, str) else inert_json(text))
        for name, text in described.parameters
    )


def _property(name: str, value: str) -> dict[str, str]:
    return {"name": f"{_PREFIX}{name}", "value": value}
