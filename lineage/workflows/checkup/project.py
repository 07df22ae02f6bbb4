"""What a project's own files are examined for: its configuration, what that names, git."""

from __future__ import annotations

import os
import posixpath
from typing import TYPE_CHECKING

from lineage.acts import act
from lineage.capture.project import opened
from lineage.errors import CaptureError
from lineage.registry_url import path_of, without_password
from lineage.workflows.git_clean import place_outside, taken_by_git_clean
from lineage.workflows.init import NOTHING_PROPOSED
from lineage.workflows.proposed_config import proposal_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.capture.project import Project
    from lineage.config.models import ModelTable
    from lineage.workflows.checkup.findings import Examined

_SHOWN = 3


def configuration(examined: Examined) -> None:
    """What ``lineage.toml`` says: ``configuration``, ``paths`` and ``pipelines``."""
    with opened() as project:
        models = project.config.models
        if not project.configured:
            examined.warned(
                "configuration",
                "no lineage.toml describes a model here",
                f"Make one in the project's folder: {act('init')}",
            )
        elif not models:
            taken = f"Take what dvc.yaml proposes: {act('init', yes=True)}"
            examined.warned(
                "configuration",
                f"{project.file.name} describes no model",
                taken if proposal_of(project) else NOTHING_PROPOSED[1],
            )
        pipelines = project.config.pipelines()
        if not models:
            return
        examined.passed("configuration", f"{project.file.name} describes {', '.join(models)}")
        _paths(project, examined)
        _pipelines(project, list(pipelines), examined)


def _paths(project: Project, examined: Examined) -> None:
    """Whether what the configuration names is there, or something makes it."""
    missing = [
        (f"{path} ({setting} of {name})", setting, path)
        for name, table in project.config.models.items()
        for setting, path in _named(table)
        if not project.inside(path).exists()
    ]
    if not missing:
        examined.passed("paths", "what the configuration names is there")
        return
    dvc = project.dvc_here()
    lost = [
        said
        for said, setting, path in missing
        if setting in ("data", "validation_data")
        and dvc.covering(posixpath.normpath(posixpath.join(project.folder, path))) is None
    ]
    if lost:
        raise CaptureError(
            f"{_some(lost)} {'is' if len(lost) == 1 else 'are'} not there, and DVC knows nothing "
            "of it.",
            remedy=f"Bring it, or mend its path in {project.file.name}.",
        )
    examined.warned(
        "paths",
        f"{_some([said for said, _, _ in missing])} {'is' if len(missing) == 1 else 'are'} not "
        "there yet",
        "Fetch it (dvc pull) or make it (dvc repro); where it never comes, mend its path.",
    )


def _named(table: ModelTable) -> Iterator[tuple[str, str]]:
    """The paths that a model's table names, each with its setting."""
    for setting, path in (("weights", table.weights), ("metrics", table.metrics)):
        if path is not None:
            yield setting, path
    for setting, paths in (("data", table.data), ("validation_data", table.validation_data)):
        yield from ((setting, path) for path in paths if "://" not in path and path[0] != "/")


def _pipelines(project: Project, names: list[str], examined: Examined) -> None:
    """Whether each pipeline can be captured: its stages, its files, its parameters."""
    dvc = project.dvc_here()
    empty = [
        name
        for name in names
        if project.pipeline_in(dvc, project.config, name, imports=False) is None
    ]
    if empty:
        examined.warned(
            "pipelines",
            f"{_some(empty)} has neither stages nor files",
            "Describe it in dvc.yaml, or list its files; where it has an id of its own, name that "
            f"as you register: {act('register', 'MODEL', pipeline='NAME@ALGORITHM:VALUE')}",
        )
        return
    examined.passed("pipelines", f"{_some(names)} can be captured")


def _some(things: list[str]) -> str:
    more = f" and {len(things) - _SHOWN} more" if things[_SHOWN:] else ""
    return ", ".join(things[:_SHOWN]) + more


def git(examined: Examined) -> None:
    """The repository: ``git``, ``git-history`` and ``git-remote``."""
    with opened() as project:
        if project.git is None:
            examined.warned(
                "git",
                "this is no git repository: only experiments can be registered",
                "Make one: git init",
            )
            return
        if project.git.head is None:
            examined.warned("git", "the repository has no commit", "Commit the code: git commit")
        else:
            examined.passed("git", f"commit {project.git.head[:12]} is checked out")
        if project.git.shallow:
            examined.warned(
                "git-history",
                "the clone is shallow: what made weights, and what differs, cannot always be told",
                "Fetch the whole history: git fetch --unshallow",
            )
        else:
            examined.passed("git-history", "the whole history is here")
        if project.git.remote is None:
            examined.warned(
                "git-remote",
                "no remote is called origin: versions say no place where their code is",
                "Name it: git remote add origin URL",
            )
        else:
            examined.passed("git-remote", f"versions name {project.git.remote}")


def git_clean(examined: Examined, url_flag: str | None) -> None:
    """What `git clean` would take away: ``git-clean``."""
    with opened() as project:
        url = project.registry_url(url_flag)
        if not taken_by_git_clean(project, url):
            examined.passed("git-clean", "the registry is no file of this checkout")
            return
        if not os.path.lexists(path_of(url)):
            examined.skipped("git-clean", "the registry is not there yet")
            return
        examined.warned(
            "git-clean",
            f"{without_password(url)} lies in the checkout: `git clean -dffx` takes it away",
            f"Keep it outside: {act('db copy', url, place_outside(project))}, and name it as "
            f"[registry] url in {project.file.name}",
        )
