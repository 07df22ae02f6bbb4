"""The formats that a version is exported in, and what writes each."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from lineage.display import Shown
from lineage.errors import UsageError
from lineage.export.described import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.connection import AnyRegistry
    from lineage.identity.references import Reference


@dataclass(frozen=True)
class Format:
    """A format: what writes it, its media type, and the ending of a file's name."""

    module: str
    media_type: str
    suffix: str


FORMATS: Final = {
    "openlineage": Format("openlineage", "application/x-ndjson", ".openlineage.ndjson"),
    "cyclonedx": Format("cyclonedx", "application/vnd.cyclonedx+json; version=1.6", ".cdx.json"),
    "prov": Format("prov", "application/json", ".prov.json"),
    "card": Format("card", "text/markdown; charset=utf-8", ".md"),
}
"""Every format by its name."""


@dataclass(frozen=True, repr=False)
class Export(Shown):
    """A version in a format: its ``text``, and what a file of it could be called (``name``).

    ``form`` is the format's name, ``format`` what it is: its ``media_type``, for instance.
    """

    ref: str
    form: str
    format: Format
    name: str
    text: str

    @override
    def _line(self) -> str:
        return f"{self.ref} as {self.form}, {len(self.text):,} characters"

    @override
    def to_json(self) -> dict[str, Any]:
        """JSON of `export`."""
        return {
            "ref": self.ref,
            "format": self.form,
            "media_type": self.format.media_type,
            "name": self.name,
            "text": self.text,
        }


def check_format(name: str) -> Format:
    """A format by its name.

    Raises:
        UsageError: there is none of this name.
    """
    if name not in FORMATS:
        raise UsageError(
            f"{name[:40]!r} is no format of an export.", remedy=f"Use one of {', '.join(FORMATS)}."
        )
    return FORMATS[name]


def export(
    registry: AnyRegistry, reference: str | Reference, form: str, environments: Sequence[str] = ()
) -> Export:
    """A version in a format.

    Args:
        registry: where it is recorded.
        reference: the version.
        form: the name of a format.
        environments: those that the guard is asked about; what it says is part of the export.

    Raises:
        UsageError: there is no such format.
        NotFound: the version or an environment does not exist.
    """
    chosen = check_format(form)
    described = describe(registry, reference, environments)
    text: str = import_module(f"lineage.export.{chosen.module}").written(described)
    ref = described.version.ref
    return Export(ref, form, chosen, f"{ref.replace('@', '-')}{chosen.suffix}", text)
