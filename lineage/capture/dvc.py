"""What DVC knows of a project: reads its stages as DVC resolves them, and what it tracks.

DVC's own resolver does the templating (``vars``, ``foreach``, ``matrix``). It is given our
:class:`~lineage.capture.source.Source` as its file system, so that a working tree and a revision
are read alike, and so that nothing else of DVC (its caches, locks, hooks, remotes) wakes up.
Parameters are read by :mod:`lineage.capture.parameters`.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from lineage.capture.bounded_yaml import load_strings
from lineage.capture.dvc_budget import check_budget, check_lists, written_size
from lineage.capture.dvc_declared import Declared, read_declared
from lineage.capture.dvc_filesystem import DvcFiles, clean, guarded, open_resolver, validated
from lineage.capture.dvc_ignore import OwnFiles
from lineage.capture.dvc_schema import pipeline_schema
from lineage.capture.dvc_settings import DvcSettings, read_settings
from lineage.capture.parameters.files import ParameterFiles
from lineage.capture.parameters.texts import FileTexts
from lineage.capture.source import paths_below
from lineage.errors import CaptureError, LineageError
from lineage.identity.digest import Digest, hash_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lineage.capture.source import Source

DEFAULT_PARAMS: Final = "params.yaml"
_HASHES: Final = ("md5", "etag", "checksum", "version_id")
_LONGEST_SIZE: Final = 20


@dataclass(frozen=True)
class DvcStage:
    """A resolved stage; paths are relative to the top of the repository, others are as written.

    ``name`` is unique within ``file``; ``group`` is the name that a ``foreach`` or ``matrix`` stage
    has in the file.
    """

    file: str
    name: str
    group: str
    wdir: str
    cmd: tuple[str, ...]
    deps: tuple[str, ...]
    params: Mapping[str, tuple[str, ...]]
    outs: tuple[str, ...]
    frozen: bool = False
    """Whether `dvc repro` leaves it as it is, whatever changes."""
    metrics: tuple[str, ...] = ()
    """Those of its outputs that are metrics."""
    plots: tuple[str, ...] = ()
    """Those of its outputs that are plots."""


@dataclass(frozen=True)
class Tracked:
    """A path that DVC tracks: made by a stage, or added; ``digest`` is what DVC recorded."""

    path: str
    digest: Digest | None
    size: int | None
    file: str
    made_by_stage: bool


class DvcProject:
    """The DVC project that a folder belongs to: up to the nearest ``.dvc`` folder."""

    def __init__(self, source: Source, folder: str) -> None:
        self.source = source
        self.folder = folder
        self.root = _project_root(source, folder)
        self._texts = FileTexts(source)
        self._files = DvcFiles(source, self._texts)
        self.own = OwnFiles(source, self.root)
        self._documents: dict[str, dict[str, Any]] = {}

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Its DVC files, without those of projects nested in it and those that it ignores."""
        return tuple(self.own.among(self.source.dvc_files()))

    @cached_property
    def stages(self) -> tuple[DvcStage, ...]:
        """Every stage of the project, in the order of its files and of the stages in them."""
        return tuple(stage for path in self.files for stage in self._stages_of(path))

    @cached_property
    def tracked(self) -> Mapping[str, Tracked]:
        """Every path that DVC tracks."""
        found = {
            out: Tracked(out, None, None, stage.file, made_by_stage=True)
            for stage in self.stages
            for out in stage.outs
        }
        for path in self.files:
            found.update((item.path, item) for item in self._recorded(path))
        return found

    @cached_property
    def made(self) -> frozenset[str]:
        """Every path that DVC tracks; what its lock records of them is not needed, nor read."""
        outs = [out for stage in self.stages for out in stage.outs]
        pointers = [p for p in self.files if posixpath.basename(p) not in ("dvc.yaml", "dvc.lock")]
        return frozenset([*outs, *(item.path for p in pointers for item in self._recorded(p))])

    def covering(self, path: str) -> Tracked | None:
        """What DVC tracks at a path, or the tracked folder that the path lies in."""
        while path:
            if path in self.tracked:
                return self.tracked[path]
            above = posixpath.dirname(path)
            path = above if above != path else ""  # an absolute path ends at /
        return None

    def making(self, path: str) -> list[DvcStage]:
        """The stages that make a path: its own, that of a folder around it, or of parts of it."""
        return [stage for stage in self.stages if any(overlap(out, path) for out in stage.outs)]

    def recorded_at(self, path: str) -> list[Tracked]:
        """What DVC tracks at a path, around it, or in it."""
        return [item for item in self.tracked.values() if overlap(item.path, path)]

    def text(self, path: str) -> str:
        """The text of a DVC file.

        Raises:
            CaptureError: it cannot be read.
        """
        return self._texts.text(path)

    @property
    def read_texts(self) -> frozenset[str]:
        """The configuration files that were read so far, ``.dvcignore`` among them."""
        return self._texts.read | self.own.read

    def below(self, folder: str) -> list[str]:
        """What DVC tracks inside a folder."""
        return paths_below(self._tracked_paths, folder)

    @cached_property
    def _tracked_paths(self) -> list[str]:
        return sorted(self.tracked)

    def parameters(self, unordered: Iterable[str] = ()) -> ParameterFiles:
        """Its parameter files; in the ``unordered`` ones the order of keys does not count."""
        return ParameterFiles(self.source, self._texts, unordered)

    def parameters_as_dvc(self, file: str, names: Iterable[str]) -> dict[str, Any]:
        """Parameters as DVC reads them, those that are in the file: what its lock records.

        Raises:
            CaptureError: the file cannot be read.
        """
        return self._files.parameters(file, names)

    @cached_property
    def settings(self) -> DvcSettings:
        """The settings of DVC's own configuration that change what runs.

        Raises:
            CaptureError: the configuration cannot be read.
        """
        return read_settings(self.source, self.root)

    def _stages_of(self, path: str) -> Iterator[DvcStage]:
        if posixpath.basename(path) == "dvc.yaml":
            yield from self._pipeline_stages(path)
        elif posixpath.basename(path) != "dvc.lock":
            document = self._strings(path)
            if document.get("cmd"):
                yield _single_stage(path, document)

    def declared(self) -> Iterator[Declared]:
        """What each ``dvc.yaml`` declares beside its stages.

        Raises:
            CaptureError: one cannot be read or resolved.
        """
        for path in self.files:
            if posixpath.basename(path) == "dvc.yaml":
                resolver, _ = self._resolver(path)
                folder = posixpath.dirname(path)
                read = partial(read_declared, resolver, folder, partial(joined, folder))
                yield self._files.resolving(path, read)

    def _pipeline_stages(self, path: str) -> Iterator[DvcStage]:
        resolver, document = self._resolver(path)
        for name in self._files.resolving(path, resolver.get_keys):
            yield self._files.resolving(path, partial(_stage, path, resolver, name, document))

    def _resolver(self, path: str) -> tuple[Any, dict[str, Any]]:
        """DVC's resolver of a ``dvc.yaml`` within the budgets, and the file as DVC reads it."""
        folder = posixpath.dirname(path)
        document = self._definition(path)
        check_lists(path, document)
        resolving = partial(self._files.resolving, path)
        resolver = resolving(
            lambda: open_resolver(self._files, self.settings.sections, folder, document)
        )
        size = self._files.variables_size + written_size(document)
        resolving(lambda: check_budget(path, resolver, size))
        return resolver, document

    def _definition(self, path: str) -> dict[str, Any]:
        """A ``dvc.yaml`` as DVC reads and validates it."""
        document = self._files.yaml(path)
        validate = validated(pipeline_schema(), self._texts.composed(path))
        checked: dict[str, Any] = guarded(path, lambda: validate(document))
        return checked

    def _recorded(self, path: str) -> Iterator[Tracked]:
        """The digests that a lock or a ``.dvc`` file records."""
        name = posixpath.basename(path)
        if name == "dvc.yaml":
            return
        document = self._strings(path)
        if name == "dvc.lock":
            yield from self._locked(path, document)
            return
        folder = joined(posixpath.dirname(path), document.get("wdir"))
        for out in mappings(document.get("outs")):
            item = _tracked(folder, out, path, made_by_stage=bool(document.get("cmd")))
            if item is not None:
                yield item

    def _locked(self, path: str, document: Mapping[str, Any]) -> Iterator[Tracked]:
        """The outputs of a lock whose stages ``dvc.yaml`` still has."""
        pipeline = posixpath.join(posixpath.dirname(path), "dvc.yaml")
        recorded = document.get("stages") if "schema" in document else document
        if not isinstance(recorded, dict):
            return
        for stage in self.stages:
            entry = recorded.get(stage.name) if stage.file == pipeline else None
            for out in mappings(entry.get("outs") if isinstance(entry, dict) else None):
                item = _tracked(stage.wdir, out, path, made_by_stage=True)
                if item is not None and item.path in stage.outs:
                    yield item

    def _strings(self, path: str) -> dict[str, Any]:
        """What DVC itself wrote, as text scalars; read once."""
        if path not in self._documents:
            document = load_strings(self._texts.text(path), path) or {}
            if not isinstance(document, dict):
                raise CaptureError(f"{path} is not a DVC file.", remedy=f"Mend or remove {path}.")
            self._documents[path] = document
        return self._documents[path]


def _stage(path: str, resolver: Any, name: str, document: Mapping[str, Any]) -> DvcStage:  # noqa: ANN401
    resolved = resolver.resolve_one(name)[name]
    folder = joined(posixpath.dirname(path), resolved.get("wdir"))
    cmd = resolved["cmd"]
    lines = cmd if isinstance(cmd, list) else [cmd] if cmd is not None else []
    declared = document.get("stages", {})
    outs = [key for kind in ("outs", "metrics", "plots") for key in _keys(resolved.get(kind))]
    deps = resolved.get("deps") or ()
    params = _parameter_files(folder, resolved.get("params") or [])
    wanted = {"a command": lines, "a dependency": deps, "an output": outs}
    for what, values in {**wanted, "a parameter": chain(*params.values())}.items():
        if None in values:
            raise ValueError(f"{what} of stage {name} is null")
    return DvcStage(
        file=path,
        name=name,
        group=name if name in declared else name.rpartition("@")[0],
        wdir=folder,
        cmd=tuple(str(line).strip() for line in lines),
        deps=tuple(joined(folder, str(dep)) for dep in deps),
        params={file: tuple(map(str, names)) for file, names in params.items()},
        outs=tuple(joined(folder, str(out)) for out in outs),
        frozen=bool(resolved.get("frozen")),
        metrics=tuple(joined(folder, str(out)) for out in _keys(resolved.get("metrics"))),
        plots=tuple(joined(folder, str(out)) for out in _keys(resolved.get("plots"))),
    )


def _parameter_files(folder: str, declared: list[Any]) -> dict[str, list[Any]]:
    """The names of the parameters of each file; a file tracked as a whole has none."""
    from dvc.dependency import _merge_params

    merged = _merge_params(declared)
    return {joined(folder, file or DEFAULT_PARAMS): list(names) for file, names in merged.items()}


def _single_stage(path: str, document: Mapping[str, Any]) -> DvcStage:
    """A stage of DVC 0.x: a ``.dvc`` file with a command."""
    folder = joined(posixpath.dirname(path), document.get("wdir"))
    deps = list(mappings(document.get("deps")))
    params = {
        joined(folder, dep.get("path") or DEFAULT_PARAMS): tuple(dep["params"])
        for dep in deps
        if isinstance(dep.get("params"), (dict, list))
    }
    outs = [out["path"] for out in mappings(document.get("outs")) if "path" in out]
    return DvcStage(
        file=path,
        name=posixpath.basename(path),
        group=posixpath.basename(path),
        wdir=folder,
        cmd=(str(document["cmd"]).strip(),),
        deps=tuple(
            joined(folder, dep["path"]) for dep in deps if "path" in dep and "params" not in dep
        ),
        params=params,
        outs=tuple(joined(folder, out) for out in outs),
    )


def _tracked(
    folder: str, out: Mapping[str, Any], file: str, *, made_by_stage: bool
) -> Tracked | None:
    path = out.get("path")
    if not isinstance(path, str):
        return None
    size = str(out.get("size", ""))
    return Tracked(
        joined(folder, path),
        recorded_digest(out),
        int(size) if size.isdecimal() and len(size) <= _LONGEST_SIZE else None,
        file,
        made_by_stage,
    )


def recorded_digest(out: Mapping[str, Any]) -> Digest | None:
    """The digest DVC recorded: before DVC 3 an ``md5`` ignored the kind of line ends."""
    listed = list(mappings(out.get("files")))
    if listed:
        return hash_object("lineage-dvc-files/1", listed)
    algorithm = out.get("hash")
    if isinstance(algorithm, str) and isinstance(out.get(algorithm), str):
        return _digest(algorithm, out[algorithm])
    for key in _HASHES:
        if isinstance(out.get(key), str):
            return _digest("md5-dos2unix" if key == "md5" else key.replace("_", "-"), out[key])
    return None


def _digest(algorithm: str, value: str) -> Digest | None:
    try:
        return Digest(f"{algorithm}:{value}")
    except LineageError:
        return None


def mappings(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - parsed YAML
    """The mappings in a list; none of what is no list."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def _keys(declared: Any) -> Iterator[Any]:  # noqa: ANN401 - parsed YAML
    """The paths of an ``outs`` list, whose entries are a path or a path with its settings."""
    for item in declared or ():
        yield from item if isinstance(item, dict) else (item,)


def overlap(one: str, other: str) -> bool:
    """Whether two paths are the same, or one lies in the other."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def is_outside(path: str) -> bool:
    """Whether a path is a URL, absolute, or leaves the repository: never opened here."""
    return "://" in path or path.startswith(("/", "../")) or path == ".."


def joined(folder: str, path: Any) -> str:  # noqa: ANN401 - parsed YAML
    """``path`` as seen from ``folder``, normalised; ``""`` is the top, URLs stay as they are."""
    text = str(path) if path else "."
    return text if "://" in text else clean(posixpath.join(folder, text))


def _project_root(source: Source, folder: str) -> str:
    here = folder
    while here and not source.is_dir(posixpath.join(here, ".dvc")):
        here = posixpath.dirname(here)
    return here
