"""Which weights lay here as a watched run wrote a metrics file: ``.lineage/runs/measured.json``."""

from __future__ import annotations

import os
import posixpath
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from lineage import strict_json
from lineage.bounded_file import Unfit
from lineage.bounded_file import read as read_bounded
from lineage.errors import LineageError
from lineage.hashing.files import hash_path
from lineage.whole_file import write_whole
from lineage.workflows.own_parts import weights_here
from lineage.workflows.watched_runs import RUNS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lineage.capture.project import Project
    from lineage.capture.watch import Observed
    from lineage.identity.components import Weights

MEASURED: Final = "measured.json"
_FORMAT: Final = 1
_LARGEST: Final = 1 << 20


def note_measured(
    project: Project,
    observed: Observed,
    metrics: Path | None = None,
    weights: Weights | None = None,
    named: Iterable[Path] = (),
) -> None:
    """Remember which weights lie here as a run ends that wrote metrics or attributions.

    Args:
        project: where it ran.
        observed: what was observed of it.
        metrics: a file that it wrote, whether that was observed or not.
        weights: those that it was about, wherever they are; the configured ones always count.
        named: files and folders that count besides those that are configured.
    """
    written = {file.path for file in observed.files if file.is_written}
    files = {from_top(project, metrics)} if metrics is not None else set[str]()
    places = {from_top(project, path) for path in named}
    for table in project.config.models.values():
        told = table.metrics, table.evidence.attributions if table.evidence is not None else None
        places |= {from_top(project, project.root / one) for one in told if one is not None}
    files |= {
        place
        for place in places
        if any(path == place or path.startswith(f"{place}/") for path in written)
    }
    files = {path for path in files if (project.top / path).exists()}
    if not files:
        return
    beside = {
        from_top(project, project.root / path): [str(one.xxh3), str(one.blake3)]
        for path, one in weights_here(project, weights).items()
    }
    known = measured(project)
    for path in files:
        with suppress(LineageError):  # a folder may hold what is no file
            digest = hash_path(project.top / path, with_blake3=True).blake3
            known[path] = {"digest": str(digest), "weights": beside, "older": {}}
    _write(project, known)


def _write(project: Project, known: dict[str, Any]) -> None:
    with suppress(OSError, LineageError):  # what is not remembered is not known
        folder = project.own_folder() / RUNS
        folder.mkdir(exist_ok=True)
        document = {"format": _FORMAT, "metrics": known}
        write_whole(folder / MEASURED, strict_json.dumps(document).encode("utf-8"))


def note_older(project: Project, files: Iterable[Path], pipeline: str, why: str) -> None:
    """Remember of files that a run wrote that it read what an older pipeline had made.

    Args:
        project: where it ran.
        files: what it wrote.
        pipeline: the digest of the pipeline version that was here.
        why: what differed.
    """
    known = measured(project)
    for path in {from_top(project, file) for file in files} & set(known):
        known[path]["older"][pipeline] = why
    _write(project, known)


def measured(project: Project) -> dict[str, Any]:
    """What is remembered of metrics files.

    Of each the digest, the weights beside it, and why it says nothing of which pipeline versions.
    """
    path = project.root / ".lineage" / RUNS / MEASURED
    try:
        body: Any = strict_json.loads(read_bounded(path, _LARGEST))
        return {
            metrics: {
                "digest": one["digest"],
                "weights": {
                    place: [xxh3, blake3] for place, (xxh3, blake3) in one["weights"].items()
                },
                "older": {str(of): str(why) for of, why in one.get("older", {}).items()},
            }
            for metrics, one in (body["metrics"] if body["format"] == _FORMAT else {}).items()
        }
    except (Unfit, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def from_top(project: Project, path: Path) -> str:
    """A path as it is seen from the top of the project, with slashes."""
    full = os.path.abspath(path)  # noqa: PTH100 - links are DVC's
    return posixpath.normpath(os.path.relpath(full, project.top).replace(os.sep, "/"))
