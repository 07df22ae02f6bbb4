"""What is answered about a slot: what serves, what stands by, what is observed of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from lineage import timestamps
from lineage.contract.decisions import waiver_from_json
from lineage.contract.fields import from_fields
from lineage.contract.results.backups import Readiness
from lineage.display import Shown
from lineage.identity.digest import blake3_of, canonical_bytes
from lineage.identity.origin import WeightsOrigin

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from lineage.guard.facts import Waiver


class Side(StrEnum):
    """What a pair is in a slot."""

    SERVING = "serving"
    BACKUP = "backup"
    STAGED = "staged"
    """It is to serve once its release is finished; hosts with its pipeline may load it."""


@dataclass(frozen=True, repr=False)
class ServedVersion(Shown):
    """A version that serves, stands by as the backup or is staged.

    ``pipeline`` is that of the pair: what it serves or stands by with. ``made`` tells what made its
    weights where they are stale, and somebody took that on.
    """

    model: str
    version: int
    tuple: str
    code: str | None
    data: str | None
    pipeline: str | None
    weights: str | None
    promoted_at: dt.datetime
    promoted_by: str
    made: WeightsOrigin | None = None

    @property
    def ref(self) -> str:
        """The version as a person writes it."""
        return f"{self.model}@{self.version}"

    def to_json(self) -> dict[str, Any]:
        """The ``serving`` or ``backup`` of `serving`'s JSON."""
        return {
            "version": self.version,
            "ref": self.ref,
            "tuple": self.tuple,
            "code": self.code,
            "data": self.data,
            "pipeline": self.pipeline,
            "weights": self.weights,
            "promoted_at": timestamps.written(self.promoted_at),
            "promoted_by": self.promoted_by,
        } | ({"made": self.made.to_json()} if self.made is not None else {})

    @classmethod
    def from_json(cls, model: str, body: Mapping[str, Any]) -> ServedVersion:
        """Read back what :meth:`to_json` wrote of a version of a model."""
        made = body.get("made")
        origin = WeightsOrigin.from_json(made) if made is not None else None
        at = timestamps.moment(body["promoted_at"])
        return from_fields(cls, body, model=model, promoted_at=at, made=origin)

    @override
    def _line(self) -> str:
        return f"{self.ref}, put there by {self.promoted_by}"

    @override
    def _facts(self) -> dict[str, object]:
        return {
            "version": self.ref,
            "code": self.code,
            "data": self.data,
            "pipeline": self.pipeline,
            "weights": self.weights,
            "since": self.promoted_at,
            "by": self.promoted_by,
        }


@dataclass(frozen=True, repr=False)
class Serving(Shown):
    """A slot as `serving` answers it.

    ``contradicted`` tells that the newest verdict on what serves, or is staged, is a failure or
    rests on one.
    ``waivers`` are those in force; ``rests_on`` is the one in place of the proof, also when its
    time is over.
    ``proven`` tells that a validation ties what serves to the pipeline. ``readiness`` is that of
    the backup, None for a past moment and where there is none. ``moves_pipeline`` tells that a
    rollback would take its pipeline back too, None where nothing stands by. ``staged`` is what is
    to serve once its release is finished. ``side`` is which of the three has the pipeline that was
    asked with, None where none was. ``age`` is None for the registry's own answer; where it could
    not be asked, how many seconds old the last one is.
    """

    environment: str
    model: str
    revision: int
    pipeline: dict[str, str | None]
    serving: ServedVersion | None
    backup: ServedVersion | None
    contradicted: bool = False
    waivers: tuple[Waiver, ...] = ()
    rests_on: Waiver | None = None
    proven: bool = False
    readiness: Readiness | None = None
    moves_pipeline: bool | None = None
    staged: ServedVersion | None = None
    side: Side | None = None
    age: float | None = None

    @property
    def on_side(self) -> ServedVersion | None:
        """What stands on the side that was asked for."""
        match self.side:
            case Side.BACKUP:
                return self.backup
            case Side.STAGED:
                return self.staged
            case _:
                return self.serving

    @property
    def version(self) -> int | None:
        """The number of the version that serves, None where none does."""
        return self.serving.version if self.serving else None

    @property
    def ref(self) -> str | None:
        """The version that serves, as a person writes it."""
        return self.serving.ref if self.serving else None

    @property
    def weights(self) -> str | None:
        """The digest of the weights that serve."""
        return self.serving.weights if self.serving else None

    @property
    def etag(self) -> str:
        """What tells this answer from any other about the slot.

        It is the revision. Where what is shown can change while the slot stays as it is (a verdict
        that contradicts, a waiver that ends, a pipeline that moves under nothing proven, a backup
        that is not ready or was looked at since), a digest of the answer follows.
        """
        settled = self.proven and not self.contradicted and self.waiver is None
        if settled and self._backup_as_moved:
            return str(self.revision)
        return f"{self.revision}-{blake3_of(canonical_bytes(self.to_json())).value[:16]}"

    @property
    def _backup_as_moved(self) -> bool:
        """Whether nothing was found out about the backup since the slot moved."""
        readiness = self.readiness
        if readiness is None or self.serving is None or self.backup is None:
            return self.backup is None
        moved = max(self.serving.promoted_at, self.backup.promoted_at)
        untold = not readiness.standby and (
            readiness.checked_at is None or readiness.checked_at <= moved
        )
        return readiness.ready and untold

    @property
    def waiver(self) -> Waiver | None:
        """The waiver to tell first: what the slot rests on, else any in force."""
        return self.rests_on or next(iter(self.waivers), None)

    @property
    def further_waivers(self) -> tuple[Waiver, ...]:
        """The others that are in force."""
        return tuple(waiver for waiver in self.waivers if waiver != self.waiver)

    @property
    def waiver_ended(self) -> bool:
        """Whether what serves rests on a waiver whose time is over."""
        return self.rests_on is not None and self.rests_on not in self.waivers

    def to_json(self) -> dict[str, Any]:
        """JSON of `serving`."""
        shown = {
            "environment": self.environment,
            "model": self.model,
            "revision": self.revision,
            "pipeline": self.pipeline,
            "serving": self.serving.to_json() if self.serving else None,
            "backup": self._backup_json(),
            "waiver": self._waiver_json(),
            "contradicted": self.contradicted,
        }
        if self.staged is not None:
            shown["staged"] = self.staged.to_json()
        if self.side is not None:
            shown["side"] = self.side.value
        if self.age is not None:
            shown["age_seconds"] = round(self.age, 3)
        return shown

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Serving:
        """Read back what :meth:`to_json` wrote.

        It does not say whether a validation ties what serves to the pipeline, nor how old it is.
        """
        model, serving, backup = body["model"], body["serving"], body["backup"]
        staged, side = body.get("staged"), body.get("side")
        waivers, rests_on = _waivers_from_json(body["waiver"])
        return from_fields(
            cls,
            body,
            serving=ServedVersion.from_json(model, serving) if serving is not None else None,
            backup=ServedVersion.from_json(model, backup) if backup is not None else None,
            waivers=waivers,
            rests_on=rests_on,
            proven=False,
            readiness=Readiness.from_json(backup) if backup is not None else None,
            moves_pipeline=backup.get("moves_pipeline") if backup is not None else None,
            staged=ServedVersion.from_json(model, staged) if staged is not None else None,
            side=Side(side) if side is not None else None,
            age=None,
        )

    @override
    def _line(self) -> str:
        serves = f"{self.ref} serves" if self.serving else f"nothing serves for {self.model}"
        backup = f"{self.backup.ref} stands by" if self.backup else "nothing stands by"
        return f"{serves} in {self.environment}, {backup}"

    @override
    def _facts(self) -> dict[str, object]:
        readiness = self.readiness
        return {
            "model": self.model,
            "environment": self.environment,
            "serving": self.ref,
            "backup": self.backup.ref if self.backup else None,
            "backup is ready": readiness.ready if readiness else None,
            "pipeline": self.pipeline.get("digest"),
            "weights": self.weights,
            "since": self.serving.promoted_at if self.serving else None,
            "by": self.serving.promoted_by if self.serving else None,
            "contradicted": self.contradicted,
            "waived": self.waiver.code if self.waiver else None,
            "revision": self.revision,
        }

    def _backup_json(self) -> dict[str, Any] | None:
        if self.backup is None:
            return None
        unknown: dict[str, Any] = {"ready": None, "checked_at": None, "reasons": [], "copies": []}
        unknown |= {"standby": None}
        shown = self.backup.to_json() | {"moves_pipeline": self.moves_pipeline}
        return shown | (self.readiness.to_json() if self.readiness else unknown)

    def _waiver_json(self) -> dict[str, Any] | None:
        if self.waiver is None:
            return None
        further = [waiver.to_json() for waiver in self.further_waivers]
        return self.waiver.to_json() | {"ended": self.waiver_ended, "further": further}


def _waivers_from_json(
    body: Mapping[str, Any] | None,
) -> tuple[tuple[Waiver, ...], Waiver | None]:
    """The waivers in force, and the one that the slot rests on where its time is over."""
    if body is None:
        return (), None
    first = waiver_from_json(body)
    further = tuple(waiver_from_json(waiver) for waiver in body["further"])
    return (further, first) if body["ended"] else ((first, *further), None)


def nothing_observed(environment: str, model: str) -> dict[str, Any]:
    """JSON of what is observed of a slot, where nothing has reported."""
    return {
        "environment": environment,
        "model": model,
        "state": "unknown",
        "instances": 0,
        "in_step": 0,
        "rolling": 0,
        "skewed": 0,
        "lagging": 0,
        "unknown": 0,
        "foreign": 0,
        "sealed": 0,
        "claimed": 0,
        "sides": {side.value: 0 for side in Side},
        "standby": 0,
        "lag_seconds": None,
        "last_report_at": None,
    }
