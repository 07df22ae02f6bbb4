"""A codec of what a client captured: writes components and pipeline versions, and reads them. Pure.

A digest that comes with what it is of is a claim: it is taken anew, and a claim that differs is
refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.contract.captured import CapturedPipelineVersion, CapturedVersion
from lineage.contract.fields import from_fields
from lineage.contract.results import NamedPipeline
from lineage.errors import DigestMismatch, UsageError
from lineage.identity.chain import Chain
from lineage.identity.components import (
    CodeVersion,
    Components,
    DataItem,
    DataVersion,
    Known,
    Weights,
)
from lineage.identity.digest import Digest
from lineage.identity.origin import WeightsOrigin
from lineage.identity.pipeline import Manifest, PipelineVersion
from lineage.identity.watched import WatchedRun
from lineage.weights.copies import NewCopy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lineage.evidence.profile import Profile

Json = dict[str, Any]


def captured_to_json(captured: CapturedVersion) -> Json:
    """The components of a version, each with what its digest is taken of."""
    parts = captured.components
    return {
        "code": _code_to_json(parts.code) if parts.code else None,
        "data": data_to_json(parts.data),
        "pipeline": (
            pipeline_to_json(
                CapturedPipelineVersion(
                    captured.pipeline_name,
                    parts.pipeline,
                    captured.pipeline_commit,
                    captured.pipeline_dirty,
                    unseen=captured.unseen,
                )
            )
            if parts.pipeline
            else None
        ),
        "weights": _weights_to_json(parts.weights) if parts.weights else None,
        "made": captured.origin.to_json() if captured.origin else None,
        "chain": captured.chain.to_json() if captured.chain else None,
        "stored": [copy.to_json() for copy in captured.stored],
        "digests": {"tuple": parts.tuple_xxh3, **parts.digests},
    }


def captured_from_json(model: str, body: Mapping[str, Any]) -> CapturedVersion:
    """The components of a version, every digest taken anew.

    Args:
        model: the model's name.
        body: what :func:`captured_to_json` wrote.

    Raises:
        DigestMismatch: a claim is not what its manifest comes to.
        UsageError: a digest or a manifest cannot be read.
    """
    pipeline = body.get("pipeline")
    described = described_pipeline(pipeline, model) if pipeline is not None else None
    components = Components(
        _code_from_json(body["code"]) if body.get("code") is not None else None,
        data_from_json(body.get("data")),
        described.version if described else None,
        _weights_from_json(body["weights"]) if body.get("weights") is not None else None,
    )
    digests = {"tuple": components.tuple_xxh3, **components.digests}
    for name, claim in (body.get("digests") or {}).items():
        _check_claim(f"{name} digest", claim, digests.get(name))
    stored = tuple(NewCopy.from_json(copy) for copy in body.get("stored") or ())
    made, chain = body.get("made"), body.get("chain")
    return CapturedVersion(
        components,
        described.name if described else model,
        stored=stored,
        origin=WeightsOrigin.from_json(made) if made is not None else None,
        unseen=described.unseen if described else (),
        pipeline_commit=described.commit if described else None,
        pipeline_dirty=described.dirty if described else False,
        chain=Chain.from_json(chain) if chain is not None else None,
    )


def data_to_json(data: DataVersion | None) -> list[Json] | None:
    """The items of a data version."""
    if data is None:
        return None
    return [
        {"name": item.name, "digest": item.digest, "known": item.known.value, "size": item.size}
        for item in data.items
    ]


def data_from_json(items: Iterable[Mapping[str, Any]] | None) -> DataVersion | None:
    """A data version by its items.

    Raises:
        UsageError: a name stands twice, or a digest cannot be read.
    """
    if items is None:
        return None
    read = [
        from_fields(DataItem, item, digest=Digest(item["digest"]), known=Known(item["known"]))
        for item in items
    ]
    if len({item.name for item in read}) != len(read):
        raise UsageError("A data item stands twice.", remedy="Give each item a name of its own.")
    return DataVersion(tuple(sorted(read)))


def pipeline_to_json(pipeline: CapturedPipelineVersion | NamedPipeline) -> Json:
    """A pipeline version: captured, stated by a digest, or a recorded one by its digest."""
    if isinstance(pipeline, NamedPipeline):
        return {"name": pipeline.name, "digest": pipeline.digest}
    version = pipeline.version
    body: Json = {
        "name": pipeline.name,
        "commit": pipeline.commit,
        "dirty": pipeline.dirty,
        "unseen": [dict(thing) for thing in pipeline.unseen],
    }
    if version.manifest is None:
        return body | {"stated": version.stated}
    return body | {
        "manifest": version.manifest.to_json(),
        "digest": version.xxh3,
        "blake3": version.blake3,
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
        UsageError: it has no name, is both described and stated, or neither; or is stated by a
            digest of ours.
    """
    name = body.get("name") or name
    manifest, stated = body.get("manifest"), body.get("stated")
    if name is None or (manifest is None) == (stated is None):
        raise UsageError(
            "A pipeline version has a name, and either a manifest or a stated digest.",
            remedy="Give its `name`, and its `manifest` or `stated`.",
        )
    version = (
        PipelineVersion(Manifest.from_json(manifest))
        if manifest is not None
        else PipelineVersion.outside(stated or "")
    )
    _check_claim("digest of the pipeline", body.get("digest"), version.xxh3)
    _check_claim("BLAKE3 of the pipeline", body.get("blake3"), version.blake3)
    return CapturedPipelineVersion(
        name,
        version,
        body.get("commit"),
        bool(body.get("dirty", False)),
        unseen=tuple(body.get("unseen") or ()),
    )


def watched_to_json(runs: Sequence[WatchedRun]) -> list[Json]:
    """Watched runs."""
    return [run.to_json() for run in runs]


def profile_from_json(body: Mapping[str, Any] | None) -> Profile | None:
    """Read back a profile; None where there is none."""
    from lineage.evidence.profile import Profile

    return None if body is None else Profile.parse(body)


def watched_from_json(runs: Iterable[Mapping[str, Any]]) -> tuple[WatchedRun, ...]:
    """Read back what :func:`watched_to_json` wrote."""
    return tuple(WatchedRun.from_json(run) for run in runs)


def _check_claim(what: str, claim: str | None, digest: str | None) -> None:
    if claim is not None and claim != digest:
        raise DigestMismatch(
            f"The {what} is said to be {claim[:80]}, but it is {digest}.",
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
    return from_fields(CodeVersion, code, difference=_digest(code["difference"]))


def _weights_to_json(weights: Weights) -> Json:
    return {
        "digest": weights.xxh3,
        "blake3": weights.blake3,
        "path": weights.path,
        "size": weights.size,
        "files": weights.files,
    }


def _weights_from_json(weights: Mapping[str, Any]) -> Weights:
    return from_fields(
        Weights, weights, xxh3=Digest(weights["digest"]), blake3=_digest(weights["blake3"])
    )


def _digest(text: str | None) -> Digest | None:
    return Digest(text) if text is not None else None
