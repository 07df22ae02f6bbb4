"""Requests: hold what callers ask for, on a database and over HTTP alike. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from lineage import timestamps
from lineage.errors import UsageError
from lineage.guard.policy import WAIVABLE
from lineage.identity.components import Proof

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.contract.results import PackageDifference
    from lineage.guard.policy import EnvironmentPolicy
    from lineage.identity.components import EnvironmentKind

LONGEST_REASON: Final = 2000
LARGEST_ATTESTATION: Final = 1 << 19
"""Bytes of a signed statement that is recorded: of a folder with some thousand files."""

REPORT_HOLDS_FOR: Final = 300
"""Seconds after which a serving host that says nothing more is unknown."""


def listed(given: object) -> tuple[Any, ...]:
    """What was given where several may be: a text is one item, and so is what is no list.

    >>> listed("churn@7"), listed(["churn@7", "fraud@2"])
    (('churn@7',), ('churn@7', 'fraud@2'))
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        return (given,)
    return tuple(given)


class Direction(StrEnum):
    """Which way a digest's lineage is followed: to what made it, or to what was made from it."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True)
class WaiverRequest:
    """The rules that somebody asks to waive, why, and until when (ISO 8601 in UTC, or None)."""

    codes: tuple[str, ...]
    reason: str
    until: str | None = None

    @classmethod
    def checked(
        cls, codes: str | Sequence[str], reason: str | None, until: str | None, now: str
    ) -> WaiverRequest | None:
        """A request as it was written; None where nothing is to be waived.

        Raises:
            UsageError: a code is no rule, the reason is missing, or the time is over.
        """
        if not codes:
            if until is not None:
                raise UsageError(
                    "A waiver's end is named, but no rule to waive.",
                    remedy="Name the rule that is to be waived, or leave the end out.",
                )
            return None
        from lineage.guard.rules import CODES  # most commands start quickly without the rules

        codes = listed(codes)
        for code in codes:
            if code not in CODES:
                raise UsageError(
                    f"{code[:60]!r} is no rule of the guard.",
                    remedy=f"Name one of {', '.join(WAIVABLE)}.",
                )
        text = " ".join((reason or "").split())
        if not text or len(text) > LONGEST_REASON:
            raise UsageError(
                "A waiver needs its reason, in at most 2,000 characters.",
                remedy="Say why: give a reason.",
            )
        if until is not None and until <= now:
            raise UsageError(
                f"The waiver would end before it begins: {until[:16]} is over.",
                remedy="Name a time to come, such as 2099-11-28T08:00:00Z.",
            )
        return cls(tuple(dict.fromkeys(codes)), text, until)


@dataclass(frozen=True)
class DeclaredEnvironment:
    """An environment as a file declares it; ``kind`` None leaves that of one that is there."""

    name: str
    policy: EnvironmentPolicy
    kind: EnvironmentKind | None = None


@dataclass(frozen=True)
class NewToken:
    """What a token is to be: who speaks with it, what it opens, and until when (None: for good).

    ``person`` is whom its bearer counts as where persons are counted; None for the name.
    """

    name: str
    scopes: tuple[str, ...]
    environments: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    expires_at: str | None = None
    person: str | None = None

    def __post_init__(self) -> None:
        for name in ("scopes", "environments", "models"):
            given = getattr(self, name)
            if given is not None:
                object.__setattr__(self, name, listed(given))


@dataclass(frozen=True)
class EventFilter:
    """Which events of the history are asked for; None leaves open.

    Attributes:
        subject: what they concern: a model, a version, a slot, an environment, a pipeline.
        model: the model that they concern.
        environment: the environment that they concern.
        who: the actor.
        what: the kind: ``promoted``, ``validated``.
        since: the moment from which on, ISO 8601 in UTC as the registry writes it.
        until: the moment until which.
    """

    subject: str | None = None
    model: str | None = None
    environment: str | None = None
    who: str | None = None
    what: str | None = None
    since: str | None = None
    until: str | None = None

    @classmethod
    def written(cls, **said: str | None) -> EventFilter:
        """A filter as a person writes it: a time may also be a span, ``7d`` for that long ago.

        Raises:
            UsageError: a time is none.
        """
        return cls(**{name: _moment(name, text) for name, text in said.items()})

    @property
    def subjects(self) -> tuple[str, ...]:
        """All that the events concern."""
        named = (self.subject, self.model, self.environment)
        return tuple(dict.fromkeys(one for one in named if one is not None))


def _moment(name: str, text: str | None) -> str | None:
    """What is said of a filter's key, a time as the registry writes it."""
    if text is None or name not in ("since", "until"):
        return text
    if timestamps.is_span(text):
        return timestamps.written(dt.datetime.now(dt.UTC) - timestamps.span(text))
    return timestamps.parse_time(text)


def check_limit(limit: int | None) -> None:
    """Refuse a number of rows that no list has.

    Raises:
        UsageError: it is less than one, or more than a database counts.
    """
    if limit is not None and not 0 < limit < 2**31:
        raise UsageError(
            f"A list of {limit} rows is none.",
            remedy="Ask for one row or more, or for all: leave the limit out.",
        )


MOST_NODES: Final = 10_000
"""Nodes of a graph that are asked for at the most."""
MOST_NEIGHBOURS: Final = 1_000
"""Nodes that an answer on a digest holds at the most."""
MOST_IMPACTED: Final = 500
"""Versions of a page that something reaches."""


def check_nodes(limit: int) -> None:
    """Refuse a number of nodes that is not walked to.

    Raises:
        UsageError: it is less than one, or more than 10,000.
    """
    _check_between("nodes", limit, MOST_NODES)


def check_neighbours(limit: int) -> None:
    """Refuse a number of nodes that no answer on a digest has.

    Raises:
        UsageError: it is less than one, or more than 1,000.
    """
    _check_between("nodes", limit, MOST_NEIGHBOURS)


def check_impact(limit: int) -> None:
    """Refuse a number of versions that no page of them has.

    Raises:
        UsageError: it is less than one, or more than 500.
    """
    _check_between("versions", limit, MOST_IMPACTED)


def _check_between(what: str, limit: int, most: int) -> None:
    if not 0 < limit <= most:
        raise UsageError(
            f"{limit} {what} are none that can be asked for.", remedy=f"Ask for 1 to {most:,}."
        )


def names_of(columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that are asked for; one text is their names with commas between them."""
    from lineage.guard.expression_parser import split_fields  # few lists are asked for columns

    return split_fields(columns) if isinstance(columns, str) else tuple(columns)


def check_present(at: str | None, pipeline: str | None) -> None:
    """Refuse to ask of a past moment which pair goes with a pipeline version.

    Raises:
        UsageError: both are named.
    """
    if at is not None and pipeline is not None:
        raise UsageError(
            "Which pair goes with a pipeline is answered of the present.",
            remedy="Leave out the time, or the pipeline.",
        )


def expiry(text: str, now: str) -> str | None:
    """When a token ends: ``90d``, ``12h``, an ISO 8601 time, or ``never``.

    Raises:
        UsageError: the text is none of these, or the time is over.
    """
    if text == "never":
        return None
    if timestamps.is_span(text):
        return timestamps.written(dt.datetime.fromisoformat(now) + timestamps.span(text))
    return to_come(timestamps.parse_time(text), now)


def to_come(until: str | None, now: str) -> str | None:
    """The end of a token, which must not be over.

    Raises:
        UsageError: it is.
    """
    if until is not None and until <= now:
        raise UsageError(
            f"The token would end before it begins: {until[:16]} is over.",
            remedy="Name a time to come, or a span such as 90d.",
        )
    return until


@dataclass(frozen=True)
class Observed:
    """What an instance of a service says: the weights and the pipeline it has, and since when.

    Digests are of any algorithm; ``loaded_at`` is ISO 8601. The report counts for ``holds_for``
    seconds. ``proof`` tells how the instance knows its pipeline. ``differing`` are packages that it
    has in other versions than were validated, at most :data:`MOST_DIFFERENCES`; None where nothing
    was compared. ``standby`` tells that it holds the weights of the backup, every byte checked, as
    the slot was at ``revision``.
    """

    instance: str
    weights: str
    loaded_at: str
    pipeline: str | None = None
    holds_for: int = REPORT_HOLDS_FOR
    proof: Proof = Proof.CLAIMED
    differing: tuple[PackageDifference, ...] | None = None
    standby: bool = False
    revision: int | None = None


@dataclass(frozen=True)
class RetentionPolicy:
    """Which weights are kept besides those that something needs.

    Those of the ``last`` versions of each model, those of the ``served`` pairs that served in each
    slot last, and those that were registered or served in the last ``days`` days.
    """

    last: int = 3
    days: int = 30
    served: int = 3
