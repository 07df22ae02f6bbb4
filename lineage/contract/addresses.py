"""Addresses: where the nouns of the registry stand in a server's URL. Pure.

The server's routes declare these templates and the client fills them, so that an address is spelled
here alone. A version stands in one as its selector (:attr:`Reference.selector`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lineage.identity.references import check_environment_name, check_name

if TYPE_CHECKING:
    from lineage.identity.references import Reference

ENVIRONMENTS: Final = "/v1/environments"
ENVIRONMENT: Final = ENVIRONMENTS + "/{env}"
SLOT: Final = ENVIRONMENT + "/models/{model}"
PACKAGES: Final = SLOT + "/packages/{n}"
DEPLOYED_PIPELINE: Final = ENVIRONMENT + "/pipelines/{pipeline}"

MODELS: Final = "/v1/models"
MODEL: Final = MODELS + "/{model}"
VERSIONS: Final = MODEL + "/versions"
VERSION: Final = VERSIONS + "/{n}"

PIPELINE_VERSIONS: Final = "/v1/pipelines/{pipeline}/versions"
STORES: Final = "/v1/stores"
TOKENS: Final = "/v1/tokens"


def environment(name: str) -> str:
    """The address of an environment.

    Raises:
        UsageError: no environment can be called so.
    """
    return ENVIRONMENT.format(env=check_environment_name(name))


def slot(environment: str, model: str) -> str:
    """The address of a model's slot in an environment.

    Raises:
        UsageError: a name is not valid.
    """
    return SLOT.format(env=check_environment_name(environment), model=check_name("model", model))


def packages(environment: str, reference: Reference) -> str:
    """The address of what the hosts of a version must have installed in an environment.

    Raises:
        UsageError: a name is not valid.
    """
    return PACKAGES.format(
        env=check_environment_name(environment),
        model=check_name("model", reference.model),
        n=reference.selector,
    )


def deployed_pipeline(environment: str, pipeline: str) -> str:
    """The address of what an environment runs of a pipeline.

    Raises:
        UsageError: a name is not valid.
    """
    return DEPLOYED_PIPELINE.format(
        env=check_environment_name(environment), pipeline=check_name("pipeline", pipeline)
    )


def versions(model: str) -> str:
    """The address of a model's versions.

    Raises:
        UsageError: the name is not valid.
    """
    return VERSIONS.format(model=check_name("model", model))


def version(reference: Reference) -> str:
    """The address of one version.

    Raises:
        UsageError: the model's name is not valid.
    """
    return VERSION.format(model=check_name("model", reference.model), n=reference.selector)


def pipeline_versions(name: str) -> str:
    """The address of a pipeline's recorded versions.

    Raises:
        UsageError: the name is not valid.
    """
    return PIPELINE_VERSIONS.format(pipeline=check_name("pipeline", name))
