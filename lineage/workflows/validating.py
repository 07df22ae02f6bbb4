"""What a person says of a validation, beside the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Validating:
    """What a person says of a validation, where not what the configuration says.

    ``metrics`` is a JSON file, ``besides`` further ones with other metrics, ``values`` the metrics
    themselves, ``stated`` a verdict, ``pipeline`` a recorded pipeline version, ``NAME@DIGEST`` or a
    digest alone, ``data`` the data sets that it is made on. ``elsewhere`` says that it was made
    where this project's weights and pipeline are not. ``profile`` is the data whose profile is kept
    with it, and ``attributions`` a file of which a summary is; ``leakage`` asks for what of the
    data the training knew.
    """

    metrics: str | None = None
    stated: bool | None = None
    pipeline: str | None = None
    data: tuple[str, ...] = ()
    values: dict[str, Any] | None = None
    elsewhere: bool = False
    profile: str | None = None
    besides: tuple[str, ...] = ()
    attributions: str | None = None
    leakage: bool = False
