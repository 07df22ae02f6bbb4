"""A validation's metrics: one strict JSON object of finite numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lineage import bounded_file, strict_json
from lineage.errors import CaptureError
from lineage.guard.flat_metrics import COMMAND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lineage.capture.command import Run

LARGEST: Final = 16 << 20
"""Bytes of a metrics file that are read at the most."""

_DEEPEST: Final = 20
"""Levels of two files of metrics that are put together key by key."""


def joined(values: dict[str, Any] | None, paths: Iterable[str]) -> dict[str, Any] | None:
    """Metrics, and those of further files besides; None where there are none.

    Raises:
        CaptureError: a file cannot be read, or says what one before it does.
    """
    found = values
    for path in paths:
        more = read(Path(path))
        found = _merged(found, more, (), path) if found is not None else more
    return found


def _merged(
    one: Mapping[str, Any], other: Mapping[str, Any], before: tuple[str, ...], path: str
) -> dict[str, Any]:
    """Two objects in one: what both have are objects again, which have nothing else in common."""
    found = dict(one)
    for key, value in other.items():
        inner, place = found.get(key), (*before, key)
        if key not in found:
            found[key] = value
        elif isinstance(inner, dict) and isinstance(value, dict) and len(place) < _DEEPEST:
            found[key] = _merged(inner, value, place, path)
        else:
            raise CaptureError(
                f"The metrics file '{path}' has the key {'.'.join(place)[:80]!r}, and so has one "
                "before it.",
                remedy="Write it into one of them alone.",
            )
    return found


def with_command(values: Mapping[str, Any] | None, run: Run) -> dict[str, Any]:
    """The metrics that a command wrote, and besides under :data:`COMMAND` what it took itself."""
    return {**(values or {}), COMMAND: run.measured()}


def _require_free(values: Mapping[str, Any], where: str) -> None:
    """Refuse metrics that have the name under which stands what was measured here.

    Raises:
        CaptureError: they have it.
    """
    taken = next((key for key in values if f"{key}.".startswith(f"{COMMAND}.")), None)
    if taken is not None:
        raise CaptureError(
            f"{where} have the key {taken[:80]!r}: under {COMMAND!r} stands what a command took "
            "that `validate` ran (seconds, cpu_seconds, peak_memory_bytes), and nothing else.",
            remedy="Give what you measured another name.",
        )


def checked(values: dict[str, Any]) -> dict[str, Any]:
    """Metrics as they would be read back from a file; scalars of NumPy and its kin are numbers.

    Raises:
        CaptureError: they are no JSON of finite numbers, or have a name that is taken.
    """
    try:
        plain = dict(strict_json.loads(strict_json.dumps(_plain(values, ()))))
    except (ValueError, TypeError, RecursionError) as error:
        raise CaptureError(
            f"The metrics are not valid JSON: {error}.",
            remedy='Give one mapping of names to finite numbers, for example {"auc": 0.91}.',
        ) from None
    _require_free(plain, "The metrics")
    return plain


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
        CaptureError: the file is missing, no JSON object, or holds a number that is not finite.
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
    _require_free(values, f"The metrics in {path}")
    return values
