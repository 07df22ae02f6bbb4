"""Differences between two pipelines, stage by stage, each as a person would say it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from lineage.identity.digest import Digest, canonical_bytes
from lineage.identity.pipeline import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from lineage.identity.pipeline import Manifest, PipelineVersion


class ChangeKind(StrEnum):
    """What kind of thing differs between two pipeline versions."""

    STAGE = "stage"
    COMMAND = "command"
    PARAMETER = "parameter"
    FILE = "file"
    INPUT = "input"
    OUTPUT = "output"
    CODE = "code"
    """Which code the two manifests hold: what stages declare, or what they run."""


_ALIKE: Final = 0.5


ABSENT: Any = type("Absent", (), {"__repr__": lambda _: "absent"})()
"""Stands for a side of a change that is not there at all (a parameter may be null)."""


@dataclass(frozen=True)
class Change:
    """One difference; ``stage`` is None for what is the whole pipeline's."""

    stage: str | None
    kind: ChangeKind
    name: str
    validated: Any
    deployed: Any

    def to_json(self) -> dict[str, Any]:
        """The change as ``details.changes`` lists it; an absent side is null."""
        return {
            "stage": self.stage,
            "kind": self.kind.value,
            "name": self.name,
            "validated": None if self.validated is ABSENT else self.validated,
            "deployed": None if self.deployed is ABSENT else self.deployed,
        }

    @classmethod
    def from_json(cls, change: Mapping[str, Any]) -> Change:
        """Read back what :meth:`to_json` wrote; only a parameter may be null and yet there."""
        kind = ChangeKind(change["kind"])
        sides = [change[side] for side in ("validated", "deployed")]
        if kind is not ChangeKind.PARAMETER:
            sides = [ABSENT if side is None else side for side in sides]
        return cls(change["stage"], kind, change["name"], *sides)

    def __str__(self) -> str:
        if self.kind is ChangeKind.STAGE and isinstance(self.deployed, str):
            return f"stage {self.validated} renamed to {self.deployed}"
        if self.kind is ChangeKind.STAGE:
            return f"stage {self.name} {self._verb}"
        where = f"{self.stage}: " if self.stage is not None else ""
        return where + _SENTENCES[self.kind](self)

    @property
    def _verb(self) -> str:
        if self.validated is ABSENT:
            return "added"
        return "removed" if self.deployed is ABSENT else "changed"


def differences(validated: Manifest, deployed: Manifest) -> tuple[Change, ...]:
    """What differs from the validated manifest to the deployed one, stage by stage.

    Empty exactly when the two manifests have the same canonical bytes.
    """
    return tuple(_differences(validated.to_json(), deployed.to_json()))


def short_value(value: object, limit: int = 60) -> str:
    """A parameter's value as a person reads it in one line."""
    if value is ABSENT:
        return "absent"
    text = value if isinstance(value, str) else canonical_bytes(value).decode()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _differences(validated: dict[str, Any], deployed: dict[str, Any]) -> Iterator[Change]:
    scopes = [side.get("code", ABSENT) for side in (validated, deployed)]
    if scopes[0] != scopes[1]:
        yield Change(None, ChangeKind.CODE, "code", *scopes)
    renamed = _renamed(validated["stages"], deployed["stages"])
    for was, now in renamed.items():
        yield Change(now, ChangeKind.STAGE, now, was, now)
    former = {renamed.get(name, name): stage for name, stage in validated["stages"].items()}
    for name, old, new in _paired(former, deployed["stages"]):
        if old is ABSENT or new is ABSENT:
            yield Change(name, ChangeKind.STAGE, name, old, new)
        else:
            yield from _stage_differences(name, old, new)
    for path, old, new in _paired(validated["files"], deployed["files"]):
        yield Change(None, ChangeKind.FILE, path, old, new)


def _renamed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """The stages that only go by another name: by their old name, the new one.

    Of those that are gone and those that are new, the most alike belong together, where they share
    more than half of what they are made of.
    """
    gone, fresh = sorted(set(old) - set(new)), sorted(set(new) - set(old))
    pairs = sorted(
        ((_likeness(old[was], new[now]), was, now) for was in gone for now in fresh),
        key=lambda pair: (-pair[0], sorted(pair[1:])),
    )
    found: dict[str, str] = {}
    for likeness, was, now in pairs:
        if likeness > _ALIKE and was not in found and now not in found.values():
            found[was] = now
    return found


def _likeness(old: Mapping[str, Any], new: Mapping[str, Any]) -> float:
    """The share of what two stages are made of that is in both, from 0 to 1."""
    first, second = _parts(old), _parts(new)
    return len(first & second) / len(first | second) if first | second else 0.0


def _parts(stage: Mapping[str, Any]) -> set[bytes]:
    params = _parameters(stage["params"])
    lists = [("cmd", part) for part in stage["cmd"]]
    lists += [(key, path) for key in ("inputs", "outputs") for path in stage[key]]
    mappings = [*stage["code"].items(), *params.items()]
    return {canonical_bytes(list(part)) for part in (*lists, *mappings)}


def _stage_differences(stage: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    if old["cmd"] != new["cmd"]:
        yield Change(stage, ChangeKind.COMMAND, "cmd", old["cmd"], new["cmd"])
    for name, was, now in _paired(_parameters(old["params"]), _parameters(new["params"])):
        yield Change(stage, ChangeKind.PARAMETER, name, was, now)
    for path, was, now in _paired(old["code"], new["code"]):
        yield Change(stage, ChangeKind.FILE, path, was, now)
    for kind in (ChangeKind.INPUT, ChangeKind.OUTPUT):
        key = f"{kind.value}s"
        for path, was, now in _paired(_same(old[key]), _same(new[key])):
            yield Change(stage, kind, path, was, now)


def _paired(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """The entries that differ as canonical JSON tells them apart (1 and 1.0 are one number)."""
    for name in sorted({*old, *new}):
        was, now = old.get(name, ABSENT), new.get(name, ABSENT)
        one_sided = was is ABSENT or now is ABSENT
        if one_sided or canonical_bytes(was) != canonical_bytes(now):
            yield name, was, now


def _parameters(params: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Parameters by the name a person uses; the file is named unless it is a ``params.yaml``."""
    return {
        name if file == "params.yaml" else f"{file}:{name}": value
        for file, values in params.items()
        for name, value in values.items()
    } | {f"{file}:": {} for file, values in params.items() if not values}


def _same(paths: Iterable[str]) -> dict[str, str]:
    return {path: path for path in paths}


def _parameter_sentence(change: Change) -> str:
    if ABSENT in (change.validated, change.deployed):
        present = change.deployed if change.validated is ABSENT else change.validated
        return f"parameter {change.name} {change._verb} ({short_value(present)})"
    old, new = short_value(change.validated), short_value(change.deployed)
    return f"parameter {change.name} {old} → {new}"


def _file_sentence(change: Change) -> str:
    if change._verb != "changed":
        return f"{change.name} {change._verb}"
    old, new = Digest(change.validated).value[:6], Digest(change.deployed).value[:6]
    return f"{change.name} changed ({old} → {new})"


def _code_sentence(change: Change) -> str:
    for side, scope in (("validated", change.validated), ("deployed", change.deployed)):
        if scope == Scope.DECLARED:
            return (
                f"the {side} version was captured without imports (imports = false): what its "
                "stages run besides their declared dependencies is not in it"
            )
    side = "validated" if change.validated is ABSENT else "deployed"
    return (
        f"the {side} version holds declared dependencies alone: it was captured without imports, "
        "or its stages ran nothing else"
    )


_SENTENCES: dict[ChangeKind, Callable[[Change], str]] = {
    ChangeKind.COMMAND: lambda _: "command changed",
    ChangeKind.PARAMETER: _parameter_sentence,
    ChangeKind.FILE: _file_sentence,
    ChangeKind.INPUT: lambda change: f"input {change.name} {change._verb}",
    ChangeKind.OUTPUT: lambda change: f"output {change.name} {change._verb}",
    ChangeKind.CODE: _code_sentence,
}


def changes_between(
    validated: PipelineVersion, deployed: PipelineVersion | None
) -> tuple[Change, ...]:
    """The changes between two pipeline versions; none where either is only stated by a digest."""
    if deployed is None or validated.manifest is None or deployed.manifest is None:
        return ()
    return differences(validated.manifest, deployed.manifest)
