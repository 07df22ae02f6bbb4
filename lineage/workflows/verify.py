"""Looking for what versions need: their weights, and the commits of the pipelines of their pairs.

Weights are looked for in stores and where they were registered, commits in the repository here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.contract.results import NamedPipeline
from lineage.errors import CaptureError, IntegrityFailure, StoreUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lineage.capture.git import GitRepository
    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.errors import LineageError


def verify(
    project: Project, registry: AnyRegistry, reference: str, *, deep: bool = True, actor: str
) -> dict[str, Any]:
    """Check the weights of a version in every store, and record what was found.

    Those that are in no store are looked for where they were registered.

    Args:
        project: where weights that are in no store were registered.
        registry: where what was found is recorded.
        reference: the version.
        deep: read every byte; else the sizes.
        actor: who looks.

    Returns:
        JSON: ``ref``, ``state`` (``intact`` where one store has them; else ``missing``,
        ``changed`` or ``unreachable``), ``place``, ``looks``; where there are any, ``lost`` names
        the pipeline versions that it serves or stands by with and whose commit this repository
        does not reach.

    Raises:
        NotFound: the version does not exist, or has no weights.
    """
    lost = _lost_pipelines(project, registry, reference)
    return _weights(project, registry, reference, deep=deep, actor=actor) | (
        {"lost": lost} if lost else {}
    )


def _weights(
    project: Project, registry: AnyRegistry, reference: str, *, deep: bool, actor: str
) -> dict[str, Any]:
    from lineage.workflows import weights

    if registry.stored(reference).copies:
        stored, looks = weights.verify_copies(registry, reference, deep=deep, actor=actor)
        best = next((one for one in looks if one.state.value == "intact"), looks[0])
        return {
            "ref": stored.ref,
            "state": best.state.value,
            "place": best.store,
            "looks": [one.to_json() for one in looks],
        }
    return _verify_in_project(project, registry, reference, actor)


def failure(rows: Iterable[dict[str, Any]]) -> type[LineageError] | None:
    """What has failed where the weights or the pipelines of a version are not there; else None.

    Args:
        rows: JSON of :func:`verify`, for each version.
    """
    rows = list(rows)
    states = {row["state"] for row in rows} - {"intact"}
    if any(row.get("lost") for row in rows):
        return IntegrityFailure
    if not states:
        return None
    return StoreUnreachable if states == {"unreachable"} else IntegrityFailure


def _lost_pipelines(
    project: Project, registry: AnyRegistry, reference: str
) -> list[dict[str, str]]:
    """The pipeline versions that a version stands with and whose commit is not reached here.

    A repository that never held the version's own code has nothing to say of it, nor has a shallow
    clone of what it left out.
    """
    shown = registry.show(reference)
    git, code = project.git, shown["components"]["code"]
    if git is None or code is None or code["remote"] not in (None, git.remote):
        return []
    digests = {
        side.pipeline
        for slot in registry.all_serving()
        for side in (slot.serving, slot.backup)
        if side is not None and side.ref == shown["ref"] and side.pipeline is not None
    }
    lost = []
    for digest in sorted(digests):
        found = registry.pipeline(NamedPipeline(None, digest))
        if found.commit is not None and not _is_reached(git, found.commit):
            lost.append({"pipeline": found.name, "digest": digest, "commit": found.commit})
    return lost


def _is_reached(git: GitRepository, commit: str) -> bool:
    """Whether a commit is kept by this repository, as far as it can tell."""
    try:
        return git.reaches(git.resolve(commit))
    except CaptureError:
        return git.shallow


def stored_refs(registry: AnyRegistry) -> list[str]:
    """Every version whose weights are in a store, by store and version."""
    refs: dict[str, None] = {}
    for store in registry.stores():
        refs |= dict.fromkeys(stored.ref for stored in registry.copies_in(store["name"]))
    return list(refs)


def _verify_in_project(
    project: Project, registry: AnyRegistry, reference: str, actor: str
) -> dict[str, Any]:
    """Check the weights where they were registered."""
    from lineage.hashing.files import hash_path
    from lineage.hashing.tree import follow_any
    from lineage.workflows.own_parts import registered_place

    version = registry.show(reference)
    recorded = version["components"]["weights"]
    place = registered_place(project, version)
    state = "missing"
    if place is not None and place.exists():
        found = hash_path(place, with_blake3=True, follow=follow_any, project=project.root)
        same = found.xxh3 == version["weights"] and recorded["blake3"] in (None, found.blake3)
        state = "intact" if same else "changed"
    ref = registry.record_weights(version["ref"], state, str(recorded["path"]), actor=actor)
    return {"ref": ref, "state": state, "place": recorded["path"], "looks": []}
