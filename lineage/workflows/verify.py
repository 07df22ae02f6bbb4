"""Looking for the weights of versions, in stores and where they were registered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.errors import IntegrityFailure, StoreUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterable

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
        ``changed`` or ``unreachable``), ``place``, ``looks``.

    Raises:
        NotFound: the version does not exist, or has no weights.
    """
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
    """What has failed where the weights of a version are not intact anywhere; None where all are.

    Args:
        rows: JSON of :func:`verify`, for each version.
    """
    states = {row["state"] for row in rows} - {"intact"}
    if not states:
        return None
    return StoreUnreachable if states == {"unreachable"} else IntegrityFailure


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

    version = registry.show(reference)
    recorded = version["components"]["weights"]
    place = project.root / recorded["path"]
    state = "missing"
    if place.exists():
        found = hash_path(place, with_blake3=True, follow=follow_any, project=project.root)
        same = found.xxh3 == version["weights"] and recorded["blake3"] in (None, found.blake3)
        state = "intact" if same else "changed"
    ref = registry.record_weights(version["ref"], state, str(recorded["path"]), actor=actor)
    return {"ref": ref, "state": state, "place": recorded["path"], "looks": []}
