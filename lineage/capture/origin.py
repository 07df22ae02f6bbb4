"""Where a version's weights come from: whether they are what DVC's stages made of what is here.

DVC's lock says what a stage was last run with, but not which code its scripts import. So the code
that the stages run is also compared with the commit that recorded their last run.
"""

from __future__ import annotations

import os
import posixpath
import re
import shlex
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lineage.acts import act
from lineage.capture.dvc import DvcProject
from lineage.capture.dvc_hash import ALGORITHMS
from lineage.capture.git import MOST_VERSIONS
from lineage.capture.lock import Lock
from lineage.capture.pipeline import code_of
from lineage.capture.source import Revision
from lineage.capture.stage_addresses import address
from lineage.errors import CaptureError
from lineage.identity.origin import OriginState, WeightsOrigin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lineage.capture.dvc import DvcStage
    from lineage.capture.dvc_hash import DvcHasher
    from lineage.capture.git import GitRepository

_SHOWN: Final = 5


class _Recorded(NamedTuple):
    """A stage, and the commit that recorded its last run."""

    stage: str
    commit: str


_PYTHON: Final = re.compile(r"python[\d.]*")
_MODULE: Final = re.compile(r"\w+(?:\.\w+)*")
_SCRIPT: Final = re.compile(r"\w[\w./-]*\.py")


@dataclass(frozen=True)
class OwnRun:
    """A command that was run for the registration.

    ``files`` are those, relative to the top of the repository, that its programs were seen to read,
    ``scripts`` what ran as a program of Python: a file likewise, or ``-m module``. ``wrote`` tells
    that it wrote the weights: DVC skips a stage whose inputs came out as they were. ``is_blind``
    tells that the watching failed, which is to change nothing.
    """

    files: frozenset[str]
    scripts: frozenset[str] = frozenset()
    wrote: bool = True
    is_blind: bool = False

    def read_for(self, stage: DvcStage) -> frozenset[str]:
        """What was read, if the stage's program ran; others (tests) may read the same code."""
        script = _script_of(stage)
        ran = script in self.scripts if script is not None else self.wrote
        return self.files if ran else frozenset()


@dataclass(frozen=True)
class OriginReader:
    """Finds what made the weights of a model.

    Args:
        model: the model's name.
        dvc: the DVC project, as the version's source holds it.
        git: the repository; None outside one.
        hasher: hashes files of the working tree as DVC does.
        imports: whether the code of a stage holds what it imports.
        stale_ok: why code that changed since is taken on; None where it is not.
    """

    model: str
    dvc: DvcProject
    git: GitRepository | None
    hasher: DvcHasher
    imports: bool = True
    stale_ok: str | None = None

    def read(self, weights: Path, top: Path, *, ran: OwnRun | None = None) -> WeightsOrigin:
        """What made the weights.

        Args:
            weights: where they are.
            top: the top of the repository.
            ran: the command that was run for the registration, if one was.

        Raises:
            CaptureError: they are not what DVC recorded, something that they were made from
                changed, or code that their stages run did and nobody takes that on.
        """
        full = os.path.normpath(os.path.abspath(weights))  # noqa: PTH100 - links are DVC's
        path = os.path.relpath(full, top).replace(os.sep, "/")
        if path.startswith("../"):
            return _without_stage(ran)
        self._require_recorded(path)
        lock = Lock(self.dvc, None if isinstance(self.dvc.source, Revision) else self.hasher)
        stages = [stage for stage in self.dvc.making(path) if lock.entry(stage) is not None]
        if not stages:
            return _without_stage(ran)
        named = ", ".join(address(stage, self.dvc.folder) for stage in stages)
        chain = lock.upstream(stages)
        self._require_current(path, named, lock, chain)
        return self._made(path, named, lock, chain, ran)

    def _require_recorded(self, path: str) -> None:
        """Refuse weights that are not what DVC recorded at their path."""
        for tracked in self.dvc.recorded_at(path):
            digest = tracked.digest
            if digest is None or digest.algorithm not in ALGORITHMS:
                continue
            if self.hasher.digest(tracked.path, digest.algorithm)[0] != digest:
                raise CaptureError(
                    f"The weights {path} are not what DVC recorded of them in {tracked.file}.",
                    remedy="Make them anew (dvc repro), bring the recorded ones back "
                    f"(dvc checkout {tracked.path}), or record these (dvc commit "
                    f"{tracked.path}), and commit {tracked.file}.",
                )

    def _require_current(self, path: str, named: str, lock: Lock, chain: list[DvcStage]) -> None:
        """Refuse weights whose stages were run with something else than what is here."""
        differences = [said for stage in chain for said in lock.differences(stage)]
        if differences:
            more = f" and {len(differences) - 3} more" if differences[3:] else ""
            raise CaptureError(
                f"The weights {path} were not made of what is here: "
                f"{'; '.join(differences[:3])}{more}.",
                remedy=f"Make them anew (dvc repro {named}) and commit dvc.lock.",
            )

    def _made(
        self,
        path: str,
        named: str,
        lock: Lock,
        chain: list[DvcStage],
        ran: OwnRun | None,
    ) -> WeightsOrigin:
        """Weights that stages made of what DVC knows of; their code may have changed since."""
        changed: dict[str, _Recorded] = {}
        unknown: str | None = None
        commit: str | None = None
        run = [stage for stage in chain if not stage.frozen]
        start = self._start()
        at = cache(partial(self._project_at, start))
        for stage, recorded in self._recorded(lock, run, start):
            try:
                if isinstance(recorded, CaptureError):
                    raise recorded
                read = frozenset[str]() if ran is None else ran.read_for(stage)
                since = _Recorded(address(stage, self.dvc.folder), recorded)
                then = at(recorded)
                changed |= dict.fromkeys(self._changed_since(then, since, stage) - read, since)
                commit = recorded
            except CaptureError as error:
                commit = None
                unknown = unknown if self._was_run(stage, ran) else str(error)
        if ran is not None and ran.is_blind:
            changed = {}
        if not changed and unknown is None:
            if ran is None or not ran.wrote:
                return WeightsOrigin(OriginState.MADE, named, commit)
            return WeightsOrigin(OriginState.RUN, named, commit, reason=_gap(ran))
        if self.stale_ok is not None:
            files = tuple(sorted(changed))
            return WeightsOrigin(OriginState.STALE, named, commit, files, self.stale_ok)
        raise self._stale(path, named, changed, unknown)

    def changed_code(self, lock: Lock, stages: list[DvcStage]) -> dict[tuple[str, str], list[str]]:
        """The code that is known to have changed since the recorded runs of stages.

        Returns:
            The changed files by the file and the name of their stage.
        """
        start = self._start()
        found: dict[tuple[str, str], list[str]] = {}
        for stage, recorded in self._recorded(lock, stages, start):
            if isinstance(recorded, CaptureError):
                continue
            with suppress(CaptureError):  # what is not known is taken as it was
                since = _Recorded(address(stage, self.dvc.folder), recorded)
                then = self._project_at(start, recorded)
                found[stage.file, stage.name] = sorted(self._changed_since(then, since, stage))
        return found

    def _was_run(self, stage: DvcStage, ran: OwnRun | None) -> bool:
        """Whether a program was seen to read a stage's code: DVC has a cache of runs, too."""
        if ran is None or ran.is_blind:
            return ran is not None
        code = code_of(self.dvc, [address(stage, self.dvc.folder)], imports=self.imports)
        files = {path for paths in code.values() for path in paths}
        return not files or bool(files & ran.read_for(stage))

    def _stale(
        self, path: str, named: str, changed: Mapping[str, _Recorded], unknown: str | None
    ) -> CaptureError:
        run = act("register", self.model, "--", "dvc", "repro", "--force", *named.split(", "))
        taken_on = act("register", self.model, stale_ok="REASON")
        remedy = f"Train anew where it is seen: {run}; or take it on: {taken_on}"
        if not changed:
            return CaptureError(
                f"Whether the code of {named} changed after it made {path} cannot be told: "
                f"{unknown}",
                remedy=remedy,
            )
        return CaptureError(
            f"The weights {path} are stale: {_told(changed, named)}, and DVC does not know it.",
            remedy=remedy,
        )

    def _recorded(
        self, lock: Lock, stages: list[DvcStage], start: str | None
    ) -> Iterator[tuple[DvcStage, str | CaptureError]]:
        """Each stage, and the first commit that recorded what its lock has of its last run.

        What DVC restores (from its cache of runs, from an older lock) was made when it was first
        recorded, on whichever branch, and not by the code of the commit that brought it back.
        The history of a lock is read once for all its stages.

        Yields:
            For a stage that no commit here recorded, or that an older one may have that is not
            here, the reason instead.
        """
        if self.git is None or start is None:
            nothing = CaptureError("There is no commit.", remedy="Commit dvc.lock.")
            yield from ((stage, nothing) for stage in stages)
            return
        if self.git.shallow:
            yield from ((stage, _shallow(stage)) for stage in stages)
            return
        of_file: dict[str, list[DvcStage]] = {}
        for stage in stages:
            of_file.setdefault(lock.file(stage), []).append(stage)
        found: dict[tuple[str, str], str | CaptureError] = {}
        for path, those in of_file.items():
            try:
                found |= self._first(lock, path, those, start, self.git)
            except CaptureError as error:  # what git has of it cannot be read
                found |= {(stage.file, stage.name): error for stage in those}
        yield from ((stage, found[stage.file, stage.name]) for stage in stages)

    @staticmethod
    def _first(
        lock: Lock, path: str, stages: list[DvcStage], start: str, git: GitRepository
    ) -> dict[tuple[str, str], str | CaptureError]:
        """The same for the stages of one lock, by their file and name."""
        found: dict[tuple[str, str], str | CaptureError] = {}
        sought = []
        _, newest = next(git.versions_of(path, start), (None, None))
        for stage in stages:
            key, entry = (stage.file, stage.name), lock.entry(stage)
            if newest is None or lock.entry_in(stage, newest) != entry:
                found[key] = CaptureError(
                    f"No commit records the last run of {stage.name}.", remedy=f"Commit {path}."
                )
            else:
                found[key] = start
                sought.append((stage, key, entry, _marks(entry or {})))
        if not sought:
            return found
        versions = git.versions_of(path, start, everywhere=True)
        for number, (commit, data) in enumerate(versions, 1):
            for stage, key, entry, marks in sought:
                if data is None or not all(mark in data for mark in marks):
                    continue  # to parse every lock that ever was takes long
                if lock.entry_in(stage, data) == entry:
                    found[key] = commit
                if found[key] == commit and number == MOST_VERSIONS:
                    found[key] = CaptureError(
                        f"The oldest of the {MOST_VERSIONS:,} commits of {path} that are read "
                        f"holds this run of {stage.name}; those before are not read.",
                        remedy=f"Run it anew (dvc repro --force {stage.name}) and commit {path}.",
                    )
        return found

    def _project_at(self, start: str | None, commit: str) -> DvcProject | None:
        """The project at a commit; None where that is the commit that the version is of."""
        if commit == start or self.git is None:
            return None
        return DvcProject(Revision(self.git, commit), self.dvc.folder)

    def _changed_since(self, at: DvcProject | None, since: _Recorded, stage: DvcStage) -> set[str]:
        """The code files of a stage that are not what they were at the commit of its run."""
        if at is None:
            return set()
        then = code_of(at, [since.stage], imports=self.imports).get(since.stage)
        if then is None:
            raise CaptureError(
                f"{since.commit[:12]} has no stage {since.stage}.", remedy="Train anew."
            )
        now = code_of(self.dvc, [since.stage], imports=self.imports)[since.stage]
        return {
            path
            for path in {*now, *then}
            if now.get(path) != then.get(path)
            and not any(path == dep or path.startswith(f"{dep}/") for dep in stage.deps)
        }

    def _start(self) -> str | None:
        """The commit that the version is of."""
        source = self.dvc.source
        if isinstance(source, Revision):
            return source.commit
        return self.git.head if self.git is not None else None


def _script_of(stage: DvcStage) -> str | None:
    """The script, or ``-m module``, that a stage runs; None where that is not plain to see."""
    try:
        words = shlex.split(" ".join(stage.cmd)) if len(stage.cmd) == 1 else []
    except ValueError:
        return None
    if len(words) < 2 or _PYTHON.fullmatch(words[0]) is None:
        return None
    if words[1] == "-m":
        return f"-m {words[2]}" if words[2:] and _MODULE.fullmatch(words[2]) else None
    if _SCRIPT.fullmatch(words[1]) is None:
        return None
    return posixpath.normpath(posixpath.join(stage.wdir, words[1]))


def _shallow(stage: DvcStage) -> CaptureError:
    return CaptureError(
        f"This clone may be too shallow to hold the commit that recorded {stage.name}.",
        remedy="Fetch the whole history: git fetch --unshallow",
    )


def _marks(entry: dict[str, Any]) -> list[bytes]:
    """What stands in any lock that holds an entry: the digests of what the run made."""
    outs = [out for out in entry.get("outs") or () if isinstance(out, dict)]
    return [out["md5"].encode() for out in outs if isinstance(out.get("md5"), str)]


def _without_stage(ran: OwnRun | None) -> WeightsOrigin:
    if ran is None or not ran.wrote:
        return WeightsOrigin(OriginState.UNMADE)
    return WeightsOrigin(OriginState.RUN, reason=_gap(ran))


def _gap(ran: OwnRun) -> str | None:
    """What is not known of a run whose watching failed."""
    return "watching it failed, so what it read is not known" if ran.is_blind else None


def _told(changed: Mapping[str, _Recorded], named: str) -> str:
    """Which files changed after which run, the first few: each by the last run that it is of."""
    runs: dict[_Recorded, list[str]] = {}
    for file, since in sorted(changed.items())[:_SHOWN]:
        runs.setdefault(since, []).append(file)
    told = [
        f"{', '.join(files)} changed after {since.stage} "
        f"{'made them' if since.stage in named.split(', ') else 'ran'} ({since.commit[:12]})"
        for since, files in runs.items()
    ]
    more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    return f"{'; '.join(told)}{more}"
