"""How the files of a recorded pipeline version came in, found out anew from the repository.

The registry keeps what a version holds, not why: that is read where the version was captured, and
believed only where the same version comes out. Where nothing was followed, every file is declared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lineage.acts import act
from lineage.capture.pipeline import ways_of
from lineage.contract.captured import CapturedPipelineVersion
from lineage.errors import LineageError, NotFound
from lineage.identity.change import ChangeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lineage.capture.project import Project
    from lineage.contract.results import FoundPipeline
    from lineage.identity.change import Change


ARROW: Final = " ← "
"""What stands between the steps of a way; one that is declared, or named by a command, has one."""


def captured_again(
    project: Project, recorded: FoundPipeline | CapturedPipelineVersion
) -> CapturedPipelineVersion | None:
    """The same version captured anew, at its commit or in the working tree.

    Returns:
        None where neither gives it: git lacks the commit, or the tree had changes then.
    """
    for revision in dict.fromkeys((recorded.commit, None)):
        try:
            captured = project.capture_pipeline(recorded.name, revision)
        except LineageError:
            continue
        if captured.version.blake3 == recorded.version.blake3:
            return captured
    return None


def with_reasons(project: Project, recorded: FoundPipeline) -> CapturedPipelineVersion:
    """A recorded version with its reasons.

    Raises:
        NotFound: nothing here gives that version any more.
    """
    manifest = recorded.version.manifest
    if manifest is not None and manifest.is_declared_alone:
        why = {name: ways_of(stage) for name, stage in manifest.stages.items()}
        return CapturedPipelineVersion(
            recorded.name, recorded.version, recorded.commit, recorded.dirty, why
        )
    captured = captured_again(project, recorded)
    if captured is not None:
        return captured
    where = f"commit {recorded.commit[:12]}" if recorded.commit else "a commit that is not known"
    dirty = " with uncommitted changes" if recorded.dirty else ""
    raise NotFound(
        f"Why {recorded.version.xxh3.short} holds its files cannot be told: it was captured at "
        f"{where}{dirty}, and neither that commit nor the working tree gives it here.",
        remedy="Fetch the commit (git fetch), or look at the pipeline as it is here: "
        f"{act('pipeline show', why=True)}",
    )


def ways(
    project: Project,
    changes: Iterable[Change],
    sides: Sequence[FoundPipeline | CapturedPipelineVersion],
) -> tuple[str, ...]:
    """How the changed files that no dependency names are reached.

    Args:
        project: whose repository tells.
        changes: what differs.
        sides: the two versions; the first that can be captured again and holds a file tells.
    """
    wanted = [
        (change.stage, change.name)
        for change in changes
        if change.kind is ChangeKind.FILE and change.stage is not None
    ]
    found: dict[tuple[str, str], str] = {}
    for side in sides:
        if len(found) == len(wanted):
            break
        why = _why(project, side)
        for stage, path in wanted:
            if path in why.get(stage, {}):
                found.setdefault((stage, path), why[stage][path])
    told = (found.get(key) for key in wanted)
    return tuple(dict.fromkeys(way for way in told if way and way.count(ARROW) > 1))


def _why(
    project: Project, side: FoundPipeline | CapturedPipelineVersion
) -> Mapping[str, Mapping[str, str]]:
    why: Mapping[str, Mapping[str, str]] = getattr(side, "why", {})
    manifest = side.version.manifest
    if why or manifest is None or manifest.is_declared_alone:
        return why
    captured = captured_again(project, side)
    return captured.why if captured is not None else {}
