"""What a ``dvc.yaml`` declares beside its stages: metrics, and models among the artifacts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MODEL: Final = "model"
"""The type of an artifact that is a model: DVC's own word for it."""


@dataclass(frozen=True)
class Declared:
    """What one file declares: paths of metrics, and paths of models by their names.

    Paths are relative to the top of the repository, as ``folder`` is, where the file stands.
    """

    folder: str = ""
    metrics: tuple[str, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)


def read_declared(
    resolver: Any,  # noqa: ANN401 - DVC's
    folder: str,
    seen: Callable[[str], str],
) -> Declared:
    """What a file declares, as DVC resolves it.

    Args:
        resolver: DVC's resolver of the file.
        folder: where the file stands.
        seen: gives a path of the file as seen from the top of the repository.
    """
    artifacts = resolver.resolve_artifacts().items()
    return Declared(
        folder,
        tuple(map(seen, resolver.resolve_metrics())),
        {name: seen(one["path"]) for name, one in artifacts if one and one.get("type") == _MODEL},
    )
