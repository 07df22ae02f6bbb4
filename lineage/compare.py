"""Comparing pipeline versions however a person names them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lineage.answers import NamedPipeline
from lineage.errors import LineageError, NotFound
from lineage.guard import changes_between

if TYPE_CHECKING:
    from lineage.answers import FoundPipeline
    from lineage.pipeline import PipelineVersion
    from lineage.project import Project
    from lineage.registry import Registry

_DIGEST = re.compile(r"[a-z0-9][a-z0-9.-]*:[!-~]+")


def compare(project: Project, registry: Registry, first: str, second: str) -> dict[str, Any]:
    """JSON of `pipeline diff`: the changes from the first to the second.

    Args:
        project: whose working tree and revisions names may mean.
        registry: whose recorded versions names may mean.
        first: a digest, ``NAME@DIGEST``, ``MODEL@NUMBER``, ``NAME@ENVIRONMENT``, ``.`` or a git
            revision.
        second: likewise.

    Raises:
        NotFound: a name means nothing.
    """
    sides = [_version(project, registry, text) for text in (first, second)]
    changes = changes_between(*sides)
    return {
        "validated": sides[0].digest,
        "deployed": sides[1].digest,
        "same": sides[0].identity == sides[1].identity,
        "changes": [change.to_json() for change in changes],
        "explanation": [str(change) for change in changes],
    }


def recorded(project: Project, registry: Registry, text: str) -> FoundPipeline:
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
        return registry.deployed_pipeline(rest, name)
    except NotFound:
        pipeline = registry.serving(name, rest).pipeline["name"]
        if pipeline in (None, name):
            raise
        return registry.deployed_pipeline(rest, pipeline)


def _version(project: Project, registry: Registry, text: str) -> PipelineVersion:
    if text == ".":
        return project.capture_pipeline().version
    if _DIGEST.fullmatch(text) or "@" in text:
        return recorded(project, registry, text).version
    try:
        return project.capture_pipeline(revision=text).version
    except LineageError as error:
        raise NotFound(
            f"{text[:80]!r} names no pipeline version: {error}",
            remedy='Name a digest, NAME@DIGEST, churn@7, NAME@ENVIRONMENT, "." or a git revision.',
        ) from None


def compare_versions(registry: Registry, first: str, second: str) -> dict[str, Any]:
    """JSON of `diff`: what differs from one model version to another, component by component.

    Raises:
        NotFound: a version does not exist.
    """
    shown = registry.show(first), registry.show(second)
    explained = {
        "code": _code_lines(*shown),
        "data": _data_lines(*shown),
        "pipeline": _pipeline_lines(registry, *shown),
        "weights": _weights_lines(*shown),
    }
    return {"first": shown[0]["ref"], "second": shown[1]["ref"]} | {
        name: {
            "same": shown[0][name] == shown[1][name] and not lines,
            "first": shown[0][name],
            "second": shown[1][name],
            "explanation": lines,
        }
        for name, lines in explained.items()
    }


def _code_lines(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    sides = old["components"]["code"], new["components"]["code"]
    return [
        f"{key} {sides[0][key]} → {sides[1][key]}"
        for key in ("dirty", "remote", "branch", "subfolder")
        if sides[0][key] != sides[1][key] and old["code"] != new["code"]
    ]


def _data_lines(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    items = [{item["name"]: item for item in side["components"]["data"]} for side in (old, new)]
    lines = []
    for name in sorted({*items[0], *items[1]}):
        was, now = items[0].get(name), items[1].get(name)
        if was is None or now is None:
            lines.append(f"{name} {'added' if was is None else 'removed'}")
        elif was["digest"] != now["digest"]:
            lines.append(f"{name} changed ({_size(was)} → {_size(now)})")
    return lines


def _pipeline_lines(registry: Registry, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    keys = [side["components"]["pipeline"] for side in (old, new)]
    if any(key["blake3"] is None for key in keys) or keys[0] == keys[1]:
        return []
    found = [registry.pipeline(NamedPipeline(key["name"], key["blake3"])) for key in keys]
    return [str(change) for change in changes_between(found[0].version, found[1].version)]


def _weights_lines(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    if old["weights"] == new["weights"]:
        return []
    return [f"{_size(old['components']['weights'])} → {_size(new['components']['weights'])}"]


def _size(item: dict[str, Any]) -> str:
    return "size unknown" if item["size"] is None else f"{item['size']:,} bytes"
