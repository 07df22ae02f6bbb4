"""What `git clean` would take away: files of the registry's that lie in a checkout, untracked."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from lineage import kept
from lineage.registry_url import PREFIX, path_of

if TYPE_CHECKING:
    from lineage.capture.project import Project


def taken_by_git_clean(project: Project, url: str) -> bool:
    """Whether a registry is a file in the checkout of its project."""
    if not project.in_git or not url.startswith(PREFIX):
        return False
    return Path(os.path.realpath(path_of(url))).is_relative_to(os.path.realpath(project.top))


def place_outside(project: Project) -> str:
    """A URL for the registry of a project where no checkout is: in the user's own data."""
    data = os.environ.get("XDG_DATA_HOME", "")
    base = Path(data) if data.startswith("/") else kept.home() / ".local/share"
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", project.root.name) or "registry"
    return f"{PREFIX}{base / 'lineage-guard' / name / 'registry.db'}"
