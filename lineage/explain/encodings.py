"""Pipeline versions of two encodings, held against each other by their sources.

Versions of `lineage-pipeline/1` and `lineage-pipeline/2` are never equal, even where nothing
differs. Where git still has the commit that the older one was captured at, it is captured again in
today's encoding, and that is compared: its declared dependencies alone where the older one holds no
more. It stands for the older one only if nothing that both encodings hold differs between the two.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from lineage.errors import LineageError
from lineage.identity.change import ABSENT, Change, ChangeKind
from lineage.identity.pipeline import Encoding, PipelineVersion, Scope
from lineage.identity.pipeline_diff import changes_between

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lineage.capture.project import Project
    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.contract.results import FoundPipeline

    Captured: TypeAlias = FoundPipeline | CapturedPipelineVersion
    Recorded: TypeAlias = Callable[[PipelineVersion], FoundPipeline]


@dataclass(frozen=True)
class AcrossEncodings:
    """What sources tell of two versions of different encodings.

    ``commit`` is where the older one was captured again, None where that cannot be done;
    ``changes`` are the differences that remain then; ``outcome`` says in words what came of it.
    """

    commit: str | None
    changes: tuple[Change, ...]
    outcome: str

    @property
    def same(self) -> bool | None:
        """Whether nothing but the encoding differs; None where that cannot be told."""
        return not self.changes if self.commit is not None else None

    @property
    def sentence(self) -> str:
        """All of it in one sentence, with the first differences."""
        more = f" and {len(self.changes) - 3} more" if len(self.changes) > 3 else ""
        told = "; ".join(map(str, self.changes[:3]))
        return f"{self.outcome}: {told}{more}" if self.changes else self.outcome

    def lines(self, told: Sequence[Change]) -> list[str]:
        """The same in lines: each difference that is not among those that are told already."""
        rest = [str(change) for change in self.changes if change not in told]
        return [f"{self.outcome}:", *rest] if rest else [self.sentence]

    def to_json(self) -> dict[str, Any]:
        """``encodings`` in the details of a decision and in `pipeline diff`."""
        return {
            "same": self.same,
            "commit": self.commit,
            "changes": [change.to_json() for change in self.changes],
            "explanation": self.sentence,
        }


def across_encodings(project: Project, old: Captured, new: Captured) -> AcrossEncodings | None:
    """What the sources of two pipeline versions tell; None where their encodings do not differ.

    Args:
        project: whose repository has the sources.
        old: the validated version, and where it was captured.
        new: the deployed one.
    """
    manifests = old.version.manifest, new.version.manifest
    if None in manifests or len({m.encoding for m in manifests if m is not None}) == 1:
        return None
    was_first = manifests[0] is not None and manifests[0].encoding is Encoding.FIRST
    former = old if was_first else new
    again, why_not = _captured_again(project, former)
    if again is None:
        return AcrossEncodings(None, (), f"whether anything else differs cannot be told: {why_not}")
    sides = (again, new.version) if was_first else (old.version, again)
    changes = changes_between(*sides)
    commit = str(former.commit)
    return AcrossEncodings(commit, changes, f"captured again at {commit[:12]}, {_outcome(changes)}")


def _outcome(changes: Sequence[Change]) -> str:
    """What came of capturing a version again, in words."""
    if not changes:
        return "nothing differs but the encoding"
    if changes[0].kind is ChangeKind.CODE and all(map(_is_further_code, changes[1:])):
        return "what both hold is the same, and one side holds more of what its stages run"
    return "it differs"


def _is_further_code(change: Change) -> bool:
    in_stage = change.kind is ChangeKind.FILE and change.stage is not None
    return in_stage and ABSENT in (change.validated, change.deployed)


def _captured_again(project: Project, former: Captured) -> tuple[PipelineVersion | None, str]:
    """A version of the first encoding captured anew, or why it cannot be."""
    if former.commit is None or former.dirty:
        return None, "the older version was not captured at a clean commit"
    scope = former.version.manifest.code if former.version.manifest is not None else None
    followed = scope is Scope.FOLLOWED
    try:
        again = project.capture_pipeline(former.name, former.commit, imports=followed).version
    except LineageError as error:
        return None, f"the older version cannot be captured again ({str(error).rstrip('.')})"
    if scope is None and again.manifest is not None:
        again = PipelineVersion(replace(again.manifest, code=None))  # as it says of itself
    changes = changes_between(former.version, again)
    if any(change.kind is not ChangeKind.ENCODING for change in changes):
        return None, f"commit {former.commit[:12]} gives another pipeline than was recorded there"
    return again, ""
