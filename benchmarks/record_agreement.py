"""Hold what a capture records against a second reading, over the histories of repositories.

    python -m benchmarks.record_agreement [--commits N] REPOSITORY...

At up to N commits of each that touch DVC's files or parameters, the commit is checked out into a
folder of its own, where nothing of it is run, and read three times: by the capture of the checkout,
by the capture of the revision, and by DVC's own index and git's plumbing
(``tests/support/second_reading.py``). The two captures must agree to the digest; each stage must
hold the command, the outputs and the bytes of declared code that the second reading has; and from
one commit to the next its parameters must move where the second reading's do. Every difference is
printed with its reason; those without one are counted in the exit status.
"""

from __future__ import annotations

import argparse
import collections
import os
import posixpath
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lineage.capture.project import Project
from lineage.errors import LineageError
from tests.support.second_reading import (
    SUBMODULE,
    StageReading,
    digests,
    git,
    read_stages,
    tracked_files,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.identity.pipeline import PipelineVersion, Stage

READ = ("*dvc.yaml", "*dvc.lock", "*.dvc", "*params*", "*.yaml", "*.toml", "*.py")
"""What a commit must touch to be read."""

MOST_PROJECTS = 4
"""Folders with a ``dvc.yaml`` that are read of a commit, at the most."""


@dataclass
class Agreement:
    """What the readings of commits came to."""

    counts: collections.Counter[str] = field(default_factory=collections.Counter)
    reasons: collections.Counter[str] = field(default_factory=collections.Counter)
    unexplained: list[str] = field(default_factory=list)

    def differs(self, where: str, what: str, reason: str | None = None) -> None:
        """Count a difference; without a reason it is a defect."""
        if reason is not None:
            self.reasons[reason] += 1
        else:
            self.unexplained.append(f"{where}: {what}")


def commits_of(folder: Path, most: int) -> list[str]:
    """Commits that touch what a pipeline is described by, oldest first, evenly chosen."""
    found = git(folder, "rev-list", "--reverse", "HEAD", "--", *READ).split()
    step = max(1, -(-len(found) // most))
    return found[::step]


def main(arguments: list[str]) -> int:
    """Read each repository; the exit status counts what nothing explains."""
    parser = argparse.ArgumentParser(prog="record_agreement")
    parser.add_argument("--commits", type=int, default=12, metavar="N")
    parser.add_argument("repositories", nargs="+", type=Path, metavar="REPOSITORY")
    wanted = parser.parse_args(arguments)
    whole = Agreement()
    for repository in wanted.repositories:
        one = Agreement()
        with tempfile.TemporaryDirectory() as scratch:
            copy = Path(os.path.realpath(scratch)) / "copy"
            words = ["git", "clone", "--quiet", "--no-checkout", repository, copy]
            subprocess.run(words, check=True, capture_output=True)
            before: dict[str, tuple[StageReading, Stage]] = {}
            for commit in commits_of(copy, wanted.commits):
                before = _commit(copy, commit, before, one)
        print(f"{repository.name}: {dict(one.counts)}", flush=True)
        for reason, times in one.reasons.most_common():
            print(f"    {times} times: {reason}")
        for line in one.unexplained:
            print(f"    NOT EXPLAINED {line}")
        for name in ("counts", "reasons"):
            getattr(whole, name).update(getattr(one, name))
        whole.unexplained += one.unexplained
    compared = whole.counts["stages held against the second reading"]
    print(f"\n{len(wanted.repositories)} repositories: {dict(whole.counts)}")
    print(f"differences with a reason: {dict(whole.reasons)}")
    print(f"without one: {len(whole.unexplained)} of {compared} stages")
    return min(len(whole.unexplained), 99)


def _commit(
    top: Path,
    commit: str,
    before: dict[str, tuple[StageReading, Stage]],
    found: Agreement,
) -> dict[str, tuple[StageReading, Stage]]:
    """Read the projects of a commit; their stages by their folders and names."""
    absent = _check_out(top, commit)
    if absent:
        found.reasons["files whose objects the clone leaves out are not checked out"] += 1
    read: dict[str, tuple[StageReading, Stage]] = {}
    files = [path for path in tracked_files(top) if path.split("/")[-1] == "dvc.yaml"]
    for place in sorted({posixpath.dirname(path) for path in files})[:MOST_PROJECTS]:
        here = _project(top / place, f"{commit[:10]} {place or '.'}", before, found)
        read |= {f"{place}:{name}": both for name, both in here.items()}
    return read


def _check_out(top: Path, commit: str) -> list[str]:
    """Check a commit out, but for the files whose objects are not in the clone."""
    git(top, "update-ref", "--no-deref", "HEAD", commit)
    oids = tracked_files(top)
    asked = "".join(f"{oid}\n" for oid in oids.values()).encode()
    words = ["git", "-C", top, "cat-file", "--batch-check"]
    lines = subprocess.run(words, input=asked, capture_output=True, check=True).stdout.splitlines()
    absent = [
        path
        for path, line in zip(oids, lines, strict=True)
        if line.endswith(b" missing") and not oids[path].startswith(SUBMODULE)
    ]
    escaped = [re.sub(r"([\\*?\[\]!# ])", r"\\\1", path) for path in absent]
    patterns = "".join(f"{line}\n" for line in ("/*", *(f"!/{path}" for path in escaped)))
    (top / ".git/info").mkdir(exist_ok=True)
    (top / ".git/info/sparse-checkout").write_text(patterns)
    git(top, "config", "core.sparseCheckout", "true" if absent else "false")
    git(top, "read-tree", "--reset", "-u", commit)
    git(top, "clean", "-ffdxq")
    return absent


def _project(
    folder: Path,
    where: str,
    before: dict[str, tuple[StageReading, Stage]],
    found: Agreement,
) -> dict[str, tuple[StageReading, Stage]]:
    """Read the project of a folder in all three ways; its stages by their names."""
    try:
        readings = read_stages(folder)
    except Exception as error:  # whatever DVC says
        readings, said = None, f"{type(error).__name__}"
    version = _captured(folder, where, found, dvc_reads=readings is not None)
    if readings is None:
        found.counts["projects that DVC itself cannot read"] += 1
        if version is not None:
            found.differs(where, "", f"DVC's index as a whole refuses the project ({said})")
        return {}
    if version is None or version.manifest is None:
        return {}
    found.counts["projects captured"] += 1
    stages = version.manifest.stages
    own = {name: reading for name, reading in readings.items() if ":" not in name}
    for name in sorted(own.keys() ^ {one for one in stages if ":" not in one}):
        found.differs(f"{where} {name}", "a stage that only one of the two has")
    both = {name: (own[name], stages[name]) for name in own.keys() & stages.keys()}
    stored = digests(folder, (oid for reading, _ in both.values() for oid in reading.code.values()))
    for name, (reading, stage) in both.items():
        found.counts["stages held against the second reading"] += 1
        for what, reason in _differences(reading, stage, stored):
            found.differs(f"{where} {name}", what, reason)
        place = f"{where.partition(' ')[2].removesuffix('.')}:{name}"
        if place in before:
            found.counts["stages held against the commit before"] += 1
            old_reading, old_stage = before[place]
            moved = reading.parameters != old_reading.parameters
            if moved != (stage.params != old_stage.params):
                found.differs(f"{where} {name}", "its parameters moved in one of the two alone")
    return both


def _captured(
    folder: Path, where: str, found: Agreement, *, dvc_reads: bool
) -> PipelineVersion | None:
    """The pipeline of a checkout, which is to be that of its commit."""
    versions: list[PipelineVersion | None] = []
    said = []
    for revision in (None, "HEAD"):
        project = Project.find(folder)
        try:
            captured = project.capture_pipeline("pipeline", revision)
        except LineageError as error:
            versions.append(None)
            said.append(str(error)[:160])
        else:
            versions.append(captured.version)
            if captured.dirty:
                found.differs(where, f"a clean checkout counts as dirty: {captured.notes}")
        finally:
            if project.git is not None:
                project.git.close()
    here, there = versions
    if here is None and there is None:
        found.counts["projects refused in a sentence"] += 1
        if dvc_reads:
            found.reasons[f"refused: {said[0]}"] += 1
    elif here is None or there is None:
        side = "the checkout" if here is None else "the revision"
        found.differs(where, "", f"refused in {side} alone: {said[0]}")
    elif here.blake3 != there.blake3:
        found.differs(where, "the checkout and the revision have two digests")
    return here or there


def _differences(
    reading: StageReading, stage: Stage, stored: dict[str, str]
) -> Iterator[tuple[str, str | None]]:
    if stage.cmd != reading.command:
        yield f"command {stage.cmd} and {reading.command}", None
    if set(stage.outputs) != reading.outputs:
        yield f"outputs {sorted(set(stage.outputs) ^ reading.outputs)}", None
    for path, oid in reading.code.items():
        held = stage.code.get(path)
        if held == stored[oid]:
            continue
        if held is None and path in stage.inputs:
            yield f"{path} is an input and not code", None
        elif held is not None and path.endswith(".ipynb"):
            yield path, "a notebook is compared by its code cells"
        else:
            yield f"{path} is {held}, and {stored[oid]} in git", None
    for path in sorted(reading.others - set(stage.inputs)):
        if path not in stage.code:
            yield f"the input {path} is left out", None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
