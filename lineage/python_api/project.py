"""What every function begins with: the project of the current folder, its registry, who acts."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

from lineage.capture.project import opened
from lineage.connection import connect, names_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry

Path: TypeAlias = str | os.PathLike[str]

PRODUCTION: Final = "production"


@contextmanager
def project_and_registry() -> Iterator[tuple[Project, AnyRegistry, str]]:
    """The project, its registry, and the name of who acts."""
    from lineage.workflows.actor import actor

    with opened() as project, connect(project.registry_url()) as registry:
        yield project.asking(names_in(registry)), registry, actor(project)


@contextmanager
def only_registry() -> Iterator[AnyRegistry]:
    """The registry of the project, for what is only read."""
    with opened() as project, connect(project.registry_url()) as registry:
        yield registry


def text_of(path: Path | None) -> str | None:
    """A path as the workflows take it."""
    return os.fspath(path) if path is not None else None
