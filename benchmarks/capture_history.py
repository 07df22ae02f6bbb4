"""Capture the pipeline at every commit of the given repositories, and say what happened.

    python benchmarks/capture_history.py REPOSITORY...

Real repositories are odder than anything one would write. Each commit ends in a captured pipeline,
in "no pipeline here", or in one clear sentence; anything else is a defect and is printed as one.
"""

from __future__ import annotations

import collections
import posixpath
import sys
import time
import traceback
from pathlib import Path

from lineage.capture.dvc import DvcProject
from lineage.capture.git import GitRepository
from lineage.capture.pipeline import capture_pipeline
from lineage.capture.source import Revision, is_dvc_file
from lineage.errors import LineageError


def folders(source: Revision) -> set[str]:
    """Folders that could be a project: the top, and the first two with a ``dvc.yaml``."""
    found = sorted({posixpath.dirname(p) for p in source.dvc_files() if p.endswith("dvc.yaml")})
    return {"", *found[:2]}


def main(repositories: list[str]) -> int:
    """Walk each repository's history; the exit status counts the defects."""
    defects = 0
    for path in repositories:
        git = GitRepository(Path(path))
        commits = git._run("rev-list", "HEAD").split()
        seen: collections.Counter[str] = collections.Counter()
        reasons: collections.Counter[str] = collections.Counter()
        digests = set()
        began = time.perf_counter()
        for commit in commits:
            source = Revision(git, commit)
            if not any(is_dvc_file(p) for p in source.tracked):
                seen["no DVC"] += 1
                continue
            for folder in folders(source):
                try:
                    captured = capture_pipeline(DvcProject(source, folder), None, [])
                except LineageError as error:
                    seen["refused"] += 1
                    reasons[str(error)[:160]] += 1
                except Exception:
                    defects += 1
                    seen["DEFECT"] += 1
                    print(f"--- {path} {commit} {folder!r}")
                    traceback.print_exc()
                else:
                    seen["captured" if captured else "no stages"] += 1
                    if captured:
                        digests.add(captured.version.xxh3)
        spent = time.perf_counter() - began
        print(
            f"{path}: {len(commits)} commits, {dict(seen)}, {len(digests)} pipeline versions, "
            f"{spent:.1f} s",
            flush=True,
        )
        for reason, count in reasons.most_common(8):
            print(f"    {count} times: {reason}")
    return defects


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 99))
