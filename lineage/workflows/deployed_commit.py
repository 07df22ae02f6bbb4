"""The pipeline version that is deployed where a version is to be replayed, and its commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.acts import act
from lineage.errors import CaptureError, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lineage.capture.git import GitRepository
    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.contract.results import FoundPipeline


def deployed_for(
    registry: AnyRegistry, version: Mapping[str, Any], environment: str
) -> FoundPipeline:
    """The pipeline version that is deployed for a version's pipeline.

    Raises:
        CaptureError: the version has no pipeline or no weights, or the deployed one no files.
        NotFound: none is deployed.
    """
    ref, name = version["ref"], version["components"]["pipeline"]["name"]
    for what, recorded in (("pipeline", name), ("weights", version["weights"])):
        if recorded is None:
            raise CaptureError(
                f"{ref} was registered without its {what}, so nothing can be replayed.",
                remedy=f"Register a version that has them: {act('register', version['model'])}",
            )
    found = registry.deployed_pipeline(environment, name)
    if found.version.manifest is None:
        raise CaptureError(
            f"Pipeline {name} runs in {environment} as {found.version.xxh3.short}, a digest from "
            "outside: nothing tells what it holds.",
            remedy="Validate it where that runs, and say so: "
            f"{act('validate', ref, pipeline=found.version.xxh3.short, elsewhere=True)}",
        )
    return found


def commit_here(git: GitRepository, deployed: FoundPipeline, environment: str) -> str:
    """The commit of a deployed pipeline version, which must hold it and be in this clone.

    Raises:
        CaptureError: it does not, or is not.
    """
    commit, shown = deployed.commit, f"{deployed.name} {deployed.version.xxh3.short}"
    if commit is None or deployed.dirty:
        why = "was captured with uncommitted changes" if deployed.dirty else "names no commit"
        raise CaptureError(
            f"Pipeline {shown}, which runs in {environment}, {why}: no commit is known to hold it.",
            remedy="Commit it, and deploy it from that commit: "
            f"{act('pipeline deploy', deployed.name, env=environment)}",
        )
    try:
        return git.resolve(commit)
    except CaptureError:
        fetch = "git fetch --unshallow" if git.shallow else f"git fetch origin {commit}"
        raise CaptureError(
            f"Commit {commit} of pipeline {shown}, which runs in {environment}, is not in this "
            "clone.",
            remedy=f"Fetch it from where it is: {fetch}",
        ) from None


def require_deployed(
    there: Project, deployed: FoundPipeline, commit: str
) -> CapturedPipelineVersion:
    """The pipeline as the worktree holds it, which must be the deployed version.

    Raises:
        CaptureError: it is another.
    """
    found = there.capture_pipeline(deployed.name)
    if found.version.blake3 != deployed.version.blake3:
        raise CaptureError(
            f"Commit {commit[:12]} gives pipeline {deployed.name} as {found.version.xxh3.short} "
            f"here, not as {deployed.version.xxh3.short}, which is deployed.",
            remedy=f"See what differs: {act('pipeline diff', deployed.version.xxh3.short, commit)}",
        )
    return found


def moved_notes(registry: AnyRegistry, deployed: FoundPipeline, environment: str) -> Iterator[str]:
    """What a person should know where the deployment moved while the command ran."""
    try:
        now = registry.deployed_pipeline(environment, deployed.name)
    except NotFound:
        return
    if now.version.blake3 != deployed.version.blake3:
        yield (
            f"{environment} runs {now.version.xxh3.short} by now: the verdict is on "
            f"{deployed.version.xxh3.short}, which ran there when this began"
        )
