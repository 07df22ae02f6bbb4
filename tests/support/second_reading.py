"""A second reading of a DVC project: DVC's own index of a checkout, and git's plumbing.

Nothing of the capture is used here, so that the two can be held against each other.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml
from blake3 import blake3

if TYPE_CHECKING:
    from collections.abc import Iterable

SUBMODULE = "submodule "
"""Before the commit of a submodule, in the place of an object id."""

_YAML = (".yaml", ".yml")


@dataclass(frozen=True)
class StageReading:
    """A stage as DVC's index has it.

    ``parameters`` holds every value as both readers of YAML give it, by file and name; ``code`` the
    object id of each declared file that git tracks and no stage makes; ``others`` the rest. Paths are
    relative to the folder that was read.
    """

    command: tuple[str, ...]
    parameters: dict[str, str]
    code: dict[str, str]
    others: frozenset[str]
    outputs: frozenset[str]


def read_stages(folder: Path) -> dict[str, StageReading]:
    """The stages of the ``dvc.yaml`` files of a checkout, by how DVC addresses them there.

    Raises:
        Exception: whatever DVC says where it cannot read the project.
    """
    from dvc.repo import Repo
    from dvc.stage import PipelineStage

    top = Path(git(folder, "rev-parse", "--show-toplevel").strip())
    tracked = tracked_files(folder)
    with Repo(os.fspath(folder)) as repo:
        index = repo.index
        made = {_below(out.fs_path, top) for out in index.outs}
        return {
            _address(stage, folder): _stage(stage, folder, top, tracked, made)
            for stage in index.stages
            if isinstance(stage, PipelineStage)
        }


def tracked_files(folder: Path) -> dict[str, str]:
    """The object ids of the files and submodules of the commit that is checked out, by path."""
    found = {}
    for line in git(folder, "ls-tree", "-r", "-z", "--full-tree", "HEAD").split("\0"):
        if line:
            facts, _, path = line.partition("\t")
            mode, kind, oid = facts.split(" ")
            if mode != "120000":
                found[path] = oid if kind == "blob" else SUBMODULE + oid
    return found


def digests(folder: Path, oids: Iterable[str]) -> dict[str, str]:
    """BLAKE3 of objects as git stores them, and of the line that stands for a submodule."""
    every = set(oids)
    lines = {oid: oid.removeprefix(SUBMODULE) for oid in every if oid.startswith(SUBMODULE)}
    wanted = sorted(every - set(lines))
    asked = "".join(f"{oid}\n" for oid in wanted).encode()
    done = subprocess.run(
        ["git", "-C", folder, "cat-file", "--batch"], input=asked, capture_output=True, check=True
    ).stdout
    found = {oid: _blake3(f"Subproject commit {line}\n".encode()) for oid, line in lines.items()}
    at = 0
    for oid in wanted:
        end = done.index(b"\n", at)
        size = int(done[at:end].split()[2])
        found[oid] = _blake3(done[end + 1 : end + 1 + size])
        at = end + size + 2
    return found


def _blake3(data: bytes) -> str:
    return f"blake3:{blake3(data).hexdigest()}"


def git(folder: Path, *words: str) -> str:
    """A git command in a folder; what it printed."""
    done = subprocess.run(["git", "-C", folder, *words], capture_output=True, check=True)
    return done.stdout.decode("utf-8", "surrogateescape")


def _stage(
    stage: Any, folder: Path, top: Path, tracked: dict[str, str], made: set[str]
) -> StageReading:
    from dvc.dependency import ParamsDependency

    declared = [dep for dep in stage.deps if not isinstance(dep, ParamsDependency)]
    code: dict[str, str] = {}
    others: set[str] = set()
    for dep in declared:
        path = _below(dep.fs_path, top) if dep.protocol == "local" else str(dep.def_path)
        inside = [one for one in tracked if one.startswith(f"{path}/")]
        if path in tracked and not _is_made(path, made):
            code[path] = tracked[path]
        elif (inside or _below_it(path, made)) and not _is_made(path, made):
            others |= _below_it(path, made)
            ignored = stage.repo.dvcignore.is_ignored_file
            code |= {
                one: tracked[one]
                for one in inside
                if _counts(one) and not _is_made(one, made) and not ignored(os.fspath(top / one))
            }
        else:
            others.add(path)
    parameters = {}
    for dep in stage.params:
        parameters |= _parameters(dep, top, made)
    lines = stage.cmd if isinstance(stage.cmd, list) else [stage.cmd]
    outputs = frozenset(_below(out.fs_path, folder) for out in stage.outs)
    named = {_below(top / path, folder): oid for path, oid in code.items()}
    rest = {path if "://" in path else _below(top / path, folder) for path in others}
    command = tuple(str(line).strip() for line in lines)
    return StageReading(command, parameters, named, frozenset(rest), outputs)


def _parameters(dep: Any, top: Path, made: set[str]) -> dict[str, str]:
    """The values as DVC reads them and, in YAML, as PyYAML does: types and order kept.

    Those in a file that a stage makes are what DVC's lock says of them.
    """
    file = _below(dep.fs_path, top)
    if _is_made(file, made):
        locked = dep.hash_info.value or {}
        return {f"{file}:{name}": repr(value) for name, value in locked.items()}
    values = dep.read_params(flatten=True)
    found = {f"{file}:{name}": repr(value) for name, value in values.items()}
    if PurePosixPath(file).suffix in _YAML and (top / file).is_file():
        try:
            document = yaml.safe_load((top / file).read_bytes())
        except (yaml.YAMLError, ValueError):
            return found
        for name in list(values):
            found[f"{file}:{name} in YAML 1.1"] = repr(_at(document, name))
    return found


def _at(document: Any, name: str) -> Any:
    for key in str(name).split("."):
        if isinstance(document, dict):
            document = document.get(key)
        elif isinstance(document, list) and key.isdigit() and int(key) < len(document):
            document = document[int(key)]
        else:
            return None
    return document


def _address(stage: Any, folder: Path) -> str:
    file = Path(stage.path_in_repo)
    here = os.path.relpath(Path(stage.repo.root_dir) / file, folder)
    return stage.name if here == "dvc.yaml" else f"{here}:{stage.name}"


def _counts(path: str) -> bool:
    """Whether a file in a folder dependency is content: git's and DVC's own files are not."""
    name = PurePosixPath(path).name
    own = (".gitignore", ".dvcignore", "dvc.yaml", "dvc.lock", "Dvcfile")
    return name not in own and not name.endswith(".dvc")


def _below_it(path: str, made: set[str]) -> set[str]:
    return {one for one in made if one.startswith(f"{path}/")}


def _is_made(path: str, made: set[str]) -> bool:
    return any(path == out or path.startswith(f"{out}/") for out in made)


def _below(path: str | Path, folder: Path) -> str:
    return os.path.relpath(path, folder)
