"""The timeline of a slot: each move with who, why, and what differs from what served before."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from lineage.contract.results import NamedPipeline
from lineage.errors import LineageError
from lineage.explain.data import data_lines
from lineage.identity.pipeline_diff import changes_between

from . import repositories

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.registry.registry import Registry

MOVES: Final = 10
"""Moves of a page."""

_READ: Final = 3 * MOVES
"""Events that are read for them: some tell of no move."""

MOST_CHANGES: Final = 30
"""Sentences that tell what differs at one move."""

WORDS: Final = {
    "promoted": "promoted",
    "deployed": "pipeline deployed",
    "released": "released",
    "rolled-back": "rolled back",
    "retired": "retired",
    "backup-set": "backup set",
    "staged": "release staged",
    "withdrawn": "release withdrawn",
}
"""What the history calls the moves of a slot, in words."""


@dataclass(frozen=True)
class Difference:
    """What differs from one pair to the next, in sentences; ``more`` counts those left out.

    ``pipelines`` are a pipeline's name and two of its versions, where they differ; ``commits`` is
    where the code of the two is side by side, if their repository is one of a known host.
    """

    first: str
    second: str
    sentences: tuple[str, ...]
    more: int = 0
    pipelines: tuple[str, str, str] | None = None
    commits: str | None = None


@dataclass(frozen=True)
class Entry:
    """One move of a slot: the references that stand there after it, None where nothing does."""

    number: int
    at: str
    who: str
    what: str
    why: str | None
    serving: str | None
    backup: str | None
    staged: str | None
    waived: tuple[str, ...]
    difference: Difference | None


def timeline(
    registry: Registry, model: str, environment: str, before: int | None
) -> tuple[list[Entry], int | None]:
    """The moves of a slot, the newest first, and behind which number the older ones begin.

    Raises:
        NotPermitted: who looks is bound, and the history is of all.
    """
    names = (model, *registry.model(model)["former_names"])
    subject = f"{model}@{environment}"
    rows = registry.history(subject, limit=_READ, before=before)
    moves = [
        (row, state) for row in rows if (state := slot_after(row, names, environment)) is not None
    ]
    shown = _Shown(registry, model)
    entries = []
    for place, (row, state) in enumerate(moves[:MOVES]):
        former = moves[place + 1][1] if place + 1 < len(moves) else None
        entries.append(_entry(row, state, former, shown))
    if len(moves) > MOVES:
        return entries, entries[-1].number
    return entries, rows[-1]["seq"] if len(rows) == _READ else None


def slot_after(
    row: Mapping[str, Any], names: Sequence[str], environment: str
) -> Mapping[str, Any] | None:
    """What the slot of a model, by all its names, is after an event; None if that tells nothing."""
    states = row["payload"].get("slots", {})
    found = (states.get(f"{name}@{environment}") for name in names)
    return next((state for state in found if state is not None), None)


def _entry(
    row: Mapping[str, Any],
    state: Mapping[str, Any],
    former: Mapping[str, Any] | None,
    shown: _Shown,
) -> Entry:
    payload = row["payload"]
    return Entry(
        number=row["seq"],
        at=row["at"],
        who=row["actor"],
        what=WORDS.get(row["kind"], row["kind"]),
        why=payload.get("reason"),
        serving=shown.reference(state["serving"]),
        backup=shown.reference(state["backup"]),
        staged=shown.reference(state.get("staged")),
        waived=tuple(waiver["code"] for waiver in payload.get("waivers", ())),
        difference=shown.difference(former["serving"], state["serving"]) if former else None,
    )


class _Shown:
    """What differs between the pairs of one model, each of them read once."""

    def __init__(self, registry: Registry, model: str) -> None:
        self._model = model
        self._version = cache(lambda number: registry.show(f"{model}@{number}"))
        self._pipeline = cache(
            lambda name, blake3: registry.pipeline(NamedPipeline(name, blake3)).version
        )

    def reference(self, side: Mapping[str, Any] | None) -> str | None:
        return f"{self._model}@{side['version']}" if side is not None else None

    def difference(
        self, first: Mapping[str, Any] | None, second: Mapping[str, Any] | None
    ) -> Difference | None:
        """What differs from what served to what serves; None where nothing moved."""
        if first is None or second is None or _pair(first) == _pair(second):
            return None
        try:
            told = self._told(first, second)
        except LineageError as error:  # an experiment that was deleted since
            told = [f"What differs is not known any more: {error}"]
        names = self.reference(first) or "", self.reference(second) or ""
        return Difference(
            *names,
            tuple(told[:MOST_CHANGES]),
            max(0, len(told) - MOST_CHANGES),
            _pipelines(first, second),
            self._commits(first, second),
        )

    def _commits(self, first: Mapping[str, Any], second: Mapping[str, Any]) -> str | None:
        """Where the code of two versions is side by side."""
        try:
            old, new = self._version(first["version"]), self._version(second["version"])
        except LineageError:
            return None
        remotes = {one["components"]["code"]["remote"] for one in (old, new)}
        commits = (repositories.commit_of(one["code"]) for one in (old, new))
        return repositories.compare_page(*remotes, *commits) if len(remotes) == 1 else None

    def _told(self, first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
        old, new = self._version(first["version"]), self._version(second["version"])
        told = []
        if old["code"] != new["code"]:
            told.append(f"code {_short(old['code'])} → {_short(new['code'])}")
        sides = [(side["pipeline"], side["pipeline_digest"]) for side in (first, second)]
        if all(all(side) for side in sides) and sides[0] != sides[1]:
            changes = changes_between(*(self._pipeline(*side) for side in sides))
            told += [str(change) for change in changes] or ["another pipeline version"]
        told += [f"data {line}" for line in data_lines(old, new)]
        if old["weights"] != new["weights"]:
            told.append("other weights")
        return told


def _pipelines(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """The name and the two versions of one pipeline; None where there are no two of one."""
    name, old, new = first["pipeline"], first["pipeline_digest"], second["pipeline_digest"]
    if not (name and old and new) or second["pipeline"] != name or old == new:
        return None
    return name, old, new


def _pair(side: Mapping[str, Any]) -> tuple[Any, ...]:
    return side["version"], side["pipeline"], side["pipeline_digest"]


def _short(digest: str | None) -> str:
    return digest.partition(":")[2][:10] if digest is not None else "none"
