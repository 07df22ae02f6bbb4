"""How a version was made, as CycloneDX's formulation: a workflow with a task for each step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.export.hashes import hashes
from lineage.inert import inert_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.export.described import Described
    from lineage.export.steps import Content, Step

_ROLES = ("code", "input", "output")


def formula(described: Described) -> dict[str, Any]:
    """The formula of a version: what its steps used and made, and the steps; empty without any."""
    made = described.made
    if not made.steps:
        return {}
    known = {data_ref(item.name, item.digest) for item in described.data}
    parts: dict[str, dict[str, Any]] = {}
    for step in made.steps:
        for content in (*step.used, *step.made):
            ref = _ref(content)
            if ref not in known:
                parts.setdefault(ref, _component(ref, content))
    makers: dict[str, set[str]] = {}
    for step in made.steps:
        for content in step.made:
            makers.setdefault(content.digest, set()).add(f"run:{step.id}")
    workflow: dict[str, Any] = {
        "bom-ref": f"{described.version.ref}/made",
        "uid": str(described.identifier("made")),
        "name": described.version.ref,
        "taskTypes": ["build"],
        "tasks": [_task(step) for step in made.steps],
        "taskDependencies": [
            {
                "ref": f"run:{step.id}",
                "dependsOn": sorted(
                    {
                        maker
                        for content in step.used
                        for maker in makers.get(content.digest, ())
                        if maker != f"run:{step.id}"
                    }
                ),
            }
            for step in made.steps
        ],
        "properties": [_property("gap", gap) for gap in made.gaps]
        + ([_property("more", "true")] if made.more else []),
    }
    found = {
        "bom-ref": f"{described.version.ref}/formula",
        "components": list(parts.values()),
        "workflows": [{key: value for key, value in workflow.items() if value != []}],
    }
    return {key: value for key, value in found.items() if value != []}


def data_ref(name: str, digest: str) -> str:
    """By what the document names a content."""
    return f"data:{name}:{digest}"


def _ref(content: Content) -> str:
    return data_ref(content.name, content.digest)


def _component(ref: str, content: Content) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "file" if content.role == "code" else "data",
        "bom-ref": ref,
        "name": content.name,
        "hashes": list(hashes(content.digest)),
        "properties": [_property("digest", content.digest)],
    }
    return {key: value for key, value in component.items() if value != []}


def _task(step: Step) -> dict[str, Any]:
    used = [content for content in step.used if content.role in _ROLES]
    task: dict[str, Any] = {
        "bom-ref": f"run:{step.id}",
        "uid": step.id,
        "name": step.name,
        "taskTypes": ["copy" if step.imported else "build"],
        "steps": [{"name": step.name, "commands": [{"executed": one} for one in step.commands]}]
        if step.commands
        else [],
        "inputs": [{"resource": {"ref": _ref(content)}} for content in used],
        "outputs": [
            {"type": "artifact", "resource": {"ref": _ref(content)}} for content in step.made
        ],
        "properties": list(_told(step)),
    }
    return {key: value for key, value in task.items() if value != []}


def _told(step: Step) -> Iterator[dict[str, str]]:
    for name, value in step.parameters:
        text = value if isinstance(value, str) else inert_json(value)
        yield _property(f"parameter:{name}", text)
    for name, value in sorted(step.origin.items()):
        yield _property(f"origin:{name}", value)


def _property(name: str, value: str) -> dict[str, str]:
    return {"name": f"lineage-guard:{name}", "value": value}
