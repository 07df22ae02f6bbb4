"""PROV-JSON (W3C submission of 2013): a version as entities, activities and agents.

An entity is named by its digest, so what several versions share is one in their documents too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from lineage import timestamps
from lineage.export.described import measured
from lineage.identity.signers import is_identity
from lineage.inert import inert_json

if TYPE_CHECKING:
    from lineage.contract.results.records import SignedStatement, Validation
    from lineage.export.described import Described
    from lineage.export.steps import Content

_NAMESPACE: Final = "urn:lineage-guard"
_MOST_DERIVED: Final = 1_000
"""What a step derives from what, at the most: of larger ones, what it used and made says it."""
_NAMES: Final = "-_.@/~+*"
"""What the local part of a qualified name may hold as it is."""


def written(described: Described) -> str:
    """A version as a PROV-JSON document."""
    return inert_json(document(described), indent=2) + "\n"


def document(described: Described) -> dict[str, Any]:
    """The provenance of a version."""
    return _Document(described).document


class _Document:
    """A document that grows by what is told."""

    def __init__(self, described: Described) -> None:
        self.document: dict[str, Any] = {"prefix": {"lg": f"{_NAMESPACE}:"}}
        self._described = described
        self._count = 0
        version = described.version
        model = self._entity(
            _named("version", version.ref),
            label=version.ref,
            type="lg:Model",
            tuple=version.tuple,
            weights=version.weights,
            blake3=described.weights["blake3"],
            kind=version.kind.value,
            moreAttestations=version.get("more_attestations") or None,
        )
        at = timestamps.written(version.registered_at)
        made = self._activity(_named("registration", version.ref), "lg:Registration", at)
        who = self._agent(version.registered_by)
        self._relation("wasGeneratedBy", entity=model, activity=made, time=at)
        self._relation("wasAssociatedWith", activity=made, agent=who)
        self._relation("wasAttributedTo", entity=model, agent=who)
        for used in self._components():
            self._relation("used", activity=made, entity=used)
            self._relation("wasDerivedFrom", generatedEntity=model, usedEntity=used)
        self._steps(model)
        if version.parent is not None:
            parent = self._entity(_named("version", version.parent), label=version.parent)
            self._relation("wasDerivedFrom", generatedEntity=model, usedEntity=parent)
        for validation in reversed(version.validations):
            self._validation(model, validation)
        for signed in described.signed:
            self._signed(model, signed)

    def _components(self) -> list[str]:
        """The code, the items of data and the pipeline version, as entities."""
        version, code, pipeline = (
            self._described.version,
            self._described.code,
            self._described.pipeline,
        )
        found = []
        if version.code is not None:
            names = {"repository": code["remote"], "branch": code["branch"]}
            found.append(self._entity(_named("code", version.code), type="lg:Code", **names))
        for item in self._described.data:
            known = "verified" if item.verified else "asserted"
            found.append(
                self._entity(
                    _named("data", item.digest), type="lg:Data", label=item.name, known=known
                )
            )
        if version.pipeline is not None:
            name = pipeline.name if pipeline is not None else None
            found.append(
                self._entity(_named("pipeline", version.pipeline), type="lg:Pipeline", label=name)
            )
        return found

    def _steps(self, model: str) -> None:
        """The runs that led to it; their times are not known."""
        for step in self._described.made.steps:
            kind = "lg:Import" if step.imported else "lg:Stage"
            parameters: dict[str, Any] = {
                f"parameter.{quote(name, safe=_NAMES)}": _scalar(value)
                for name, value in step.parameters
            }
            run = self._activity(
                _named("run", step.id),
                kind,
                label=step.name,
                command=" && ".join(step.commands) or None,
                **parameters,
            )
            used = {
                self._content(content): content.role == "input"
                for content in step.used
                if content.role != "output"
            }
            if step.origin:
                place = "/".join(step.origin[k] for k in ("url", "rev", "path") if k in step.origin)
                used[self._entity(_named("origin", place), type="lg:Origin", label=place)] = True
            made = [self._content(content) for content in step.made]
            for entity in used:
                self._relation("used", activity=run, entity=entity)
            for entity in made:
                self._relation("wasGeneratedBy", entity=entity, activity=run)
            sources = [entity for entity, derives in used.items() if derives]
            if len(made) * len(sources) > _MOST_DERIVED:
                continue
            for entity in made:
                for source in sources:
                    self._relation("wasDerivedFrom", generatedEntity=entity, usedEntity=source)
        weights = self._described.made.weights
        if weights is not None:
            made_of = self._content(weights)
            self._relation("wasDerivedFrom", generatedEntity=model, usedEntity=made_of)

    def _content(self, content: Content) -> str:
        kind = "lg:Code" if content.role == "code" else "lg:Data"
        return self._entity(_named("data", content.digest), type=kind, label=content.name)

    def _validation(self, model: str, validation: Validation) -> None:
        """A verdict: an activity that used the version and a pipeline version, and its outcome."""
        at = timestamps.written(validation.validated_at)
        place = f"{self._described.version.ref}/{validation.id}"
        judged = self._activity(_named("validation", place), "lg:Validation", at)
        outcome = self._entity(
            _named("verdict", place),
            type="lg:Verdict",
            passed=validation.passed,
            basis=validation.basis.value,
            **{f"metric.{quote(name, safe=_NAMES)}": value for name, value in measured(validation)},
        )
        pipeline = self._entity(_named("pipeline", validation.pipeline), type="lg:Pipeline")
        self._relation("used", activity=judged, entity=model)
        self._relation("used", activity=judged, entity=pipeline)
        self._relation("wasGeneratedBy", entity=outcome, activity=judged, time=at)
        who = self._agent(validation.validated_by)
        self._relation("wasAssociatedWith", activity=judged, agent=who)

    def _signed(self, model: str, signed: SignedStatement) -> None:
        """A signed statement: an entity of who signed it, derived from what it is on."""
        at = timestamps.written(signed.recorded_at)
        statement = self._entity(
            _named("attestation", f"{signed['digest']}/{signed.signed_by}"),
            type="lg:Attestation",
            about=signed.about,
            says=signed.says,
            recorded=at,
        )
        kind = "lg:Identity" if is_identity(signed.signed_by) else "lg:Key"
        signer = self._agent(signed.signed_by, kind)
        self._relation("wasAttributedTo", entity=statement, agent=signer)
        of = model
        if signed.validation is not None:
            place = f"{self._described.version.ref}/{signed.validation}"
            of = self._entity(_named("verdict", place), type="lg:Verdict")
        self._relation("wasDerivedFrom", generatedEntity=statement, usedEntity=of)

    def _entity(self, name: str, **attributes: Any) -> str:  # noqa: ANN401 - a literal
        self.document.setdefault("entity", {}).setdefault(name, {}).update(_literals(attributes))
        return name

    def _activity(
        self,
        name: str,
        kind: str,
        at: str | None = None,
        **attributes: Any,  # noqa: ANN401 - a literal
    ) -> str:
        times = {"prov:startTime": at, "prov:endTime": at} if at is not None else {}
        told = times | _literals({"type": kind} | attributes)
        self.document.setdefault("activity", {})[name] = told
        return name

    def _agent(self, who: str, kind: str = "prov:Agent") -> str:
        name = _named("agent", who)
        told = _literals({"label": who, "type": kind})
        self.document.setdefault("agent", {})[name] = told
        return name

    def _relation(self, kind: str, **parts: str) -> None:
        self._count += 1
        told = {f"prov:{name}": part for name, part in parts.items()}
        self.document.setdefault(kind, {})[f"_:r{self._count}"] = told


def _named(kind: str, text: str) -> str:
    """A qualified name: ``lg:version/churn@7``; of an identity's text every mark stays its own."""
    if is_identity(text):
        return f"lg:{kind}/{quote(text, safe='')}"
    return f"lg:{kind}/{quote(text.replace(':', '/'), safe=_NAMES)}"


def _scalar(value: object) -> object:
    return value if isinstance(value, str | int | float) else inert_json(value)


def _literals(attributes: dict[str, Any]) -> dict[str, Any]:
    """Attributes as PROV-JSON has them; what has no value is left out."""
    found: dict[str, Any] = {}
    for name, value in attributes.items():
        if value is None:
            continue
        if name == "type":
            found["prov:type"] = {"$": value, "type": "prov:QUALIFIED_NAME"}
        elif name == "label":
            found["prov:label"] = value
        else:
            found[f"lg:{name}"] = value
    return found
