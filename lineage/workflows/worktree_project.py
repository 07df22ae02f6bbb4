"""A project as a commit holds it, in a worktree of its own: its settings, and what evaluates it."""

from __future__ import annotations

import os
import posixpath
import shlex
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from lineage.capture.project import Project
from lineage.capture.stage_addresses import address, choose
from lineage.capture.stages_from import reads, stages_from
from lineage.capture.watch.files import CODE
from lineage.config import file as config_file
from lineage.errors import CaptureError, UsageError
from lineage.identity.external import is_on_hub
from lineage.identity.watched import is_of
from lineage.workflows.run import dvc_program

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.capture.dvc import DvcProject, DvcStage
    from lineage.config.models import Config, ModelTable

_LENT: Final = ("weights", "metrics", "evaluate", "validation_data", "evidence")
"""Settings of a model that the user's own checkout gives where the commit gives none."""


@dataclass(frozen=True)
class Evaluation:
    """What evaluates a version: a command and its folder, or stages of DVC's.

    ``makes`` are the paths that the stages make, relative to the top of the repository.
    """

    command: tuple[str, ...]
    folder: Path
    stages: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()


class WorktreeProject(Project):
    """The project of a user's checkout as a commit holds it.

    The commit's configuration says what is run and on what; the checkout's lends what it lacks,
    and says what is required: a verdict of today is held to the requirements of today.

    Args:
        top: the worktree.
        own: the project in the user's checkout.
        model: whose settings are lent.

    Raises:
        CaptureError: the commit has no such folder.
        UsageError: its configuration cannot be read.
    """

    def __init__(self, top: Path, own: Project, model: str) -> None:
        root = top / own.folder
        if not (root.is_dir() and root.resolve().is_relative_to(top)):
            raise CaptureError(
                f"The commit has no folder {own.folder}, in which the project lies here.",
                remedy="Run it from the project as that commit has it: check the commit out.",
            )
        super().__init__(root, top, config_file.read(root) or own.file, in_git=True)
        self._own = own
        self.model = model

    @cached_property
    @override
    def config(self) -> Config:
        committed, here = super().config, self._own.config.model(self.model)
        table = committed.models.get(self.model) or _without_own_pipeline(here, committed)
        lent = {name: getattr(here, name) for name in _LENT if not getattr(table, name)}
        table = table.model_copy(update=lent | {"require": here.require})
        return committed.model_copy(update={"models": committed.models | {self.model: table}})

    def weights_place(self, version: Mapping[str, Any]) -> Path:
        """Where a version's weights are expected: as configured, else as they were recorded.

        Raises:
            CaptureError: that is no place in the worktree.
        """
        path = self.config.model(self.model).weights or version["components"]["weights"]["path"]
        full = Path(os.path.normpath(self.root / path))
        if (
            is_on_hub(path)
            or full == self.top
            or not full.parent.resolve().is_relative_to(self.top)
        ):
            raise CaptureError(
                f"{path}, where the weights of {version['ref']} belong, is not in the repository.",
                remedy=f"Say where the evaluation reads them: weights under [models.{self.model}] "
                "in lineage.toml.",
            )
        return full

    @cached_property
    def folder_here(self) -> Path:
        """The folder there that the current folder stands for.

        Raises:
            UsageError: the commit has none.
        """
        here = Path.cwd()
        inside = here.relative_to(self._own.top) if here.is_relative_to(self._own.top) else None
        folder = self.root if inside is None else self.top / inside
        if not folder.is_dir():
            raise UsageError(
                f"The commit has no folder {inside}, so the command cannot be run in it.",
                remedy=f"Run it from another folder: cd {shlex.quote(str(self._own.root))}",
            )
        return folder

    def metrics_there(self, named: str | None) -> Path | None:
        """The metrics that are to be written: the named file, seen from here, or as configured."""
        if named is not None:
            return self.folder_here / named
        return self.metrics_path(self.model)

    def evaluation(self, dvc: DvcProject, command: Sequence[str], weights: Path) -> Evaluation:
        """What is to be run there.

        Args:
            dvc: what DVC knows of the worktree.
            command: what the person named; nothing for what is configured.
            weights: where those that are evaluated lie there.

        Raises:
            UsageError: nothing is configured, or it cannot be read.
            CaptureError: the commit does not hold what the command runs, or the stage that is
                configured reads nothing that comes from the weights.
        """
        if command:
            return self._checked(Evaluation(tuple(command), self.folder_here))
        key = f"evaluate under [models.{self.model}] in lineage.toml"
        text = self.config.model(self.model).evaluate
        if text is None:
            raise UsageError(
                f"Nothing says how {self.model} is evaluated.",
                remedy=f'Name the command as {key}: evaluate = "python src/evaluate.py"; or behind '
                "the dashes of this one.",
            )
        stages = self._stages(dvc, text, relative(self, weights))
        if stages:
            return stages
        try:
            words = tuple(shlex.split(text))
        except ValueError as error:
            raise UsageError(
                f"{key} is no command: {str(error).lower()}.", remedy="Mend its quotes."
            ) from None
        return self._checked(Evaluation(words, self.root))

    def _stages(self, dvc: DvcProject, text: str, weights: str) -> Evaluation | None:
        """The stage of DVC's that a text names, after those on the way to it from the weights.

        None where there is no such stage. What lies on the way is of the weights that the commit
        had: the stage alone would measure those.
        """
        try:
            named = dict(choose(dvc, self.folder, [text]))
        except CaptureError:
            return None
        way = stages_from(dvc, weights, named.values())
        if not any(reads(stage, weights) for stage in way):
            raise CaptureError(
                f"In dvc.yaml of the commit, the stage {text} reads neither {weights} nor what is "
                "made from it: it may measure other weights.",
                remedy=f"Name {weights} among the deps of the stage that reads it, and deploy "
                "that; or name a command that evaluates them behind the dashes of this one.",
            )
        chosen = {address(stage, self.folder): stage for stage in way}
        return self.running(chosen)

    def running(self, stages: Mapping[str, DvcStage]) -> Evaluation:
        """What runs stages, by how DVC addresses them, in that order, and nothing else."""
        how = ("--single-item", "--force", "--no-run-cache", "--no-commit")
        return Evaluation(
            (*dvc_program(), "repro", *how, *stages),
            self.root,
            tuple(stages),
            tuple(out for stage in stages.values() for out in stage.outs),
        )

    def _checked(self, evaluation: Evaluation) -> Evaluation:
        """Refuse a command whose program the commit does not hold: it would fail the version."""
        missing = _missing_script(evaluation) or self._missing_module(evaluation)
        if missing is not None:
            raise CaptureError(
                f"The commit does not hold {missing}, which the command runs.",
                remedy="Name what evaluated it then, or a script outside of the repository.",
            )
        return evaluation

    def _missing_module(self, evaluation: Evaluation) -> str | None:
        """The ``-m module`` that the user's checkout holds, and the commit does not."""
        there = self.repository.index
        here = self._own.repository.index
        for flag, word in pairwise(evaluation.command):
            if flag == "-m" and any(is_of(f"-m {word}", path) for path in here):
                return None if any(is_of(f"-m {word}", path) for path in there) else f"-m {word}"
        return None


def _missing_script(evaluation: Evaluation) -> str | None:
    """The script that a command names first, where it is not there."""
    words = (word for word in evaluation.command if not word.startswith("-"))
    script = next((word for word in words if PurePath(word).suffix.lower() in CODE), None)
    return script if script and not (evaluation.folder / script).exists() else None


def _without_own_pipeline(here: ModelTable, committed: Config) -> ModelTable:
    """A model's table of the checkout, on a pipeline that the commit may describe itself."""
    known = committed.pipelines().get(here.pipeline.name or "")
    return here if known is None else here.model_copy(update={"pipeline": known})


def relative(project: Project, path: Path) -> str:
    """A path in a project as DVC's files name it: from the top of the repository."""
    return posixpath.normpath(path.relative_to(project.top).as_posix())
