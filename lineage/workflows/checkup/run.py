"""The whole checkup: which examinations there are, made side by side.

On a serving host there is no project to examine, and nothing of what reads one is installed.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Final

from lineage.capture.project import Project
from lineage.errors import LineageError
from lineage.installed import on_host
from lineage.registry_url import may_be_away
from lineage.workflows.checkup import registry, storage
from lineage.workflows.checkup.side_by_side import HERE, OUTSIDE, Examination, examine
from lineage.workflows.stores import dvc_remote_of

if TYPE_CHECKING:
    from lineage.workflows.checkup.findings import Examined, Report

_LIBRARIES: Final = {"s3": "s3fs", "gs": "gcsfs", "azure": "adlfs"}


def checkup(url_flag: str | None = None) -> Report:
    """Examine all that a folder, its registry and its store need, and change nothing.

    Args:
        url_flag: the registry's URL, where a flag names it.
    """
    cache = Examination(("cache",), storage.cache)
    try:
        here = Project.find()
        url = here.registry_url(url_flag)
        is_host = on_host()
    except LineageError as error:
        unreadable = partial(_raise, error)
        return examine((Examination(("configuration",), unreadable), cache))
    away = OUTSIDE if may_be_away(url) else HERE
    everywhere = (
        Examination(registry.CODES, partial(registry.registry, url_flag=url_flag), away),
        Examination(("permissions",), partial(registry.permissions, url_flag=url_flag)),
    )
    if is_host:
        return examine((*everywhere, cache))
    from lineage.workflows.checkup import project

    return examine(
        (
            Examination(("configuration", "paths", "pipelines"), project.configuration),
            Examination(("git", "git-history", "git-remote"), project.git),
            Examination(("git-clean",), partial(project.git_clean, url_flag=url_flag)),
            *everywhere,
            Examination(("store",), storage.store, _patience_of_store(here)),
            cache,
        )
    )


def _patience_of_store(here: Project) -> float:
    """How long the store is waited for; what opens it is loaded before that begins."""
    kind = "file"
    with suppress(LineageError):
        address = dvc_remote_of(here)
        kind = address.url.partition(":")[0] if address is not None else kind
    with suppress(ImportError):
        import_module(_LIBRARIES.get(kind, "lineage"))
    return HERE if kind == "file" else OUTSIDE


def _raise(error: LineageError, _: Examined) -> None:
    raise error
