"""A serving host's own part: fetch what serves, prove it, load it, say so, and go on doing that.

>>> import joblib, lineage
>>> churn = lineage.follow("churn", load=joblib.load)                  # doctest: +SKIP
>>> churn.value.predict(rows)                                          # doctest: +SKIP

The weights are pulled and every byte is checked. The process is refused where its own pipeline is
not the one that the environment declares, or not as it was sealed. Then a thread looks every few
seconds whether something else is declared (a promotion, a rollback), fetches and loads that, and
reports what is loaded.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from lineage import timestamps
from lineage.acts import act
from lineage.connection import connect
from lineage.contract.requests import REPORT_HOLDS_FOR, Observed
from lineage.errors import LineageError, NotFound, PipelineMismatch, RegistryUnreachable
from lineage.host import demand, kept, last_known, packages
from lineage.identity.components import Proof
from lineage.weights import download
from lineage.weights.cache import WeightsCache
from lineage.weights.copies import StoredWeights

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable
    from pathlib import Path

    from lineage.connection import AnyRegistry
    from lineage.contract.results import NamedPipeline, Serving
    from lineage.host.own_pipeline import OwnPipeline
    from lineage.identity.pipeline import PipelineVersion

T = TypeVar("T")

BEAT: Final = REPORT_HOLDS_FOR / 5
"""Seconds between two reports of an instance that has nothing new to say."""

logger = logging.getLogger("lineage.host.follow")


@dataclass(frozen=True)
class Loaded(Generic[T]):
    """A version that is loaded: where its bytes are, and what loading them gave."""

    ref: str
    weights: str
    path: Path
    value: T
    loaded_at: str


class Following(Generic[T]):
    """What serves, loaded here; :func:`lineage.follow` makes it. Stop it, or use it in a with.

    ``value``, ``path`` and ``ref`` are always those of one version, also while another is loaded:
    read :attr:`loaded` once where several of them are needed together.
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
        cache: WeightsCache | None = None,
    ) -> None:
        self._url = url
        self._model = model
        self._environment = environment
        self._load = load
        self._pipeline = pipeline
        self._instance = instance
        self._every = every
        self._oldest = oldest
        self._actor = actor
        self._cache = cache or WeightsCache.default()
        self._stopped = threading.Event()
        self._reported = float("-inf")
        self._said = ""
        self.loaded = self._start()
        self._thread = threading.Thread(target=self._follow, name=f"lineage-{model}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Following[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

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

    def stop(self) -> None:
        """Follow no more; what is loaded stays loaded."""
        self._stopped.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _start(self) -> Loaded[T]:
        """Load what serves, or raise; a report that cannot be sent is sent later."""
        self._pipeline.check_files()
        slot = self._ask()
        self.loaded = self._fetch(slot)
        if slot.age is None:
            with suppress(LineageError):
                self._report()
        return self.loaded

    def _ask(self) -> Serving:
        return last_known.serving(self._url, self._model, self._environment, oldest=self._oldest)

    def _fetch(self, slot: Serving) -> Loaded[T]:
        """Pull, check and load what serves.

        Raises:
            NotFound: nothing serves.
            PipelineMismatch: another pipeline is declared than the one that runs here, what runs
                here is not what is sealed, or the environment demands a seal and there is none.
            PackageMismatch: the environment demands the packages that the version was validated
                with, and this host has others.
        """
        if slot.serving is None:
            raise NotFound(
                f"{self._model} does not serve in {self._environment}.",
                remedy=f"Promote a version: "
                f"{act('promote', f'{self._model}@N', env=self._environment)}",
            )
        self._pipeline.check_files()
        self._require_pipeline(slot)
        self._require_blake3(slot)
        if self._pipeline.proof is Proof.CLAIMED:
            demand.require_claim_enough(self._url, self._environment, offline=slot.age is not None)
        packages.require(
            self._url, slot.serving.ref, self._environment, offline=slot.age is not None
        )
        stored = self._stored(slot)
        path = download.pull(stored, cache=self._cache)
        value = self._load(path)
        self._pipeline.check_modules()
        return Loaded(stored.ref, stored.xxh3, path, value, timestamps.now())

    def _require_pipeline(self, slot: Serving) -> None:
        declared = slot.pipeline["digest"]
        own = self._pipeline.xxh3(declared, slot.pipeline["name"], self._recorded)
        if declared is None or own != declared:
            raise self._mismatch(own, declared)

    def _require_blake3(self, slot: Serving) -> None:
        """Refuse a sealed pipeline that only shares the XXH3 of the declared one."""
        own, name = self._pipeline.blake3, slot.pipeline["name"]
        if own is None or name is None or slot.age is not None:
            return
        with connect(self._url) as registry:
            declared = registry.deployed_pipeline(self._environment, name).version.blake3
        if own != declared:
            raise self._mismatch(own, declared)

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

    def _stored(self, slot: Serving) -> StoredWeights:
        """Where the weights are; what the registry last said of it where it cannot be asked."""
        known = self._cache.folder / "known" / f"{slot.ref}.json"
        if slot.age is not None:
            with suppress(OSError, ValueError, KeyError, TypeError):
                stored = StoredWeights.from_json(json.loads(known.read_bytes()))
                if stored.xxh3 == slot.weights:
                    return stored
            raise RegistryUnreachable(
                f"The registry cannot be asked where the weights of {slot.ref} are.",
                remedy="Start again when it answers.",
            )
        with connect(self._url) as registry:
            stored = registry.stored(slot.ref or "")
        kept.write(known, stored.to_json())
        return stored

    def _follow(self) -> None:
        while not self._stopped.wait(self._every):
            try:
                self._look()
            except LineageError as error:
                self._say(f"{error} {error.remedy}")
            except Exception:
                logger.exception("%s: what serves could not be loaded", self._model)

    def _look(self) -> None:
        """Load something else where that is declared, and say what is loaded."""
        try:
            self._take_what_serves()
        finally:  # a host that does not run what is declared says so too
            if time.monotonic() - self._reported >= BEAT:
                self._try_to_report()

    def _take_what_serves(self) -> None:
        with connect(self._url) as registry:
            slot = registry.serving(self._model, self._environment)
        if slot.serving is not None and slot.serving.ref == self.loaded.ref:
            self._require_pipeline(slot)
        else:
            self.loaded = self._fetch(slot)
            self._reported = float("-inf")
            logger.info("%s is loaded", self.loaded.ref)
        self._said = ""

    def _try_to_report(self) -> None:
        """Say what is loaded; that nobody hears it is no reason to go on with something else."""
        self._reported = time.monotonic()
        try:
            self._report()
        except LineageError as error:
            logger.warning("%s cannot be reported: %s %s", self.loaded.ref, error, error.remedy)

    def _report(self) -> None:
        with connect(self._url) as registry:
            self._report_to(registry)

    def _report_to(self, registry: AnyRegistry) -> None:
        loaded = self.loaded
        observed = Observed(
            self._instance,
            loaded.weights,
            loaded.loaded_at,
            self._pipeline.digest,
            proof=self._proof(),
            differing=packages.differing(registry, loaded.ref, self._environment),
        )
        registry.report(self._model, self._environment, observed, actor=self._actor)
        self._reported = time.monotonic()

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
        if text != self._said:
            self._said = text
            logger.warning("%s stays loaded: %s", self.loaded.ref, text)


def own_name() -> str:
    """What an instance is called in its reports: ``LINEAGE_INSTANCE``, else host and process."""
    return os.environ.get("LINEAGE_INSTANCE") or f"{socket.gethostname()}:{os.getpid()}"


def identity(_: Path) -> Any:  # noqa: ANN401 - nothing
    """Loads nothing: for a service that reads :attr:`Following.path` itself."""
