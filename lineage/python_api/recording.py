"""Recording a version, a verdict on one, and an approval of one."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lineage.contract.requests import listed
from lineage.python_api.project import PRODUCTION, project_and_registry, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.contract.results import Registered
    from lineage.contract.results.records import ApprovalRecord, Validation
    from lineage.python_api.project import Path


def register(
    model: str,
    *,
    weights: Path | None = None,
    data: Path | Sequence[Path] = (),
    kind: str | None = None,
    parent: str | None = None,
    revision: str | None = None,
    store: bool = False,
    stale_ok: str | None = None,
    external: Path | None = None,
    code: str | None = None,
    pipeline: str | None = None,
    pipeline_version: str | None = None,
    pipeline_files: Path | Sequence[Path] = (),
    include: str | Sequence[str] = (),
) -> Registered:
    """Capture code, data, pipeline and weights, store the weights, and record them as a version.

    A model from elsewhere is one with ``external``. ``code``, ``pipeline_files`` and ``include``
    are said of such a one alone, ``weights``, ``revision`` and ``stale_ok`` never.

    Args:
        model: the model's name.
        weights: a file or a folder, from the current folder; default: what is configured.
        data: a path or ``name=uri@version``, or several; default: what is configured.
        kind: ``production``, or ``experiment`` for what may be dirty or incomplete; default:
            ``production``, of a model from elsewhere where enough is known of it.
        parent: the version that it was made from.
        revision: a git revision to take code, data and pipeline from.
        store: store an experiment's weights too; those for production always are.
        stale_ok: why weights are taken whose stages' code changed since they were made.
        external: where the model is: ``hf://ORG/NAME@REVISION``, or a file or a folder.
        code: ``URL@COMMIT`` of the code that made it; default: a hub's revision itself.
        pipeline: the pipeline version that prepares its inputs, ``NAME@DIGEST``: a recorded one,
            which the pipeline here must be; or one that lives elsewhere, by the id it has there.
        pipeline_version: the same, as it was said before; it goes with the next version.
        pipeline_files: files, or globs, that prepare its inputs.
        include: patterns of a hub's files that are the model; default: all of them.

    Returns:
        The version; ``created`` is false for one that held this tuple before.

    Raises:
        CaptureError: something is missing, does not match, or the tree is dirty; or the pipeline
            here is not the version that is named.
        NotFound: the parent, or the pipeline version that is named, does not exist.
        UsageError: a name or the configuration is not valid.
        StoreUnreachable: the weights cannot be stored; nothing was recorded.
        RegistryUnreachable: the registry cannot be asked.
    """
    from lineage.contract.captured import CaptureRequest, ExternalRequest
    from lineage.errors import UsageError
    from lineage.identity.components import Kind, check_kind
    from lineage.workflows import external as elsewhere
    from lineage.workflows import register

    chosen = check_kind(kind) if kind is not None else None
    items = tuple(os.fspath(item) for item in listed(data))
    if pipeline_version is not None:
        if pipeline is not None:
            raise UsageError(
                "pipeline_version and pipeline say the same.", remedy="Leave pipeline_version out."
            )
        warnings.warn(
            "pipeline_version goes with the next version: write pipeline='NAME@DIGEST'.",
            DeprecationWarning,
            stacklevel=2,
        )
        pipeline = pipeline_version
    files = tuple(os.fspath(file) for file in listed(pipeline_files))
    patterns = tuple(listed(include))
    here, there = (weights, revision, stale_ok), (code, files, patterns)
    if any(here if external is not None else there):
        raise UsageError(
            "Something is said that goes only with a model from elsewhere, or only without one.",
            remedy="Leave out weights, revision and stale_ok beside external; code, "
            "pipeline_files and include without it.",
        )
    if external is not None:
        source = os.fspath(external)
        asked = ExternalRequest(source, chosen, code, items, pipeline, files, patterns)
        with project_and_registry() as (project, registry, actor):
            registered, _ = elsewhere.register(
                project, registry, model, asked, parent=parent, store=store, actor=actor
            )
        return registered
    kind_here = chosen or Kind.PRODUCTION
    wanted = CaptureRequest(
        kind_here, text_of(weights), items, pipeline, revision, stale_ok=stale_ok
    )
    with project_and_registry() as (project, registry, actor):
        registered, _, _ = register.register(
            project, registry, model, wanted, parent=parent, store=store, actor=actor
        )
    return registered


def validate(
    reference: str,
    *,
    metrics: Mapping[str, Any] | Path | None = None,
    passed: bool | None = None,
    pipeline: str | None = None,
    elsewhere: bool = False,
    replay_in: str | None = None,
    command: str | Sequence[str] = (),
    timeout: str = "1h",
    profile: Path | None = None,
    attributions: Path | None = None,
    leakage: bool = False,
) -> Validation:
    """Record a verdict on a version with the pipeline as captured here, or a recorded one.

    Args:
        reference: the version.
        metrics: values, or a JSON file; default: the configured file.
        passed: the verdict, where no requirement decides; False always wins.
        pipeline: a recorded pipeline version's digest; it must be the one here.
        elsewhere: it was made where the version's weights and the pipeline are, not here.
        replay_in: the environment with whose pipeline it is run, as that pipeline's commit has it.
        command: what is run here, or there, word by word; there ``evaluate`` by default.
        timeout: how long it may run there.
        profile: data whose profile is kept with it, or a profile (``.json``); default: what is
            configured.
        attributions: a file of what each feature adds to predictions, whose summary is kept among
            the metrics; default: what is configured.
        leakage: look for what of the data the training knew, also where ``leakage`` is not
            configured.

    Returns:
        The verdict: true where it is a pass; ``basis`` says what it rests on.

    Raises:
        UsageError: nothing decides the verdict, or there is nothing to run.
        CaptureError: something is missing or changed, or the weights here are not the version's.
        NotFound: the version or the pipeline version does not exist.
    """
    from lineage.workflows import verdict
    from lineage.workflows.validating import Validating

    values = dict(metrics) if isinstance(metrics, Mapping) else None
    file = None if isinstance(metrics, Mapping) else text_of(metrics)
    wanted = Validating(
        file,
        passed,
        pipeline,
        values=values,
        elsewhere=elsewhere,
        profile=text_of(profile),
        attributions=text_of(attributions),
        leakage=leakage,
    )
    with project_and_registry() as (project, registry, actor):
        words = listed(command)
        return verdict.reach(
            project, registry, reference, wanted, words, replay_in, timeout, actor=actor
        )


def approve(
    reference: str,
    environment: str = PRODUCTION,
    *,
    pipeline: str | None = None,
    working_tree: bool = False,
) -> ApprovalRecord:
    """Approve a version for an environment, with the pipeline that runs there or is to run.

    Args:
        reference: the version.
        environment: where it may serve by it.
        pipeline: the pipeline version that it is approved with, ``NAME@DIGEST`` or its digest;
            default: the one that is deployed there now.
        working_tree: approve it with the pipeline in this checkout, which must be recorded.

    Returns:
        The approval, with how many there are and how many are ``needed``.

    Raises:
        NotFound: the version, the pipeline version or the environment does not exist.
        NotPermitted: who approves registered it, has approved it already, or may not approve.
        UsageError: the pipeline version is of another pipeline, or is named in two ways.
        CaptureError: the pipeline here cannot be captured.
    """
    from lineage.workflows import approve

    with project_and_registry() as (project, registry, actor):
        return approve.approve(
            project,
            registry,
            reference,
            environment,
            pipeline=pipeline,
            working_tree=working_tree,
            actor=actor,
        )
