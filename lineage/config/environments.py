"""Reading `environments.toml`: what each environment demands (docs/reference/policy.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from lineage.config import file as config_file
from lineage.config.models import first_problem, requirement
from lineage.contract.requests import DeclaredEnvironment
from lineage.errors import UsageError
from lineage.guard.policy import WAIVABLE, EnvironmentPolicy
from lineage.identity.components import EnvironmentKind
from lineage.identity.references import check_environment_name, check_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


MOST_APPROVALS = 100


def _environment_name(text: str) -> str:
    return check_environment_name(text)


def _model_name(text: str) -> str:
    return check_name("model", text)


def _person(text: str) -> str:
    if not text.strip():
        raise ValueError("a person's name is empty")
    return text.strip()


def _rule(code: str) -> str:
    if code not in WAIVABLE:
        raise ValueError(
            f"{code[:60]!r} can never be waived; those that can: {', '.join(WAIVABLE)}"
        )
    return code


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Requirements = list[Annotated[str, AfterValidator(requirement)]]
People = list[Annotated[str, AfterValidator(_person)]]


class ModelTable(_Table):
    """``[environments.NAME.models.MODEL]``."""

    require: Requirements = Field(default_factory=list)


class EnvironmentTable(_Table):
    """``[environments.NAME]``."""

    kind: Annotated[EnvironmentKind, Field(strict=False)] | None = None
    require: Requirements = Field(default_factory=list)
    models: dict[Annotated[str, AfterValidator(_model_name)], ModelTable] = Field(
        default_factory=dict
    )
    promote_from: Annotated[str, AfterValidator(_environment_name)] | None = None
    approvals: Annotated[int, Field(ge=0, le=MOST_APPROVALS)] = 0
    not_approvers: People = Field(default_factory=list)
    backup: bool = False
    accept_carried: bool = True
    waive: dict[Annotated[str, AfterValidator(_rule)], People] = Field(default_factory=dict)

    @property
    def policy(self) -> EnvironmentPolicy:
        """The policy as the registry keeps it."""
        return EnvironmentPolicy(
            require=tuple(self.require),
            models={name: tuple(t.require) for name, t in self.models.items() if t.require},
            promote_from=self.promote_from,
            approvals=self.approvals,
            not_approvers=tuple(self.not_approvers),
            backup=self.backup,
            accept_carried=self.accept_carried,
            waive={code: tuple(people) for code, people in self.waive.items() if people},
        )


class PolicyFile(_Table):
    """The whole file."""

    environments: dict[Annotated[str, AfterValidator(_environment_name)], EnvironmentTable]


def read(path: Path) -> tuple[DeclaredEnvironment, ...]:
    """The environments that a file declares, in its order.

    Raises:
        UsageError: it cannot be read, is not TOML, or a setting does not exist or is wrong.
    """
    try:
        with path.open("rb") as file:
            text = file.read(config_file.LARGEST + 1)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}.", remedy="Name a file of environments."
        ) from None
    parsed = config_file.parse(text, str(path))
    try:
        table = PolicyFile.model_validate(parsed.table if parsed else {})
    except ValidationError as error:
        raise UsageError(
            f"{path} does not declare environments: {first_problem(error)}.",
            remedy="Declare each as [environments.NAME]; see the page "
            "'Environment policy' of the documentation.",
        ) from None
    return tuple(
        DeclaredEnvironment(name, one.policy, one.kind) for name, one in table.environments.items()
    )


def policy_of(document: Mapping[str, Any]) -> EnvironmentPolicy:
    """A policy from its JSON (:meth:`EnvironmentPolicy.to_json`), checked as a file's is.

    Raises:
        UsageError: a setting does not exist or is wrong.
    """
    models = {name: {"require": texts} for name, texts in document["models"].items()}
    try:
        return EnvironmentTable.model_validate({**document, "models": models}).policy
    except ValidationError as error:
        raise UsageError(
            f"The policy is not valid: {first_problem(error)}.",
            remedy="See the page 'Environment policy' of the documentation.",
        ) from None
