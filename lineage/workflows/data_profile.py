"""The profile of the data that a version is validated on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineage.capture.project import Project
    from lineage.evidence.profile import Profile


def profile_here(project: Project, model: str, named: str | None = None) -> Profile | None:
    """The profile of the data that is named, or else configured; None where none is.

    A named file that ends in ``.json`` is a profile itself. Of data the configured ``keys`` are
    left out: what names a row is never what it was before.

    Raises:
        UsageError: the data cannot be read, or a configured column is not there.
    """
    table = project.config.model(model).evidence
    configured = None if table is None else table.data
    if named is None and configured is None:
        return None
    from lineage.evidence.reading.profiling import profile_of, read_profile, roles_of

    if named is not None and named.endswith(".json"):
        return read_profile(named)
    data = project.inside(configured or "") if named is None else Path(named)
    roles = None
    if table is not None:
        roles = roles_of(table.score, table.target, table.time, table.groups)
    found, _ = profile_of(data, roles=roles)
    return found if table is None else found.without(table.keys)


def untimed(profile: Profile) -> str | None:
    """A sentence on the rows that are in no window; None where there are none."""
    if not profile.untimed:
        return None
    return (
        f"{profile.untimed:,} of {profile.rows:,} rows have no time in {profile.roles.time!r} from "
        "2 January 1970 to tomorrow, and are in no window"
    )
