"""Whether the deployed pipeline version holds what its runs were observed to read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lineage.acts import act
from lineage.guard.additions import additions, missing
from lineage.guard.decision import Check, Status
from lineage.guard.facts import Transition
from lineage.guard.policy import Demand
from lineage.guard.rules.evidence import run_it

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.guard.facts import Facts, RecordedRun
    from lineage.guard.unseen import UnseenCode
    from lineage.identity.pipeline import Manifest
    from lineage.identity.watched import Undeclared

CODE: Final = "pipeline-complete"
THE_COMMAND: Final = "the command"
"""Where a capture says that something stands which stands in no file."""
_MOST_NAMED: Final = 3
_TOOL: Final = re.compile(r"(?!python|pypy|graalpy).* was not observed", re.DOTALL)
"""The gap that a program leaves which is no Python: a library may start one (``lscpu``) as it is
imported, which nobody can help."""


def pipeline_complete(facts: Facts) -> Check:
    """Fails when a watched run read tracked code or parameters that the pipeline does not hold.

    Or when something that no capture could follow was never watched. It warns where nobody watched
    a run of each stage with the deployed pipeline version, or not all that it did, and where the
    version returns to the one that it was judged with when it came.
    """
    if facts.deployed is None:
        return Check(CODE, Status.SKIPPED, "needs a deployed pipeline to compare")
    manifest = facts.deployed.manifest
    if manifest is None:
        return Check(CODE, Status.SKIPPED, "the deployed pipeline is known by its digest alone")
    runs = _runs(facts, str(facts.deployed.blake3))
    files = missing([one.run for one in runs], manifest)
    if files:
        return _incomplete(facts, runs, files, manifest)
    unseen = _unseen(facts, runs)
    if unseen:
        return _unwatched(facts, unseen)
    if not runs:
        return Check(
            CODE,
            Status.WARN,
            f"no run of {facts.ref} was watched, so its pipeline holds only what is declared",
            _again(facts),
        )
    if all(one.pipeline != str(facts.deployed.blake3) for one in runs):
        if all(verdict.pipeline.blake3 != facts.deployed.blake3 for verdict in facts.verdicts):
            return Check(CODE, Status.SKIPPED, "no verdict is on the deployed pipeline version")
        return Check(
            CODE,
            Status.WARN,
            f"nobody watched a run of {facts.ref} with the deployed pipeline version: it holds the "
            f"code that {_counted(runs)} with another read",
            _again(facts),
            {"runs": 0},
        )
    idle = _idle(manifest, runs)
    if idle:
        return Check(
            CODE,
            Status.WARN,
            f"{_counted(runs)} of {facts.ref} ran no code of {_named(idle)}: what "
            f"{'it reads' if len(idle) == 1 else 'they read'} is known as far as it is declared",
            _again(facts),
            {"idle": idle, "runs": len(runs)},
        )
    return _whole(facts, runs, manifest)


def _whole(facts: Facts, runs: Sequence[RecordedRun], manifest: Manifest) -> Check:
    """The runs read nothing else, as far as they were seen."""
    gaps = sorted({gap for one in runs for gap in one.run.gaps})
    details = {"runs": len(runs), "gaps": gaps}
    seen = f"the deployed pipeline holds what {_counted(runs)} of {facts.ref} read"
    if not _idle(manifest, [one for one in runs if one.run.is_complete]):
        return Check(CODE, Status.PASS, seen, details=details)
    seen = f"{seen}, as far as it was seen: {_named(gaps)}"
    if not _idle(manifest, [one for one in runs if all(map(_TOOL.fullmatch, one.run.gaps))]):
        return Check(CODE, Status.PASS, seen, details=details)
    return Check(
        CODE,
        Status.WARN,
        seen,
        "Let each Python of the run start with the environment that it is given, and without -I, "
        f"-E or -S, and end before the command does; then watch its stages "
        f"({act('run', force=True)}) and register it again: {act('register', facts.model)}",
        details,
    )


def _runs(facts: Facts, identity: str) -> tuple[RecordedRun, ...]:
    """The runs with the deployed pipeline version; where there are none, those with others."""
    return tuple(one for one in facts.watched if one.pipeline == identity) or facts.watched


def _idle(manifest: Manifest, runs: Sequence[RecordedRun]) -> list[str]:
    """The stages of which no watched run read any code."""
    read = {path for one in runs for path in one.run.code}
    return [
        name
        for name, stage in sorted(manifest.stages.items())
        if stage.code and not read & set(stage.code)
    ]


def _incomplete(
    facts: Facts, runs: Sequence[RecordedRun], files: Sequence[Undeclared], manifest: Manifest
) -> Check:
    added = additions(files, manifest)
    return Check(
        CODE,
        _severity(facts),
        f"{_counted(runs)} of {facts.ref} read {_named([file.path for file in files])}, which the "
        "deployed pipeline does not hold",
        f"Add {'; '.join(map(str, added))} ({act('pipeline suggest', facts.pipeline or '')} shows "
        "how), then register and validate what it makes; what production does not run is listed "
        "under `besides` in lineage.toml",
        {
            "undeclared": [file.to_json() for file in files],
            "add": [one.to_json() for one in added],
            "watched_at": runs[0].at,
            "watched_by": runs[0].by,
        },
    )


def _unseen(facts: Facts, runs: Sequence[RecordedRun]) -> list[UnseenCode]:
    """What no capture could follow, and stands in code that no watched run read.

    What stands in a stage's command is seen by a run that was watched without a gap.
    """
    read = {path for one in runs for path in one.run.code}
    if any(one.run.is_complete and one.run.code for one in runs):
        read.add(THE_COMMAND)
    return [thing for thing in facts.unseen if thing.file not in read]


def _unwatched(facts: Facts, unseen: Sequence[UnseenCode]) -> Check:
    named = _named([f"{thing.what} in {_place(thing)}" for thing in unseen])
    return Check(
        CODE,
        _severity(facts),
        f"the deployed pipeline runs what its capture could not follow, and no run of {facts.ref} "
        f"was watched there: {named}",
        _watch(facts)
        or f"Watch its stages ({act('run', force=True)}), then register them: "
        f"{act('register', facts.model)}",
        {"unseen": [thing.to_json() for thing in unseen]},
    )


def _again(facts: Facts) -> str:
    return _watch(facts) or (
        f"Watch its stages at its commit ({act('run', force=True)}), then register it again: "
        f"{act('register', facts.model)}"
    )


def _watch(facts: Facts) -> str | None:
    """How a model from elsewhere is watched: it has no stages here, but what validates it has."""
    if facts.origin is None or not facts.origin.is_external:
        return None
    return f"Validate it {run_it(facts)}"


def _place(thing: UnseenCode) -> str:
    return f"{THE_COMMAND} of stage {thing.stage}" if thing.where == THE_COMMAND else thing.where


def _severity(facts: Facts) -> Status:
    returns = facts.transition is Transition.RETURN
    lenient = facts.policy.pipeline_complete is Demand.WARN
    return Status.WARN if lenient or returns else Status.FAIL


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if names[_MOST_NAMED:] else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _counted(runs: Sequence[RecordedRun]) -> str:
    return "a watched run" if len(runs) == 1 else f"{len(runs)} watched runs"
