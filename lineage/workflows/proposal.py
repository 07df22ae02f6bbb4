"""Proposing models: which models a DVC project's stages make, and what each is made of. Pure.

A ``dvc.yaml`` says which stage makes which file, and not which file is a model. That is told by
what it declares (an artifact of the type ``model``), else by names: a stage that trains, a file
named as weights are. What is proposed is shown before anything is written.
"""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, count
from typing import TYPE_CHECKING, Any, Final

from lineage.capture.dvc import DvcStage, is_outside, overlap
from lineage.capture.stage_addresses import address, group_address, relative

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_TRAINS: Final = frozenset({"train", "training", "trainer", "retrain", "fit", "finetune", "learn"})
_PREPARES: Final = frozenset(
    {
        *("split", "prepare", "preprocess", "clean", "download", "fetch", "ingest", "data"),
        *("dataset", "feature", "features", "featurize", "featurise", "extract", "transform"),
    }
)
_EVALUATES: Final = frozenset(
    {
        *("eval", "evaluate", "evaluation", "test", "validate", "validation", "score", "metrics"),
        *("benchmark", "backtest", "report"),
    }
)
_HELPS: Final = frozenset(
    {
        *("encoder", "imputer", "label", "labels", "normalizer", "preprocessor", "scaler"),
        *("tokenizer", "vectorizer", "vocab", "vocabulary", "features", "data", "dataset"),
    }
)
"""What a file holds that is made beside a model."""

_WEIGHTS: Final = frozenset(
    {
        *(".bin", ".cbm", ".ckpt", ".dill", ".gguf", ".h5", ".hdf5", ".joblib", ".keras"),
        *(".mlmodel", ".model", ".onnx", ".pb", ".pickle", ".pkl", ".pmml", ".pt", ".pth"),
        *(".safetensors", ".skops", ".tflite", ".ubj"),
    }
)
_TABLES: Final = frozenset(
    {
        *(
            ".arrow",
            ".csv",
            ".db",
            ".feather",
            ".gz",
            ".json",
            ".jsonl",
            ".npy",
            ".npz",
            ".parquet",
        ),
        *(".sqlite", ".toml", ".tsv", ".txt", ".xml", ".yaml", ".yml", ".zip"),
    }
)
"""The endings of files that are data, unless a name says that they are a model."""

_READ: Final = frozenset({".html", ".jpeg", ".jpg", ".log", ".md", ".pdf", ".png", ".svg", ".xlsx"})
"""The endings of files that people look at, unless their own name says that they are a model."""

_MODEL: Final = frozenset({"model", "models", "weights", "checkpoint", "checkpoints"})
_SAYS_NOTHING: Final = _MODEL | {
    *("best", "ckpt", "classifier", "clf", "estimator", "export", "exported", "final", "fitted"),
    *("last", "latest", "net", "network", "out", "output", "pipeline", "regressor", "saved"),
    *("state", "trained"),
}
"""What a file's name may say without telling one model from another."""

_METRICS: Final = frozenset({"metrics", "metric", "scores", "evaluation"})
_NAME: Final = re.compile(r"[^a-z0-9._-]+", re.ASCII)


@dataclass(frozen=True)
class Facts:
    """What a project is known to hold; paths are relative to the top of the repository.

    Args:
        folder: the project's folder.
        name: what the project is called.
        stages: DVC's stages.
        models: what each ``dvc.yaml`` of the project declares as one: its name and its path.
        metrics: the metrics that it declares beside the stages.
        files: files that define the pipeline besides: locks of packages.
        is_code: whether a dependency is code.
    """

    folder: str
    name: str
    stages: tuple[DvcStage, ...]
    is_code: Callable[[str], bool]
    models: tuple[tuple[str, str], ...] = ()
    metrics: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProposedModel:
    """A model as the configuration would have it; paths are relative to the project's folder.

    ``pipeline`` is named where several models share it, ``made_by`` the stage that makes the
    weights, as DVC addresses it.
    """

    name: str
    weights: str
    made_by: str | None = None
    data: tuple[str, ...] = ()
    metrics: str | None = None
    evaluate: str | None = None
    validation_data: tuple[str, ...] = ()
    pipeline: str | None = None
    stages: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def table(self) -> dict[str, Any]:
        """What ``[models.NAME]`` holds, but for the pipeline."""
        said = {
            "weights": self.weights,
            "data": list(self.data),
            "metrics": self.metrics,
            "evaluate": self.evaluate,
            "validation_data": list(self.validation_data),
        }
        return {key: value for key, value in said.items() if value}

    @property
    def pipeline_table(self) -> dict[str, Any]:
        """What ``[models.NAME.pipeline]`` holds."""
        said = {"name": self.pipeline, "stages": list(self.stages), "files": list(self.files)}
        return {key: value for key, value in said.items() if value}

    def to_json(self) -> dict[str, Any]:
        """The model's table, as the configuration would hold it."""
        pipeline = self.pipeline_table
        return self.table | ({"pipeline": pipeline} if pipeline else {})


def propose(facts: Facts) -> tuple[ProposedModel, ...]:
    """The models that a project's stages make, in the order of the stages; none where none is seen.

    >>> train = DvcStage("dvc.yaml", "train", "train", "", ("",), ("raw.csv",), {}, ("churn.pkl",))
    >>> [one.to_json() for one in propose(Facts("", "shop", (train,), lambda path: False))]
    [{'weights': 'churn.pkl', 'data': ['raw.csv'], 'pipeline': {'stages': ['train']}}]
    """
    graph = _Graph(facts)
    names: set[str] = set()
    models = []
    for path, named in graph.weights:
        model = graph.model(path, _free(named, names), alone=len(graph.weights) == 1)
        names.add(model.name)
        models.append(model)
    return _with_shared_pipelines(models, facts.name)


class _Graph:
    """The stages of a project, and what each makes for which; a stage is told by what it is in."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._makers: dict[str, list[DvcStage]] = defaultdict(list)
        self._sizes: Counter[str] = Counter()
        for stage in facts.stages:
            self._sizes[group_address(stage, facts.folder)] += 1
            for out in stage.outs:
                self._makers[out].append(stage)
        self._outs = sorted(self._makers)

    @cached_property
    def weights(self) -> tuple[tuple[str, str], ...]:
        """The weights that are made, and what each model could be called."""
        return tuple(self._found())

    def _found(self) -> Iterator[tuple[str, str]]:
        if self.facts.models:
            for name, path in self.facts.models:
                if not is_outside(path):
                    yield path, _slug(name)
            return
        trained = [stage for stage in self._own if _trains(stage)]
        found = [(stage, path) for stage in trained for path in _best(stage)]
        if not found:
            candidates = [(s, p) for s in self._own for p in _best(s) if _rank(p) < _LEAST]
            before = {id(one) for stage, _ in candidates for one in self._upstream(stage)}
            found = [(stage, path) for stage, path in candidates if id(stage) not in before]
        for stage, path in found:
            yield path, self._called(stage, path)

    def model(self, path: str, name: str, *, alone: bool) -> ProposedModel:
        """What a model is made of; metrics that no stage writes are those of one that is alone."""
        makers = self._making(path)
        made = {id(one) for one in makers}
        before = {id(one) for maker in makers for one in self._upstream(maker)} - made
        prepare = [one for one in self.facts.stages if id(one) in before]
        data = self._data([*prepare, *makers], makers)
        judge, metrics = self._metrics(path, makers)
        if metrics is None and alone:
            metrics = next(filter(_is_json, self.facts.metrics), None)
        held_out = () if judge is None else self._held_out(judge, path, makers, data)
        return ProposedModel(
            name,
            self._seen(path),
            address(makers[0], self.facts.folder) if makers else None,
            tuple(map(self._seen, data)),
            self._seen(metrics) if metrics is not None else None,
            address(judge, self.facts.folder) if judge is not None and metrics else None,
            tuple(map(self._seen, held_out)),
            None,
            tuple(self._grouped(prepare or makers)),
            tuple(map(self._seen, self.facts.files)),
        )

    @property
    def _own(self) -> list[DvcStage]:
        """The stages of the project's folder and of those in it."""
        folder = self.facts.folder
        return [one for one in self.facts.stages if not address(one, folder).startswith("../")]

    def _making(self, path: str) -> list[DvcStage]:
        """The stages that make a path, a folder around it, or parts of it."""
        above, outs = path, [path]
        while above := posixpath.dirname(above.rstrip("/")):
            outs.append(above)
        inside = bisect_left(self._outs, f"{path}/")
        outs += self._outs[inside : bisect_left(self._outs, f"{path}0")]  # "0" follows "/"
        found = {id(one): one for out in outs for one in self._makers.get(out, ())}
        return list(found.values())

    def _upstream(self, stage: DvcStage) -> list[DvcStage]:
        """The stages that make what a stage reads, directly or not; it is none of them."""
        found = {id(stage): stage}
        pending = [stage]
        while pending:
            for dep in pending.pop().deps:
                new = [one for one in self._making(dep) if id(one) not in found]
                found |= {id(one): one for one in new}
                pending += new
        return list(found.values())[1:]

    def _inputs(self, stage: DvcStage) -> list[str]:
        """What a stage reads that is no code and lies in the repository."""
        return [dep for dep in stage.deps if not is_outside(dep) and not self.facts.is_code(dep)]

    def _data(self, chain: Iterable[DvcStage], makers: Iterable[DvcStage]) -> list[str]:
        """What no stage makes of what was read on the way; else what the last stage was given."""
        read = dict.fromkeys(dep for stage in chain for dep in self._inputs(stage))
        raw = [dep for dep in read if not self._making(dep)]
        return raw or list(dict.fromkeys(dep for one in makers for dep in self._inputs(one)))

    def _metrics(self, path: str, makers: list[DvcStage]) -> tuple[DvcStage | None, str | None]:
        """The stage that judges a model, and the metrics that it writes, or that training does."""
        made = {id(one) for one in makers}
        judges = [
            one
            for one in self.facts.stages
            if id(one) not in made and any(overlap(dep, path) for dep in one.deps)
        ]
        judges.sort(key=lambda one: not _words(one.group) & _EVALUATES)
        for stage in judges:
            for metrics in self._written(stage):
                return stage, metrics
        for stage in makers:
            for metrics in self._written(stage):
                return None, metrics
        return None, None

    def _written(self, stage: DvcStage) -> Iterator[str]:
        """The metrics that a stage writes: the declared ones, else those that are named so."""
        yield from filter(_is_json, stage.metrics)
        for metrics in filter(_is_json, self.facts.metrics):
            if any(overlap(out, metrics) for out in stage.outs):
                yield metrics
        for out in filter(_is_json, stage.outs):
            if _words(posixpath.basename(out)) & _METRICS:
                yield out

    def _held_out(
        self, judge: DvcStage, path: str, makers: Iterable[DvcStage], data: Iterable[str]
    ) -> list[str]:
        """What a model is judged on that it was not trained on."""
        weights = [made for made, _ in self.weights]
        known = [path, *weights, *data, *(dep for maker in makers for dep in maker.deps)]
        read = dict.fromkeys(self._inputs(judge))
        return [dep for dep in read if not any(overlap(dep, other) for other in known)]

    def _grouped(self, stages: Iterable[DvcStage]) -> dict[str, None]:
        """Stages as the configuration names them: a group, where all its instances are there."""
        folder = self.facts.folder
        chosen = [(address(one, folder), group_address(one, folder)) for one in stages]
        sizes = Counter(group for _, group in chosen)
        return dict.fromkeys(
            group if sizes[group] == self._sizes[group] else own for own, group in chosen
        )

    def _seen(self, path: str) -> str:
        return relative(path, self.facts.folder)

    def _called(self, stage: DvcStage, path: str) -> str:
        """What a model could be called: by its file, else by its stage's folder or the project."""
        stem = posixpath.splitext(posixpath.basename(path))[0].lower()
        parts = [part for part in re.split(r"[^a-z0-9]+", stem) if part]
        told = [part for part in parts if part not in _SAYS_NOTHING]
        if told and not all(part.isdigit() for part in told):
            return _slug("-".join(told))
        inner = posixpath.basename(posixpath.dirname(self._seen(stage.file)))
        base = inner or self.facts.name
        instance = stage.name.removeprefix(stage.group).lstrip("@")
        return _slug(f"{base}-{instance}" if instance else base)


_LEAST: Final = 3
"""The rank of what is no model by its name."""


def _best(stage: DvcStage) -> list[str]:
    """The outputs of a stage in the repository that are most likely weights; those of one rank."""
    looked_at = {*stage.metrics, *stage.plots}
    inside = [out for out in stage.outs if out not in looked_at and not is_outside(out)]
    ranked = [(_rank(out), out) for out in inside]
    outs = [(rank, out) for rank, out in ranked if rank < _LEAST or _trains(stage)]
    best = min((rank for rank, _ in outs), default=_LEAST + 1)
    return [out for rank, out in outs if rank == best and rank <= _LEAST]


def _rank(path: str) -> int:
    """How likely a path is that of weights: 0 is likely, above :data:`_LEAST` it is none."""
    name = posixpath.basename(path)
    stem, suffix = posixpath.splitext(name.lower())
    words = _words(stem)
    if words & _HELPS:
        return _LEAST + 1
    if words & _MODEL:
        return 0
    if suffix in _WEIGHTS:
        return 1
    if suffix in _READ or words & _METRICS:
        return _LEAST + 1
    if _words(posixpath.dirname(path)) & _MODEL:
        return _LEAST if suffix in _TABLES else 2
    return _LEAST + 1 if suffix in _TABLES else _LEAST


def _trains(stage: DvcStage) -> bool:
    """Whether a stage's name says that it trains: ``train_test_split`` does not."""
    words = _words(stage.group)
    return bool(words & _TRAINS) and not words & (_PREPARES | _EVALUATES)


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def _is_json(path: str) -> bool:
    return path.lower().endswith(".json") and not is_outside(path)


def _slug(text: str) -> str:
    """A text as a model may be called."""
    return _NAME.sub("-", text.lower()).lstrip("._-")[:100].rstrip("._-") or "model"


def _free(name: str, taken: set[str]) -> str:
    """A name that no other has."""
    numbered = chain([name], (f"{name}-{number}" for number in count(2)))
    return next(one for one in numbered if one not in taken)


def _with_shared_pipelines(models: list[ProposedModel], project: str) -> tuple[ProposedModel, ...]:
    """Models whose inputs the same stages prepare share a pipeline of a name of its own."""
    taken = {model.name for model in models}
    names: dict[tuple[str, ...], str] = {}
    for stages, riders in Counter(model.stages for model in models).items():
        if stages and riders > 1:
            names[stages] = _free(_slug(project), taken)
            taken.add(names[stages])
    return tuple(replace(model, pipeline=names.get(model.stages)) for model in models)
