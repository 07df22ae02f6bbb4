"""Pipeline versions as they were recorded before `lineage-pipeline/2` was there."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from lineage.identity.first_encoding import first_params
from lineage.identity.pipeline import Encoding, Manifest, PipelineVersion

if TYPE_CHECKING:
    from collections.abc import Collection


def as_before(version: PipelineVersion, *, without: Collection[str] = ()) -> PipelineVersion:
    """A pipeline version as it was recorded in the first encoding.

    Args:
        version: as it is captured today.
        without: code files that no dependency names, which were not in it.
    """
    assert version.manifest is not None
    stages = {
        name: dataclasses.replace(
            stage,
            params=first_params(stage.to_json()["params"]),
            code={path: digest for path, digest in stage.code.items() if path not in without},
        )
        for name, stage in version.manifest.stages.items()
    }
    return PipelineVersion(Manifest(stages, version.manifest.files, encoding=Encoding.FIRST))
