"""The rows that are known of an environment's slots and of versions: reading and keeping them.

A row is a plain object with the attributes that its table's class has; making that class, and rows
of it, takes longer than to read them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, Self

from lineage.database import head as history
from lineage.database import known_query, values
from lineage.database.engine import is_shared
from lineage.database.head import NO_EVENT, Head

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlmodel import Session

    from lineage.database import tables
    from lineage.identity.pipeline import PipelineVersion

Row = Any
"""A row; what it is of is said where it is asked for."""

_BY_VERSION: Final = (
    *("validation", "ran", "watched", "weights_check", "copy", "rolled_back", "served"),
    *("approval", "waiver"),
)
_KEPT: Final = {
    "slot": ("_slots", attrgetter("model")),
    "version": ("_versions", attrgetter("id")),
    "deployment": ("_deployments", attrgetter("pipeline")),
    "pipeline": ("_pipelines", attrgetter("pipeline", "blake3")),
}
"""Where rows are kept by a key, and that."""
_BODIES: Final = {"pipeline": "manifest", "watched": "document"}
_ATTRIBUTES: Final = {
    part: tuple(known_query.attribute(column) for column in columns)
    for part, columns in known_query.PARTS.items()
}
_FLAGS: Final = {
    part: tuple(column for column in columns if column in known_query.BOOLEANS)
    for part, columns in known_query.PARTS.items()
}


@dataclass
class KnownRows:
    """The rows that are known in one environment, at one event."""

    name: str
    head: Head = NO_EVENT
    here: bool = False
    """Whether one host alone uses the registry."""
    newest_waiver: int = 0
    environment: tables.Environment | None = None
    models: set[str] = field(default_factory=set)
    """The models that are registered, of those that were asked for."""
    became: dict[str, str] = field(default_factory=dict)
    """What each name became that is no longer one of a model."""
    archived: set[str] = field(default_factory=set)
    """The models that are archived, of those that were asked for."""
    _read: bool = False
    _again: set[int] = field(default_factory=set)
    _asked: set[str] = field(default_factory=set)
    _asked_pipelines: set[str] = field(default_factory=set)
    _policy: str | None = None
    _slots: dict[str, Row] = field(default_factory=dict)
    _versions: dict[int, Row] = field(default_factory=dict)
    _numbers: dict[tuple[str, int], int | None] = field(default_factory=dict)
    _deployments: dict[str, Row] = field(default_factory=dict)
    _pipelines: dict[tuple[str, str], PipelineRow] = field(default_factory=dict)
    _validations: dict[int, Row] = field(default_factory=dict)
    _of_version: dict[str, dict[int, list[Row]]] = field(default_factory=dict)

    def load(
        self,
        session: Session,
        *,
        models: Iterable[str] = (),
        references: Iterable[tuple[str, int]] = (),
        versions: Iterable[int] = (),
        pipelines: Iterable[str] = (),
    ) -> Self:
        """Read, at once, what is not known yet of some slots and versions.

        Args:
            session: a transaction.
            models: those whose slots are meant.
            references: versions by model and number.
            versions: versions by their key.
            pipelines: those of which it is asked what runs, besides the versions' own.
        """
        slots = {*models} - self._asked  # a difference with keys() would go through all of them
        numbered = {*references}.difference(self._numbers)
        keys = {*versions}.difference(self._versions)
        running = {*pipelines} - self._asked_pipelines
        if self._read and not (slots or numbered or keys or running):
            return self
        keys |= self._again
        self._again = set()
        connection = session.connection()
        rows = connection.execute(
            known_query.statement(connection.dialect.name),
            {
                "environment": self.name,
                "models": json.dumps(sorted(slots)),
                "references": json.dumps(sorted(numbered)),
                "versions": json.dumps(sorted(keys)),
                "pipelines": json.dumps(sorted(running)),
            },
        )
        self._read, self.here = True, not is_shared(session)
        self._asked |= slots
        self._asked_pipelines |= running
        self._numbers |= dict.fromkeys(numbered)
        self._take([(part, columns, body) for part, columns, body in rows.all()])
        history.note(session, self.head)
        return self

    def _rows(self, session: Session, part: str, version_id: int) -> Sequence[Row]:
        if version_id not in self._versions:
            self.load(session, versions=[version_id])
        return self._of_version.get(part, {}).get(version_id, [])

    def _take(self, rows: Sequence[tuple[str, str, str | None]]) -> None:
        """Keep what was read: of each version that is among it, all of a part anew."""
        fresh: dict[str, dict[int, list[Row]]] = {}
        read = json.loads(f"[{','.join(columns for _, columns, _ in rows)}]")
        for (part, _, body), columns in zip(rows, read, strict=True):
            row = _row(part, columns, body)
            if part in _BY_VERSION:
                if part == "validation":
                    self._validations[row.id] = row
                    if not row.place:  # what a slot rests on, perhaps none of those that count
                        continue
                fresh.setdefault(part, {}).setdefault(row.version_id, []).append(row)
            elif part in _KEPT:
                name, key_of = _KEPT[part]
                getattr(self, name)[key_of(row)] = row
            else:
                self._take_one(part, row)
        for part, of_version in fresh.items():
            self._of_version.setdefault(part, {}).update(of_version)
        for version in self._versions.values():
            self._numbers[version.model, version.number] = version.id
            self._asked_pipelines.add(version.pipeline)

    def _take_one(self, part: str, row: Row) -> None:
        """Keep what there is one of."""
        match part:
            case "head":
                self.head = Head(row.seq, row.blake3, row.at)
            case "newest_waiver":
                self.newest_waiver = row.id or 0
            case "environment":
                self.environment = row
            case "policy":
                self._policy = row.document
            case _ if row.became is not None:
                self.became[row.name] = row.became
            case _:
                self.models.add(row.name)
                if row.archived_at is not None:
                    self.archived.add(row.name)


class PipelineRow(SimpleNamespace):
    """The row of a pipeline version: what it holds is made of it once."""

    @cached_property
    def version(self) -> PipelineVersion:
        """The value that it holds."""
        return values.pipeline_version(self)  # type: ignore[arg-type]


_KINDS: Final = {"pipeline": PipelineRow}


def _row(part: str, columns: Sequence[Any], body: str | None) -> Row:
    kind = _KINDS.get(part, SimpleNamespace)
    row = dict(zip(_ATTRIBUTES[part], columns, strict=True))
    if part in _BODIES:
        row[_BODIES[part]] = body
    for name in _FLAGS[part]:  # SQLite knows no booleans
        if row[name] is not None:
            row[name] = bool(row[name])
    return kind(**row)
