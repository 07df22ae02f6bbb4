"""Asked before a command runs: whether what comes of it would be recorded. Nothing is.

An hour of training is not to end in a refusal that was certain before it began. So the verbs that
record its end are tried with what is known of it, and with stand-ins for what is not made yet: who
speaks, what they may, the model and its pipeline, the store, the database.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lineage.capture.command import without_secrets
from lineage.identity.components import DataItem, DataVersion, Kind, Known, Weights
from lineage.identity.digest import Digest, blake3_of, xxh3
from lineage.weights.copies import NewCopy
from lineage.weights.store import open_store
from lineage.workflows.stores import as_recorded, store_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.captured import CapturedPipelineVersion, CapturedVersion
    from lineage.contract.results import NamedPipeline
    from lineage.identity.components import DataVersion as Data
    from lineage.weights.copies import StoreAddress

_NAME: Final = "not made yet"
_BYTES: Final = _NAME.encode()


def require_registrable(
    registry: AnyRegistry,
    model: str,
    before: CapturedVersion,
    command: Sequence[str],
    *,
    kind: Kind,
    store: StoreAddress | None,
    parent: str | None,
    actor: str,
) -> int:
    """Refuse a training whose version would not be recorded; the number that it would have.

    Args:
        registry: where it is to be recorded.
        model: the model's name.
        before: what is captured of it before the training.
        command: what is to be run.
        kind: how much of it is tracked.
        store: where its weights are to be put; None where they are not stored.
        parent: the version that it is made from.
        actor: who registers.

    Raises:
        LineageError: what registering it would say.
    """
    made = before.components
    data = made.data
    if data is None and kind is Kind.PRODUCTION:
        stand_in = DataItem(_NAME, Digest(xxh3(_BYTES)), Known.ASSERTED, 0)
        data = DataVersion((stand_in,))
    weights = Weights(xxh3(_BYTES), blake3_of(_BYTES), _NAME, len(_BYTES))
    stored = (NewCopy(store, "0" * 32, reused=False),) if store is not None else ()
    would_be = registry.register(
        model,
        replace(before, components=replace(made, data=data, weights=weights), stored=stored),
        kind=kind,
        parent=parent,
        run={"command": without_secrets(command)},
        dry_run=True,
        actor=actor,
    )
    return would_be.version


def taking_store(project: Project, registry: AnyRegistry) -> StoreAddress:
    """The store of a project, which has just taken something.

    Raises:
        UsageError: it is not configured as it can be used.
        StoreUnreachable: it cannot be opened, or takes nothing.
    """
    store = open_store(as_recorded(registry, store_of(project)))
    marker = store.mark()
    store.try_writing()
    return replace(store.address, marker=marker or store.address.marker)


def require_validatable(
    registry: AnyRegistry,
    version: Mapping[str, Any],
    pipeline: CapturedPipelineVersion | NamedPipeline,
    command: Sequence[str],
    data: Data | None = None,
    *,
    actor: str,
) -> None:
    """Refuse to run a validation whose verdict would not be recorded.

    Args:
        registry: where it is to be recorded.
        version: JSON of the version.
        pipeline: the pipeline version that it is on.
        command: what is to be run.
        data: the data that it is made on.
        actor: who validates.

    Raises:
        LineageError: what recording it would say.
    """
    registry.validate(
        version["ref"],
        pipeline,
        passed=True,
        run={"command": without_secrets(command)},
        data=data,
        dry_run=True,
        actor=actor,
    )
