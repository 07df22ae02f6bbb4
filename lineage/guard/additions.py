"""What a pipeline version lacks, as what is to be added to which stage of dvc.yaml. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from lineage.identity.pipeline import Encoding, Scope
from lineage.identity.watched import Role, Undeclared, is_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lineage.identity.pipeline import Manifest
    from lineage.identity.watched import WatchedRun

_PARAMETERS: Final = frozenset({".yaml", ".yml", ".json", ".toml"})
"""Parameter files that DVC reads; others are dependencies."""


@dataclass(frozen=True)
class Addition:
    """Files to add under a key: ``deps`` or ``params`` of a stage, or ``files`` of lineage.toml.

    ``stage`` is None where no stage is known to have read them.
    """

    stage: str | None
    key: str
    paths: tuple[str, ...]

    def __str__(self) -> str:
        where = "lineage.toml" if self.key == "files" else "the stage that reads it"
        if self.stage is not None:
            where = f"stage {self.stage}"
        return f"{', '.join(self.paths)} to {self.key} of {where}"

    def to_json(self) -> dict[str, Any]:
        """One of ``add`` in the details of `pipeline-complete`."""
        return {"stage": self.stage, "key": self.key, "paths": list(self.paths)}


def missing(runs: Iterable[WatchedRun], manifest: Manifest) -> tuple[Undeclared, ...]:
    """The tracked code and parameters that runs read and a manifest does not hold, by path.

    Where a manifest holds what is declared alone, what a run read of its own pipeline's code counts
    too: that pipeline may hold more.
    """
    is_declared = manifest.code is Scope.DECLARED or manifest.encoding is Encoding.FIRST
    held = set(manifest.files)
    for stage in manifest.stages.values():
        held |= {*stage.code, *stage.params, *stage.inputs, *stage.outputs}
    found: dict[str, Undeclared] = {}
    for run in runs:
        own = run.code if is_declared else ()
        read = [Undeclared(path, Role.CODE, is_tracked=True) for path in own]
        for file in (*run.undeclared, *read):
            if file.is_tracked and file.role is not Role.DATA and file.path not in held:
                found.setdefault(file.path, file)
    return tuple(found[path] for path in sorted(found))


def additions(files: Iterable[Undeclared], manifest: Manifest) -> tuple[Addition, ...]:
    """What is to be added for files to be held: to each stage whose code read them."""
    found: dict[tuple[str | None, str], list[str]] = {}
    for file in files:
        if not manifest.stages:
            found.setdefault((None, "files"), []).append(file.path)
            continue
        is_read_by_dvc = PurePosixPath(file.path).suffix.lower() in _PARAMETERS
        key = "params" if file.role is Role.PARAMETERS and is_read_by_dvc else "deps"
        readers: list[str | None] = [
            name
            for name, stage in sorted(manifest.stages.items())
            if any(is_of(script, path) for script in file.by for path in stage.code)
        ]
        for name in readers or [None]:
            found.setdefault((name, key), []).append(file.path)
    ordered = sorted(found.items(), key=lambda item: (item[0][0] or "", item[0][1]))
    return tuple(Addition(stage, key, tuple(paths)) for (stage, key), paths in ordered)
