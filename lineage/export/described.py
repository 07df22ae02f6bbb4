"""What is exported of a version: all that is recorded of it, read once, as each format needs it.

An export says what the registry knows. What a version lacks is left out, and what somebody only
stated is told as stated. No path of a machine and no secret is in it: digests, names, numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit
from uuid import UUID

from lineage.export.steps import Steps, steps_of
from lineage.guard.flat_metrics import flattened
from lineage.identity.digest import hash_object
from lineage.identity.run_environment import normalised
from lineage.masking import masked, masked_value, recorded_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lineage.connection import AnyRegistry
    from lineage.contract.results.records import SignedStatement, Validation, VersionRecord
    from lineage.contract.results.versions import FoundPipeline
    from lineage.guard.decision import Decision
    from lineage.identity.references import Reference

PRODUCER: Final = "https://pypi.org/project/lineage-guard/"
"""What made an export, as a URI."""

_EXACT: Final = 2**53
_DOMAIN: Final = "lineage-export/1"
_OF_URIS: Final = "%/:?#[]@!$&'()*+,;=~"
"""What a URI may hold besides letters and digits; the rest is escaped."""


@dataclass(frozen=True)
class DataItem:
    """An item of a data version: its name, its digest, and whether the bytes were read."""

    name: str
    digest: str
    verified: bool
    size: int | None


@dataclass(frozen=True)
class Described:
    """A version, the pipeline version it was registered with, and what the guard says of it now.

    ``decisions`` are of the environments that were asked about, and hold for that moment. ``made``
    are the steps that led to it.
    """

    version: VersionRecord
    pipeline: FoundPipeline | None = None
    decisions: tuple[Decision, ...] = ()
    made: Steps = field(default_factory=Steps)

    @property
    def code(self) -> dict[str, Any]:
        """The ``digest``, ``remote``, ``branch``, ``subfolder`` of the code; values may be None."""
        code = self.version["components"]["code"]
        return {**code, "remote": recorded_url(code["remote"]) if code["remote"] else None}

    @property
    def commit(self) -> str | None:
        """The commit of the code, without its algorithm; None where nothing says it."""
        digest: str | None = self.code["digest"]
        return digest.removeprefix("git:").partition("+")[0] if digest else None

    @property
    def data(self) -> tuple[DataItem, ...]:
        """The items of the data version."""
        return tuple(
            DataItem(
                masked(item["name"]),
                masked(item["digest"]),
                item["known"] == "verified",
                item["size"],
            )
            for item in self.version["components"]["data"]
        )

    @property
    def weights(self) -> dict[str, Any]:
        """The ``path``, ``blake3``, ``size``, ``files`` of the weights; values may be None."""
        return dict(self.version["components"]["weights"])

    @property
    def parameters(self) -> list[tuple[str, Any]]:
        """The parameters of the pipeline's stages: ``params.yaml:top`` and the value, by name.

        Passwords and tokens are masked, by a parameter's name and in URLs.
        """
        found = (
            (f"{file}:{name}", masked_value(name, value))
            for file, values in self.version["parameters"].items()
            for name, value in values.items()
        )
        return sorted(found, key=itemgetter(0))

    @property
    def packages(self) -> list[tuple[str, str]]:
        """Packages that were imported, by name, each with a version; several where several were.

        By the runs of the newest verdict that was watched, else by those that made the version.
        """
        watched = [*(one["watched"] for one in self.version.validations), self.version["watched"]]
        runs: list[dict[str, Any]] = next(filter(None, watched), [])
        return sorted(
            {
                (normalised(one["name"]), one["version"])
                for run in runs
                for one in run["distributions"]
            }
        )

    @property
    def signed(self) -> tuple[SignedStatement, ...]:
        """The signed statements on it that hold, the oldest first: of others, nothing."""
        return tuple(one for one in self.version.attestations[::-1] if one.verified)

    def identifier(self, *parts: object) -> UUID:
        """A UUID of this version and of what is named, the same whenever it is asked for.

        Of RFC 9562's version 8: what it is made of is the product's own.
        """
        return identified(self.version.tuple, self.version.ref, *parts)


def identified(*parts: object) -> UUID:
    """A UUID of what is named, the same whenever and wherever it is asked for."""
    number = int(hash_object(_DOMAIN, [*parts]).value, 16)
    number = (number & ~(0xF << 76)) | 8 << 76
    return UUID(int=(number & ~(0x3 << 62)) | 2 << 62)


def measured(validation: Validation) -> list[tuple[str, float]]:
    """The metrics of a verdict as ``slices.new.auc`` and a number, by name."""
    return sorted(flattened(validation.metrics).items())


def number(value: float) -> str:
    """A number as it was written: a count without a point."""
    return str(int(value)) if value.is_integer() and abs(value) < _EXACT else repr(value)


def as_uri(remote: str) -> str | None:
    r"""A repository's address as a URI; None where it is none.

    ``git@host:org/name`` is SSH's own spelling, ``C:\name`` that of a folder.

    >>> [as_uri(one) for one in ("git@host:org/a b", "C:\\name", "https://h/a b", "http://[::1/x")]
    ['ssh://git@host/org/a%20b', 'file:///C:/name', 'https://h/a%20b', None]
    """
    if "://" in remote:
        uri = quote(remote, safe=_OF_URIS)
    else:
        host, colon, path = remote.partition(":")
        if colon and "/" not in host and len(host) > 1:
            uri = f"ssh://{quote(host, safe='@')}/{quote(path)}"
        else:
            place = remote.replace("\\", "/")
            uri = f"file://{'' if place.startswith('/') else '/'}{quote(place, safe='/:')}"
    try:
        urlsplit(uri)
    except ValueError:
        return None
    return uri


def describe(
    registry: AnyRegistry, reference: str | Reference, environments: Sequence[str] = ()
) -> Described:
    """Read what is exported of a version.

    Args:
        registry: where it is recorded.
        reference: the version.
        environments: those that the guard is asked about.

    Raises:
        NotFound: the version or an environment does not exist.
    """
    from lineage.contract.results.records import VersionRecord

    version = VersionRecord(registry.show(reference))
    pipeline = registry.pipeline_of(version.ref) if version.pipeline is not None else None
    decisions = tuple(registry.guard(version.ref, name) for name in dict.fromkeys(environments))
    made = steps_of(registry.trace(version.ref))
    return Described(version, pipeline, decisions, made)
