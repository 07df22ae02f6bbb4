"""A version: its components, where it serves, validations, approvals, signatures, what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Query, Response

from lineage.errors import NotPermitted
from lineage.evidence.attributions import is_of_attributions, relied_on
from lineage.export.formats import export
from lineage.guard.flat_metrics import flattened
from lineage.guard.requirements import Outcome
from lineage.identity.origin import WeightsOrigin
from lineage.identity.references import Reference
from lineage.registry.access import OF_VERSIONS, Scope

from ..responses import file_of
from ..schemas.parameters import ModelPath, VersionPath
from . import addresses, repositories, site
from .graph import first_hop
from .models import served_in
from .site import Visit, visit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lineage.registry.registry import Registry

router = site.router()

MOST: Final = 50
"""Items of data, parameters, metrics, approvals, signatures; how many more there are, it tells."""

VALIDATIONS: Final = 20
"""Validations of a page, the newest."""

WALKED: Final = 300
"""Nodes of what made a version that are looked through for what it was validated on."""

FEATURES: Final = 10
"""Features that a verdict relies on, the first."""

EVENTS: Final = 20
"""Events of a page."""

EXPORTS: Final = {
    "card": "model card",
    "cyclonedx": "CycloneDX",
    "openlineage": "OpenLineage",
    "prov": "PROV",
}
"""What each format of other programs is called."""

_VISIT: Final = visit(Scope.READ, OF_VERSIONS)


@router.get(addresses.VERSION)
def version(
    model: ModelPath,
    n: VersionPath,
    visit: Annotated[Visit, _VISIT],
    before: Annotated[int | None, Query(ge=1, le=1 << 31)] = None,
) -> Response:
    """All that is recorded of it, the newest first."""
    registry = visit.registry
    shown = registry.show(Reference.from_selector(model, n))
    ref, validations = shown["ref"], shown["validations"]
    parameters = [
        (f"{file}: {name}", value)
        for file, values in shown["parameters"].items()
        for name, value in values.items()
    ]
    made = shown["components"]["weights"]["made"]
    events = _events(registry, ref, before)
    leak = registry.leak(ref, limit=WALKED)
    serves, stands_by, served = _held(visit, shown)
    return visit.page(
        "version.html",
        version=shown,
        serves=serves,
        stands_by=stands_by,
        served=served,
        data=_cut(shown["components"]["data"]),
        validated_on=_cut(_validated_on(validations)),
        shown_validations=[one["id"] for one in validations[:VALIDATIONS]],
        parameters=_cut(parameters),
        first_hop=first_hop(registry, ref),
        leak=leak,
        most=MOST,
        unknown=_cut(list(leak.unknown)),
        validations=[_validation(one) for one in validations[:VALIDATIONS]],
        more_validations=max(0, len(validations) - VALIDATIONS),
        approvals=_cut(registry.approvals(ref)[::-1]),
        attestations=_cut(shown["attestations"], shown["more_attestations"]),
        events=events,
        older=events[-1]["seq"] if events and len(events) == EVENTS else None,
        before=before,
        origin=WeightsOrigin.from_json(made) if made else None,
        exports=EXPORTS,
        commit_page=repositories.commit_page(
            shown["components"]["code"]["remote"], repositories.commit_of(shown["code"])
        ),
    )


@router.get(addresses.EXPORT)
def exported(
    model: ModelPath,
    n: VersionPath,
    visit: Annotated[Visit, _VISIT],
    form: Annotated[str, Query(alias="format", max_length=40)],
) -> Response:
    """The version in a format of other programs, as a file."""
    done = export(visit.registry, Reference.from_selector(model, n), form)
    return file_of(done, site.HEADERS)


def _cut(whole: Sequence[Any], more: int = 0) -> tuple[Sequence[Any], int]:
    """What of a list is shown, and how much more there is, besides what was not read."""
    return whole[:MOST], max(0, len(whole) - MOST) + more


def _held(visit: Visit, version: Mapping[str, Any]) -> tuple[list[str], list[str], list[str]]:
    """The environments in which a version serves, stands by, and, where it does neither, served.

    They are of those in which the model serves.
    """
    registry = visit.registry
    (model,) = registry.models(among=[version["model"]], archived=True)
    ref, serves, stands_by = version["ref"], [], []
    for environment in model["serving"]:
        slot = registry.serving(version["model"], environment)
        if slot.serving is not None and slot.serving.ref == ref:
            serves.append(environment)
        if slot.backup is not None and slot.backup.ref == ref:
            stands_by.append(environment)
    if serves or stands_by:
        return serves, stands_by, []
    names = (version["model"], *registry.model(version["model"])["former_names"])
    return serves, stands_by, served_in(visit, names, model["serving"]).get(ref, [])


def _validated_on(validations: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What a version was validated on, each content once, with the numbers of its validations."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for one in validations:
        for item in one["data"]:
            known = found.setdefault(
                (item["name"], item["digest"]), {**item, "validations": list[int]()}
            )
            known["validations"].append(one["id"])
    return list(found.values())


def _validation(validation: Mapping[str, Any]) -> dict[str, Any]:
    """A validation with its numbers by name, what it relies on, what its watched runs missed."""
    flat = flattened(validation["metrics"] or {})
    numbers = [pair for pair in flat.items() if not is_of_attributions(pair[0])]
    relied = relied_on(validation["metrics"])
    shares = list(relied.shares.items()) if relied is not None else []
    gaps = [gap for run in validation["watched"] for gap in run["gaps"]]
    requirements = [
        {**said, "told": Outcome.from_json(said).beside_a_mark}
        for said in validation["requirements"]
    ]
    return {
        **validation,
        "numbers": _cut(numbers),
        "relied": relied,
        "shares": (shares[:FEATURES], max(0, len(shares) - FEATURES)),
        "gaps": _cut(gaps),
        "requirements": requirements,
    }


def _events(registry: Registry, ref: str, before: int | None) -> Sequence[Mapping[str, Any]] | None:
    """What the history tells of a version; None to who is bound: it is of all."""
    try:
        return registry.history(ref, limit=EVENTS, before=before)
    except NotPermitted:
        return None
