"""An environment's policy in JSON and TOML: the model that checks it (docs/reference/policy.md)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from lineage import timestamps
from lineage.contract.validation import first_problem, requirement
from lineage.errors import UsageError
from lineage.guard.evidence import BASES, Basis, Evidence, SignedThing
from lineage.guard.policy import (
    ALL_PACKAGES,
    ANYBODY,
    WAIVABLE,
    Demand,
    EnvironmentPolicy,
    LikeProduction,
)
from lineage.identity import signers
from lineage.identity.components import EnvironmentKind, Proof
from lineage.identity.references import check_environment_name, check_name
from lineage.identity.run_environment import normalised

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_APPROVALS = 100
MOST_PACKAGES: Final = 100
MOST_SIGNERS: Final = 100
MOST_ALARMS: Final = 366
_DISTRIBUTION: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")


def environment_name(text: str) -> str:
    """A name that an environment may have."""
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


def _span(text: str) -> str:
    if not timestamps.is_span(text):
        raise ValueError(f"{text[:40]!r} is no span of time; write it as 12h, 7d or 2w")
    return text


def _distribution(name: str) -> str:
    """A distribution's name as names are compared, or what stands for all."""
    if name != ALL_PACKAGES and _DISTRIBUTION.fullmatch(name) is None:
        raise ValueError(f"{name[:60]!r} is no name of a distribution; name it without a version")
    return normalised(name)


class PolicyTable(BaseModel):
    """A table in which a setting that does not exist is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Span = Annotated[str, AfterValidator(_span)]
Requirements = list[Annotated[str, AfterValidator(requirement)]]
People = list[Annotated[str, AfterValidator(_person)]]


class ModelTable(PolicyTable):
    """``[environments.NAME.models.MODEL]``."""

    require: Requirements = Field(default_factory=list)


def _accepted(bases: list[Basis] | None) -> list[Basis] | None:
    if bases is None:
        return None
    if not bases:
        raise ValueError(
            "an empty list would let nothing in: leave it out, or name some of run, carried, stated"
        )
    if set(bases) == {Basis.CARRIED}:
        raise ValueError(
            "carried alone would let nothing in, for it rests on another verdict: add run or stated"
        )
    return bases


def _validators(people: list[str] | None) -> list[str] | None:
    if people is not None and not people:
        raise ValueError(
            "an empty list would let nobody validate: leave it out, or name whose verdicts count"
        )
    return None if people is not None and ANYBODY in people else people


def _signed(things: list[SignedThing]) -> list[SignedThing]:
    if not things:
        raise ValueError("an empty list demands nothing: leave signed_by out instead")
    return things


class EvidenceTable(PolicyTable):
    """``[environments.NAME.evidence]``."""

    accept: Annotated[
        list[Annotated[Basis, Field(strict=False)]] | None, AfterValidator(_accepted)
    ] = None
    validators: Annotated[People | None, AfterValidator(_validators)] = None
    not_registrant: bool = False
    signed_by: Annotated[
        list[Annotated[str, AfterValidator(signers.checked)]], Field(max_length=MOST_SIGNERS)
    ] = Field(default_factory=list)
    signed: Annotated[
        list[Annotated[SignedThing, Field(strict=False)]], AfterValidator(_signed)
    ] = Field(default_factory=lambda: [SignedThing.WEIGHTS])

    @model_validator(mode="after")
    def _names_who_signs(self) -> Self:
        """Refuse a demand that nobody can fail; the defaults, which answers show, are none."""
        given = self.model_fields_set
        shown = "signed_by" in given and self.signed == [SignedThing.WEIGHTS]
        if "signed" in given and not self.signed_by and not shown:
            raise ValueError(
                "signed demands nothing without signed_by: name who signs, or leave it"
            )
        return self


class EnvironmentTable(PolicyTable):
    """``[environments.NAME]``."""

    kind: Annotated[EnvironmentKind, Field(strict=False)] | None = None
    require: Requirements = Field(default_factory=list)
    models: dict[Annotated[str, AfterValidator(_model_name)], ModelTable] = Field(
        default_factory=dict
    )
    promote_from: Annotated[str, AfterValidator(environment_name)] | None = None
    approvals: Annotated[int, Field(ge=0, le=MOST_APPROVALS)] = 0
    not_approvers: People = Field(default_factory=list)
    backup: bool | Literal["same-pipeline"] = False
    accept_carried: bool | None = None
    evidence: EvidenceTable | None = None
    look_within: Span | None = None
    deep_within: Span | None = None
    unstored_weights: Annotated[Demand, Field(strict=False)] = Demand.REQUIRE
    pipeline_complete: Annotated[Demand, Field(strict=False)] = Demand.REQUIRE
    proof: Annotated[Proof, Field(strict=False)] = Proof.CLAIMED
    match_packages: Annotated[
        list[Annotated[str, AfterValidator(_distribution)]], Field(max_length=MOST_PACKAGES)
    ] = Field(default_factory=list)
    rollout: Span | None = None
    waive: dict[Annotated[str, AfterValidator(_rule)], People] = Field(default_factory=dict)
    alarms_per_year: Annotated[float, Field(gt=0, le=MOST_ALARMS, allow_inf_nan=False)] = 1.0
    like_production: Annotated[LikeProduction, Field(strict=False)] = LikeProduction.OFF

    @model_validator(mode="after")
    def _says_one_thing_of_what_is_carried(self) -> Self:
        accept = self.evidence.accept if self.evidence is not None else None
        if self.accept_carried is None or accept is None:
            return self
        if self.accept_carried and Basis.CARRIED not in accept:
            raise ValueError(
                "accept_carried = true contradicts evidence.accept, which leaves carried out"
            )
        if not self.accept_carried and Basis.CARRIED in accept:
            raise ValueError("accept_carried = false contradicts evidence.accept, which has it")
        return self

    @property
    def _evidence(self) -> Evidence:
        table = self.evidence or EvidenceTable()
        accept = table.accept or BASES
        evidence = Evidence(
            tuple(basis for basis in BASES if basis in accept),
            tuple(table.validators) if table.validators is not None else None,
            table.not_registrant,
            tuple(dict.fromkeys(table.signed_by)),
            tuple(thing for thing in SignedThing if thing in table.signed),
        )
        return evidence.without(Basis.CARRIED) if self.accept_carried is False else evidence

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
            evidence=self._evidence,
            look_within=self.look_within,
            deep_within=self.deep_within,
            unstored_weights=self.unstored_weights,
            pipeline_complete=self.pipeline_complete,
            proof=self.proof,
            match_packages=tuple(dict.fromkeys(self.match_packages)),
            rollout=self.rollout,
            waive={code: tuple(people) for code, people in self.waive.items() if people},
            alarms_per_year=self.alarms_per_year,
            like_production=self.like_production,
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
