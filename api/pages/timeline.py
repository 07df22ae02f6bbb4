"""The timeline of a slot: each move with who, why, and what differs from what served before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from lineage.contract.results import NamedPipeline
from lineage.errors import LineageError
from lineage.explain.data import data_lines
from lineage.identity.change import ChangeKind
from lineage.identity.pipeline_diff import changes_between

from . import repositories
from .side_by_side import SideBySide, side_by_side

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.explain.changes import FileDiff
    from lineage.explain.checkout import Checkout
    from lineage.identity.digest import Digest
    from lineage.registry.registry import Registry

MOVES: Final = 10
"""Moves of a page."""

_READ: Final = 3 * MOVES
"""Events that are read for them: some tell of no move."""

MOST_CHANGES: Final = 30
"""Sentences that tell what differs at one move, besides the pipelines."""

ROWS: Final = 10
"""Changes between two pipelines that a move shows; the page of the pipeline has all."""

MOVES_WITH_CODE: Final = 3
"""Moves of a page whose lines of code are looked for: git is asked for each."""

FILES: Final = 3
LINES: Final = 20
"""Files of a move, and lines of each, whose changes are shown."""

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
class PipelineDifference:
    """Two pipeline versions side by side: their digests, and the first of what differs.

    ``diffs`` are the first lines of code that differ, where the server stands in a checkout.
    """

    first: Digest
    second: Digest
    compared: SideBySide
    diffs: tuple[FileDiff, ...] = ()


@dataclass(frozen=True)
class Difference:
    """What differs from one pair to the next, in sentences; ``more`` counts those left out.

    ``between`` are their pipelines side by side, where they differ, and ``pipelines`` a pipeline's
    name and two of its versions, where both have that name. ``commits`` is where the code of the
    two is side by side, if their repository is one of a known host.
    """

    first: str
    second: str
    sentences: tuple[str, ...]
    more: int = 0
    between: PipelineDifference | None = None
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
    registry: Registry,
    model: str,
    environment: str,
    before: int | None,
    checkout: Checkout | None,
) -> tuple[list[Entry], int | None]:
    """The moves of a slot, the newest first, and behind which number the older ones begin.

    Args:
        registry: where they are recorded.
        model: the model's name.
        environment: the environment's.
        before: only what is older than this event; None for the newest.
        checkout: where lines of code are looked for, if the server stands in one.

    Raises:
        NotPermitted: who looks is bound, and the history is of all.
    """
    names = (model, *registry.model(model)["former_names"])
    subject = f"{model}@{environment}"
    rows = registry.history(subject, limit=_READ, before=before)
    moves = [
        (row, state) for row in rows if (state := slot_after(row, names, environment)) is not None
    ]
    shown = _Shown(registry, model, checkout)
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

    def __init__(self, registry: Registry, model: str, checkout: Checkout | None) -> None:
        self._model = model
        self._checkout = checkout
        self._asked = 0
        self._version = cache(lambda number: registry.show(f"{model}@{number}"))
        self._pipeline = cache(lambda name, blake3: registry.pipeline(NamedPipeline(name, blake3)))

    def reference(self, side: Mapping[str, Any] | None) -> str | None:
        return f"{self._model}@{side['version']}" if side is not None else None

    def difference(
        self, first: Mapping[str, Any] | None, second: Mapping[str, Any] | None
    ) -> Difference | None:
        """What differs from what served to what serves; None where nothing moved."""
        if first is None or second is None or _pair(first) == _pair(second):
            return None
        between = None
        try:
            told = self._told(first, second)
            if _pipelines_differ(first, second):
                between = self._between(first, second)
        except LineageError as error:  # an experiment that was deleted since
            told = [f"What differs is not known any more: {error}"]
        return Difference(
            self.reference(first) or "",
            self.reference(second) or "",
            tuple(told[:MOST_CHANGES]),
            max(0, len(told) - MOST_CHANGES),
            between,
            _pipelines(first, second),
            self._commits(first, second),
        )

    def _between(self, first: Mapping[str, Any], second: Mapping[str, Any]) -> PipelineDifference:
        """The pipelines of two pairs side by side, and the lines of code that differ."""
        old, new = (
            self._pipeline(side["pipeline"], side["pipeline_digest"]) for side in (first, second)
        )
        changes = changes_between(old.version, new.version)
        compared = side_by_side(changes, ROWS)
        files = [change for change in changes if change.kind is ChangeKind.FILE][:FILES]
        diffs: tuple[FileDiff, ...] = ()
        if self._checkout is not None and files and self._asked < MOVES_WITH_CODE:
            self._asked += 1
            diffs = self._checkout.lines(files, old.commit, new.commit)
        return PipelineDifference(
            old.version.xxh3, new.version.xxh3, compared, tuple(map(begun, diffs))
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
        told += [f"data {line}" for line in data_lines(old, new)]
        if old["weights"] != new["weights"]:
            told.append("other weights")
        return told


def begun(diff: FileDiff) -> FileDiff:
    """The first lines of a file's diff, behind its two headers."""
    left_out = max(0, len(diff.lines) - 2 - LINES)
    return replace(diff, lines=diff.lines[2 : LINES + 2], left_out=diff.left_out + left_out)


def _pipelines_differ(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether the pipelines of two pairs are known, and are not the same."""
    sides = [(side["pipeline"], side["pipeline_digest"]) for side in (first, second)]
    return all(all(side) for side in sides) and sides[0] != sides[1]


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
