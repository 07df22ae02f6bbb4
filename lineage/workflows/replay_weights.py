"""A version's weights for a replay: from the checkout where they are right, else from a store."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from lineage.acts import act
from lineage.errors import CaptureError, NotFound
from lineage.weights import download
from lineage.weights.dvc_remotes import reason_of
from lineage.workflows.own_parts import own_weights_here

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry


def put_own_weights(
    project: Project, registry: AnyRegistry, version: Mapping[str, Any], target: Path
) -> None:
    """Put a version's weights into a worktree: from the checkout where they are, else a store.

    Raises:
        NotFound: they are neither here nor in a store.
        IntegrityFailure: no store has them as they were registered.
        StoreUnreachable: no store that could have them can be used.
        CaptureError: they cannot be written.
    """
    source = own_weights_here(project, version)
    if source is None:
        source = _pulled(registry, version)
    try:
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        target.unlink(missing_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(source, target)
    except OSError as error:
        raise CaptureError(
            f"The weights of {version['ref']} cannot be written for the run: {reason_of(error)}.",
            remedy="Make room, or name another place for temporary files: TMPDIR.",
        ) from None


def _pulled(registry: AnyRegistry, version: Mapping[str, Any]) -> Path:
    stored = registry.stored(version["ref"])
    if not stored.copies:
        raise NotFound(
            f"The weights of {version['ref']} are neither here nor in a store.",
            remedy=f"Store them from wherever they are: {act('store put', version['ref'], 'PATH')}",
        )
    return download.pull(stored)
