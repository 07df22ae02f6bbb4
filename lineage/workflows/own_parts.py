"""Whether what is here is what a version was registered with: its weights, and a named pipeline."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from lineage.acts import act
from lineage.capture import hub
from lineage.capture.version import VersionCapture
from lineage.contract.captured import CaptureRequest
from lineage.contract.results import NamedPipeline
from lineage.errors import CaptureError, LineageError
from lineage.identity.components import Kind
from lineage.identity.external import is_on_hub

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.identity.components import Weights


def require_own_weights(
    version: Mapping[str, Any], found: Weights | None, remedy: str = ""
) -> None:
    """Refuse weights that are not a version's; one that was registered without any has none.

    Args:
        version: JSON of the version.
        found: the weights that are here.
        remedy: what else could be done.

    Raises:
        CaptureError: they are others.
    """
    recorded = version["components"]["weights"]
    if version["weights"] is None:
        return
    if (
        found is not None
        and found.xxh3 == version["weights"]
        and recorded["blake3"] in (None, found.blake3)
    ):
        return
    path = found.path if found is not None else recorded["path"]
    raise _refusal(version, f"The weights here ({path}) are not those of {version['ref']}.", remedy)


def require_weights_here(project: Project, version: Mapping[str, Any], remedy: str) -> None:
    """Refuse where the weights in this project are not a version's.

    They are looked for where they were when it was registered, else where they are configured.

    Raises:
        CaptureError: they are others, are not here, or cannot be read.
    """
    if version["weights"] is None:
        return
    path = _weights_path(project, version)
    if path is None:
        shown = version["components"]["weights"]["path"]
        where = f" ({shown})" if shown else ""
        raise _refusal(version, f"The weights of {version['ref']}{where} are not here.", remedy)
    request = CaptureRequest(Kind.EXPERIMENT, os.path.relpath(path), with_blake3=True)
    capture = VersionCapture(project, version["model"], request)
    require_own_weights(version, capture.weights, remedy)


def registered_place(project: Project, version: Mapping[str, Any]) -> Path | None:
    """Where the weights of a version were when it was registered, whether they still are or not.

    Those of a hub were in its cache on this machine; None where that has none of them, and for a
    version without weights.
    """
    recorded = version["components"]["weights"]
    if recorded["path"] is None:
        return None
    if is_on_hub(recorded["path"]):
        return hub.fetched(recorded["made"]["source"])
    path: str = recorded["path"]
    return project.root / path


def own_weights_here(project: Project, version: Mapping[str, Any]) -> Path | None:
    """Where a version's own weights are in this project; None where they are not."""
    try:
        require_weights_here(project, version, "")
    except LineageError:
        return None
    return _weights_path(project, version)


def pipeline_here(
    project: Project, registry: AnyRegistry, model: str, named: str, remedy: str
) -> CapturedPipelineVersion | NamedPipeline:
    """The pipeline here, which must be the one that ``NAME@DIGEST``, or a digest alone, names.

    One that is known by its digest alone has nothing here that it could be held against.

    Raises:
        CaptureError: it is another, or there is none.
        NotFound: the named one is not recorded.
    """
    wanted = NamedPipeline.parse(named)
    recorded = registry.pipeline(wanted)
    if recorded.version.manifest is None:
        return wanted
    try:
        captured = project.capture_pipeline(project.config.pipeline_of(model))
    except CaptureError as error:
        raise CaptureError(
            f"The pipeline here is not {named[:80]}: {str(error)[:500]}",
            remedy=f"Check that one out; or {remedy}",
        ) from None
    found = captured.version
    if recorded.version.blake3 != found.blake3:
        raise CaptureError(
            f"The pipeline here is {captured.name}@{found.xxh3.short}, not {named[:80]}.",
            remedy=f"Check that one out; or {remedy}",
        )
    return captured


def _refusal(version: Mapping[str, Any], sentence: str, remedy: str) -> CaptureError:
    path = version["components"]["weights"]["path"] or "models"
    elsewhere = is_on_hub(path)
    fetch = act("pull", version["ref"], out="models" if elsewhere else str(PurePath(path).parent))
    named = ", named as its weights in lineage.toml" if elsewhere else ""
    return CaptureError(
        sentence,
        remedy=f"Bring the version's own weights back{named} and try again: {fetch}"
        + (f"; or {remedy}" if remedy else ""),
    )


def _weights_path(project: Project, version: Mapping[str, Any]) -> Path | None:
    configured = project.config.model(version["model"]).weights
    own = project.root / configured if configured is not None else None
    places = (registered_place(project, version), own)
    return next((path for path in places if path is not None and os.path.lexists(path)), None)
