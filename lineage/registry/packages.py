"""What the hosts of a version must have installed, as an environment's policy demands it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.contract.results import DemandedPackages
from lineage.database import policies, validations, watched_runs
from lineage.database.deployments import deployment
from lineage.guard.evidence import Basis
from lineage.guard.policy import ALL_PACKAGES

if TYPE_CHECKING:
    from sqlmodel import Session

    from lineage.database import tables


def demanded(
    session: Session, environment: tables.Environment, version: tables.ModelVersion
) -> DemandedPackages:
    """The packages that a policy names, in the versions that the newest pass was reached with."""
    names = policies.policy_of(session, environment.name).match_packages
    ref = f"{version.model}@{version.number}"
    deployed = deployment(session, environment.name, version.pipeline) if names else None
    newest = (
        validations.newest_pass(session, version.id or 0, deployed.blake3) if deployed else None
    )
    if newest is None:
        return DemandedPackages(environment.name, environment.kind, ref, names)
    reached_in = watched_runs.environment_of(session, newest)
    packages = reached_in.packages if reached_in is not None else None
    if packages is not None and ALL_PACKAGES not in names:
        packages = {name: packages[name] for name in names if name in packages}
    return DemandedPackages(
        environment.name,
        environment.kind,
        ref,
        names,
        newest.id,
        Basis(newest.basis),
        packages,
        reached_in.gaps[:1] if reached_in is not None else (),
    )
