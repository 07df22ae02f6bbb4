"""What the guard looks at: plain values, gathered by whoever asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from lineage import timestamps
from lineage.display import Shown
from lineage.guard.evidence import Basis, Signature

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from lineage.guard.policy import EnvironmentPolicy
    from lineage.guard.requirements import Outcome
    from lineage.guard.seen_lately import SeenLately
    from lineage.guard.unseen import UnseenCode
    from lineage.identity.components import EnvironmentKind, Kind
    from lineage.identity.origin import WeightsOrigin
    from lineage.identity.pipeline import PipelineVersion
    from lineage.identity.run_environment import RunEnvironment
    from lineage.identity.watched import WatchedRun


class Transition(StrEnum):
    """What a version is about to do in its slot; one that leaves it leaves it empty."""

    ENTER = "enter"
    STAY = "stay"
    """It serves there already; perhaps its pipeline moves."""
    RETURN = "return"
    """It is the backup, or served there with that pipeline version before, and does so again.

    What was rolled back in between and validated anew enters instead.
    """
    STAND_BY = "stand-by"
    """It is to become the backup, and never served there with that pipeline version."""
    LEAVE = "leave"


@dataclass(frozen=True)
class Root:
    """The validation that a carried verdict rests on; ``pipeline`` is the BLAKE3 of its own."""

    pipeline: str
    basis: Basis
    validated_by: str
    person: str | None = None

    @property
    def counts_as(self) -> str:
        """The person whose verdict it is; the name where none was noted."""
        return self.person or self.validated_by


@dataclass(frozen=True)
class Verdict:
    """The newest validation of the version with one pipeline version.

    ``commit`` is where that pipeline version was captured first; ``overturned`` tells that a
    carried verdict rests on one that a newer failure has replaced, ``elsewhere`` that the version's
    own parts were not looked at. ``root`` is what a carried one rests on, ``person`` whom
    ``validated_by`` counts as. ``on_word`` tells that one without the scope ``validate:run`` said
    what was run or compared.
    """

    id: int
    pipeline: PipelineVersion
    passed: bool
    validated_at: str
    validated_by: str
    outcomes: tuple[Outcome, ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    basis: Basis = Basis.STATED
    rests_on: int | None = None
    overturned: bool = False
    commit: str | None = None
    elsewhere: bool = False
    root: Root | None = None
    person: str | None = None
    on_word: bool = False

    @property
    def counts_as(self) -> str:
        """The person whose verdict it is; the name where none was noted."""
        return self.person or self.validated_by


@dataclass(frozen=True)
class RecordedRun:
    """A watched run of the version, or of a validation of it.

    ``pipeline`` is the BLAKE3 of the pipeline version that was there when it ran.
    """

    pipeline: str | None
    at: str
    by: str
    run: WatchedRun


@dataclass(frozen=True)
class Approval:
    """A person's approval; ``claimed`` tells that no token proves the name.

    ``current``: given for the pipeline version that is to run, or for that which runs until then.
    """

    by: str
    at: str
    current: bool
    person: str | None = None
    claimed: bool = False

    @property
    def counts_as(self) -> str:
        """The person whom it counts for; the name where none was noted."""
        return self.person or self.by


@dataclass(frozen=True, repr=False)
class Waiver(Shown):
    """A rule waived: by whom, why, and until when; ``until`` None means while it serves there.

    ``person`` is whom ``by`` counts as; None where it was not noted.
    """

    code: str
    reason: str
    by: str
    at: dt.datetime
    until: dt.datetime | None = None
    person: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The waiver as `serving` and `guard` show it."""
        return {
            "code": self.code,
            "reason": self.reason,
            "waived_by": self.by,
            "person": self.person,
            "waived_at": timestamps.written(self.at),
            "until": timestamps.written(self.until) if self.until is not None else None,
        }

    @override
    def _line(self) -> str:
        return f"{self.code} waived by {self.by}: {self.reason}"

    @override
    def _facts(self) -> dict[str, object]:
        told: dict[str, object] = {"rule": self.code, "reason": self.reason, "by": self.by}
        return told | {"waived": self.at, "until": self.until}


@dataclass(frozen=True)
class WeightsState:
    """What the newest look for the weights found: ``intact``, ``missing`` or ``changed``."""

    state: str
    place: str
    at: str
    by: str


@dataclass(frozen=True)
class Sample:
    """So many files of a folder that a look asked about, of how many."""

    files: int
    of: int

    def to_json(self) -> dict[str, int]:
        """The ``sample`` of a look."""
        return {"files": self.files, "of": self.of}

    @classmethod
    def from_json(cls, body: Mapping[str, int] | None) -> Sample | None:
        """Read back what :meth:`to_json` wrote; None where all were asked about."""
        return cls(body["files"], body["of"]) if body is not None else None

    def __str__(self) -> str:
        return f"a sample: {self.files} of {self.of} files"


@dataclass(frozen=True, repr=False)
class HeldCopy(Shown):
    """A copy of the weights in a store, and what the newest look at it found.

    ``deep_at`` is when every byte of it was last read and was right, None where that never was, or
    a later look found it wrong. ``shared`` tells that every host reaches the store: it is not a
    folder of one. ``sample`` tells that the newest look asked for the sizes of some files alone.
    """

    store: str
    state: str
    deep: bool
    at: dt.datetime
    by: str
    deep_at: dt.datetime | None = None
    shared: bool = True
    sample: Sample | None = None

    @property
    def intact(self) -> bool:
        """Whether it was there and right."""
        return self.state == "intact"

    def to_json(self) -> dict[str, Any]:
        """One of the ``copies`` of a backup in the JSON of `serving`."""
        return {
            "store": self.store,
            "shared": self.shared,
            "state": self.state,
            "deep": self.deep,
            "deep_at": timestamps.written(self.deep_at) if self.deep_at is not None else None,
            "sample": self.sample.to_json() if self.sample is not None else None,
            "checked_at": timestamps.written(self.at),
            "checked_by": self.by,
        }

    @override
    def _line(self) -> str:
        return f"{self.state} in {self.store}"

    @override
    def _facts(self) -> dict[str, object]:
        told: dict[str, object] = {"store": self.store, "state": self.state, "by": self.by}
        return told | {"checked": self.at, "every byte was read": self.deep_at}


@dataclass(frozen=True)
class RolledBack:
    """A rollback of the pair, or of the version with whatever pipeline version.

    No verdict up to the number ``verdicts_until`` lets it back.
    """

    verdicts_until: int
    reason: str | None
    at: str
    by: str

    def outdated_by(self, verdict: Verdict) -> bool:
        """Whether a verdict came of a validation that was made since."""
        made = verdict.rests_on if verdict.rests_on is not None else verdict.id
        return made > self.verdicts_until


@dataclass(frozen=True)
class Standby:
    """What would stand by as the backup after the move; ``reason`` tells why it is not ready.

    ``moves_pipeline`` tells that a rollback to it would take its pipeline back too.
    """

    ref: str
    reason: str | None = None
    moves_pipeline: bool = False

    @property
    def ready(self) -> bool:
        """Whether it could take over at once."""
        return self.reason is None


@dataclass(frozen=True)
class Facts:
    """All that the rules look at.

    ``deployed`` is the pipeline version that runs in the environment, or is about to:
    ``pipeline_moves`` tells which, ``recorded`` that the registry knows it, ``deployed_is_commit``
    whether ``deployed_commit`` holds it, None where nobody said. ``verdicts`` holds the newest
    verdict for each pipeline version, the newest of them last. ``serving_metrics`` are those of
    what serves now, if anything does. ``waivers`` are those in force or asked for. ``served_here``
    tells that what is to stand by served there with that pipeline version. ``weights`` is what the
    newest look where they were registered found, ``copies`` what the stores hold of them,
    ``origin`` what made them, None where nobody looked. ``watched`` are the watched runs of the
    version, the newest first, and ``unseen`` what of the deployed pipeline could not be followed.
    ``own_pipeline`` is the BLAKE3 of the pipeline version that it was registered with, ``ran_with``
    holds those that it was trained or run with. ``registrant_person`` is whom ``registered_by``
    counts as, if noted. ``now`` is the registry's present moment, None where nothing can be too
    old, and ``shared`` tells that several hosts use it. ``held_until`` is until when a host's word
    counts that it holds the weights, every byte checked. ``reached_in`` is the environment that the
    newest verdict on the deployed pipeline was reached in, ``serving_reached_in`` that of what
    serves, if known. ``signatures`` are those that hold, of the keys that the policy names.
    ``seen`` is what production saw lately, where the policy asks for it.
    """

    model: str
    version: int
    kind: Kind
    missing: tuple[str, ...]
    dirty: bool
    registered_by: str
    environment: str
    environment_kind: EnvironmentKind
    pipeline: str | None
    deployed: PipelineVersion | None
    policy: EnvironmentPolicy
    deployed_commit: str | None = None
    deployed_is_commit: bool | None = None
    verdicts: tuple[Verdict, ...] = ()
    transition: Transition = Transition.ENTER
    pipeline_moves: bool = False
    recorded: bool = True
    serving_metrics: Mapping[str, Any] | None = None
    weights: WeightsState | None = None
    copies: tuple[HeldCopy, ...] = ()
    rolled_back: RolledBack | None = None
    served_before: bool = False
    served_here: bool = False
    approvals: tuple[Approval, ...] = ()
    standby: Standby | None = None
    waivers: tuple[Waiver, ...] = ()
    origin: WeightsOrigin | None = None
    watched: tuple[RecordedRun, ...] = ()
    unseen: tuple[UnseenCode, ...] = ()
    signatures: tuple[Signature, ...] = ()
    reached_in: RunEnvironment | None = None
    serving_reached_in: RunEnvironment | None = None
    registrant_person: str | None = None
    own_pipeline: str | None = None
    ran_with: frozenset[str] = frozenset()
    now: str | None = None
    shared: bool = False
    held_until: str | None = None
    seen: SeenLately | None = None

    @property
    def held(self) -> bool:
        """Whether a serving host holds the weights."""
        return self.held_until is not None and self.now is not None and self.now < self.held_until

    @property
    def usable(self) -> tuple[HeldCopy, ...]:
        """The copies that count: where several hosts use the registry, those that all reach."""
        return tuple(copy for copy in self.copies if copy.shared or not self.shared)

    @property
    def ref(self) -> str:
        """The version as a person writes it."""
        return f"{self.model}@{self.version}"

    @property
    def registrant(self) -> str:
        """The person who registered the version."""
        return self.registrant_person or self.registered_by

    @property
    def verdict(self) -> Verdict | None:
        """The newest verdict on the deployed pipeline version, if there is one."""
        if self.deployed is None:
            return None
        blake3 = self.deployed.blake3
        return next((v for v in self.verdicts if v.pipeline.blake3 == blake3), None)

    @property
    def barred(self) -> bool:
        """Whether a rollback keeps it out, for it was not validated since."""
        verdict = self.verdict
        stays = self.transition is Transition.STAY and not self.pipeline_moves
        if self.rolled_back is None or stays:
            return False
        return verdict is None or not self.rolled_back.outdated_by(verdict)

    @property
    def runs(self) -> str:
        """How a sentence says what runs there."""
        return "would run" if self.pipeline_moves else "runs"

    def named(self, version: PipelineVersion) -> str:
        """A version of its pipeline as a person writes it: ``churn@xxh3:9ca2b501c2f2``."""
        return f"{self.pipeline}@{version.xxh3.short}"
