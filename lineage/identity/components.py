"""The four components of a model version, and the tuple they form (docs/glossary.md, "tuple")."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from lineage.errors import UsageError
from lineage.identity.digest import Digest, blake3_of, canonical_bytes, hash_object, xxh3

if TYPE_CHECKING:
    from lineage.identity.pipeline import PipelineVersion


DATA_DOMAIN: Final = b"lineage-data/1"


class Kind(StrEnum):
    """How much of a model version is tracked, and so where it may go."""

    PRODUCTION = "production"
    EXPERIMENT = "experiment"


def check_kind(text: str) -> Kind:
    """The kind of a version by its name.

    Raises:
        UsageError: there is none of this name.
    """
    try:
        return Kind(text)
    except ValueError:
        raise UsageError(
            f"{text[:40]!r} is not a kind.", remedy="Name production or experiment."
        ) from None


class EnvironmentKind(StrEnum):
    """Whether the invariant holds in an environment."""

    PRODUCTION = "production"
    EXPERIMENTAL = "experimental"


class Known(StrEnum):
    """How a data item's digest is known."""

    VERIFIED = "verified"
    """The bytes were read here."""
    ASSERTED = "asserted"
    """Somebody, or a DVC file, says so."""


class Proof(StrEnum):
    """How it is known which pipeline a serving host runs."""

    SEALED = "sealed"
    """The host compared its files and modules with a seal."""
    CLAIMED = "claimed"
    """The host only says a digest."""


@dataclass(frozen=True)
class CodeVersion:
    """A git commit, and the digest of what differs from it in the working tree.

    ``remote`` is the URL without credentials, ``subfolder`` the project's folder in the
    repository (``""`` at its top).
    """

    commit: str
    difference: Digest | None = None
    remote: str | None = None
    branch: str | None = None
    subfolder: str = ""

    @property
    def digest(self) -> Digest:
        """``git:<commit>``, and ``+`` the difference's digest where the tree is dirty."""
        text = f"git:{self.commit}"
        return Digest(text if self.difference is None else f"{text}+{self.difference}")

    @property
    def dirty(self) -> bool:
        """Whether the tree held changes that the commit does not."""
        return self.difference is not None


@dataclass(frozen=True, order=True)
class DataItem:
    """One named data item; ``size`` is in bytes where it is known."""

    name: str
    digest: Digest
    known: Known
    size: int | None = None


@dataclass(frozen=True)
class DataVersion:
    """A manifest of data items, sorted by name; its digests are taken once."""

    items: tuple[DataItem, ...]

    @cached_property
    def xxh3(self) -> Digest:
        """``H("lineage-data/1", {name: digest, …})``."""
        return xxh3(DATA_DOMAIN + b"\n" + self._canonical)  # H without writing the manifest again

    @cached_property
    def blake3(self) -> Digest:
        """BLAKE3 of the manifest's canonical bytes: what tells two data versions apart."""
        return blake3_of(self._canonical)

    @cached_property
    def asserted(self) -> tuple[str, ...]:
        """The names of the items whose bytes nobody read."""
        return tuple(item.name for item in self.items if item.known is Known.ASSERTED)

    @cached_property
    def _canonical(self) -> bytes:
        return canonical_bytes({item.name: item.digest for item in self.items})


@dataclass(frozen=True)
class Weights:
    """A model's weights, a file or a folder; ``size`` in bytes over all its files."""

    xxh3: Digest
    blake3: Digest | None
    path: str
    size: int
    files: int = 1


@dataclass(frozen=True)
class Components:
    """The four components; an experiment may lack any of them."""

    code: CodeVersion | None
    data: DataVersion | None
    pipeline: PipelineVersion | None
    weights: Weights | None

    @cached_property
    def digests(self) -> dict[str, Digest | None]:
        """Each component's digest by its name."""
        return {
            "code": self.code.digest if self.code else None,
            "data": self.data.xxh3 if self.data else None,
            "pipeline": self.pipeline.xxh3 if self.pipeline else None,
            "weights": self.weights.xxh3 if self.weights else None,
        }

    @cached_property
    def tuple_xxh3(self) -> Digest:
        """``H("lineage-tuple/1", …)``: a name, not a proof."""
        return hash_object("lineage-tuple/1", self.digests)

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of the components that are not there."""
        return tuple(name for name, digest in self.digests.items() if digest is None)

    @cached_property
    def identity(self) -> tuple[Any, ...]:
        """What two equal tuples share, resting on BLAKE3 wherever it is recorded."""
        return (
            self.digests["code"],
            self.data.blake3 if self.data else None,
            self.pipeline.blake3 if self.pipeline else None,
            (self.weights.xxh3, self.weights.blake3) if self.weights else None,
        )
