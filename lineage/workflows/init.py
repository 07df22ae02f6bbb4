"""What `lineage init` makes: a configuration, a registry, and its first environments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lineage.config import file as config_file
from lineage.connection import connect
from lineage.database.schema import upgrade
from lineage.errors import UsageError
from lineage.identity.components import EnvironmentKind
from lineage.registry_url import is_remote, without_password

if TYPE_CHECKING:
    from pathlib import Path

    from lineage.capture.project import Project

ENVIRONMENTS: Final = {
    "production": EnvironmentKind.PRODUCTION,
    "staging": EnvironmentKind.EXPERIMENTAL,
}

TEMPLATE: Final = """\
# lineage-guard: what each model is made of.
# See the page 'Configuration' of the documentation.

[registry]
url = "sqlite:///.lineage/registry.db"

# [models.churn]
# weights = "models/model.pkl"
# data = ["data/raw.csv"]
# metrics = "eval/metrics.json"
# evaluate = "python src/evaluate.py"   # what writes them; or the name of a stage of dvc.yaml
# require = ["auc >= 0.80"]
#
# [models.churn.pipeline]
# stages = ["prepare", "featurize"]     # the dvc.yaml stages that production runs too
# files = ["uv.lock"]                   # further files that define the pipeline
"""


@dataclass(frozen=True)
class Initialised:
    """What was made, and what was there."""

    config: str
    config_created: bool
    registry: str
    registry_created: bool
    environments_created: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON of `init`."""
        return {
            "config": self.config,
            "config_created": self.config_created,
            "registry": self.registry,
            "registry_created": self.registry_created,
            "environments_created": list(self.environments_created),
        }

    def lines(self) -> list[str]:
        """The same for people."""
        made = {True: "written", False: "kept"}
        created = {True: "created", False: "is there"}
        environments = ", ".join(self.environments_created)
        return [
            f"{self.config} {made[self.config_created]}",
            f"registry {self.registry} {created[self.registry_created]}",
            f"environments {environments} created" if environments else "environments are there",
        ]


def initialise(project: Project, url_flag: str | None, *, actor: str) -> Initialised:
    """Make what is missing; what is there stays as it is.

    Raises:
        UsageError: the configuration cannot be written.
        RegistryUnreachable: the registry cannot be made.
    """
    if not project.configured:
        project = project.here()
    path = project.root / config_file.FILE
    missing = config_file.read(project.root) is None
    if missing:
        _write(path, TEMPLATE)
    url = project.registry_url(url_flag)
    project.own_folder()
    new = not is_remote(url) and upgrade(url)[0] is None
    with connect(url) as registry:
        there = {row["name"] for row in registry.environments()}
        created = (
            ()
            if is_remote(url)
            else tuple(
                name
                for name, kind in ENVIRONMENTS.items()
                if name not in there and registry.create_environment(name, kind, actor=actor)
            )
        )
    return Initialised(
        config_file.FILE if missing or path.exists() else "pyproject.toml",
        missing,
        without_password(url),
        new,
        created,
    )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.", remedy="Make the folder writable."
        ) from None
