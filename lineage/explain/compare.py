"""Comparing pipeline versions and model versions however a person names them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lineage.contract.results import NamedPipeline
from lineage.errors import LineageError, NotFound
from lineage.evidence import attributions
from lineage.explain.changes import Explainer
from lineage.explain.data import data_changes, data_lines, size_in_words
from lineage.explain.encodings import across_encodings
from lineage.explain.environments import compare_environments
from lineage.explain.reasons import ways
from lineage.guard.flat_metrics import flattened, tells_no_worth
from lineage.identity.digest import with_algorithm
from lineage.identity.pipeline_diff import changes_between

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lineage.capture.project import Project
    from lineage.connection import AnyRegistry
    from lineage.contract.captured import CapturedPipelineVersion
    from lineage.contract.results import FoundPipeline
    from lineage.explain.changes import Names

    _Side = FoundPipeline | CapturedPipelineVersion

_DIGEST = re.compile(r"[a-z0-9][a-z0-9.-]*:[!-~]+")


def compare(project: Project, registry: AnyRegistry, first: str, second: str) -> dict[str, Any]:
    """JSON of `pipeline diff`: the changes from the first to the second, explained.

    Args:
        project: whose working tree and revisions names may mean, and whose repository explains.
        registry: whose recorded versions names may mean.
        first: a digest, ``NAME@DIGEST``, ``MODEL@NUMBER``, ``NAME@ENVIRONMENT``, ``.`` or a git
            revision.
        second: likewise.

    Raises:
        NotFound: a name means nothing.
    """
    old, new = (_version(project, registry, text) for text in (first, second))
    return {
        "validated": old.version.xxh3,
        "deployed": new.version.xxh3,
        "same": old.version.blake3 == new.version.blake3,
    } | _explained(project, old, new, (first, second))


def _explained(project: Project, old: _Side, new: _Side, names: Names) -> dict[str, Any]:
    changes = changes_between(old.version, new.version)
    found = Explainer(project).explain(changes, old.commit, new.commit, names)
    across = across_encodings(project, old, new)
    return {
        "changes": [change.to_json() for change in changes],
        "explanation": [*map(str, changes), *(across.lines(changes) if across else ())],
        "encodings": across.to_json() if across else None,
        "reached": list(ways(project, [*changes, *(across.changes if across else ())], (new, old))),
    } | found.to_json()


def recorded(project: Project, registry: AnyRegistry, text: str) -> FoundPipeline:
    """The recorded pipeline version that a digest, ``NAME@DIGEST`` or a reference names.

    ``MODEL@7`` is the pipeline that the version was registered with; ``NAME@ENVIRONMENT`` is what
    is deployed there, of the pipeline of that name or of the model's.

    Raises:
        NotFound: nothing recorded is called so.
    """
    name, at, rest = text.partition("@")
    if not at:
        return registry.pipeline(NamedPipeline(None, text))
    if _DIGEST.fullmatch(rest):
        return registry.pipeline(NamedPipeline(name, rest))
    if rest.isdigit() or rest == "latest" or "/" in rest:
        return registry.pipeline_of(text)
    try:
        return _deployed(registry, name, rest)
    except NotFound as error:
        meant = with_algorithm(rest)
        if meant is None:
            raise
        raise NotFound(str(error), remedy=_algorithm_first(f"{name}@{meant}")) from None


def _deployed(registry: AnyRegistry, name: str, environment: str) -> FoundPipeline:
    """What is deployed of the pipeline of a name, or else of the model's."""
    try:
        return registry.deployed_pipeline(environment, name)
    except NotFound:
        pipeline = registry.serving(name, environment).pipeline["name"]
        if pipeline in (None, name):
            raise
        return registry.deployed_pipeline(environment, pipeline)


def _algorithm_first(meant: str) -> str:
    return f"If a digest is meant, write its algorithm in front: {meant}"


def _version(project: Project, registry: AnyRegistry, text: str) -> _Side:
    if text == ".":
        return project.capture_pipeline()
    if _DIGEST.fullmatch(text) or "@" in text:
        return recorded(project, registry, text)
    try:
        return project.capture_pipeline(revision=text)
    except LineageError as error:
        meant = with_algorithm(text)
        raise NotFound(
            f"{text[:80]!r} names no pipeline version: {error}",
            remedy=_algorithm_first(meant)
            if meant is not None
            else 'Name a digest, NAME@DIGEST, churn@7, NAME@ENVIRONMENT, "." or a git revision.',
        ) from None


def compare_versions(
    project: Project, registry: AnyRegistry, first: str, second: str
) -> dict[str, Any]:
    """JSON of `diff`: what differs from one model version to another, component by component.

    And what differs between their newest verdicts, and the environments that these were reached in.

    Args:
        project: whose repository explains.
        registry: where the versions are.
        first: a version.
        second: another.

    Raises:
        NotFound: a version does not exist.
    """
    old, new = registry.show(first), registry.show(second)
    commits, more = Explainer(project).commits(_commit(old), _commit(new))
    pipeline = _pipeline(project, registry, old, new, (first, second))
    parts: dict[str, dict[str, Any]] = {
        "code": {
            "explanation": _code_lines(old, new),
            "commits": list(commits),
            "more_commits": more,
        },
        "data": {"explanation": data_lines(old, new), "changes": data_changes(old, new)},
        "pipeline": pipeline,
        "weights": {"explanation": _weights_lines(old, new)},
    }
    components = {
        name: {
            "same": old[name] == new[name] and not part["explanation"],
            "first": old[name],
            "second": new[name],
        }
        | part
        for name, part in parts.items()
    }
    return (
        {"first": old["ref"], "second": new["ref"]}
        | components
        | {"environment": compare_environments(old, new), "metrics": _metrics(old, new)}
        | {"attributions": attributions.compared(*map(_newest_metrics, (old, new)))}
        | {"profile": _profiles(registry, old, new)}
        | {"registered": _sides(old, new, "registered_at", "registered_by")}
        | {"trained": _sides(old, new, "run")}
    )


def _metrics(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of the newest verdicts, and how they differ.

    What their runs took is no difference, and of what they rely on the attributions tell.
    """
    first, second = (_measured(side) for side in (old, new))
    names = [name for name in sorted({*(first or {}), *(second or {})}) if not tells_no_worth(name)]
    changes = [
        {"name": name, "first": sides[0], "second": sides[1]}
        for name in names
        if (sides := ((first or {}).get(name), (second or {}).get(name)))[0] != sides[1]
    ]
    known = first is not None and second is not None
    return {
        "same": not changes if known else None,
        "first": first,
        "second": second,
        "changes": changes if known else [],
    }


def _profiles(
    registry: AnyRegistry, old: Mapping[str, Any], new: Mapping[str, Any]
) -> dict[str, Any]:
    """How far the data is apart that the versions were validated on, column by column."""
    first, second = (
        next((row["profile"] for row in side["validations"] if row["profile"]), None)
        for side in (old, new)
    )
    changes: list[dict[str, Any]] = []
    known = first is not None and second is not None
    if known and first != second:
        from lineage.evidence.comparison import compare as compare_profiles

        profiles = [registry.profile(side["ref"]) for side in (old, new)]
        changes = [moved.to_json() for moved in compare_profiles(*profiles)]
    return {
        "same": first == second if known else None,
        "first": first,
        "second": second,
        "changes": changes,
    }


def _measured(version: Mapping[str, Any]) -> dict[str, float] | None:
    """The numbers of a version's newest verdict; None where it has none."""
    metrics = _newest_metrics(version)
    return flattened(metrics) if metrics else None


def _newest_metrics(version: Mapping[str, Any]) -> Mapping[str, Any] | None:
    newest = next(iter(version["validations"]), None)
    return newest["metrics"] if newest is not None else None


def _sides(old: Mapping[str, Any], new: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """What is said of both versions under some keys; under one, what stands there itself."""
    sides = [side[keys[0]] if len(keys) == 1 else {key: side[key] for key in keys}
             for side in (old, new)]  # fmt: skip
    return dict(zip(("first", "second"), sides, strict=True))


def _commit(version: Mapping[str, Any]) -> str | None:
    """The commit of a version's code, which may have changes on top of it."""
    digest = version["code"]
    return digest.removeprefix("git:").partition("+")[0] if digest is not None else None


def _code_lines(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    sides = old["components"]["code"], new["components"]["code"]
    return [
        f"{key} {sides[0][key]} → {sides[1][key]}"
        for key in ("dirty", "remote", "branch", "subfolder")
        if sides[0][key] != sides[1][key] and old["code"] != new["code"]
    ]


def _pipeline(
    project: Project,
    registry: AnyRegistry,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    names: Names,
) -> dict[str, Any]:
    keys = [side["components"]["pipeline"] for side in (old, new)]
    if any(key["blake3"] is None for key in keys) or keys[0] == keys[1]:
        return {"explanation": []}
    found = [registry.pipeline(NamedPipeline(key["name"], key["blake3"])) for key in keys]
    return _explained(project, found[0], found[1], names)


def _weights_lines(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    if old["weights"] == new["weights"]:
        return []
    sizes = [size_in_words(side["components"]["weights"]["size"]) for side in (old, new)]
    return [" → ".join(sizes)]
