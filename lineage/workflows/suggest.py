"""Suggesting what a pipeline lacks: from watched runs to a change of dvc.yaml, as a diff."""

from __future__ import annotations

import difflib
import io
import posixpath
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from lineage import bounded_file
from lineage.capture.bounded_yaml import LARGEST
from lineage.errors import CaptureError, NotFound
from lineage.guard.additions import additions, missing
from lineage.identity.watched import WatchedRun
from lineage.whole_file import write_whole
from lineage.workflows.watched_runs import kept

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lineage.capture.dvc import DvcStage
    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.guard.additions import Addition

_INDENTS: Final = ((2, 2, 0), (2, 4, 2), (4, 4, 2), (4, 4, 0), (4, 6, 4))
"""How people indent mappings, sequences, and the dash within: the one that a file has is kept."""


@dataclass(frozen=True)
class Suggestion:
    """A change of DVC's files that lets a pipeline hold what its runs read.

    ``changes`` maps each file, from the top of the repository, to its text before and after;
    ``unplaced`` are files that no stage is known to have read.
    """

    pipeline: str
    changes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    unplaced: tuple[Addition, ...] = ()

    @property
    def diffs(self) -> dict[str, str]:
        """The change of each file, as a unified diff."""
        return {
            path: "".join(
                difflib.unified_diff(
                    before.splitlines(keepends=True),
                    after.splitlines(keepends=True),
                    f"a/{path}",
                    f"b/{path}",
                )
            )
            for path, (before, after) in self.changes.items()
        }

    def to_json(self) -> dict[str, Any]:
        """JSON of `pipeline suggest`."""
        return {
            "pipeline": self.pipeline,
            "diffs": [{"path": path, "diff": diff} for path, diff in self.diffs.items()],
            "unplaced": [one.to_json() for one in self.unplaced],
        }


def suggest(project: Project, registry: AnyRegistry, name: str) -> Suggestion:
    """What to add to a pipeline's stages, by the runs that were watched of it.

    Those that ``lineage run`` kept for the pipeline as it is here, and those that the registry
    has of the newest version of each model on it.

    Raises:
        CaptureError: the pipeline cannot be captured.
    """
    version = project.capture_pipeline(name).version
    manifest = version.manifest
    if manifest is None:
        return Suggestion(name)
    runs = [*kept(project, version), *_recorded(project, registry, name)]
    stages = {_address(project, stage): stage for stage in project.dvc_here().stages}
    changes: dict[str, tuple[str, str]] = {}
    unplaced = []
    for addition in additions(missing(runs, manifest), manifest):
        stage = stages.get(addition.stage) if addition.stage is not None else None
        if stage is None or not _place(project, changes, stage, addition):
            unplaced.append(addition)
    return Suggestion(name, changes, tuple(unplaced))


def write(project: Project, suggestion: Suggestion) -> None:
    """Change DVC's files as suggested; all are as before where DVC cannot read them then.

    Raises:
        CaptureError: the changed pipeline cannot be captured, or a file cannot be written.
    """
    try:
        try:
            for path, (_, after) in suggestion.changes.items():
                write_whole(project.top / path, after.encode("utf-8"))
            project.capture_pipeline(suggestion.pipeline)
        except BaseException:
            for path, (before, _) in suggestion.changes.items():
                _restore(project.top / path, before.encode("utf-8"))
            raise
    except OSError as error:
        raise CaptureError(
            f"{error.filename} cannot be written: {error.strerror}. Nothing is changed.",
            remedy="Make it writable, or change it by hand as the diff shows.",
        ) from None


def _restore(path: Path, before: bytes) -> None:
    with suppress(OSError):
        if path.read_bytes() != before:
            write_whole(path, before)


def _recorded(project: Project, registry: AnyRegistry, name: str) -> Iterator[WatchedRun]:
    """The watched runs of the newest version of each model on a pipeline."""
    models = [model for model in project.config.models if project.config.pipeline_of(model) == name]
    for model in models or [name]:
        try:
            shown = registry.show(f"{model}@latest")
        except NotFound:
            continue
        own = (*shown["watched"], *(run for one in shown["validations"] for run in one["watched"]))
        yield from map(WatchedRun.from_json, own)


def _address(project: Project, stage: DvcStage) -> str:
    """A stage's name as the manifest has it."""
    file = posixpath.relpath(stage.file, project.folder or ".")
    return stage.name if file == "dvc.yaml" else f"{file}:{stage.name}"


def _place(
    project: Project, changes: dict[str, tuple[str, str]], stage: DvcStage, addition: Addition
) -> bool:
    """Add files to a stage in the text of its file; False where they have no place there."""
    from ruamel.yaml.error import YAMLError

    before, text = changes.get(stage.file) or (_read(project, stage.file),) * 2
    ends_in_crlf = "\r\n" in text
    text = text.replace("\r\n", "\n")
    try:
        yaml = _reader(text)
        document = yaml.load(text)
    except YAMLError:  # DVC's reader lets through what this one does not
        return False
    stages = document.get("stages")
    entry = stages.get(stage.group) if isinstance(stages, dict) else None
    if isinstance(entry, dict) and "foreach" in entry:
        entry = entry.get("do")
    if not isinstance(entry, dict):
        return False
    listed = entry.setdefault(addition.key, [])
    if not isinstance(listed, list):
        return False
    for path in addition.paths:
        top = posixpath.normpath(posixpath.join(project.folder, path))
        seen = posixpath.relpath(top, stage.wdir or ".")
        added: Any = {seen: None} if addition.key == "params" else seen
        if added not in listed:  # the instances of a foreach share their entry
            listed.append(added)
    written = _written(yaml, document)
    changes[stage.file] = before, written.replace("\n", "\r\n") if ends_in_crlf else written
    return True


def _read(project: Project, path: str) -> str:
    try:
        return bounded_file.read(project.top / path, LARGEST).decode()
    except bounded_file.Unfit as reason:
        raise CaptureError(f"{path} {reason}.", remedy="Make it a readable file.") from None
    except UnicodeDecodeError:
        raise CaptureError(f"{path} is not UTF-8 text.", remedy="Save it in UTF-8.") from None


def _reader(text: str) -> Any:  # noqa: ANN401 - ruamel has no types
    """What reads a text and writes it with the fewest lines changed: comments and quotes stay."""
    return min((_indenting(*indent) for indent in _INDENTS), key=lambda yaml: _changed(yaml, text))


def _indenting(mapping: int, sequence: int, offset: int) -> Any:  # noqa: ANN401 - ruamel has no types
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=mapping, sequence=sequence, offset=offset)
    return yaml


def _changed(yaml: Any, text: str) -> int:  # noqa: ANN401 - ruamel has no types
    """How many lines differ when a text is read and written."""
    written = _written(yaml, yaml.load(text))
    return len(list(difflib.unified_diff(text.splitlines(), written.splitlines(), n=0)))


def _written(yaml: Any, document: Any) -> str:  # noqa: ANN401 - ruamel has no types
    stream = io.StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()
