"""What led to a version: reads the runs of stages and the imports that DVC recorded.

Nothing is refused here: what cannot be read, does not fit or is too much is left out, and said.
"""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lineage.capture.bounded_yaml import load_strings
from lineage.capture.dvc import is_outside, joined, mappings, recorded_digest
from lineage.capture.dvc_hash import ALGORITHMS, DvcHasher
from lineage.capture.lock import Lock, recorded_parameters
from lineage.capture.outside_address import shown_address
from lineage.capture.source import Revision, WorkingTree
from lineage.capture.stage_addresses import address
from lineage.errors import CaptureError, LineageError
from lineage.identity.chain import (
    MOST_FILES,
    MOST_OF_CHAIN,
    MOST_RUNS,
    Basis,
    Chain,
    RunKind,
    StageRun,
    origin_fault,
)
from lineage.identity.digest import normalise

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lineage.capture.dvc import DvcProject, DvcStage
    from lineage.hashing.cache import StatCache
    from lineage.identity.digest import Digest


@dataclass
class ChainReader:
    """Reads the chain of one version.

    Args:
        dvc: the DVC project, as the version's source holds it.
        top: the working tree, in which the weights are.
        cache: of the digests of files.
        check: whether data that is here is read; the weights and code always are.
    """

    dvc: DvcProject
    top: Path
    cache: StatCache | None
    check: bool
    _runs: dict[str, StageRun] = field(default_factory=dict)
    _unchecked: dict[str, dict[str, Basis]] = field(default_factory=dict)
    _gaps: list[str] = field(default_factory=list)
    _files: int = 0

    def read(self, weights: Path | None, data: Iterable[str], folder: str) -> Chain | None:
        """The chain.

        Args:
            weights: where the weights are; None where there are none.
            data: the data items as the project names them.
            folder: the project's, relative to the top of the repository.

        Returns:
            None where DVC recorded nothing that led to the version.
        """
        data = [
            posixpath.normpath(posixpath.join(folder, item)) for item in data if "://" not in item
        ]
        hasher = self._hasher(self.dvc.source)
        self._lock = Lock(self.dvc, hasher)
        recorded = None
        try:
            path = self._inside(weights)
            recorded = self._weights(path) if path is not None else None
            stages = self.dvc.making(path) if path is not None and recorded is not None else []
            for item in data:
                stages += [stage for stage in self.dvc.making(item) if stage not in stages]
            for stage in self._lock.upstream(stages):
                self._stage(stage)
            self._imports(data)
        except LineageError as error:
            self._gaps.append(f"What DVC recorded could not be read: {error}")
        chain = Chain(
            tuple(self._runs.values()),
            recorded,
            self._unchecked,
            tuple(self._missing()),
            tuple(self._gaps[:MOST_RUNS]),
        )
        return chain or None

    def _hasher(self, source: object) -> DvcHasher | None:
        if not isinstance(source, WorkingTree):
            return None
        return DvcHasher(source, self.dvc.root, self.cache, None)

    def _inside(self, weights: Path | None) -> str | None:
        if weights is None:
            return None
        full = os.path.normpath(os.path.abspath(weights))  # noqa: PTH100 - links are DVC's
        path = os.path.relpath(full, self.top).replace(os.sep, "/")
        return None if path.startswith("../") else path

    def _weights(self, path: str) -> str | None:
        """The digest that DVC recorded of the weights, if they are those."""
        tracked = self.dvc.covering(path)
        if tracked is None or tracked.digest is None or tracked.path != path:
            return None
        if tracked.digest.algorithm in ALGORITHMS:
            here = WorkingTree(self.top, None)
            hasher = DvcHasher(here, self.dvc.root, self.cache, None)
            if hasher.digest(path, tracked.digest.algorithm)[0] != tracked.digest:
                self._gaps.append(
                    f"{path} is not what {tracked.file} records: what made it is not known."
                )
                return None
        return str(tracked.digest)

    def _stage(self, stage: DvcStage) -> None:
        """A stage's last run, if it is recorded."""
        name = address(stage, self.dvc.folder)
        entry = self._lock.entry(stage)
        if entry is None:
            self._gaps.append(f"No run of {name} is recorded.")
            return
        used, made = (
            {
                joined(stage.wdir, item["path"]): digest
                for item in mappings(entry.get(key))
                if isinstance(item.get("path"), str) and "params" not in item
                if (digest := recorded_digest(item)) is not None
            }
            for key in ("deps", "outs")
        )
        params = normalise(recorded_parameters(stage, entry))
        if not self._has_room(name, len(used) + len(made) + len(params)):
            return
        shown = {shown_address(path): str(digest) for path, digest in used.items()}
        code = {path for path in used if self._is_code(path)}
        cmd = entry["cmd"]
        run = StageRun(
            name,
            cmd=tuple(str(line).strip() for line in (cmd if isinstance(cmd, list) else [cmd])),
            code={path: digest for path, digest in shown.items() if path in code},
            inputs={path: digest for path, digest in shown.items() if path not in code},
            params=params,
            outputs={shown_address(path): str(digest) for path, digest in made.items()},
        )
        self._add(run)
        bases: dict[str, Basis] = {
            shown_address(path): basis
            for path, digest in (used | made).items()
            if (basis := self._basis(path, digest, path in code)) is not Basis.CHECKED
        }
        if bases:
            self._unchecked[run.blake3] = bases
        for path in used:
            self._import(path)

    def _has_room(self, name: str, files: int) -> bool:
        """Whether a run of so many files is kept; else that is said."""
        most = min(MOST_FILES, MOST_OF_CHAIN - self._files)
        if files <= most and len(self._runs) < MOST_RUNS:
            return True
        self._gaps.append(
            f"The run of {name} is left out: of one run {MOST_FILES:,} files are kept, of one "
            f"version {MOST_RUNS:,} runs with {MOST_OF_CHAIN:,} files."
        )
        return False

    def _add(self, run: StageRun) -> None:
        self._runs[run.blake3] = run
        self._files += run.named

    def _is_code(self, path: str) -> bool:
        """Whether git has it, and DVC does not."""
        if is_outside(path) or self.dvc.covering(path) is not None:
            return False
        source = self.dvc.source
        return source.is_tracked(path) or bool(source.tracked_below(path))

    def _basis(self, path: str, digest: Digest, is_code: bool = False) -> Basis:
        """How a digest is known here."""
        source = self.dvc.source
        if is_outside(path) or not (self.check or is_code):
            return Basis.STATED
        if not (source.is_file(path) or source.is_dir(path)):
            return Basis.STATED
        try:
            same = self._lock.is_as_recorded(path, digest)
        except CaptureError:
            return Basis.STATED
        if same is None or (isinstance(source, Revision) and self.dvc.covering(path) is not None):
            return Basis.STATED
        return Basis.CHECKED if same else Basis.CHANGED

    def _imports(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._import(path)

    def _import(self, path: str) -> None:
        """The import that brought a path here, if one did."""
        tracked = None if is_outside(path) else self.dvc.covering(path)
        if tracked is None or tracked.made_by_stage or tracked.digest is None:
            return
        document = load_strings(self.dvc.text(tracked.file), tracked.file)
        deps = list(mappings(document.get("deps"))) if isinstance(document, dict) else []
        origin = _origin(deps[0]) if len(deps) == 1 else None
        if origin is None:
            return
        if (fault := origin_fault(origin)) is not None:
            self._gaps.append(f"Where {tracked.path} was imported from is left out: {fault}.")
            return
        run = StageRun(
            tracked.file,
            RunKind.IMPORT,
            outputs={tracked.path: str(tracked.digest)},
            origin=origin,
        )
        if run.blake3 in self._runs or not self._has_room(run.name, run.named):
            return
        self._add(run)
        basis = self._basis(tracked.path, tracked.digest)
        if basis is not Basis.CHECKED:
            self._unchecked[run.blake3] = {tracked.path: basis}

    def _missing(self) -> list[str]:
        """What stages make, as runs used it, and no run is recorded to have made so."""
        contents = {digest for run in self._runs.values() for digest in run.outputs.values()}
        found = {
            path
            for run in self._runs.values()
            for path, digest in run.inputs.items()
            if digest not in contents
            if not is_outside(path)
            if any(out == path for stage in self.dvc.making(path) for out in stage.outs)
        }
        return sorted(found)


def _origin(dep: dict[str, Any]) -> dict[str, str] | None:
    """Where an import is from, without credentials; None where that is not said."""
    path, repository = dep.get("path"), dep.get("repo")
    if not isinstance(path, str):
        return None
    if not isinstance(repository, dict):
        return {"url": shown_address(path)} if "://" in path else None
    url = repository.get("url")
    if not isinstance(url, str):
        return None
    rev = repository.get("rev_lock") or repository.get("rev")
    origin = {"url": shown_address(url), "path": posixpath.normpath(path)}
    return origin | ({"rev": rev} if isinstance(rev, str) else {})
