"""What lies between data and weights: the runs of stages that DVC recorded. Pure.

A run is named by the BLAKE3 of its canonical bytes, so that it is one, whichever versions, models
and repositories it led to. The chain of a version says which runs led to it, and how each digest
was known when it was registered. Paths are relative to the top of the repository.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from lineage.errors import UsageError
from lineage.identity.digest import Digest, blake3_of, canonical_bytes
from lineage.masking import without_userinfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOST_FILES: Final = 10_000
"""Files that a run may have used and made."""
MOST_RUNS: Final = 1_000
"""Runs of one chain."""
MOST_OF_CHAIN: Final = 20_000
"""Files that the runs of one chain may name together: others wait while they are written."""
LONGEST: Final = 1 << 24
"""Bytes of one chain and its runs together."""
ORIGIN: Final = ("url", "path", "rev")
"""What is said of the origin of an import; ``url`` always is."""
LONGEST_TEXT: Final = 2_000
"""Characters of one text of an origin."""

FINE_TUNED: Final = "fine-tuned-from"
"""The relation to a parent of which nothing else is said."""


class Basis(StrEnum):
    """How the digest of a file was known when a version was registered."""

    CHECKED = "checked"
    """The bytes were here, and had it."""
    STATED = "stated"
    """DVC recorded it; the bytes were not read."""
    CHANGED = "changed"
    """DVC recorded it; other bytes were here."""


class RunKind(StrEnum):
    """What a run was."""

    STAGE = "stage"
    IMPORT = "import"
    """`dvc import` or `dvc import-url`: it made what lies here of what lies elsewhere."""


@dataclass(frozen=True)
class StageRun:
    """One run of a stage, as DVC recorded it.

    ``name`` is the stage as DVC addresses it, or the ``.dvc`` file of an import. ``code``,
    ``inputs`` and ``outputs`` are the digests of files and directories by their paths, ``params``
    the values of parameters by file and name. ``origin`` of an import is ``url`` (without
    credentials), and of a repository also ``rev`` (the commit) and ``path`` there.
    """

    name: str
    kind: RunKind = RunKind.STAGE
    cmd: tuple[str, ...] = ()
    code: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    origin: Mapping[str, str] | None = None

    @property
    def files(self) -> Iterator[tuple[str, str, str]]:
        """The role, the path and the digest of all that it used and made."""
        for role, held in (("code", self.code), ("input", self.inputs), ("output", self.outputs)):
            for path, digest in held.items():
                yield role, path, digest

    @property
    def named(self) -> int:
        """How many files it names, those of parameters too."""
        return sum(map(len, (self.code, self.inputs, self.outputs, self.params)))

    def to_json(self) -> dict[str, Any]:
        """The run as the registry keeps it."""
        return {
            "name": self.name,
            "kind": self.kind.value,
            "cmd": list(self.cmd),
            "code": dict(self.code),
            "inputs": dict(self.inputs),
            "params": {file: dict(values) for file, values in self.params.items()},
            "outputs": dict(self.outputs),
            "origin": dict(self.origin) if self.origin is not None else None,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> StageRun:
        """Read back what :meth:`to_json` wrote.

        Raises:
            UsageError: a digest is none, or it holds too many files.
        """
        run = cls(
            body["name"],
            RunKind(body["kind"]),
            tuple(body["cmd"]),
            body["code"],
            body["inputs"],
            body["params"],
            body["outputs"],
            body["origin"],
        )
        files = list(run.files)
        if len(files) > MOST_FILES:
            raise UsageError(
                f"The run of {run.name[:100]} names {len(files):,} files, and {MOST_FILES:,} are "
                "kept of one.",
                remedy="Let the stage depend on their directory: it counts as one.",
            )
        for _, _, digest in files:
            Digest(digest)
        return run

    @cached_property
    def canonical(self) -> bytes:
        """Its canonical bytes (RFC 8785)."""
        return canonical_bytes(self.to_json())

    @cached_property
    def blake3(self) -> str:
        """The BLAKE3 of its canonical bytes: its name."""
        return str(blake3_of(self.canonical))

    @cached_property
    def params_digest(self) -> str | None:
        """What its parameters are called as a node; None where it has none."""
        return params_digest(self.params)

    @cached_property
    def origin_digest(self) -> str | None:
        """What its origin is called as a node; None where it has none."""
        return origin_digest(self.origin)


def params_digest(params: Mapping[str, Any]) -> str | None:
    """The BLAKE3 of parameters by file and name; None where there are none."""
    return str(blake3_of(canonical_bytes({"params": params}))) if params else None


def origin_fault(origin: Mapping[str, Any]) -> str | None:
    """What keeps an origin from being one; None where nothing does.

    >>> origin_fault({"path": "raw.csv"}), origin_fault({"url": "s3://b/raw.csv"})
    ('it has no `url`', None)
    """
    if "url" not in origin:
        strange = sorted(origin.keys() - set(ORIGIN))
        return f"it has `{strange[0][:100]}`, and no `url`" if strange else "it has no `url`"
    for key, value in origin.items():
        if key not in ORIGIN:
            return f"`{key[:100]}` is not known of one"
        if not (isinstance(value, str) and 0 < len(value) <= LONGEST_TEXT and value.isprintable()):
            return f"`{key}` is not a text of 1 to {LONGEST_TEXT:,} printable characters"
    if without_userinfo(origin["url"]) != origin["url"]:
        return "`url` holds a name or a password"
    return None


def origin_digest(origin: Mapping[str, str] | None) -> str | None:
    """The BLAKE3 of an origin; None where there is none."""
    return str(blake3_of(canonical_bytes({"origin": origin}))) if origin else None


@dataclass(frozen=True)
class Chain:
    """The runs that led to a version.

    ``weights`` is the digest that DVC recorded of its weights, None where DVC knows none.
    ``unchecked`` says for each run by which path's digest was not checked, and why; all others
    were. ``missing`` are paths that stages make and of which no recorded run made this content,
    ``gaps`` say in sentences what is not known.
    """

    runs: tuple[StageRun, ...] = ()
    weights: str | None = None
    unchecked: Mapping[str, Mapping[str, Basis]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.runs or self.weights or self.gaps)

    def to_json(self) -> dict[str, Any]:
        """The chain with its runs, as a request brings it."""
        return self._told() | {"runs": [run.to_json() for run in self.runs]}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Chain:
        """Read back what :meth:`to_json` wrote.

        Raises:
            UsageError: a digest or an origin is none, or it holds too much.
        """
        if len(body["runs"]) > MOST_RUNS:
            raise UsageError(
                f"The chain has {len(body['runs']):,} runs, and {MOST_RUNS:,} are kept.",
                remedy="Register it without its chain.",
            )
        weights, runs = body["weights"], tuple(map(StageRun.from_json, body["runs"]))
        for run in runs:
            if run.origin is not None and (fault := origin_fault(run.origin)) is not None:
                raise UsageError(
                    f"The origin of {run.name[:100]} is none: {fault}.",
                    remedy="Give the `url` of what was imported, and of a repository `path` and "
                    "`rev`.",
                )
        if (files := sum(run.named for run in runs)) > MOST_OF_CHAIN:
            raise UsageError(
                f"The chain names {files:,} files, and {MOST_OF_CHAIN:,} are kept of one.",
                remedy="Let stages depend on directories: each counts as one.",
            )
        chain = cls(
            runs,
            str(Digest(weights)) if weights is not None else None,
            {
                run: {path: Basis(basis) for path, basis in files.items()}
                for run, files in body["unchecked"].items()
            },
            tuple(body["missing"]),
            tuple(body["gaps"]),
        )
        if sum(len(run.canonical) for run in chain.runs) > LONGEST:
            raise UsageError(
                f"The chain takes more than {LONGEST:,} bytes.",
                remedy="Register it without its chain.",
            )
        return chain

    def document(self, relation: str | None) -> bytes:
        """The canonical bytes of what is kept with a version: its runs by their names."""
        runs = [run.blake3 for run in self.runs]
        return canonical_bytes(self._told() | {"runs": runs, "relation": relation})

    def _told(self) -> dict[str, Any]:
        return {
            "weights": self.weights,
            "unchecked": {
                run: {path: basis.value for path, basis in files.items()}
                for run, files in self.unchecked.items()
                if files
            },
            "missing": list(self.missing),
            "gaps": list(self.gaps),
        }


def parent_named(text: str) -> tuple[str, str | None]:
    """The reference and the relation of ``REF`` or ``REF:RELATION``.

    >>> parent_named("churn@3:distilled-from"), parent_named("churn@latest")
    (('churn@3', 'distilled-from'), ('churn@latest', None))

    Raises:
        UsageError: the relation is no name.
    """
    from lineage.identity.references import check_name

    reference, colon, relation = text.partition(":")
    return reference, check_name("relation", relation) if colon else None
