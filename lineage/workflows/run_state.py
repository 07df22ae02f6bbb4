"""What a command's verdict rests on: pipeline, data and weights, compared before and after it."""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineage.acts import act
from lineage.capture.version import VersionCapture
from lineage.contract.captured import CaptureRequest
from lineage.contract.results import NamedPipeline
from lineage.errors import CaptureError
from lineage.identity.components import Kind
from lineage.identity.digest import Digest, names
from lineage.workflows.own_parts import registered_place, require_own_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineage.capture.dvc import DvcProject
    from lineage.capture.project import Project
    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.identity.components import DataVersion, Weights
    from lineage.workflows.validating import Validating


@dataclass(frozen=True)
class State:
    """What a validation rests on, as it is here at one moment."""

    pipeline: CapturedPipelineVersion
    data: Mapping[str, str]
    elsewhere: frozenset[str]
    """The version's data items that are no files of this project: they cannot be looked at."""
    weights: Weights | None
    validation_data: DataVersion | None

    @classmethod
    def of(cls, project: Project, version: Mapping[str, Any], wanted: Validating) -> State:
        """What a version is made of, and what it is validated on, as it is here now.

        Raises:
            CaptureError: something is missing, or does not match what recorded it.
        """
        model = version["model"]
        weights = registered_place(project, version)
        dvc = project.dvc_here()
        elsewhere = _elsewhere(project, dvc, version)
        here = CaptureRequest(
            Kind.EXPERIMENT,
            os.path.relpath(weights) if weights is not None else None,
            _data_here(project, version, elsewhere),
            with_blake3=True,
        )
        capture = VersionCapture(project, model, here, dvc)
        pipeline = capture.pipeline_version
        parts = capture.capture().components
        return cls(
            pipeline,
            digests(parts.data),
            elsewhere,
            parts.weights,
            capture.validation_data(wanted.data),
        )

    def require_own(self, version: Mapping[str, Any], named: str | None) -> None:
        """Refuse what is not the version's own.

        Raises:
            CaptureError: the pipeline, the data or the weights are others.
        """
        ref, parts = version["ref"], version["components"]
        blake3, xxh3 = self.pipeline.version.blake3, self.pipeline.version.xxh3
        here = f"{self.pipeline.name}@{xxh3.short}"
        if named is not None:
            wanted = NamedPipeline.parse(named)
            another = wanted.name not in (None, self.pipeline.name)
            if another or not names(wanted.digest, blake3, xxh3):
                raise CaptureError(
                    f"The pipeline here is {here}, not {named[:80]}.",
                    remedy="Check out the one that you mean, or name none.",
                )
        elif parts["pipeline"]["blake3"] not in (None, blake3):
            raise CaptureError(
                f"The pipeline here ({here}) is not the one that {ref} was registered with "
                f"({Digest(version['pipeline']).short}).",
                remedy="Check that one out, or validate it with the one here: "
                f"{act('validate', ref, '--', 'COMMAND', pipeline=here)}",
            )
        own = {item["name"]: item["digest"] for item in parts["data"]}
        others = [name for name in differing(own, self.data) if name not in self.elsewhere]
        if others:
            raise CaptureError(
                f"The data here is not that of {ref}: {', '.join(others[:3])}.",
                remedy="Bring the version's own data back and try again: check out its commit, "
                "then dvc checkout --force.",
            )
        require_own_weights(version, self.weights)

    def require_same(self, later: State) -> None:
        """Refuse a verdict on what changed while the command ran.

        Raises:
            CaptureError: the pipeline, the data, the weights or the validation data changed.
        """
        if self.pipeline.version.blake3 != later.pipeline.version.blake3:
            raise changed("the pipeline changed")
        pairs = (
            ("the data", self.data, later.data),
            (
                "the validation data",
                digests(self.validation_data),
                digests(later.validation_data),
            ),
        )
        for what, old, new in pairs:
            moved = sorted({*differing(old, new), *differing(new, old)})
            if moved:
                raise changed(f"{what} changed ({', '.join(moved[:3])})")
        if self.weights != later.weights:
            raise changed("the weights changed")


def _data_here(
    project: Project, version: Mapping[str, Any], elsewhere: frozenset[str]
) -> tuple[str, ...]:
    """A version's data items as they can be captured again, named from the current folder."""
    outside = _outside(project, version)
    names = [item["name"] for item in version["components"]["data"]]
    return tuple(
        outside[name] if name in outside else os.path.relpath(project.root / name)
        for name in names
        if name not in elsewhere
    )


def _outside(project: Project, version: Mapping[str, Any]) -> dict[str, str]:
    """The configured outside sources, ``name=uri@version``, by their name."""
    items = project.config.model(version["model"]).data
    return {text.partition("=")[0]: text for text in items if "://" in text}


def _elsewhere(project: Project, dvc: DvcProject, version: Mapping[str, Any]) -> frozenset[str]:
    """The data items that a flag stated and that neither the project nor DVC has a file of."""
    known = _outside(project, version)
    return frozenset(
        item["name"]
        for item in version["components"]["data"]
        if item["known"] == "asserted"
        and item["name"] not in known
        and not (project.root / item["name"]).exists()
        and dvc.covering(posixpath.normpath(posixpath.join(project.folder, item["name"]))) is None
    )


def digests(data: DataVersion | None) -> dict[str, str]:
    """The digest of each data item, by its name."""
    return {item.name: item.digest for item in data.items} if data is not None else {}


def differing(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """The names of the old whose digest is not the same in the new."""
    return sorted(name for name, digest in old.items() if new.get(name) != digest)


def changed(what: str) -> CaptureError:
    """The error of something that changed while a command ran."""
    return CaptureError(
        f"While the command ran, {what}: nothing is recorded.",
        remedy="Let nothing else write there meanwhile, and run it again.",
    )
