"""What DVC's lock records of the files that are here."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from lineage.capture.dvc import joined, mappings, recorded_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.capture.dvc import DvcProject, DvcStage
    from lineage.capture.dvc_hash import DvcHasher
    from lineage.capture.lock import Lock
    from lineage.capture.project import Project
    from lineage.identity.digest import Digest


@contextmanager
def hashing(project: Project, dvc: DvcProject) -> Iterator[DvcHasher]:
    """Digests of files that are here, as DVC takes them."""
    from lineage.capture.dvc_hash import DvcHasher
    from lineage.capture.source import WorkingTree

    with project.cache() as cache:
        yield DvcHasher(WorkingTree(project.top, project.git), dvc.root, cache, None)


@contextmanager
def locked(project: Project, dvc: DvcProject) -> Iterator[Lock]:
    """What DVC's lock records, held against what is here."""
    from lineage.capture.lock import Lock

    with hashing(project, dvc) as hasher:
        yield Lock(dvc, hasher)


def wrote(lock: Lock, stage: DvcStage, path: str) -> bool:
    """Whether a stage made a file as it is here, as far as that is recorded."""
    outs = dict(recorded(lock, stage, "outs"))
    here = [(at, one) for at, one in outs.items() if one is not None and is_in(path, at)]
    return bool(here) and all(lock.is_as_recorded(at, one) for at, one in here)


def recorded(lock: Lock, stage: DvcStage, key: str) -> Iterator[tuple[str, Digest | None]]:
    """What the lock has of a stage's dependencies or outputs: their paths and digests."""
    for item in mappings((lock.entry(stage) or {}).get(key)):
        if isinstance(item.get("path"), str):
            yield joined(stage.wdir, item["path"]), recorded_digest(item)


def is_in(path: str, folder: str) -> bool:
    """Whether a path is another, or lies in it."""
    return path == folder or path.startswith(f"{folder}/")
