"""What `lineage init` makes: a configuration, a registry, and its first environments.

What ``dvc.yaml`` proposes, and the environments of a server, are made where somebody agrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from lineage.acts import act, typed
from lineage.config import file as config_file
from lineage.connection import connect
from lineage.database.schema import upgrade
from lineage.identity.components import EnvironmentKind
from lineage.registry_url import is_remote, without_password
from lineage.workflows.git_clean import place_outside, taken_by_git_clean
from lineage.workflows.proposed_config import proposal_of, text_of, write, write_proposal

if TYPE_CHECKING:
    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.workflows.proposed_config import Proposal

ENVIRONMENTS: Final = {
    "production": EnvironmentKind.PRODUCTION,
    "staging": EnvironmentKind.EXPERIMENTAL,
}

_HEAD: Final = """\
# lineage-guard: what each model is made of.
# See the page 'Configuration' of the documentation.

[registry]
url = "sqlite:///.lineage/registry.db"
"""

_EXAMPLE: Final = """
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


class Choices(Protocol):
    """Who agrees to what `init` proposes."""

    def write_models(self, proposal: Proposal) -> bool:
        """Whether the proposed models are written into the configuration."""

    def create_environments(self, names: tuple[str, ...], server: str) -> bool:
        """Whether the environments are created on a server, which others may use."""


@dataclass(frozen=True)
class Initialised:
    """What was made, and what was there.

    ``proposal`` is what ``dvc.yaml`` proposes, and ``models_written`` tells whether the
    configuration has it now; ``notes`` are what a person should know, each with what to do.
    """

    config: str
    config_created: bool
    registry: str
    registry_created: bool
    environments_created: tuple[str, ...]
    proposal: Proposal | None = None
    models_written: bool = False
    notes: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON of `init`."""
        return {
            "config": self.config,
            "config_created": self.config_created,
            "registry": self.registry,
            "registry_created": self.registry_created,
            "environments_created": list(self.environments_created),
            "proposal": self.proposal.to_json() if self.proposal else None,
            "models_written": self.models_written,
            "notes": [{"what": what, "remedy": typed(remedy)} for what, remedy in self.notes],
        }

    def lines(self) -> list[str]:
        """The same for people, but for the notes."""
        made = {True: "written", False: "kept"}
        created = {True: "created", False: "is there"}
        environments = ", ".join(self.environments_created)
        models = [] if self.proposal is None else [model.name for model in self.proposal.models]
        return [
            f"{self.config} {made[self.config_created]}",
            *([f"models {', '.join(models)} added to it"] if self.models_written else []),
            f"registry {self.registry} {created[self.registry_created]}",
            *([f"environments {environments} created"] if environments else []),
        ]


def initialise(
    project: Project, url_flag: str | None, choices: Choices, *, actor: str
) -> Initialised:
    """Make what is missing; what is there stays as it is.

    Args:
        project: where.
        url_flag: the registry's URL, where a flag names it.
        choices: who agrees to what is proposed.
        actor: in whose name environments are created.

    Raises:
        CaptureError: a DVC file cannot be read; nothing is made then.
        UsageError: the configuration cannot be written.
        RegistryUnreachable: the registry cannot be made.
    """
    if not project.configured:
        project = project.here()
    proposal = proposal_of(project)
    agreed = proposal is not None and bool(proposal) and choices.write_models(proposal)
    missing = config_file.read(project.root) is None
    _configure(project, proposal if agreed else None, missing=missing)
    url = project.registry_url(url_flag)
    project.own_folder()
    new = not is_remote(url) and upgrade(url)[0] is None
    with connect(url) as registry:
        created, notes = _environments(registry, url, choices, actor)
    if proposal is not None and not proposal:
        notes.append(NOTHING_PROPOSED)
    elif proposal is not None and not agreed:
        notes.append((_NOT_WRITTEN, f"Write what dvc.yaml proposes: {act('init', yes=True)}"))
    if taken_by_git_clean(project, url):
        notes.append(_in_checkout(project, url))
    return Initialised(
        project.file.name,
        missing,
        without_password(url),
        new,
        created,
        proposal,
        agreed,
        tuple(notes),
    )


_NOT_WRITTEN: Final = "The configuration describes no model."
NOTHING_PROPOSED: Final = (
    "No output of a stage in dvc.yaml looks like the weights of a model.",
    "Say where they are, as [models.NAME] of the configuration; see its page in the documentation.",
)
"""What is told where the stages were read, and no model was seen; and what to do."""


def _configure(project: Project, proposal: Proposal | None, *, missing: bool) -> None:
    """Write the configuration that is missing, and the models that were agreed to."""
    path = project.root / project.file.name
    if proposal is not None:
        before = _HEAD.encode() if missing else text_of(path)
        write_proposal(path, before, proposal)
    elif missing:
        write(path, f"{_HEAD}{_EXAMPLE}".encode())


def _environments(
    registry: AnyRegistry, url: str, choices: Choices, actor: str
) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    """Create the environments that are missing: on a server only where it has none, and if told.

    Returns:
        those that were created, and what a person should know.
    """
    there = {row["name"] for row in registry.environments()}
    wanted = tuple(name for name in ENVIRONMENTS if name not in there)
    if is_remote(url) and (there or not wanted):
        return (), []
    if is_remote(url):
        if not registry.administers_all:
            make = act("env", "create", "production", kind=EnvironmentKind.PRODUCTION.value)
            return (), [
                (
                    "The server has no environments that this token sees, and it may create none.",
                    f"Ask somebody whose token has the scope admin, bound to nothing: {make}",
                )
            ]
        if not choices.create_environments(wanted, without_password(url)):
            note = "The server has no environments, so nothing can serve."
            return (), [(note, f"Create {' and '.join(wanted)}: {act('init', yes=True)}")]
    created = [
        name
        for name in wanted
        if registry.create_environment(name, ENVIRONMENTS[name], actor=actor)
    ]
    return tuple(created), []


def _in_checkout(project: Project, url: str) -> tuple[str, str]:
    """What is said of a registry that lies in the checkout."""
    outside = place_outside(project)
    what = "The registry lies in the checkout: `git clean -dffx` takes it away with its history."
    remedy = (
        f"Keep it outside: {act('db copy', url, outside)}, and name it as [registry] url in "
        f"{project.file.name}."
    )
    return what, remedy
