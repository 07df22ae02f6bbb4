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
GUARD: Final = SLOT + "/guard"
PROMOTE: Final = SLOT + "/promote"
ROLLBACK: Final = SLOT + "/rollback"
RETIRE: Final = SLOT + "/retire"
BACKUP: Final = SLOT + "/backup"
CANDIDATES: Final = BACKUP + "/candidates"
HISTORY: Final = SLOT + "/history"
OBSERVATIONS: Final = SLOT + "/observations"
WINDOWS: Final = SLOT + "/windows"
OUTCOMES: Final = SLOT + "/outcomes"
DRIFT: Final = SLOT + "/drift"
PACKAGES: Final = SLOT + "/packages/{n}"
RELEASES: Final = ENVIRONMENT + "/releases"
FINISH: Final = RELEASES + "/{pipeline}/finish"
ABORT: Final = RELEASES + "/{pipeline}/abort"
DEPLOYED_PIPELINE: Final = ENVIRONMENT + "/pipelines/{pipeline}"

MODELS: Final = "/v1/models"
MODEL: Final = MODELS + "/{model}"
RENAME: Final = MODEL + "/rename"
ARCHIVE: Final = MODEL + "/archive"
RETRAINING: Final = MODEL + "/retraining"
VERSIONS: Final = MODEL + "/versions"
VERSION: Final = VERSIONS + "/{n}"
VALIDATIONS: Final = VERSION + "/validations"
VERDICTS: Final = VERSION + "/verdicts"
PROFILE: Final = VERSION + "/profile"
APPROVALS: Final = VERSION + "/approvals"
ATTESTATIONS: Final = VERSION + "/attestations"
PIPELINE_OF_VERSION: Final = VERSION + "/pipeline"
EXPORT: Final = VERSION + "/export"
WEIGHTS: Final = VERSION + "/weights"
COPIES: Final = WEIGHTS + "/copies"
LOOKS: Final = WEIGHTS + "/looks"
REMOVALS: Final = WEIGHTS + "/removals"
TRACE: Final = VERSION + "/trace"
LEAK: Final = VERSION + "/leak"
WEIGHTS_CHECKS: Final = VERSION + "/weights-checks"

PIPELINE_VERSIONS: Final = "/v1/pipelines/{pipeline}/versions"
PIPELINE_SHARES: Final = "/v1/pipelines/{pipeline}/models"
PIPELINE_SHARE: Final = PIPELINE_SHARES + "/{model}"
ANY_PIPELINE_VERSION: Final = "/v1/pipeline-versions"
"""Before a digest, as :data:`LINEAGE` is."""
LINEAGE: Final = "/v1/lineage"
IMPACT: Final = "/v1/impact"

STORES: Final = "/v1/stores"
STORED: Final = STORES + "/{id}/weights"
COPIES_OF: Final = "/v1/weights/{digest}/copies"
UNNEEDED: Final = "/v1/unneeded-weights"
PRINCIPAL: Final = "/v1/principal"
TOKENS: Final = "/v1/tokens"
TOKEN: Final = TOKENS + "/{id}"
WEBHOOKS: Final = "/v1/webhooks"
WEBHOOK: Final = WEBHOOKS + "/{id}"
WEBHOOK_TEST: Final = WEBHOOK + "/test"
WEBHOOK_SECRET: Final = WEBHOOK + "/secret"
DELIVERIES: Final = WEBHOOK + "/deliveries"
OBSERVED: Final = "/v1/observed"
EVENTS: Final = "/v1/events"
HEAD: Final = "/v1/head"
AUDIT: Final = "/v1/audit"
CHECKPOINT: Final = AUDIT + "/checkpoint"
CONSISTENCY: Final = AUDIT + "/consistency"
PROOF: Final = AUDIT + "/proofs/{seq}"
DATABASE: Final = "/v1/database"


def environment(name: str, template: str = ENVIRONMENT) -> str:
    """The address of an environment, or of what is below it.

    Raises:
        UsageError: no environment can be called so.
    """
    return template.format(env=check_environment_name(name))


def slot(environment: str, model: str, template: str = SLOT) -> str:
    """The address of a model's slot in an environment, or of what is below it.

    Raises:
        UsageError: a name is not valid.
    """
    return template.format(
        env=check_environment_name(environment), model=check_name("model", model)
    )


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


def deployed_pipeline(environment: str, pipeline: str, template: str = DEPLOYED_PIPELINE) -> str:
    """The address of what an environment runs of a pipeline, or of what is staged on it.

    Raises:
        UsageError: a name is not valid.
    """
    return template.format(
        env=check_environment_name(environment), pipeline=check_name("pipeline", pipeline)
    )


def model(name: str, template: str = MODEL) -> str:
    """The address of a model, or of what is below it.

    Raises:
        UsageError: the name is not valid.
    """
    return template.format(model=check_name("model", name))


def versions(model: str) -> str:
    """The address of a model's versions.

    Raises:
        UsageError: the name is not valid.
    """
    return VERSIONS.format(model=check_name("model", model))


def version(reference: Reference, template: str = VERSION) -> str:
    """The address of one version, or of what is below it.

    Raises:
        UsageError: the model's name is not valid.
    """
    return template.format(model=check_name("model", reference.model), n=reference.selector)


def pipeline_versions(name: str) -> str:
    """The address of a pipeline's recorded versions.

    Raises:
        UsageError: the name is not valid.
    """
    return PIPELINE_VERSIONS.format(pipeline=check_name("pipeline", name))


def pipeline_shares(name: str, model: str | None = None) -> str:
    """The address of the models that a pipeline is shared with, or of one of them.

    Raises:
        UsageError: a name is not valid.
    """
    if model is None:
        return PIPELINE_SHARES.format(pipeline=check_name("pipeline", name))
    return PIPELINE_SHARE.format(
        pipeline=check_name("pipeline", name), model=check_name("model", model)
    )
