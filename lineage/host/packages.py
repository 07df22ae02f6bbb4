"""The packages of this host beside those that its version was validated with."""

from __future__ import annotations

import logging
from importlib import metadata
from typing import TYPE_CHECKING, Final

from lineage import kept
from lineage.acts import act
from lineage.connection import connect
from lineage.contract.results import MOST_DIFFERENCES, DemandedPackages, PackageDifference
from lineage.errors import NotFound, NotPermitted, PackageMismatch, RegistryUnreachable
from lineage.identity.components import EnvironmentKind

if TYPE_CHECKING:
    from pathlib import Path

    from lineage.connection import AnyRegistry

MOST_NAMED: Final = 10
"""Packages that a refusal names; those beyond are counted."""

_LONGEST: Final = 100
_MOST_VERSIONS: Final = 20

logger = logging.getLogger("lineage.host.packages")


def require(url: str, ref: str, environment: str, *, offline: bool) -> None:
    """Refuse a host whose packages are not those that a version was validated with.

    Only where the environment's policy has ``match_packages``; in an experimental environment,
    where demands only warn, it is warned.

    Args:
        url: the registry.
        ref: the version that is to be loaded, by its number.
        environment: where the host serves.
        offline: the registry cannot be asked; what it last said counts.

    Raises:
        PackageMismatch: a package differs or is missing, or it is not known what was validated.
        RegistryUnreachable: the registry cannot be asked, and never was about this version.
    """
    demanded = _last_said(url, ref, environment) if offline else _asked(url, ref, environment)
    refusal = _refusal(demanded)
    if refusal is None:
        return
    if demanded.kind == EnvironmentKind.PRODUCTION:
        raise refusal
    logger.warning("%s %s", refusal, refusal.remedy)


def differing(
    registry: AnyRegistry, reference: str, environment: str
) -> tuple[PackageDifference, ...] | None:
    """The packages to report: the first that differ from what a version was validated with.

    None where none are demanded, it is not known what was validated, or this may not be asked.
    """
    try:
        demanded = registry.demanded_packages(reference, environment)
    except (NotFound, NotPermitted):
        return None
    if not demanded.demanded or demanded.unknown is not None:
        return None
    return tuple(
        PackageDifference(
            one.name[:_LONGEST],
            one.here,
            tuple(version[:_LONGEST] for version in one.validated[:_MOST_VERSIONS]),
        )
        for one in demanded.differing(installed)[:MOST_DIFFERENCES]
    )


def installed(name: str) -> str | None:
    """The version of a distribution that this Python would import; None where there is none."""
    try:
        found = metadata.version(name)
    except (metadata.PackageNotFoundError, OSError, ValueError, KeyError, TypeError):
        return None
    text = "".join(character for character in str(found or "") if character.isprintable())
    return text[:_LONGEST] or None


def _refusal(demanded: DemandedPackages) -> PackageMismatch | None:
    """Why this host may not serve, and what to do; None where it may."""
    validate = (
        "validate it by a command that is watched, where these versions are installed "
        f"({act('validate', demanded.ref)}, with the command behind --)"
    )
    if demanded.unknown is not None:
        return PackageMismatch(
            demanded.unknown,
            remedy=f"Let it be known: {validate}.",
        )
    differing = demanded.differing(installed) if demanded.demanded else ()
    if not differing:
        return None
    versions = " ".join(f"{one.name}=={one.validated[-1]}" for one in differing[:MOST_NAMED])
    return PackageMismatch(
        f"This host has other packages than {demanded.ref} was validated with: "
        f"{_named(differing)}.",
        remedy=f"Install what was validated (pip install {versions}), or {validate}.",
    )


def _named(differing: tuple[PackageDifference, ...]) -> str:
    more = len(differing) - MOST_NAMED
    named = "; ".join(map(str, differing[:MOST_NAMED]))
    return f"{named}; and {more} more" if more > 0 else named


def _asked(url: str, ref: str, environment: str) -> DemandedPackages:
    with connect(url) as registry:
        demanded = registry.demanded_packages(ref, environment)
    kept.write(_path(url, environment, ref), demanded.to_json())
    return demanded


def _last_said(url: str, ref: str, environment: str) -> DemandedPackages:
    document = kept.read(_path(url, environment, ref))
    try:
        return DemandedPackages.from_json(document or {})
    except (KeyError, TypeError, ValueError, AttributeError):
        raise RegistryUnreachable(
            f"It is not known which packages {environment} demands of the hosts of {ref}, and the "
            "registry cannot be asked.",
            remedy="Start again when it answers.",
        ) from None


def _path(url: str, environment: str, ref: str) -> Path:
    return kept.path("packages", url, environment, ref)
