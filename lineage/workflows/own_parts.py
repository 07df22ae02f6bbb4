"""Whether what is here is what a version was registered with: its weights, and a named pipeline."""

from __future__ import annotations

import os
from contextlib import suppress
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
        remedy: what comes once they are back, or else; by default to try again.

    Raises:
        CaptureError: they are others.
    """
    if version["weights"] is None:
        return
    if found is not None and is_own(version, found.xxh3, found.blake3):
        return
    path = found.path if found is not None else version["components"]["weights"]["path"]
    raise _refusal(version, f"The weights here ({path}) are not those of {version['ref']}.", remedy)


def is_own(version: Mapping[str, Any], xxh3: str, blake3: str | None) -> bool:
    """Whether weights of these digests are a version's own."""
    recorded = version["components"]["weights"]["blake3"]
    return xxh3 == version["weights"] and recorded in (None, blake3)


def weights_here(project: Project, known: Weights | None = None) -> dict[str, Weights]:
    """The configured weights that can be read here, by their configured path.

    Args:
        project: whose configuration names them.
        known: what was read already; it is among them, wherever it is.
    """
    found = {known.path: known} if known is not None else {}
    for model, table in project.config.models.items():
        if table.weights is not None and table.weights not in found:
            with project.read_once(), suppress(LineageError):
                weights = _weights_at(project, model, project.inside(table.weights))
                if weights is not None:
                    found[table.weights] = weights
    return found


def require_weights_here(project: Project, version: Mapping[str, Any], remedy: str) -> None:
    """Refuse where the weights in this project are not a version's.

    They are looked for where they were when it was registered, else where they are configured.

    Raises:
        CaptureError: they are others, are not here, or cannot be read.
    """
    if version["weights"] is None:
        return
    path = weights_place(project, version)
    if path is None:
        shown = version["components"]["weights"]["path"]
        where = f" ({shown})" if shown else ""
        raise _refusal(version, f"The weights of {version['ref']}{where} are not here.", remedy)
    require_own_weights(version, _weights_at(project, version["model"], path), remedy)


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
    return weights_place(project, version)


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
        remedy=f"Bring the version's own weights back{named} ({fetch}) and "
        + (remedy or "try again."),
    )


def _weights_at(project: Project, model: str, path: Path) -> Weights | None:
    """The weights at a place, as they are now."""
    request = CaptureRequest(Kind.EXPERIMENT, os.path.relpath(path), with_blake3=True)
    return VersionCapture(project, model, request, project.dvc_here()).weights


def weights_place(project: Project, version: Mapping[str, Any]) -> Path | None:
    """Where weights lie that may be a version's: where it had them, else where configured."""
    configured = project.config.model(version["model"]).weights
    own = project.root / configured if configured is not None else None
    places = (registered_place(project, version), own)
    return next((path for path in places if path is not None and os.path.lexists(path)), None)
