"""Reading `environments.toml`: what each environment demands (docs/reference/policy.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, ValidationError

from lineage import bounded_file
from lineage.config import file as config_file
from lineage.contract.policies import EnvironmentTable, PolicyTable, environment_name
from lineage.contract.requests import DeclaredEnvironment
from lineage.contract.validation import first_problem
from lineage.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


class PolicyFile(PolicyTable):
    """The whole file."""

    environments: dict[Annotated[str, AfterValidator(environment_name)], EnvironmentTable]


def read(path: Path) -> tuple[DeclaredEnvironment, ...]:
    """The environments that a file declares, in its order.

    Raises:
        UsageError: it cannot be read, is not TOML, or a setting does not exist or is wrong.
    """
    try:
        text = bounded_file.read(path, config_file.LARGEST)
    except bounded_file.Unfit as reason:
        raise UsageError(f"{path} {reason}.", remedy="Name a file of environments.") from None
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
