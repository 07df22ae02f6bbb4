"""Bodies of requests: describe what they bring, and refuse what is not known or of a wrong type."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from lineage.contract.bodies.components import Body, PipelineBody
from lineage.contract.bodies.texts import PRINTABLE, Digest, Line, Moment, Name, Text
from lineage.contract.requests import LARGEST_ATTESTATION, REPORT_HOLDS_FOR
from lineage.contract.results import MOST_DIFFERENCES
from lineage.contract.webhooks import TYPES, WebhookFormat
from lineage.contract.windows import MOST_WINDOWS
from lineage.registry.access import Scope

from .parameters import KeepDays, KeepLast, KeepServed, Selector, Span


class SampleBody(Body):
    """How many files of a folder a look asked about, of how many."""

    files: Annotated[int, Field(ge=1, le=2**31 - 1)]
    of: Annotated[int, Field(ge=1, le=2**31 - 1)]


class LookBody(Body):
    """What looking into a store found."""

    store: Name
    state: Literal["intact", "missing", "changed", "unreachable"]
    deep: bool = Field(description="Whether every byte was read.")
    detail: Text | None = None
    sample: SampleBody | None = Field(
        default=None, description="Where the sizes of some files alone were asked for."
    )


class LooksBody(Body):
    """What looking into stores found; ``backup_in`` names the environments whose backup it is."""

    looks: Annotated[list[LookBody], Field(min_length=1, max_length=100)]
    backup_in: Name | Annotated[list[Name], Field(max_length=100)] | None = None


class RemovalBody(Body):
    """The store that a copy is taken from, and the policy by which nothing needs it."""

    store: Name
    keep_last: KeepLast = 3
    keep_days: KeepDays = 30
    keep_served: KeepServed = 3


class ReasonBody(Body):
    """Why; kept in the history."""

    reason: Text | None = None


class AttestationBody(Body):
    """A signed statement on a version, and who signed it: one of a public key and an identity.

    An identity is `identity:WHO issuer:URL`; it is verified by this server's own root of trust.
    """

    document: Annotated[str, Field(min_length=1, max_length=LARGEST_ATTESTATION)]
    public_key: Annotated[str, Field(min_length=1, max_length=1 << 16)] | None = None
    signed_by: Line | None = None


class ApprovalBody(Body):
    """For which environment a version is approved; by whom, the token says.

    And with which pipeline version, `NAME@DIGEST` or its digest: by default the one that runs
    there.
    """

    environment: Name
    pipeline: Line | None = None


class WeightsCheckBody(Body):
    """What a look for the weights found."""

    state: Literal["intact", "missing", "changed"]
    place: Line


class WaiverBody(Body):
    """Rules to waive, why, and until when (default: while the version serves there)."""

    codes: Annotated[
        list[Annotated[str, StringConstraints(max_length=60)]], Field(min_length=1, max_length=100)
    ]
    reason: Text
    until: Moment | None = None


class RetireBody(Body):
    """Why a slot is emptied, and what is waived for it."""

    reason: Text | None = None
    waiver: WaiverBody | None = None


class RollbackBody(Body):
    """Why a slot goes back to its backup, and what may go back with it.

    `with_pipeline` lets the other models go back that ride on the pipeline of the backup, where it
    moves; those in `leave` are retired. `seen` holds the revisions of the slots of a plan.
    """

    reason: Text | None = None
    waiver: WaiverBody | None = None
    with_pipeline: bool = False
    leave: Annotated[list[Name], Field(max_length=1000)] = Field(default_factory=list)
    seen: dict[str, int] | None = None
    dry_run: bool = False


class PromoteBody(Body):
    """The version that is to serve."""

    version: Selector
    reason: Text | None = None
    waiver: WaiverBody | None = None


class BackupBody(Body):
    """The version that is to stand by, and the pipeline version that it does so with.

    By default that is the one that runs.
    """

    version: Selector
    pipeline: Line | None = None
    reason: Text | None = None


class GuardBody(Body):
    """The version to decide on, and a pipeline version to suppose running."""

    version: Selector
    pipeline: PipelineBody | None = None


class DeploymentBody(Body):
    """A pipeline version that is to run; ``seen`` holds the revisions of the slots of a plan."""

    pipeline: PipelineBody
    reason: Text | None = None
    waiver: WaiverBody | None = None
    seen: dict[str, int] | None = None
    dry_run: bool = False


class ReleaseBody(DeploymentBody):
    """A pipeline version and the versions that move with it."""

    versions: Annotated[
        list[Annotated[str, StringConstraints(max_length=300)]], Field(max_length=1000)
    ] = Field(default_factory=list, examples=[["churn@7"]])
    stage: bool = False


class FinishBody(Body):
    """Why a staged release is finished; ``seen`` holds the revisions of the slots of a plan."""

    reason: Text | None = None
    waiver: WaiverBody | None = None
    seen: dict[str, int] | None = None
    dry_run: bool = False


class AbortBody(Body):
    """Why a staged release is withdrawn."""

    reason: Text | None = None


class EnvironmentBody(Body):
    """An environment to create."""

    name: Name
    kind: Literal["production", "experimental"]


Signed = Literal["weights", "validation"]


def _weights_alone() -> list[Signed]:
    return ["weights"]


class EvidenceBody(Body):
    """Which verdicts count: by their bases, and by whose they are; null takes all."""

    accept: list[Literal["run", "carried", "stated"]] | None = None
    validators: list[Line] | None = None
    not_registrant: bool = False
    signed_by: Annotated[list[Line], Field(max_length=100)] = Field(default_factory=list)
    signed: list[Signed] = Field(default_factory=_weights_alone)


class PolicyBody(Body):
    """What an environment demands: the keys of docs/reference/policy.md."""

    require: Annotated[list[Text], Field(max_length=1000)] = Field(default_factory=list)
    models: dict[Name, Annotated[list[Text], Field(max_length=1000)]] = Field(default_factory=dict)
    promote_from: Name | None = None
    approvals: Annotated[int, Field(ge=0, le=100)] = 0
    not_approvers: list[Line] = Field(default_factory=list)
    backup: bool | Literal["same-pipeline"] = False
    accept_carried: bool | None = None
    evidence: EvidenceBody | None = None
    look_within: Span | None = None
    deep_within: Span | None = None
    unstored_weights: Literal["require", "warn"] = "require"
    pipeline_complete: Literal["require", "warn"] = "require"
    proof: Literal["sealed", "claimed"] = "claimed"
    match_packages: Annotated[list[Line], Field(max_length=100)] = Field(default_factory=list)
    rollout: Span | None = None
    waive: dict[str, list[Line]] = Field(default_factory=dict)
    alarms_per_year: Annotated[float, Field(gt=0, le=366)] = 1.0
    like_production: Literal["off", "warn", "require"] = "off"


class DeclaredBody(Body):
    """An environment as it is to be."""

    name: Name
    kind: Literal["production", "experimental"] | None = None
    policy: PolicyBody = Field(default_factory=PolicyBody)


class ApplyBody(Body):
    """Environments as they are to be; those that are not named stay."""

    environments: Annotated[list[DeclaredBody], Field(min_length=1, max_length=100)]
    dry_run: bool = False


class ModelBody(Body):
    """A model to record."""

    name: Name


class PackageBody(Body):
    """A package that a host has in another version than was validated, or (null) not at all."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=PRINTABLE)]
    here: Annotated[str, StringConstraints(max_length=100, pattern=PRINTABLE)] | None
    validated: Annotated[
        list[Annotated[str, StringConstraints(max_length=100, pattern=PRINTABLE)]],
        Field(max_length=20),
    ]


class ObservationBody(Body):
    """What an instance of a service has loaded."""

    instance: Annotated[str, StringConstraints(max_length=200, min_length=1, pattern=PRINTABLE)]
    weights: Digest
    pipeline: Digest | None = None
    loaded_at: Moment
    holds_for: Annotated[int, Field(ge=10, le=86_400)] = Field(
        default=REPORT_HOLDS_FOR, description="Seconds after which the instance is unknown."
    )
    proof: Literal["sealed", "claimed"] = Field(
        default="claimed",
        description="Whether the instance compared what it runs with a seal, or only says it.",
    )
    differing: Annotated[list[PackageBody], Field(max_length=MOST_DIFFERENCES)] | None = Field(
        default=None,
        description="The demanded packages that it has in other versions than were validated; "
        "null where it compared none.",
    )
    standby: bool = Field(
        default=False, description="Whether it holds the weights of the backup, every byte checked."
    )
    revision: Annotated[int, Field(ge=0, le=2_147_483_647)] | None = Field(
        default=None,
        description="The slot's revision that it has seen: of another one `standby` says nothing.",
    )


class TokenBody(Body):
    """A token to make."""

    name: Annotated[str, StringConstraints(max_length=200, min_length=1, pattern=PRINTABLE)]
    scopes: Annotated[
        list[Annotated[Scope, Field(strict=False)]], Field(min_length=1, max_length=len(Scope))
    ]
    environments: Annotated[list[Name], Field(min_length=1, max_length=100)] | None = None
    models: Annotated[list[Name], Field(min_length=1, max_length=1000)] | None = None
    expires_at: Moment | None = None
    person: Annotated[str, StringConstraints(max_length=200, min_length=1, pattern=PRINTABLE)] | (
        None
    ) = Field(default=None, description="Whom its bearer counts as; by default its name.")


class WebhookBody(Body):
    """A webhook to add."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[!-~]+$")]
    on: (
        Annotated[
            list[Annotated[str, StringConstraints(pattern=f"^({'|'.join(TYPES)})$")]],
            Field(min_length=1, max_length=len(TYPES)),
        ]
        | None
    ) = Field(default=None, description="Of what; by default of everything.")
    environments: Annotated[list[Name], Field(min_length=1, max_length=100)] | None = None
    models: Annotated[list[Name], Field(min_length=1, max_length=1000)] | None = None
    format: Annotated[WebhookFormat, Field(strict=False)] = WebhookFormat.STANDARD


class WindowBody(Body):
    """A part of a window: what was counted of rows that one version served on one pipeline."""

    version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    pipeline: Digest
    profile: Digest = Field(description="The profile on whose scale the rows were counted.")
    start: Moment
    seconds: Annotated[int, Field(ge=1, le=86_400, description="The window's length.")]
    counts: dict[str, Any] = Field(description="Counts without their scale, as profiles hold them.")
    sequence: Annotated[int, Field(ge=1, le=2**53 - 1, description="The number of the part.")]
    kind: Literal["inputs", "outcomes"] = "inputs"


class WindowsBody(Body):
    """Parts of windows that an instance sends, in the order of their numbers.

    `stream` is one run of the service on that instance, or one batch: a name that no other has.
    """

    instance: Line
    stream: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9:._-]{0,99}$")]
    batch: bool = Field(default=False, description="Whether it may be of any time that is over.")
    windows: Annotated[list[WindowBody], Field(min_length=1, max_length=MOST_WINDOWS)]
