"""What a host must have installed to serve a version: the policy's packages, as validated. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from lineage.contract.fields import from_fields
from lineage.display import Shown
from lineage.guard.evidence import Basis
from lineage.guard.policy import ALL_PACKAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_DIFFERENCES: Final = 50
"""Packages that an instance names of those that differ."""

_BASES: Final = {Basis.CARRIED: "was carried over", Basis.STATED: "was stated"}


@dataclass(frozen=True)
class PackageDifference:
    """A package whose version on a host is none that was validated; ``here`` None: it is not."""

    name: str
    here: str | None
    validated: tuple[str, ...]

    def __str__(self) -> str:
        here = f"{self.here} here" if self.here is not None else "not installed here"
        return f"{self.name} {here}, {' or '.join(self.validated)} validated"

    def to_json(self) -> dict[str, Any]:
        """One of the packages that an instance reports as other ones."""
        return {"name": self.name, "here": self.here, "validated": list(self.validated)}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> PackageDifference:
        """Read back what :meth:`to_json` wrote."""
        return from_fields(cls, body, validated=tuple(body["validated"]))


@dataclass(frozen=True, repr=False)
class DemandedPackages(Shown):
    """The packages that an environment demands of the hosts of a version.

    ``demanded`` is the policy's ``match_packages``. ``validation`` is the newest pass of the
    version with the pipeline that is deployed, ``basis`` how it came about. ``packages`` holds the
    validated versions of what is demanded and was imported, None where nobody observed what was;
    ``gaps`` tell what may be missing there.
    """

    environment: str
    kind: str
    ref: str
    demanded: tuple[str, ...] = ()
    validation: int | None = None
    basis: Basis | None = None
    packages: Mapping[str, tuple[str, ...]] | None = None
    gaps: tuple[str, ...] = ()

    @property
    def unknown(self) -> str | None:
        """Why a host cannot be compared, in a sentence; None where it can, or need not."""
        if not self.demanded:
            return None
        what = f"{self.environment} demands validated packages of its hosts"
        if self.validation is None:
            return f"{what}, and {self.ref} has no pass with the pipeline that is deployed there."
        if self.packages is None:
            how = "came of a run in which no Python was observed"
            if self.basis is not None:
                how = _BASES.get(self.basis, how)
            return (
                f"{what}, and it is not known which ones {self.ref} was validated with: validation "
                f"{self.validation} {how}."
            )
        missing = [n for n in self.demanded if n != ALL_PACKAGES and n not in self.packages]
        if missing and self.gaps:
            return (
                f"{what}, and it is not known whether {self.ref} was validated with "
                f"{', '.join(missing[:10])}: {self.gaps[0]}."
            )
        return None

    def differing(self, installed: Callable[[str], str | None]) -> tuple[PackageDifference, ...]:
        """The packages of which a host has another version than was validated, or none.

        What is demanded and was not imported by a run that was observed without a gap is passed
        over: the verdict does not rest on it.

        Args:
            installed: gives the version of a package that the host has; None where it has none.
        """
        found = []
        for name, versions in sorted((self.packages or {}).items()):
            here = installed(name)
            if here not in versions:
                found.append(PackageDifference(name, here, versions))
        return tuple(found)

    @override
    def to_json(self) -> dict[str, Any]:
        """JSON of the look-up."""
        packages = self.packages
        return {
            "environment": self.environment,
            "kind": self.kind,
            "ref": self.ref,
            "demanded": list(self.demanded),
            "validation": self.validation,
            "basis": self.basis,
            "packages": {name: list(packages[name]) for name in packages}
            if packages is not None
            else None,
            "gaps": list(self.gaps),
        }

    @override
    def _line(self) -> str:
        return f"{self.ref} in {self.environment}: {', '.join(self.demanded) or 'no package'}"

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> DemandedPackages:
        """Read back what :meth:`to_json` wrote."""
        packages = body["packages"]
        return from_fields(
            cls,
            body,
            demanded=tuple(body["demanded"]),
            basis=Basis(body["basis"]) if body["basis"] is not None else None,
            packages={name: tuple(versions) for name, versions in packages.items()}
            if packages is not None
            else None,
            gaps=tuple(body["gaps"]),
        )
