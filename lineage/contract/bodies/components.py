"""Parts of request bodies: describe a version's components, its pipeline, its weights' copies."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from lineage.contract.bodies.texts import Digest, Line, Name, Text
from lineage.masking import recorded_url


class Body(BaseModel):
    """A body."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class CodeBody(Body):
    """The git commit, and the digest of what differs from it in the working tree."""

    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]
    difference: Digest | None = None
    remote: Annotated[Line, AfterValidator(recorded_url)] | None = None
    branch: Line | None = None
    subfolder: Annotated[str, StringConstraints(max_length=1000)] = ""


class DataItemBody(Body):
    """One named data item; ``size`` in bytes where it is known."""

    name: Line
    digest: Digest
    known: Literal["verified", "asserted"]
    size: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = None


class StageBody(Body):
    """One stage of a pipeline, as the manifest holds it."""

    cmd: list[str]
    code: dict[str, Digest]
    params: dict[str, dict[str, Any]]
    inputs: list[str]
    outputs: list[str]


class ManifestBody(Body):
    """The canonical description of a pipeline; its digest is ``H(encoding, …)``.

    Without an ``encoding`` it is `lineage-pipeline/1`, which has no ``settings``.
    """

    encoding: Literal["lineage-pipeline/2"] | None = None
    stages: dict[str, StageBody]
    files: dict[str, Digest]
    code: Literal["declared", "followed"] | None = None
    settings: dict[str, str] | None = None


class UnseenBody(Body):
    """Something that a stage runs and that could not be followed."""

    stage: Line
    where: Line = Field(examples=["src/featurize.py:3"])
    what: Line = Field(examples=["computed import"])
    text: Annotated[str, StringConstraints(max_length=1000)]


class PipelineBody(Body):
    """A pipeline version: its ``manifest``, a ``stated`` digest, or a recorded one.

    A recorded one is named by its ``digest``. Beside a manifest, ``digest`` and ``blake3`` are
    claims that the server checks.
    """

    name: Name | None = None
    manifest: ManifestBody | None = None
    stated: Digest | None = None
    digest: Digest | None = None
    blake3: Digest | None = None
    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")] | None = (
        None
    )
    dirty: bool = False
    unseen: Annotated[list[UnseenBody], Field(max_length=10_000)] = Field(
        default_factory=list, description="What it runs and its capture could not follow."
    )


class WeightsBody(Body):
    """The weights; ``size`` in bytes over all ``files``."""

    digest: Digest
    blake3: Digest | None = None
    path: Line
    size: Annotated[int, Field(ge=1, le=2**53 - 1)]
    files: Annotated[int, Field(ge=1, le=2**31 - 1)] = 1


class MadeBody(Body):
    """What made the weights: the stage, the run, or nothing that is known."""

    state: Literal["made", "run", "stale", "unmade", "external"]
    stage: Line | None = None
    commit: Line | None = None
    changed: Annotated[list[Line], Field(max_length=10_000)] = []
    reason: Text | None = None
    source: Line | None = Field(
        default=None, description="Where weights come from that were made elsewhere."
    )


class StageRunBody(Body):
    """A run of a stage, or an import, as DVC recorded it; files and their digests by path."""

    name: Line
    kind: Literal["stage", "import"] = "stage"
    cmd: Annotated[list[str], Field(max_length=10_000)] = []
    code: dict[str, Digest] = {}
    inputs: dict[str, Digest] = {}
    params: dict[str, dict[str, Any]] = {}
    outputs: dict[str, Digest] = {}
    origin: dict[Literal["url", "path", "rev"], Text] | None = Field(
        default=None, description="Of an import: its `url`, and of a repository `path` and `rev`."
    )


class ChainBody(Body):
    """The runs that led to a version; ``unchecked`` names the digests that were not checked.

    By the BLAKE3 of the run's canonical bytes and by path.
    """

    runs: Annotated[list[StageRunBody], Field(max_length=1_000)]
    weights: Digest | None = None
    unchecked: dict[Digest, dict[str, Literal["stated", "changed"]]] = {}
    missing: Annotated[list[str], Field(max_length=10_000)] = []
    gaps: Annotated[list[Text], Field(max_length=1_000)] = []


class DigestsBody(Body):
    """What a client took the digests to be; the server takes them anew and refuses others."""

    tuple: Digest | None = None
    code: Digest | None = None
    data: Digest | None = None
    pipeline: Digest | None = None
    weights: Digest | None = None


ObjectId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}(\.dir)?$")]
"""An object of a store, as DVC names it."""


class StoreBody(Body):
    """A store: a DVC remote, without anything secret."""

    name: Name
    url: Line = Field(examples=["s3://bucket/weights"])
    config: dict[str, str | int | bool] = Field(default_factory=dict, max_length=50)
    marker: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")] | None = Field(
        default=None, description="The id that lies in the place itself, as `lineage-store.json`."
    )


class DeclaredStoreBody(StoreBody):
    """A store that somebody declares."""

    shared: bool | None = Field(
        default=None, description="Of a folder: whether every host mounts it (needs `admin`)."
    )


class CopyBody(Body):
    """Weights in a store, which were read back from it."""

    store: StoreBody
    object: ObjectId
    listing: ObjectId | None = Field(
        default=None, description="The object that lists a folder's files with their BLAKE3."
    )
    found_there: bool = False
    repository: Line | None = None
    revision: Line | None = None
    reused: bool = Field(default=True, description="Whether some objects were in the store before.")
    read: bool = Field(default=True, description="Whether every byte was read back from there.")
