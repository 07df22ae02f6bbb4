"""One difference between two pipelines, as a value, as JSON and as a sentence. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from lineage.identity.digest import Digest, canonical_bytes
from lineage.identity.parameters import is_typed, natural, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_MOST_TOLD: Final = 3
"""Differences inside one value that a sentence tells."""


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
    SETTING = "setting"
    """A setting of DVC's own configuration that changes what runs."""
    ENCODING = "encoding"
    """How the two manifests are written, so that they can be equal only in parts."""


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
        """The change as ``details.changes`` lists it; an absent side is null.

        Parameters are plain JSON; where that does not tell the two sides apart (1 and 1.0, the
        order of keys), they are as the manifest has them.
        """
        sides = [None if side is ABSENT else side for side in (self.validated, self.deployed)]
        if self.kind is ChangeKind.PARAMETER:
            plain = [natural(side) for side in sides]
            one_sided = ABSENT in (self.validated, self.deployed)
            if one_sided or canonical_bytes(plain[0]) != canonical_bytes(plain[1]):
                sides = plain
        return {
            "stage": self.stage,
            "kind": self.kind.value,
            "name": self.name,
            "validated": sides[0],
            "deployed": sides[1],
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


def short_value(value: object, limit: int = 60) -> str:
    """A parameter's value as a person reads it in one line."""
    return _cut("absent" if value is ABSENT else shown(value), limit)


def _cut(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def paired(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """The entries of two mappings that differ as canonical JSON tells them apart."""
    for name in sorted({*old, *new}):
        was, now = old.get(name, ABSENT), new.get(name, ABSENT)
        one_sided = was is ABSENT or now is ABSENT
        if one_sided or canonical_bytes(was) != canonical_bytes(now):
            yield name, was, now


def entries(value: Any) -> dict[str, Any] | None:  # noqa: ANN401 - an encoded value
    """The entries of a mapping by their keys, where it is one and all of these are text.

    The code of a Python file, which stands under the key null, has the name ``""``.
    """
    if not is_typed(value) or not {"map", "unordered"} & set(value):
        return None
    (pairs,) = value.values()
    named = {
        key or "": inner
        for key, inner in pairs
        if isinstance(key, str) or (key is None and _code(inner))
    }
    return named if len(named) == len(pairs) else None


def _code(value: Any) -> str | None:  # noqa: ANN401 - an encoded value
    """The digest of the code that makes a value, where that stands for it."""
    return value["content"] if is_typed(value) and "content" in value else None


def _parameter_sentence(change: Change) -> str:
    name = change.name.removesuffix(":") or "params.yaml"
    if ABSENT in (change.validated, change.deployed):
        present = change.deployed if change.validated is ABSENT else change.validated
        return f"parameter {name} {change._verb} ({short_value(present)})"
    was, now = _code(change.validated), _code(change.deployed)
    if was is not None and now is not None:
        return f"parameter {name}: its code changed ({was[7:13]} → {now[7:13]})"
    if entries(change.validated) is None or entries(change.deployed) is None:
        return f"parameter {name} {_both(change.validated, change.deployed)}"
    told = list(islice(_narrowed("", change.validated, change.deployed), _MOST_TOLD + 1))
    more = ", …" if len(told) > _MOST_TOLD else ""
    return f"parameter {name}: {', '.join(told[:_MOST_TOLD])}{more}"


def _both(old: Any, new: Any) -> str:  # noqa: ANN401 - encoded values
    if isinstance(old, str) and isinstance(new, str):
        return f"{_cut(old)} → {_cut(new)}"
    sides = short_value(old), short_value(new)
    if sides[0] == sides[1]:  # they differ where a short text does not tell
        sides = _cut(canonical_bytes(old).decode(), 200), _cut(canonical_bytes(new).decode(), 200)
    return f"{sides[0]} → {sides[1]}"


def _narrowed(path: str, old: Any, new: Any) -> Iterator[str]:  # noqa: ANN401 - encoded values
    """What differs inside a value, each with its place."""
    was, now = entries(old), entries(new)
    if was is None or now is None:
        yield f"{path} {_both(old, new)}".strip()
        return
    if set(old) != set(new):
        counts = "counts now" if "map" in new else "does not count any more"
        yield f"{path} order of keys {counts}".strip()
    differing = list(paired(was, now))
    for key, first, second in differing:
        inner = ".".join(filter(None, (path, key)))
        if first is ABSENT or second is ABSENT:
            yield f"{inner} {'added' if first is ABSENT else 'removed'}"
        else:
            yield from _narrowed(inner, first, second)
    if not differing and set(old) == set(new):
        orders = (short_value(", ".join(side)) for side in (was, now))
        yield f"{path} order of keys {' → '.join(orders)}".strip()


def _file_sentence(change: Change) -> str:
    if change._verb != "changed":
        return f"{change.name} {change._verb}"
    old, new = Digest(change.validated).value[:6], Digest(change.deployed).value[:6]
    return f"{change.name} changed ({old} → {new})"


def _setting_sentence(change: Change) -> str:
    old, new = ("unset" if side is ABSENT else side for side in (change.validated, change.deployed))
    return f"DVC's setting {change.name} {old} → {new}"


def _code_sentence(change: Change) -> str:
    for side, scope in (("validated", change.validated), ("deployed", change.deployed)):
        if scope == "declared":
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
    ChangeKind.SETTING: _setting_sentence,
    ChangeKind.ENCODING: lambda _: (
        "one side was recorded before lineage-pipeline/2: parameters are compared without the "
        "kinds of their numbers and the order of their keys, code as far as both sides hold it, "
        "DVC's settings not at all"
    ),
}
