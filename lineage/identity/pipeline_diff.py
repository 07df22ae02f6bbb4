"""Differences between two pipelines, stage by stage. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lineage.identity.change import ABSENT, Change, ChangeKind, entries, paired
from lineage.identity.digest import canonical_bytes
from lineage.identity.first_encoding import UNTOLD, first_params
from lineage.identity.parameters import WHOLE
from lineage.identity.pipeline import Encoding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lineage.identity.pipeline import Manifest, PipelineVersion

_ALIKE: Final = 0.5
MOST_COMPARED: Final = 10_000
"""Pairs of stages that are held against each other to tell whether one was renamed.

With more of them, so many stages are gone and new that a change of names explains nothing.
"""

_FIRST: Final = Encoding.FIRST.value


def differences(validated: Manifest, deployed: Manifest) -> tuple[Change, ...]:
    """What differs from the validated manifest to the deployed one, stage by stage.

    Empty exactly when the two manifests have the same canonical bytes.
    """
    return tuple(_differences(validated.to_json(), deployed.to_json()))


def _differences(validated: dict[str, Any], deployed: dict[str, Any]) -> Iterator[Change]:
    encodings = [side.get("encoding", _FIRST) for side in (validated, deployed)]
    if encodings[0] != encodings[1]:
        yield Change(None, ChangeKind.ENCODING, "encoding", *encodings)
    scopes = [side.get("code", ABSENT) for side in (validated, deployed)]
    if scopes[0] != scopes[1]:
        yield Change(None, ChangeKind.CODE, "code", *scopes)
    if encodings[0] == encodings[1]:
        yield from _told(validated, deployed)
        return
    for change in _told(_first(validated), _first(deployed)):
        if not _beyond_first(change, (change.validated, change.deployed)[encodings.index(_FIRST)]):
            yield change


def _beyond_first(change: Change, first: Any) -> bool:  # noqa: ANN401 - a side of a change
    """Whether a change is of code that the first encoding does not hold, or not as today's does.

    It held the files that a stage declares, of notebooks every byte.
    """
    is_code = change.kind is ChangeKind.FILE and change.stage is not None
    return is_code and (first is ABSENT or change.name.endswith(".ipynb"))


def _told(validated: dict[str, Any], deployed: dict[str, Any]) -> Iterator[Change]:
    for name, old, new in paired(validated.get("settings", {}), deployed.get("settings", {})):
        yield Change(None, ChangeKind.SETTING, name, old, new)
    renamed = _renamed(validated["stages"], deployed["stages"])
    for was, now in renamed.items():
        yield Change(now, ChangeKind.STAGE, now, was, now)
    former = {renamed.get(name, name): stage for name, stage in validated["stages"].items()}
    for name, old, new in paired(former, deployed["stages"]):
        if old is ABSENT or new is ABSENT:
            yield Change(name, ChangeKind.STAGE, name, old, new)
        else:
            yield from _stage_differences(name, old, new)
    for path, old, new in paired(validated["files"], deployed["files"]):
        yield Change(None, ChangeKind.FILE, path, old, new)


def _first(manifest: dict[str, Any]) -> dict[str, Any]:
    """What a manifest of the first encoding would hold too."""
    if "encoding" not in manifest:
        return manifest
    stages = {
        name: stage | {"params": first_params(stage["params"])}
        for name, stage in manifest["stages"].items()
    }
    return {"stages": stages, "files": manifest["files"]}


def _renamed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """The stages that only go by another name: by their old name, the new one.

    Of those that are gone and those that are new, the most alike belong together, where they share
    more than half of what they are made of. None are told of where too many came and went.
    """
    gone, fresh = sorted(set(old) - set(new)), sorted(set(new) - set(old))
    if len(gone) * len(fresh) > MOST_COMPARED:
        return {}
    parts = {name: _parts(old[name]) for name in gone}
    parts_now = {name: _parts(new[name]) for name in fresh}
    pairs = sorted(
        ((_likeness(parts[was], parts_now[now]), was, now) for was in gone for now in fresh),
        key=lambda pair: (-pair[0], sorted(pair[1:])),
    )
    found: dict[str, str] = {}
    taken: set[str] = set()
    for likeness, was, now in pairs:
        if likeness > _ALIKE and was not in found and now not in taken:
            found[was] = now
            taken.add(now)
    return found


def _likeness(first: set[bytes], second: set[bytes]) -> float:
    """The share of what two stages are made of that is in both, from 0 to 1."""
    return len(first & second) / len(first | second) if first | second else 0.0


def _parts(stage: Mapping[str, Any]) -> set[bytes]:
    params = _parameters(stage["params"])
    lists = [("cmd", part) for part in stage["cmd"]]
    lists += [(key, path) for key in ("inputs", "outputs") for path in stage[key]]
    mappings = [*stage["code"].items(), *params.items()]
    return {canonical_bytes(list(part)) for part in (*lists, *mappings)}


def _stage_differences(stage: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    if old["cmd"] != new["cmd"]:
        yield Change(stage, ChangeKind.COMMAND, "cmd", old["cmd"], new["cmd"])
    for name, was, now in paired(_parameters(old["params"]), _parameters(new["params"])):
        yield from _parameter_differences(stage, name, was, now)
    for path, was, now in paired(old["code"], new["code"]):
        yield Change(stage, ChangeKind.FILE, path, was, now)
    for kind in (ChangeKind.INPUT, ChangeKind.OUTPUT):
        key = f"{kind.value}s"
        for path, was, now in paired(_same(old[key]), _same(new[key])):
            yield Change(stage, kind, path, was, now)


def _parameter_differences(stage: str, name: str, old: Any, new: Any) -> Iterator[Change]:  # noqa: ANN401
    """A parameter's change; that of a file tracked as a whole is told key by key."""
    if UNTOLD in (old, new):
        return
    first, second = entries(old), entries(new)
    whole = name == WHOLE or name.endswith(":")
    inside = paired(first, second) if whole and first is not None and second is not None else ()
    yield from [
        Change(stage, ChangeKind.PARAMETER, f"{name}{key}", was, now) for key, was, now in inside
    ] or [Change(stage, ChangeKind.PARAMETER, name, old, new)]


def _parameters(params: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Parameters by the name a person uses; the file is named unless it is a ``params.yaml``."""
    return {
        name if file == "params.yaml" else f"{file}:{name}": value
        for file, values in params.items()
        for name, value in values.items()
    } | {f"{file}:": {} for file, values in params.items() if not values}


def _same(paths: Iterable[str]) -> dict[str, str]:
    return {path: path for path in paths}


def changes_between(
    validated: PipelineVersion, deployed: PipelineVersion | None
) -> tuple[Change, ...]:
    """The changes between two pipeline versions; none where either is only stated by a digest."""
    if deployed is None or validated.manifest is None or deployed.manifest is None:
        return ()
    return differences(validated.manifest, deployed.manifest)
