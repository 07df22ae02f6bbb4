"""A serving host's own part: fetch what serves, prove it, load it, say so, and go on doing that.

>>> import joblib, lineage
>>> churn = lineage.follow("churn", load=joblib.load)                  # doctest: +SKIP
>>> churn.value.predict(rows)                                          # doctest: +SKIP

The registry is asked which pair of the slot goes with the pipeline that runs here: during a rollout
an old host goes on with the old pair, a new one starts with the new. The weights are pulled and
every byte is checked. The process is refused where no pair goes with its own pipeline, or that is
not as it was sealed. Then a thread looks whether something else is declared (a promotion, a
rollback; :mod:`lineage.host.lookout`), fetches and loads that, and reports what is loaded. The
backup's weights are fetched ahead, so that a rollback is a load from the local disk.
"""

from __future__ import annotations

import json
import logging
import os
import random
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from lineage import kept, timestamps
from lineage.acts import act
from lineage.connection import connect
from lineage.contract.requests import REPORT_HOLDS_FOR, Observed
from lineage.contract.results import Side
from lineage.contract.windows import WINDOW
from lineage.errors import LineageError, NotFound, PipelineMismatch, RegistryUnreachable
from lineage.host import demand, last_known, packages
from lineage.host.ahead import Ahead
from lineage.host.loaded import Loaded
from lineage.host.lookout import Lookout, checked
from lineage.host.observing import ServedRows
from lineage.host.seen_revision import SeenRevision
from lineage.identity.components import Proof
from lineage.registry.access import check_actor
from lineage.remote.seen_head import SeenHead
from lineage.weights import check, download
from lineage.weights.cache import WeightsCache
from lineage.weights.copies import StoredWeights

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable
    from pathlib import Path

    from lineage.connection import AnyRegistry
    from lineage.contract.results import NamedPipeline, ServedVersion, Serving
    from lineage.host.own_pipeline import OwnPipeline
    from lineage.identity.pipeline import PipelineVersion

T = TypeVar("T")

BEAT: Final = REPORT_HOLDS_FOR / 5
"""Seconds between two reports of an instance that has nothing new to say."""

logger = logging.getLogger("lineage.host.follow")


class Following(Generic[T]):
    """What serves, loaded here; ``lineage.follow`` makes it. Stop it, or use it in a with.

    ``value``, ``path`` and ``ref`` are always those of one version, also while another is loaded:
    read ``loaded`` once where several of them are needed together.
    """

    def __init__(
        self,
        url: str,
        model: str,
        environment: str,
        *,
        load: Callable[[Path], T],
        pipeline: OwnPipeline,
        instance: str,
        every: float,
        oldest: dt.timedelta | None,
        actor: str,
        accept_older: bool = False,
        cache: WeightsCache | None = None,
        window: int = WINDOW,
    ) -> None:
        check_actor(instance)
        self._url = url
        self._model = model
        self._environment = environment
        self._load = load
        self._pipeline = pipeline
        self._named = pipeline.digest
        self._instance = instance
        self._lookout = Lookout(url, model, environment, self._named, checked(every))
        self._oldest = oldest
        self._actor = actor
        self._cache = cache or WeightsCache.default()
        self._revision = SeenRevision(url, model, environment, accept_older=accept_older)
        self._head = SeenHead(url, accept_older=accept_older)
        if accept_older:
            self._head.forget()  # what the client asks by itself goes by it too
        self._ahead = Ahead(self._cache, model)
        self._backup: str | None = None
        self._stopped = threading.Event()
        self._accepted: tuple[Serving | None, float] = (None, 0.0)
        self._said = ""
        self._rows = ServedRows(url, model, environment, instance, actor, window)
        self.loaded = self._start()
        self._beat = time.monotonic() + BEAT * random.random()  # nosec B311 # noqa: S311 - no secret
        self._thread = threading.Thread(target=self._follow, name=f"lineage-{model}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Following[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Following {self.ref} in {self._environment}>"

    @property
    def value(self) -> T:
        """What loading the weights gave."""
        return self.loaded.value

    @property
    def path(self) -> Path:
        """Where the weights are, read-only."""
        return self.loaded.path

    @property
    def ref(self) -> str:
        """The version that is loaded."""
        return self.loaded.ref

    def observe(self, rows: Any, scores: Any = None, *, of: Loaded[T] | None = None) -> None:  # noqa: ANN401
        """Count rows that were served, on the scale of what the version was validated on.

        The registry is told the counts, a window at a time, and never a row. The first call asks it
        for the profile of the validation. It may be called by several threads.

        Args:
            rows: a frame of pandas, polars or Arrow, a dict of columns, a list of dicts, or one
                dict, with the columns that the validation's data had.
            scores: what the model answered for each of them.
            of: the :attr:`loaded` that served them, where another may be loaded meanwhile.

        Raises:
            UsageError: they are no such rows, or there are not as many scores.
        """
        loaded = self.loaded if of is None else of
        self._rows.observe(loaded.ref, self._pipeline.digest, rows, scores)

    def stop(self) -> None:
        """Follow no more; what is loaded stays loaded."""
        self._stopped.set()
        self._ahead.stop()
        self._lookout.interrupt()
        if self._thread is not threading.current_thread():
            self._thread.join()
        self._rows.send(lambda: connect(self._url), all_of_it=True)
        self._lookout.close()

    def _start(self) -> Loaded[T]:
        """Load what serves, or raise; a report that cannot be sent is sent later."""
        self._pipeline.check_files()
        slot = self._ask(oldest=self._oldest)
        self.loaded = self._fetch(slot)
        if slot.age is None:
            self._fetch_ahead(slot)
            with suppress(LineageError):
                self._report()
        return self.loaded

    def _ask(self, *, oldest: dt.timedelta | None = None, again: bool = False) -> Serving:
        """The slot, with the side whose pair goes with the pipeline here.

        Raises:
            NotFound: nothing serves, and nothing is staged with this pipeline.
            PipelineMismatch: no pair goes with it.
            Conflict: the slot is older than it was seen before.
        """
        try:
            slot = last_known.serving(
                self._url,
                self._model,
                self._environment,
                oldest=oldest,
                pipeline=self._named,
                accept=self._accept,
                ask=self._lookout.ask if again else None,
            )
        except PipelineMismatch:
            self._refuse()
            raise
        self._backup = slot.backup.weights if slot.backup is not None else None
        return slot

    def _accept(self, answer: Serving) -> None:
        """Refuse an answer of a registry that went back.

        Raises:
            Conflict: the slot is older than it was seen before, or the history is another one.
        """
        self._revision.check(answer.revision)
        accepted, at = self._accepted
        known = answer is accepted and time.monotonic() - at < BEAT
        if answer.age is None and not known:
            with self._lookout.connected() as registry:
                self._head.check(lambda seen: registry.head(seen=seen))
            self._accepted = answer, time.monotonic()

    def _refuse(self) -> None:
        """Say what is declared instead of a pair with the pipeline here."""
        slot = last_known.serving(self._url, self._model, self._environment)
        if slot.serving is None:
            raise NotFound(
                f"{self._model} does not serve in {self._environment}.",
                remedy=f"Promote a version: "
                f"{act('promote', f'{self._model}@N', env=self._environment)}",
            )
        declared, name = slot.pipeline["digest"], slot.pipeline["name"]
        own = self._pipeline.xxh3(declared, name, self._recorded)
        raise self._mismatch(own if own != declared else self._pipeline.digest, declared)

    def _fetch(self, slot: Serving) -> Loaded[T]:
        """Pull, check and load what goes with the pipeline here.

        Raises:
            PipelineMismatch: another pipeline is declared than the one that runs here, what runs
                here is not what is sealed, or the environment demands a seal and there is none.
            PackageMismatch: the environment demands the packages that the version was validated
                with, and this host has others.
        """
        version = self._require_pair(slot)
        self._pipeline.check_files()
        if self._pipeline.proof is Proof.CLAIMED:
            demand.require_claim_enough(self._url, self._environment, offline=slot.age is not None)
        packages.require(self._url, version.ref, self._environment, offline=slot.age is not None)
        stored = self._stored(version, offline=slot.age is not None)
        lease = self._cache.lease(check.recorded(stored))
        path = download.pull(stored, cache=self._cache)
        value = self._load(path)
        self._pipeline.check_modules()
        self._lease = lease  # that of what was loaded before ends
        return Loaded(stored.ref, stored.xxh3, path, value, timestamps.moment(timestamps.now()))

    def _require_pair(self, slot: Serving) -> ServedVersion:
        """The version that goes with the pipeline here; what is answered is compared once more.

        Raises:
            PipelineMismatch: it is on another pipeline, or the server does not say.
        """
        version = slot.on_side
        if slot.side is None or version is None:
            raise PipelineMismatch(
                f"The registry does not say which pair of {self._model} goes with a pipeline.",
                remedy="Bring the server up to the version of this program.",
            )
        runs = slot.side is Side.SERVING
        declared = slot.pipeline["digest"] if runs else version.pipeline
        own = self._pipeline.xxh3(declared, slot.pipeline["name"], self._recorded)
        if declared is None or own != declared:
            raise self._mismatch(own, declared)
        return version

    def _mismatch(self, own: str, declared: str | None) -> PipelineMismatch:
        return PipelineMismatch(
            f"This service runs pipeline {own}, but {self._environment} declares "
            f"{declared or 'none'} for {self._model}.",
            remedy="Deploy the service with the declared pipeline, or move the pipeline and "
            "its models in one step: "
            f"{act('release', env=self._environment, pipeline='NAME', model='REF')}",
        )

    def _recorded(self, named: NamedPipeline) -> PipelineVersion:
        with connect(self._url) as registry:
            return registry.pipeline(named).version

    def _stored(self, version: ServedVersion, *, offline: bool = False) -> StoredWeights:
        """Where the weights are; what the registry last said of it where it cannot be asked."""
        known = self._cache.folder / "known" / f"{version.ref}.json"
        if offline:
            with suppress(OSError, ValueError, KeyError, TypeError):
                stored = StoredWeights.from_json(json.loads(known.read_bytes()))
                if stored.xxh3 == version.weights:
                    return stored
            raise RegistryUnreachable(
                f"The registry cannot be asked where the weights of {version.ref} are.",
                remedy="Start again when it answers.",
            )
        with connect(self._url) as registry:
            stored = registry.stored(version.ref)
        kept.write(known, stored.to_json())
        return stored

    def _follow(self) -> None:
        while not self._stopped.wait(self._lookout.pause):
            self._lookout.begin(self._beat, shortly=self._ahead.is_busy)
            try:
                self._lookout.succeeded(self._look())
            except LineageError as error:
                self._lookout.failed(error)
                self._say(f"{error} {error.remedy}")
            except Exception as error:
                self._lookout.failed(error)
                logger.exception("%s: what serves could not be loaded", self._model)

    def _look(self) -> Serving:
        """Load something else where that is declared, and say what is loaded."""
        try:
            return self._take_what_serves()
        finally:  # a host that does not run what is declared says so too
            due = time.monotonic() >= self._beat or self._ahead.has_news
            if due and not self._stopped.is_set():
                self._try_to_report()
                self._rows.send(self._lookout.connected)

    def _take_what_serves(self) -> Serving:
        slot = self._ask(again=True)
        version = self._require_pair(slot)
        if version.ref != self.loaded.ref and not self._stopped.is_set():
            self.loaded = self._fetch(slot)
            self._beat = float("-inf")
            self._rows.prepare(self.loaded.ref, self._pipeline.digest)
            logger.info("%s is loaded", self.loaded.ref)
        self._fetch_ahead(slot)
        self._said = ""
        return slot

    def _fetch_ahead(self, slot: Serving) -> None:
        """Let the backup's weights be fetched beside, and those of what is to serve here."""
        staged = slot.staged
        if staged is not None and self.loaded.ref != staged.ref:
            own = self._pipeline.xxh3(staged.pipeline, slot.pipeline["name"], self._recorded)
            staged = staged if staged.pipeline == own else None
        found = [version for version in (slot.backup, staged) if version is not None]
        self._ahead.want(
            [version for version in found if version.weights != self.loaded.weights], self._stored
        )

    def _try_to_report(self) -> None:
        """Say what is loaded; that nobody hears it is no reason to go on with something else."""
        self._beat = time.monotonic() + BEAT * random.uniform(0.9, 1.1)  # nosec B311 # noqa: S311
        try:
            self._report()
        except LineageError as error:
            logger.warning("%s cannot be reported: %s %s", self.loaded.ref, error, error.remedy)

    def _report(self) -> None:
        with self._lookout.connected() as registry:
            self._report_to(registry)

    def _report_to(self, registry: AnyRegistry) -> None:
        loaded = self.loaded
        observed = Observed(
            self._instance,
            loaded.weights,
            timestamps.written(loaded.loaded_at),
            self._pipeline.digest,
            proof=self._proof(),
            differing=packages.differing(registry, loaded.ref, self._environment),
            standby=self._backup is not None
            and (self._backup == loaded.weights or self._ahead.holds(self._backup)),
            revision=self._revision.seen,
        )
        registry.report(self._model, self._environment, observed, actor=self._actor)

    def _proof(self) -> Proof:
        """What the pipeline is proven by now: a module may have been imported since."""
        try:
            self._pipeline.check_modules()
        except PipelineMismatch as error:
            logger.warning("%s is no longer proven: %s %s", self._model, error, error.remedy)
            return Proof.CLAIMED
        return self._pipeline.proof

    def _say(self, text: str) -> None:
        """Log what stands in the way, once for as long as it does."""
        if text != self._said and not self._stopped.is_set():
            self._said = text
            logger.warning("%s stays loaded: %s", self.loaded.ref, text)


def own_name() -> str:
    """What an instance is called in its reports: ``LINEAGE_INSTANCE``, else host and process."""
    return os.environ.get("LINEAGE_INSTANCE") or f"{socket.gethostname()}:{os.getpid()}"


def identity(_: Path) -> Any:  # noqa: ANN401 - nothing
    """Loads nothing: for a service that reads :attr:`Following.path` itself."""
