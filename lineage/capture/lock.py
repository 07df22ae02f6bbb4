"""Comparing a stage with what DVC recorded of its last run: what `dvc status` calls changed.

DVC's own status would wake its caches, locks and remotes; here only the lock, the files and the
parameters are read, through the same source as everything else of a capture.
"""

from __future__ import annotations

import io
import posixpath
import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from lineage.capture.bounded_yaml import load_strings
from lineage.capture.dvc import DEFAULT_PARAMS, is_outside, joined, mappings, recorded_digest
from lineage.capture.dvc_filesystem import refused
from lineage.capture.dvc_hash import ALGORITHMS
from lineage.capture.outside_address import shown_address
from lineage.capture.parameters.as_dvc import construct
from lineage.capture.parameters.yaml_nodes import Collection, single
from lineage.capture.source import WorkingTree
from lineage.errors import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.capture.dvc import DvcProject, DvcStage
    from lineage.capture.dvc_hash import DvcHasher
    from lineage.identity.digest import Digest

_LARGEST: Final = 1 << 31
"""Bytes of a file that are read at a revision at the most."""

_LONGEST_SHOWN: Final = 80

_READ_BY_DVC_ALONE: Final = re.compile(
    r"[\t\x85\u2028\u2029\ufeff]|(?:^|[\s\[{,:?-])(?:[&*!%|>?@`]|<<)", re.MULTILINE
)
"""What libyaml may read otherwise than DVC in a lock: anchors, tags, blocks, odd breaks.

DVC writes hardly any of it but in commands. The two agree on all else, and libyaml is quicker.
"""


@dataclass(frozen=True)
class Lock:
    """What DVC recorded of a project's stages; ``hasher`` takes the digests of files that are here.

    ``hasher`` is None at a revision, whose files only git has.
    """

    project: DvcProject
    hasher: DvcHasher | None
    _documents: dict[str, dict[str, Any]] = field(default_factory=dict)

    def file(self, stage: DvcStage) -> str:
        """The file that records a stage's last run; a stage of DVC 0.x is a file of its own."""
        if posixpath.basename(stage.file) != "dvc.yaml":
            return stage.file
        return posixpath.join(posixpath.dirname(stage.file), "dvc.lock")

    def entry(self, stage: DvcStage) -> dict[str, Any] | None:
        """What DVC recorded of a stage's last run; None where it never ran.

        Raises:
            CaptureError: the lock cannot be read, or is not of the shape that DVC writes.
        """
        path = self.file(stage)
        if path not in self.project.files:
            return None
        if path not in self._documents:
            self._documents[path] = _typed(self.project.text(path), path)
        return _entry(self._documents[path], path, stage)

    def entry_in(self, stage: DvcStage, lock: bytes) -> dict[str, Any] | None:
        """The same in another version of the lock; None where that cannot be read."""
        path = self.file(stage)
        try:
            return _entry(_typed(lock.decode("utf-8"), path), path, stage)
        except (CaptureError, UnicodeDecodeError):
            return None

    def upstream(self, stages: list[DvcStage]) -> list[DvcStage]:
        """The stages and all that they are made from, each before what is made from it."""
        found: dict[tuple[str, str], DvcStage] = {}
        pending = list(reversed(stages))
        while pending:
            stage = pending.pop()
            if (stage.file, stage.name) in found:
                continue
            found[stage.file, stage.name] = stage
            if not stage.frozen:
                pending += [made for dep in stage.deps for made in self.project.making(dep)]
        return list(reversed(found.values()))

    def differences(self, stage: DvcStage) -> list[str]:
        """What of a stage is no longer what its last run was recorded with, a sentence each."""
        entry = self.entry(stage)
        if entry is None:
            return [f"no run of {stage.name} is recorded"]
        if stage.frozen:
            return []
        return [
            *self._command(stage, entry),
            *self._parameters(stage, entry),
            *self._dependencies(stage, entry),
        ]

    def is_as_recorded(self, path: str, recorded: Digest) -> bool | None:
        """Whether what is here is what DVC recorded; None where that cannot be told."""
        if recorded.algorithm not in ALGORITHMS:
            return None
        source = self.project.source
        if isinstance(source, WorkingTree):
            if self.hasher is None or not (source.is_file(path) or source.is_dir(path)):
                return self._as_tracked(path, recorded)
            return self.hasher.digest(path, recorded.algorithm)[0] == recorded
        if self.project.covering(path) is None and source.is_file(path):
            return _md5(source.read(path, _LARGEST), recorded.algorithm) == recorded.value
        return self._as_tracked(path, recorded)

    def _as_tracked(self, path: str, recorded: Digest) -> bool | None:
        """The same by what DVC recorded of the path itself, where its bytes are not here."""
        tracked = self.project.tracked.get(path)
        if tracked is None or tracked.digest is None:
            return None
        if tracked.digest.algorithm != recorded.algorithm:
            return None
        return tracked.digest == recorded

    def _command(self, stage: DvcStage, entry: dict[str, Any]) -> Iterator[str]:
        cmd = entry.get("cmd")
        lines = tuple(str(line).strip() for line in (cmd if isinstance(cmd, list) else [cmd]))
        if lines != stage.cmd:
            yield f"the command of {stage.name} changed"

    def _parameters(self, stage: DvcStage, entry: dict[str, Any]) -> Iterator[str]:
        recorded = recorded_parameters(stage, entry)
        for file, names in stage.params.items():
            if self.project.covering(file) is not None and not self.project.source.is_file(file):
                continue  # DVC makes it, and it is not here
            old = recorded.get(file, {})
            for name, value in self.project.parameters_as_dvc(file, names).items():
                if name not in old:
                    yield f"{stage.name} was run without the parameter {name} of {file}"
                elif not _is_same(old[name], value):
                    was, now = _shown(old[name]), _shown(value)
                    yield f"the parameter {name} of {stage.name} was {was}, not {now}"

    def _dependencies(self, stage: DvcStage, entry: dict[str, Any]) -> Iterator[str]:
        recorded = {
            joined(stage.wdir, dep["path"]): recorded_digest(dep)
            for dep in mappings(entry.get("deps"))
            if isinstance(dep.get("path"), str)
        }
        for path in stage.deps:
            if path not in recorded:
                yield f"{stage.name} was run without {shown_address(path)}"
                continue
            digest = recorded[path]
            if is_outside(path) or digest is None:
                continue
            if self.is_as_recorded(path, digest) is False:
                yield f"{path} is not what {stage.name} was run with"


def _is_same(one: object, other: object) -> bool:
    """Whether two values of a parameter are one; what is no number (``.nan``) stays what it is."""
    with suppress(ValueError):  # an integer that is too long to be written
        return one == other or repr(one) == repr(other)
    return False


def _shown(value: object) -> str:
    """A value of a parameter as a person reads it in one line."""
    try:
        text = repr(value)
    except ValueError:
        return "a number of more than 4,300 digits"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


@lru_cache(maxsize=8)
def _typed(text: str, path: str) -> dict[str, Any]:
    """A document of DVC's own, its values as DVC reads them; nobody changes it.

    A registration reads the same lock for each stage, here and at the commits that hold it.

    Raises:
        CaptureError: it is none, or too large.
    """
    document: Any
    if _READ_BY_DVC_ALONE.search(text):
        from dvc.utils.serialize import parse_yaml

        document = load_strings(text, path)  # which bounds what is read
        try:
            document = parse_yaml(text, path) if isinstance(document, dict) else document
        except Exception as error:  # DVC ends by any of them
            construct(single(text, path), path)  # says in which line, if it ends here too
            raise refused(path, error) from None
    else:
        composed = single(text, path)
        is_list = isinstance(composed.node, Collection) and not composed.node.is_mapping
        document = [] if is_list else construct(composed, path)
    if not isinstance(document, dict | None):
        raise CaptureError(
            f"{path} is not what DVC writes: it is no mapping.",
            remedy=f"Bring back the one that git holds (git checkout -- {path}).",
        )
    return document or {}


def _entry(document: dict[str, Any], path: str, stage: DvcStage) -> dict[str, Any] | None:
    """What a lock holds of a stage; None where it holds nothing.

    Raises:
        CaptureError: it is not of the shape that DVC writes.
    """
    if posixpath.basename(stage.file) != "dvc.yaml":
        _require_shape(document, path, stage)
        return document
    recorded = document.get("stages", {}) if "schema" in document else document
    if not isinstance(recorded, dict):
        raise _misshapen(path, "its stages are no mapping", stage)
    if stage.name not in recorded:
        return None
    entry = recorded[stage.name]
    if not isinstance(entry, dict):
        raise _misshapen(path, f"the stage {stage.name} is no mapping", stage)
    _require_shape(entry, path, stage)
    return entry


def _require_shape(entry: dict[str, Any], path: str, stage: DvcStage) -> None:
    """Refuse what is not of DVC's shape; a stage of DVC 0.x may leave a list empty."""
    old = posixpath.basename(stage.file) != "dvc.yaml"
    if not isinstance(entry.get("cmd"), (str, list)):
        raise _misshapen(path, f"cmd of the stage {stage.name} is no command", stage)
    for key in ("deps", "outs"):
        listed = entry.get(key, [])
        if listed is None and old:
            continue
        if not isinstance(listed, list) or not all(_is_item(item, old=old) for item in listed):
            what = f"{key} of the stage {stage.name} is no list of entries that each have a path"
            raise _misshapen(path, what, stage)
    params = entry.get("params", {})
    if not isinstance(params, dict) or not all(
        isinstance(file, str) and isinstance(values, dict) for file, values in params.items()
    ):
        what = f"params of the stage {stage.name} is no mapping of files to their parameters"
        raise _misshapen(path, what, stage)


def _is_item(item: Any, *, old: bool) -> bool:  # noqa: ANN401 - parsed YAML
    if not isinstance(item, dict):
        return False
    return isinstance(item.get("path", DEFAULT_PARAMS if old and "params" in item else None), str)


def _misshapen(path: str, what: str, stage: DvcStage) -> CaptureError:
    return CaptureError(
        f"{path} is not what DVC writes: {what}.",
        remedy=f"Bring back the one that git holds (git checkout -- {path}), or remove it, "
        f"run {stage.name} again (dvc repro {stage.name}) and commit it.",
    )


def recorded_parameters(stage: DvcStage, entry: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The parameters of a run by their file; a stage of DVC 0.x has them among its deps."""
    recorded: dict[str, dict[str, Any]] = {}
    for file, values in entry.get("params", {}).items():
        recorded[joined(stage.wdir, file)] = values
    for dep in mappings(entry.get("deps")):
        if isinstance(dep.get("params"), dict):
            recorded[joined(stage.wdir, dep.get("path") or DEFAULT_PARAMS)] = dep["params"]
    return recorded


def _md5(data: bytes, algorithm: str) -> str:
    from dvc_data.hashfile.hash import fobj_md5

    digest: str = fobj_md5(io.BytesIO(data), name=algorithm)
    return digest
