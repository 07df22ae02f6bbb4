"""Prometheus metrics: count requests and decisions, tell the state of slots and the database."""

from __future__ import annotations

import os
from collections import Counter as Count
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from typing_extensions import override

from lineage.errors import LineageError
from lineage.evidence.kinds import CHANGES, TIERS
from lineage.identity.components import Proof
from lineage.registry.declared import STATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from starlette.types import Scope

    from lineage.contract.results import Serving
    from lineage.contract.results.drift import Drift
    from lineage.contract.results.environments import SlotReports
    from lineage.guard.decision import Decision
    from lineage.registry.drift_watch import DriftWatch
    from lineage.registry.registry import Registry

BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
NO_ROUTE: Final = "none"
_SLOT: Final = ("environment", "model")


class Metrics:
    """The counts of one server; where it has several workers they are added up."""

    def __init__(self, registry: Registry, drifts: DriftWatch) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._here = CollectorRegistry()
        self._requests = Histogram(
            "lineage_request_seconds",
            "Time to answer a request.",
            ("method", "route", "status"),
            buckets=BUCKETS,
            registry=self._here,
        )
        self._checks = Counter(
            "lineage_decision_checks",
            "What the guard's rules came to.",
            ("environment", "rule", "status"),
            registry=self._here,
        )
        self._decisions = Counter(
            "lineage_decisions",
            "What the guard decided.",
            ("environment", "allowed"),
            registry=self._here,
        )
        self._reads = Counter(
            "lineage_slot_reads",
            "Answers about slots that were not known, by the database that they were read from.",
            ("source",),
            registry=self._here,
        )
        self._told = Counter(
            "lineage_webhook_attempts",
            "Attempts to deliver messages to webhooks, by what became of the message.",
            ("outcome",),
            registry=self._here,
        )
        self._children: dict[tuple[str, str, int], Any] = {}
        self._state = _State(registry, drifts)

    def request(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        route = scope.get("route")
        path = getattr(route, "path", NO_ROUTE)
        method = scope["method"] if path != NO_ROUTE else NO_ROUTE
        key = (method, path, status)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._requests.labels(method, path, str(status))
        child.observe(seconds)

    def decided(self, decisions: Iterable[Decision]) -> None:
        """Count what the guard decided."""
        for decision in decisions:
            where = decision.environment
            self._decisions.labels(where, str(decision.allowed).lower()).inc()
            for check in decision.checks:
                self._checks.labels(where, check.code, check.status.value).inc()

    def read_from(self, source: str) -> None:
        """Count an answer about a slot that was read from the primary or a standby."""
        self._reads.labels(source).inc()

    def told(self, outcome: str) -> None:
        """Count an attempt to tell a webhook: ``delivered``, ``retried`` or ``failed``."""
        self._told.labels(outcome).inc()

    def text(self) -> bytes:
        """All of them, as Prometheus reads them; the state of the registry as it is now."""
        shown = CollectorRegistry()
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            MultiProcessCollector(shown)  # type: ignore[no-untyped-call]
        else:
            shown.register(_All(self._here))
        shown.register(self._state)
        return generate_latest(shown)


class _All(Collector):
    """What another registry collects."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    @override
    def collect(self) -> Iterator[Any]:
        yield from self._registry.collect()


class _State(Collector):
    """The registry's slots, their backups, what is observed, and whether the database answers."""

    def __init__(self, registry: Registry, drifts: DriftWatch) -> None:
        self._registry = registry
        self._drifts = drifts

    @override
    def collect(self) -> Iterator[GaugeMetricFamily]:
        up = GaugeMetricFamily("lineage_database_up", "Whether the database answers.")
        slots = GaugeMetricFamily(
            "lineage_slots", "Slots by their state.", labels=["environment", "state"]
        )
        waiting, age = 0, 0.0
        serving: Sequence[Serving] = ()
        observed: Sequence[SlotReports] = ()
        try:
            serving = self._registry.all_serving()
            observed = self._registry.observed()
            waiting, age = self._registry.outbox.waiting()
        except LineageError:
            up.add_metric([], 0)
        else:
            up.add_metric([], 1)
        for (environment, state), count in sorted(Count(_states(serving)).items()):
            slots.add_metric([environment, state], count)
        yield up
        yield slots
        yield from _backups(serving)
        yield from _observed(observed)
        yield from _drifted(self._drifts.known() or ())
        yield GaugeMetricFamily(
            "lineage_webhook_outbox_messages", "Messages that wait for a webhook.", value=waiting
        )
        yield GaugeMetricFamily(
            "lineage_webhook_outbox_age_seconds",
            "For how long the oldest message has waited.",
            value=age,
        )


def _backups(slots: Iterable[Serving]) -> Iterator[GaugeMetricFamily]:
    """For each slot that serves: whether a backup could take over, and when that was looked at."""
    ready = GaugeMetricFamily(
        "lineage_backup_ready",
        "Whether the slot has a backup that could take over at once.",
        labels=_SLOT,
    )
    checked = GaugeMetricFamily(
        "lineage_backup_checked_timestamp_seconds",
        "When somebody last looked into a store for the backup.",
        labels=_SLOT,
    )
    for slot in slots:
        if slot.serving is None:
            continue
        labels = [slot.environment, slot.model]
        state = slot.readiness
        ready.add_metric(labels, int(state is not None and state.ready))
        if state is not None and state.checked_at is not None:
            checked.add_metric(labels, state.checked_at.timestamp())
    yield ready
    yield checked


def _observed(rows: Iterable[Mapping[str, Any]]) -> Iterator[GaugeMetricFamily]:
    """For each slot that was reported of: its instances by their state, never by their name."""
    instances = GaugeMetricFamily(
        "lineage_observed_instances",
        "Instances of a slot by what they are beside what is declared.",
        labels=[*_SLOT, "state"],
    )
    proofs = GaugeMetricFamily(
        "lineage_observed_proof",
        "Instances of a slot by whether they proved the pipeline that they run, or only say it.",
        labels=[*_SLOT, "proof"],
    )
    sides = GaugeMetricFamily(
        "lineage_observed_side",
        "Instances of a slot by the side whose pair they have loaded.",
        labels=[*_SLOT, "side"],
    )
    standby = GaugeMetricFamily(
        "lineage_observed_standby",
        "Instances of a slot that hold the weights of its backup.",
        labels=_SLOT,
    )
    lag = GaugeMetricFamily(
        "lineage_observed_lag_seconds",
        "For how long the instance that lags most has done so.",
        labels=_SLOT,
    )
    for row in rows:
        labels = [row["environment"], row["model"]]
        for state in STATES:
            instances.add_metric([*labels, state], row[state.replace("-", "_")])
        for proof in Proof:
            proofs.add_metric([*labels, proof.value], row[proof.value])
        for side, count in row["sides"].items():
            sides.add_metric([*labels, side], count)
        standby.add_metric(labels, row["standby"])
        lag.add_metric(labels, row["lag_seconds"] or 0.0)
    yield instances
    yield proofs
    yield sides
    yield standby
    yield lag


def _drifted(found: Iterable[Drift]) -> Iterator[GaugeMetricFamily]:
    """For each slot of which something is recorded: the changes that go on, and what they cost."""
    changes = GaugeMetricFamily(
        "lineage_drift_changes",
        "Changes that go on in what production sees, by their kind and how urgent they are.",
        labels=[*_SLOT, "kind", "tier"],
    )
    loss = GaugeMetricFamily(
        "lineage_drift_estimated_loss",
        "What the newest window is estimated to lose of the area under the ROC curve.",
        labels=_SLOT,
    )
    newest = GaugeMetricFamily(
        "lineage_drift_window_timestamp_seconds",
        "When the newest window began that was compared.",
        labels=_SLOT,
    )
    for drift in found:
        if not drift.windows:
            continue
        labels, last = [drift.environment, drift.model], drift.windows[-1]
        going_on = Count((one.kind, one.tier) for one in drift.changes if one.ended is None)
        for kind in CHANGES:
            for tier in TIERS:
                changes.add_metric([*labels, kind, tier], going_on[kind, tier])
        if last.loss is not None:
            loss.add_metric(labels, last.loss.value)
        newest.add_metric(labels, last.start.timestamp())
    yield changes
    yield loss
    yield newest


def _states(slots: Iterable[Serving]) -> Iterator[tuple[str, str]]:
    """Each state that each slot is in: several may hold at once, but for ``empty``."""
    for slot in slots:
        if slot.serving is None:
            yield slot.environment, "empty"
            continue
        yield slot.environment, "serving"
        if slot.backup is not None:
            yield slot.environment, "with-backup"
        if slot.contradicted:
            yield slot.environment, "contradicted"
        if slot.waiver is not None:
            yield slot.environment, "waived"
