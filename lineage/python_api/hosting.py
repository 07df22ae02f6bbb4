"""A serving host's part: fetching weights, reporting what is loaded, following what serves."""

from __future__ import annotations

import logging
import os
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, TypeVar

from lineage.capture.project import opened
from lineage.connection import connect
from lineage.contract.requests import REPORT_HOLDS_FOR, Observed
from lineage.contract.windows import WINDOW
from lineage.python_api.project import PRODUCTION

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from lineage.contract.results.reports import HostReport
    from lineage.host.follow import Following
    from lineage.python_api.project import Path

T = TypeVar("T")

logger = logging.getLogger("lineage.host")


def pull(
    reference: str,
    out: Path | None = None,
    *,
    force: bool = False,
    verify: bool = False,
    last_known: bool | float | dt.timedelta = False,
) -> FilePath:
    """Fetch the weights of a version, each byte checked as it comes in, visible only when whole.

    What was fetched before counts while nobody wrote to it, and stays until this process ends.

    Args:
        reference: the version: ``churn@7``, ``churn@production``, ``churn@production/backup``.
        out: the folder that they are to appear in; None for the local cache, read-only.
        force: replace a folder that was not pulled.
        verify: read every byte again of what was fetched before.
        last_known: where the registry cannot be asked, take what it last said, as ``serving`` does;
            the log says how old that is. The bytes come out of the cache, or of a store.

    Returns:
        The file or folder.

    Raises:
        NotFound: there is no such version, or no store is known to have its weights.
        IntegrityFailure: no store has the bytes that were registered; nothing was left behind.
        StoreUnreachable: no store that could have them can be used.
        Conflict: a folder that was not pulled stands in the way.
        RegistryUnreachable: the registry cannot be asked, and no answer may be given for it.
    """
    from lineage.host import known_weights
    from lineage.host.last_known import oldest_of
    from lineage.weights import download

    with opened() as project:
        url = project.registry_url()
    stored, age = known_weights.stored(url, reference, oldest_of(last_known))
    if age is not None:
        logger.warning("%s: %s", reference, known_weights.told(stored.ref, age))
    if out is None:
        return download.pull_for_good(stored, verify=verify)
    return download.pull(stored, FilePath(out), force=force, verify=verify)


def report(
    model: str,
    environment: str = PRODUCTION,
    *,
    weights: str,
    pipeline: Path | None = None,
    root: Path | None = None,
    instance: str | None = None,
    loaded_at: str | None = None,
    holds_for: int = REPORT_HOLDS_FOR,
) -> HostReport:
    """Report what this instance of a service has loaded; the registry compares it.

    Args:
        model: the model's name.
        environment: where the instance serves.
        weights: the digest of the weights that it has loaded.
        pipeline: the seal of the pipeline that it runs, which is compared, or its digest.
        root: the folder that the seal's paths are relative to; default: the seal's own.
        instance: what it is called; default: ``LINEAGE_INSTANCE``, else host and process.
        loaded_at: since when, ISO 8601; default: now.
        holds_for: seconds after which it is unknown unless it says so again.

    Returns:
        The report, with its ``state``: ``in-step``, ``skewed``, ``lagging`` or ``foreign``.

    Raises:
        NotFound: there is no such model or environment.
        PipelineMismatch: what is here is not what was sealed.
        UsageError: a digest or the time cannot be read.
        RegistryUnreachable: the registry cannot be asked.
    """
    from lineage import timestamps
    from lineage.host import follow, packages
    from lineage.host.own_pipeline import named_pipeline
    from lineage.identity.components import Proof
    from lineage.identity.digest import is_digest
    from lineage.workflows.actor import actor_of_host

    name = instance or follow.own_name()
    own = named_pipeline(os.fspath(pipeline), _folder(root)) if pipeline is not None else None
    if own is not None:
        own.check_files()
        own.check_modules()
    with opened() as project, connect(project.registry_url()) as registry:
        if own is not None and not is_digest(own.digest):
            own.xxh3(None, None, lambda named: registry.pipeline(named).version)
        digest = own.digest if own is not None else None
        proof = own.proof if own is not None else Proof.CLAIMED
        at = loaded_at or timestamps.now()
        differing = packages.differing(registry, f"{model}@{environment}", environment)
        observed = Observed(name, weights, at, digest, holds_for, proof, differing)
        return registry.report(model, environment, observed, actor=actor_of_host(project))


def follow(
    model: str,
    environment: str = PRODUCTION,
    *,
    load: Callable[[FilePath], T] | None = None,
    pipeline: Path | None = None,
    root: Path | None = None,
    instance: str | None = None,
    every: float = 10.0,
    last_known: bool | float | dt.timedelta = False,
    accept_older: bool = False,
    window: int = WINDOW,
) -> Following[T]:
    """Fetch what serves, prove it, load it, say so, and follow every promotion and rollback.

    Args:
        model: the model's name.
        environment: where this service serves.
        load: makes of the path of the weights what the service works with, e.g. ``joblib.load``.
        pipeline: the seal of the pipeline that this service runs (a path that ends in ``.json``),
            or its digest; default: ``LINEAGE_PIPELINE``, else the pipeline as captured in the
            current folder. The files of a seal are compared before anything is loaded, the modules
            of this process afterwards.
        root: the folder that the seal's paths are relative to; default: the seal's own.
        instance: what it is called in reports; default: ``LINEAGE_INSTANCE``, else host and
            process.
        every: seconds between two looks where it cannot wait for a move at a server (or if > 60).
        last_known: where the registry cannot be asked, start from what it last said, as
            ``serving`` does; the bytes must have been fetched before.
        accept_older: follow a slot whose revision is older than one that this host has seen, as
            that of a registry which was restored from a backup; also ``LINEAGE_ACCEPT_OLDER=1``.
        window: seconds that rows are counted for together (``Following.observe``): 60 to a day, and
            a part of a day.

    Returns:
        What is loaded: ``value``, ``path``, ``ref``. A later version that cannot be fetched, loaded
        or proved is not loaded, and the log says why.

    Raises:
        PipelineMismatch: no pair of the slot goes with the pipeline that runs here, what runs here
            is not what was sealed, or the environment demands a seal and none is named.
        PackageMismatch: the environment demands the packages that the version was validated with,
            and this host has others.
        NotFound: nothing serves, or no store is known to have the weights.
        IntegrityFailure: no store has the bytes that were registered.
        StoreUnreachable: no store that could have them can be used.
        RegistryUnreachable: the registry cannot be asked.
        Conflict: it answers with an older revision of the slot than this host has seen.
    """
    from lineage.host import follow
    from lineage.host.last_known import oldest_of
    from lineage.host.own_pipeline import own_pipeline
    from lineage.workflows.actor import actor_of_host

    with opened() as project:
        url, who = project.registry_url(), actor_of_host(project)
    return follow.Following(
        url,
        model,
        environment,
        load=load or follow.identity,
        pipeline=own_pipeline(model, environment, pipeline, _folder(root)),
        instance=instance or follow.own_name(),
        every=every,
        oldest=oldest_of(last_known),
        actor=who,
        accept_older=accept_older or os.environ.get("LINEAGE_ACCEPT_OLDER") == "1",
        window=window,
    )


def _folder(path: Path | None) -> FilePath | None:
    return FilePath(path) if path is not None else None
