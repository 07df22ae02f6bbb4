"""The registry's own looks: a server checks, now and then, the weights that production rests on.

One version after another, of what serves and what stands by, in the name :data:`ACTOR`. Every byte
is read where an environment's ``deep_within`` is about to run out. What another server looked at
meanwhile is passed over, and so is a folder of one host, which is not this one. That a store cannot
be asked from here says something of this server first: it is logged, and takes back no look of
somebody else's that counts still.
"""

from __future__ import annotations

import datetime as dt
import logging
import random
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from lineage import timestamps
from lineage.acts import act
from lineage.errors import LineageError, UsageError
from lineage.guard.looks import COUNTS_AT_MOST, deep_is_due
from lineage.identity.components import EnvironmentKind
from lineage.weights import check
from lineage.weights.copies import CopyState
from lineage.weights.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lineage.contract.results.environments import EnvironmentRecord
    from lineage.registry.registry import Registry
    from lineage.weights.any_store import Store
    from lineage.weights.copies import Copy, CopyCheck, StoreAddress

ACTOR: Final = "lineage-serve"
"""In whose name a server looks."""

FIRST: Final = dt.timedelta(minutes=1)
"""How long after its start a server looks first, at the most: several do not begin at once."""

STOPS_WITHIN: Final = 30.0
"""Seconds that the end of a server waits for a look that is under way."""

ALL: Final = "*"
"""What stands for every store that is recorded, now and later, whoever named it."""

_log = logging.getLogger("lineage.checks")


@dataclass(frozen=True)
class Checked:
    """A version that production rests on, and how old a deep look may be where it may be least.

    ``stands_by`` are the environments whose backup it is; ``look_within`` says of any look what
    ``deep_within`` says of a deep one.
    """

    ref: str
    stands_by: tuple[str, ...]
    deep_within: str | None
    look_within: str


def named_stores(names: str) -> frozenset[str] | None:
    """The stores that a server may open, from their names by commas; None for all.

    Whoever may register can record a store at any address, and a server opens it with its own
    credentials: so its operator names those that it may open.

    Raises:
        UsageError: none is named.
    """
    stores = frozenset(filter(None, (name.strip() for name in names.split(","))))
    if not stores:
        raise UsageError(
            "A server that looks at stored weights is to be told which stores it may open.",
            remedy=f"Name them in LINEAGE_CHECK_STORES, by commas (see {act('store list')}), "
            f"or '{ALL}' for every store that any client records.",
        )
    return None if ALL in stores else stores


class Checker:
    """Checks every so often, in a thread of its own, until it is stopped.

    Args:
        registry: whose weights.
        every: how long from one round to the next.
        stores: the stores that may be opened, by name; None for all that every host reaches.
    """

    def __init__(
        self, registry: Registry, every: dt.timedelta, stores: frozenset[str] | None = None
    ) -> None:
        self._registry = registry
        self._every = every
        self._stores = stores
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lineage-checks", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the request to a store that is under way."""
        self._stopping.set()
        self._thread.join(STOPS_WITHIN)

    def check_all(self) -> int:
        """Check once what production rests on; how many versions were checked."""
        count = 0
        for checked in list(self._rested_on()):
            if self._stopping.is_set():
                break
            try:
                count += self._check(checked)
            except LineageError as error:
                _log.warning("the weights of %s could not be checked: %s", checked.ref, error)
        return count

    def _run(self) -> None:
        wait = random.uniform(0, min(self._every, FIRST).total_seconds())  # nosec B311 # noqa: S311 - no secret
        while not self._stopping.wait(wait):
            try:
                self.check_all()
            except Exception:
                _log.exception("the weights could not be checked")
            wait = self._every.total_seconds()

    def _rested_on(self) -> Iterator[Checked]:
        """What serves and stands by in production, the backups first; each version once."""
        backups: dict[str, list[EnvironmentRecord]] = {}
        serving: dict[str, list[EnvironmentRecord]] = {}
        for row in self._registry.environments():
            if row["kind"] != EnvironmentKind.PRODUCTION:
                continue
            for slot in row["slots"]:
                for side, where in (("backup", backups), ("serving", serving)):
                    if slot[side] is not None:
                        where.setdefault(slot[side]["ref"], []).append(row)
        for ref in backups | serving:
            stands_by = backups.get(ref, [])
            rows = stands_by + serving.get(ref, [])
            yield Checked(
                ref,
                tuple(row["name"] for row in stands_by),
                _shortest(row["policy"].get("deep_within") for row in rows),
                _shortest(row["policy"].get("look_within") for row in rows) or COUNTS_AT_MOST,
            )

    def _check(self, checked: Checked) -> bool:
        """Check the copies of a version that it is time for; whether something was found out."""
        now, stored = timestamps.now(), self._registry.stored(checked.ref)
        due = tuple(copy for copy in stored.copies if self._is_due(copy, checked, now))
        if not due:
            return False
        looks = check.check_copies(
            replace(stored, copies=due),
            deep=lambda copy: self._deep_is_due(copy, checked, now),
            opened=self._open,
        )
        if self._stopping.is_set():  # what was cut off found nothing out
            return False
        told = [
            look
            for look, copy in zip(looks, due, strict=True)
            if look.state is not CopyState.UNREACHABLE or _tells(look, copy, checked, now)
        ]
        if not told:
            return False
        self._registry.record_checks(checked.ref, told, backup_in=checked.stands_by, actor=ACTOR)
        return True

    def _is_due(self, copy: Copy, checked: Checked, now: str) -> bool:
        if not copy.shared or (self._stores is not None and copy.store.name not in self._stores):
            return False
        age = timestamps.moment(now) - timestamps.moment(copy.checked_at)
        return age >= self._every / 2 or self._deep_is_due(copy, checked, now)

    def _deep_is_due(self, copy: Copy, checked: Checked, now: str) -> bool:
        return deep_is_due(copy.deep_at, checked.deep_within, now, 2 * self._every)

    def _open(self, address: StoreAddress) -> Store:
        return open_store(address, is_over=self._stopping.is_set)


def _tells(look: CopyCheck, copy: Copy, checked: Checked, now: str) -> bool:
    """Whether it is recorded that a store could not be asked, which is logged in any case."""
    _log.warning("%s in store %s could not be looked at: %s", checked.ref, look.store, look.detail)
    age = timestamps.moment(now) - timestamps.moment(copy.checked_at)
    found_bad = copy.state in (CopyState.MISSING, CopyState.CHANGED)
    return age > timestamps.span(checked.look_within) and not found_bad


def _shortest(spans: Iterable[str | None]) -> str | None:
    """The shortest of some spans, None where there are none."""
    return min((span for span in spans if span is not None), key=timestamps.span, default=None)
