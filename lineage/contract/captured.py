"""Captures: say what a version is to be captured from, and hold what was captured. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lineage.contract.requests import LONGEST_REASON
from lineage.errors import UsageError
from lineage.identity.components import Kind
from lineage.identity.digest import Digest, is_of_ours
from lineage.identity.references import pipeline_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineage.identity.chain import Chain
    from lineage.identity.components import Components
    from lineage.identity.origin import WeightsOrigin
    from lineage.identity.pipeline import PipelineVersion
    from lineage.weights.copies import NewCopy


@dataclass(frozen=True)
class CapturedPipelineVersion:
    """A named pipeline's version as captured, and the commit it was captured at.

    ``dirty`` tells whether the working tree had changes then. ``why`` says for each stage how its
    code files came in, ``unseen`` is JSON of what runs and could not be followed, ``notes`` what a
    person should know of how it was read; the registry keeps none of them.
    """

    name: str
    version: PipelineVersion
    commit: str | None = None
    dirty: bool = False
    why: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unseen: tuple[Mapping[str, str], ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)

    def to_json(self) -> dict[str, Any]:
        """JSON of `pipeline capture`."""
        manifest = self.version.manifest
        return {
            "name": self.name,
            "digest": self.version.xxh3,
            "blake3": self.version.blake3,
            "commit": self.commit,
            "dirty": self.dirty,
            "manifest": manifest.to_json() if manifest else None,
            "notes": list(self.notes),
        } | self.reasons()

    def reasons(self) -> dict[str, Any]:
        """``why`` and ``unseen``, which `pipeline show --why` adds to a recorded version."""
        why = {stage: dict(reasons) for stage, reasons in self.why.items()}
        return {"why": why, "unseen": [dict(thing) for thing in self.unseen]}


@dataclass(frozen=True)
class CapturedVersion:
    """A model version's components as captured; ``loose`` names inputs that nothing versions.

    ``stored`` are the places where the bytes of its weights are, read back from there. ``origin``
    tells what made the weights; it is None where nobody looked. ``notes`` say what a person should
    know of how the pipeline was read, ``unseen`` is JSON of what it runs and could not be followed.
    ``pipeline_commit`` and ``pipeline_dirty`` tell where the pipeline of a model from elsewhere was
    captured, as :class:`CapturedPipelineVersion` does. ``chain`` is what led to it, as DVC recorded
    it; None where nobody looked.
    """

    components: Components
    pipeline_name: str
    loose: tuple[str, ...] = ()
    stored: tuple[NewCopy, ...] = ()
    origin: WeightsOrigin | None = None
    notes: tuple[str, ...] = field(default=(), compare=False)
    unseen: tuple[Mapping[str, str], ...] = ()
    pipeline_commit: str | None = None
    pipeline_dirty: bool = False
    chain: Chain | None = None

    @property
    def pipeline_at(self) -> tuple[str | None, bool]:
        """The commit that the pipeline was captured at, and whether there were changes beside it.

        That is the code's own, but for a model from elsewhere, whose code lies elsewhere too.
        """
        if self.origin is not None and self.origin.is_external:
            return self.pipeline_commit, self.pipeline_dirty
        code = self.components.code
        return (code.commit, code.dirty) if code is not None else (None, False)


@dataclass(frozen=True)
class ExternalRequest:
    """A model from elsewhere that is to be registered, and what is said of it.

    ``source`` is ``hf://ORG/NAME@REVISION``, or a file or a folder; of a hub's files those are
    taken that a pattern of ``include`` matches. ``kind`` None is production where all four
    components are known, else experiment. ``code`` is ``URL@COMMIT`` of what made it. ``data`` are
    paths, or ``name=uri@version``. ``pipeline`` is ``NAME@DIGEST``: a recorded version by a digest
    of ours, or one that lives elsewhere by any other, such as an image's; ``pipeline_files`` are
    its files (globs). Without either the pipeline is what the configuration says. Paths are seen
    from the current folder.
    """

    source: str
    kind: Kind | None = None
    code: str | None = None
    data: tuple[str, ...] = ()
    pipeline: str | None = None
    pipeline_files: tuple[str, ...] = ()
    include: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.pipeline and self.pipeline_files:
            raise UsageError(
                "The pipeline is named in more than one way.",
                remedy="Name a version of it, or its files.",
            )


@dataclass(frozen=True)
class CaptureRequest:
    """What a model version is to be captured from, where not from what the configuration says.

    ``kind`` production demands all four components and a clean tree. ``weights`` and ``data`` are
    named from the current folder. ``pipeline`` is ``NAME@DIGEST``, or the digest alone: by one of
    ours the recorded version that the pipeline here must be, by any other an outside pipeline.
    ``revision`` takes code, data and pipeline from a git revision. ``with_blake3`` takes BLAKE3 of
    an experiment's weights too. ``stale_ok`` is why weights are taken whose stages' code changed
    since.
    """

    kind: Kind = Kind.PRODUCTION
    weights: str | None = None
    data: tuple[str, ...] = ()
    pipeline: str | None = None
    revision: str | None = None
    with_blake3: bool = False
    stale_ok: str | None = None

    def __post_init__(self) -> None:
        if self.stale_ok is not None and not 0 < len(self.stale_ok.strip()) <= LONGEST_REASON:
            raise UsageError(
                "Stale weights are taken for a reason, in at most 2,000 characters.",
                remedy="Say why the change of the code does not matter.",
            )
        if self.pipeline is not None and not self.pipeline_named[1]:
            raise UsageError(
                f"{self.pipeline[:120]!r} names no version of a pipeline.",
                remedy="Write it as NAME@DIGEST: one that is recorded, or lives elsewhere.",
            )

    @property
    def pipeline_named(self) -> tuple[str | None, str | None]:
        """The pipeline and the digest that are named, each if it is said."""
        return pipeline_named(self.pipeline) if self.pipeline is not None else (None, None)

    @property
    def outside_pipeline(self) -> Digest | None:
        """The id of a pipeline that lives elsewhere, where one is named."""
        _, digest = self.pipeline_named
        return Digest(digest) if digest is not None and not is_of_ours(digest) else None
