"""Models: the list of them, and one with its versions, searched and sorted, and its charts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Query, Response

from lineage.errors import NotPermitted, UsageError
from lineage.evidence.attributions import is_of_attributions
from lineage.registry.access import OF_VERSIONS, Scope

from ..schemas.parameters import ModelPath
from . import addresses, site
from .site import Visit, visit
from .timeline import slot_after

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lineage.contract.results import Registered
    from lineage.display import Listing

    from .charts import Chart, Places

router = site.router()

ROWS: Final = 50
"""Models or versions of a page."""

CHARTED: Final = 100
"""Versions of a chart, the newest."""

MOST_COLUMNS: Final = 5
"""Metrics that are columns of the table; each of them can be sorted by."""

MOST_MULTIPLES: Final = 12
"""Slices that are drawn as small multiples."""

MOVES: Final = 50
"""Events of a slot in which it is looked for what served."""

_FIELDS: Final = frozenset(
    (
        *("number", "kind", "branch", "registered_by", "registered_at", "code", "data"),
        *("pipeline", "weights", "tuple", "dirty", "passed", "basis", "validated_at"),
        *("validated_by", "description", "tag", "metric", "metrics", "tags"),
        *("and", "or", "not", "true", "false"),
    )
)
"""What a search takes for something else than a metric."""

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Text = Annotated[str, Query(max_length=1000)]
Cursor = Annotated[str | None, Query(max_length=8000)]


@dataclass(frozen=True)
class Asked:
    """What is asked for of a model's versions, as the address says it."""

    model: str
    where: str
    sort: str
    metric: str

    def address(self, **changed: str | None) -> str:
        """The page with something else asked for, from its first rows on."""
        asked = {"where": self.where, "sort": self.sort, "metric": self.metric, **changed}
        return addresses.with_query(addresses.model(self.model), **asked)

    def sorted_by(self, field: str) -> str:
        """The page sorted by a field: the greatest first, or the other way where it is so."""
        return self.address(sort=field if self.sort == f"-{field}" else f"-{field}")

    def order(self, field: str) -> str | None:
        """What ``aria-sort`` says of a column."""
        return {field: "ascending", f"-{field}": "descending"}.get(self.sort)


@router.get(addresses.MODELS)
def models(
    visit: Annotated[Visit, visit(Scope.READ, OF_VERSIONS)],
    after: Text = "",
    archived: bool = False,
) -> Response:
    """The models by name, each with its newest version and what serves of it."""
    found = visit.registry.models(after=after, limit=ROWS + 1, archived=archived)
    shown = found[:ROWS]
    more = shown[-1]["name"] if len(found) > ROWS else None
    return visit.page("models.html", models=shown, after=after, more=more, archived=archived)


@router.get(addresses.MODEL)
def model(
    model: ModelPath,
    visit: Annotated[Visit, visit(Scope.READ, OF_VERSIONS)],
    where: Text = "",
    sort: Text = "",
    metric: Text = "",
    after: Cursor = None,
) -> Response:
    """A model's versions with their metrics, and how a metric went on."""
    registry = visit.registry
    said = registry.model(model)
    name: str = said["name"]
    (listed,) = registry.models(among=[name], archived=True)
    newest = registry.versions(name, limit=CHARTED, columns=("metrics",))
    asked = Asked(name, where.strip(), sort.strip(), metric)
    wrong, page = None, None
    try:
        page = registry.versions(
            name,
            where=asked.where or None,
            sort=asked.sort or None,
            limit=ROWS,
            after=after,
            columns=("passed", "basis", "metrics", "description"),
        )
    except UsageError as error:
        wrong = error
    metrics = metrics_of(newest)
    columns = [one for one in metrics if "." not in one][:MOST_COLUMNS]
    chosen = metric if metric in metrics else next(iter(columns or metrics), None)
    places = _places(visit, (name, *said["former_names"]), listed["serving"])
    return visit.page(
        "model.html",
        status=200 if wrong is None else wrong.http_status,
        model=said,
        serving=listed["serving"],
        asked=asked,
        wrong=wrong,
        rows=page or (),
        more=page.next if page is not None else None,
        after=after,
        columns=[(one, spelled(one)) for one in columns],
        metrics=metrics,
        chosen=chosen,
        chart=_chart(chosen, newest, places),
        multiples=_multiples(chosen, metrics, newest, places),
        places=places,
    )


def spelled(metric: str) -> str:
    """A metric as a search names it."""
    parts = metric.split(".")
    first = _PLAIN.fullmatch(parts[0]) is None or parts[0] in _FIELDS
    words = [part if _PLAIN.fullmatch(part) else f'"{part}"' for part in parts]
    return ".".join(["metric", *words] if first else words)


def metrics_of(newest: Sequence[Registered]) -> list[str]:
    """The metrics of the newest versions: of the newest first, those nested least first.

    What a version relies on is no metric that goes on from one to the next.
    """
    found: dict[str, None] = {}
    for one in newest:
        found |= dict.fromkeys(name for name in _numbers(one) if not is_of_attributions(name))
    return sorted(found, key=lambda name: name.count("."))


def _numbers(version: Registered) -> Mapping[str, Any]:
    """The metrics of a version's newest verdict, by name."""
    return (version.columns or {}).get("metrics") or {}


def _by_reference(pairs: Any) -> dict[str, list[str]]:  # noqa: ANN401 - environments with references
    found: dict[str, list[str]] = {}
    for environment, ref in pairs:
        found.setdefault(ref, []).append(environment)
    return found


def _places(visit: Visit, names: Sequence[str], serving: Mapping[str, str]) -> Places:
    """Where the versions of a model serve, stand by and have served; its present name first."""
    from .charts import Places

    slots = [(name, visit.registry.serving(names[0], name)) for name in serving]
    return Places(
        _by_reference(serving.items()),
        _by_reference((name, slot.backup.ref) for name, slot in slots if slot.backup is not None),
        served_in(visit, names, serving),
    )


def served_in(visit: Visit, names: Sequence[str], among: Iterable[str]) -> dict[str, list[str]]:
    """Where versions of a model have served, by reference, as far as who looks may know it.

    Args:
        visit: who looks.
        names: the model's, the present one first.
        among: the environments.
    """
    pairs: dict[tuple[str, str], None] = {}
    try:
        for environment in among:
            for event in visit.registry.history(f"{names[0]}@{environment}", limit=MOVES):
                state = slot_after(event, names, environment)
                if state is not None and state["serving"] is not None:
                    pairs[environment, f"{names[0]}@{state['serving']['version']}"] = None
    except NotPermitted:
        return {}
    return _by_reference(pairs)


def _chart(
    metric: str | None,
    newest: Sequence[Registered],
    places: Places,
    size: tuple[int, int] = (720, 240),
) -> Chart | None:
    from .charts import Measured, chart

    if metric is None:
        return None
    measured = [Measured(one.ref, _numbers(one).get(metric)) for one in reversed(newest)]
    return chart(metric, measured, places, size)


def _multiples(
    metric: str | None,
    metrics: Sequence[str],
    newest: Listing[Registered],
    places: Places,
) -> list[Chart]:
    """The same metric of each slice."""
    of_slices = [one for one in metrics if metric and one.endswith(f".{metric}")][:MOST_MULTIPLES]
    drawn = (_chart(one, newest, places, (320, 140)) for one in of_slices)
    return [one for one in drawn if one is not None]
