"""A validation's metrics: one strict JSON object of finite numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lineage import bounded_file, strict_json
from lineage.errors import CaptureError

if TYPE_CHECKING:
    from pathlib import Path

LARGEST: Final = 16 << 20
"""Bytes of a metrics file that are read at the most."""


def checked(values: dict[str, Any]) -> dict[str, Any]:
    """Metrics as they would be read back from a file; scalars of NumPy and its kin are numbers.

    Raises:
        CaptureError: they are no JSON of finite numbers.
    """
    try:
        return dict(strict_json.loads(strict_json.dumps(_plain(values, ()))))
    except (ValueError, TypeError, RecursionError) as error:
        raise CaptureError(
            f"The metrics are not valid JSON: {error}.",
            remedy='Give one mapping of names to finite numbers, for example {"auc": 0.91}.',
        ) from None


def _plain(value: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - whatever a caller measured
    """A value as JSON has it: an array without dimensions (NumPy, PyTorch) is its number."""
    if isinstance(value, dict):
        return {key: _plain(inner, (*path, str(key))) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner, (*path, str(number))) for number, inner in enumerate(value)]
    if value is None or type(value) in (str, bool, int, float):
        return value
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "shape", None) == ():
        plain = item()
        if type(plain) in (str, bool, int, float):
            return plain
    if isinstance(value, (str, int, float)):
        return value
    name = ".".join(path)
    raise TypeError(f"{name[:80]} is a {type(value).__name__}, which is no number")


def read(path: Path) -> dict[str, Any]:
    """Strict JSON metrics.

    Raises:
        CaptureError: see :meth:`Project.read_metrics`.
    """
    try:
        data = bounded_file.read(path, LARGEST)
    except bounded_file.Unfit as reason:
        raise CaptureError(
            f"The metrics file '{path}' {reason}.",
            remedy="Write the metrics as one JSON object, or name another file.",
        ) from None
    try:
        values = strict_json.loads(data, unique_keys=True)
        if not isinstance(values, dict):
            raise ValueError("it is not an object")
    except (ValueError, RecursionError) as error:
        raise CaptureError(
            f"The metrics in {path} are not valid JSON: {error}.",
            remedy='Write one JSON object of finite numbers, for example {"auc": 0.91}.',
        ) from None
    return values
