"""The models that ``dvc.yaml`` proposes, as text for the configuration; written where told."""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lineage import bounded_file
from lineage.acts import act
from lineage.capture.code_graph.tracked import CODE_SUFFIXES
from lineage.capture.dvc import is_outside
from lineage.capture.stage_addresses import relative
from lineage.config import file as config_file
from lineage.errors import UsageError
from lineage.inert import inert
from lineage.whole_file import write_whole
from lineage.workflows.proposal import Facts, propose

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lineage.capture.dvc import DvcProject
    from lineage.capture.dvc_declared import Declared
    from lineage.capture.project import Project
    from lineage.workflows.proposal import ProposedModel

_LOCKS: Final = (
    *("uv.lock", "poetry.lock", "pdm.lock", "pixi.lock", "Pipfile.lock", "conda-lock.yml"),
    *("requirements.lock", "requirements.txt", "environment.yml"),
)
"""The files that say which packages a pipeline runs with, the surest first."""

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_COLUMN: Final = 40

_SAYS: Final = {
    "metrics": "one JSON object of numbers",
    "evaluate": "the stage that writes them",
    "validation_data": "what it is judged on, and was not trained on",
    "name": "models that the same stages prepare inputs for share a pipeline",
    "stages": "what production runs too: take out what only training needs",
    "files": "what else defines the pipeline",
}


@dataclass(frozen=True)
class Proposal:
    """Models that a configuration could have: ``text`` is what would be added to it.

    There are none where no stage makes what looks like weights.
    """

    models: tuple[ProposedModel, ...]
    text: str

    def __bool__(self) -> bool:
        return bool(self.models)

    def to_json(self) -> dict[str, Any]:
        """JSON of the models, each as its table in the configuration."""
        return {model.name: model.to_json() for model in self.models}


def proposal_of(project: Project) -> Proposal | None:
    """What DVC's files propose for a project whose configuration has no models.

    None where the configuration has some, or DVC's files have no stage.

    Nothing of the repository is run, and nothing is written.

    Raises:
        CaptureError: a DVC file cannot be read: which one, and the line where that is known.
    """
    if project.file.table.get("models") or not _is_of_dvc(project):
        return None
    dvc = project.dvc_here()
    declared = list(dvc.declared())
    facts = Facts(
        project.folder,
        project.root.name,
        dvc.stages,
        lambda path: _is_code(dvc, path),
        tuple(item for one in declared if _is_own(project, one) for item in one.models.items()),
        tuple(path for one in declared for path in one.metrics),
        tuple(_locks(dvc, project.folder)),
    )
    if not facts.stages and not facts.models:
        return None
    models = propose(facts)
    prefix = dict(config_file.PLACES)[project.file.name]
    text = "\n".join(line for model in models for line in _lines(model, prefix))
    return Proposal(models, text + "\n")


def write_proposal(path: Path, before: bytes, proposal: Proposal) -> None:
    """Add proposed models to a configuration; it is as it was where they have no place in it.

    Args:
        path: the file.
        before: what it holds, or is to hold besides.
        proposal: what is added.

    Raises:
        UsageError: it cannot be written, or says of models what cannot be added to.
    """
    end = b"" if not before or before.endswith(b"\n") else b"\n"
    text = before + end + (b"\n" if before else b"") + proposal.text.encode()
    place = dict(config_file.PLACES)[path.name]
    try:
        own = config_file.parse(before, path.name, place)
        after = config_file.parse(text, path.name, place)
    except UsageError:
        own = after = None
    expected = (own.table if own is not None else {}) | {"models": proposal.to_json()}
    if after is None or after.table != expected:
        raise UsageError(
            f"The models of dvc.yaml cannot be added to {path.name} as it is.",
            remedy=f"Add the tables by hand, as they are shown: {act('init')}",
        )
    write(path, text)


def write(path: Path, text: bytes) -> None:
    """Write a configuration, whole or not at all.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        write_whole(path, text)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.", remedy="Make the folder writable."
        ) from None


def text_of(path: Path) -> bytes:
    """What a configuration holds; nothing where there is none."""
    try:
        return bounded_file.read(path, config_file.LARGEST)
    except bounded_file.Missing:
        return b""
    except bounded_file.Unfit as reason:
        raise UsageError(f"{path} {reason}.", remedy="Put a readable text file there.") from None


def _is_of_dvc(project: Project) -> bool:
    """Whether a folder belongs to a project of DVC's; neither git nor DVC is loaded for it."""
    if (project.root / "dvc.yaml").exists():
        return True
    above = (project.root, *project.root.parents)
    inside = (folder for folder in above if folder.is_relative_to(project.top))
    return any((folder / ".dvc").is_dir() for folder in inside)


def _is_own(project: Project, declared: Declared) -> bool:
    """Whether a file of DVC's stands in a project's folder, or in one that is in it."""
    return not relative(declared.folder or ".", project.folder).startswith("..")


def _is_code(dvc: DvcProject, path: str) -> bool:
    """Whether a dependency is code: git tracks it and DVC does not, or its name says so."""
    source = dvc.source
    if dvc.covering(path) is not None:
        return False
    if source.is_tracked(path) or source.submodule_of(path) or path.endswith(CODE_SUFFIXES):
        return True
    if dvc.below(path):
        return False
    new = source.untracked_below(path)
    return bool(source.tracked_below(path)) or any(one.endswith(CODE_SUFFIXES) for one in new)


def _locks(dvc: DvcProject, folder: str) -> Iterator[str]:
    """The surest file of packages that is there, in the project's folder."""
    for name in _LOCKS:
        path = posixpath.join(folder, name)
        if dvc.source.is_file(path) and not is_outside(path):
            yield path
            return


def _lines(model: ProposedModel, prefix: tuple[str, ...]) -> Iterator[str]:
    """A model's tables as TOML, with what each setting says."""
    name = ".".join(map(_key, (*prefix, "models", model.name)))
    made = f"what the stage {model.made_by} makes" if model.made_by else "declared in dvc.yaml"
    yield _said(f"[{name}]", made)
    for key, value in model.table.items():
        yield _said(f"{key} = {_value(value)}", _SAYS.get(key))
    if model.metrics is not None:
        yield _said('# require = ["auc >= 0.80"]', "what must hold of the metrics: yours to say")
    yield ""
    if model.pipeline_table:
        yield f"[{name}.pipeline]"
        for key, value in model.pipeline_table.items():
            yield _said(f"{key} = {_value(value)}", _SAYS.get(key))
        yield ""


def _said(text: str, comment: str | None) -> str:
    return f"{text.ljust(_COLUMN)} # {inert(comment)}" if comment else text


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: str | list[str]) -> str:
    """A text or a list of texts as TOML has it: JSON's, with what shows nothing as its escape."""
    shown = json.dumps(value, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\U{ord(char):08x}" for char in shown)
