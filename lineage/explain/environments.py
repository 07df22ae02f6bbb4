"""Comparing the environments that the newest verdicts on two versions were reached in. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineage.identity.run_environment import RunEnvironment, changes_json

if TYPE_CHECKING:
    from collections.abc import Mapping

_BASES = {"carried": "was carried over", "stated": "was stated"}


def compare_environments(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """JSON of what differs from one version's environment to another's.

    Args:
        old: JSON of `show`.
        new: that of another version.

    Returns:
        The two environments, each with its ``validation``; ``same`` is None where one is not known,
        and ``explanation`` says why.
    """
    verdicts = [_newest(side) for side in (old, new)]
    known = [verdict.get("environment") if verdict else None for verdict in verdicts]
    sides = [
        {key: one[key] for key in ("interpreters", "platforms", "packages", "gaps")}
        | {"validation": verdict["id"]}
        if verdict is not None and one is not None
        else None
        for verdict, one in zip(verdicts, known, strict=True)
    ]
    answer: dict[str, Any] = {"same": None, "first": sides[0], "second": sides[1]}
    if sides[0] is None or sides[1] is None:
        unknown = [
            _unknown(version["ref"], verdict)
            for version, verdict, side in zip((old, new), verdicts, sides, strict=True)
            if side is None
        ]
        return answer | {"changes": [], "explanation": list(dict.fromkeys(unknown)), "more": 0}
    before, after = map(RunEnvironment.from_json, (sides[0], sides[1]))
    changes = before.changes_to(after)
    return answer | {"same": not changes} | changes_json(changes)


def _newest(version: Mapping[str, Any]) -> dict[str, Any] | None:
    """The newest verdict on a version, with whatever pipeline."""
    validations: list[dict[str, Any]] = version["validations"]
    return validations[0] if validations else None


def _unknown(ref: str, verdict: dict[str, Any] | None) -> str:
    if verdict is None:
        return f"there is no verdict on {ref}"
    how = _BASES.get(verdict["basis"], "came of a run in which no Python was observed")
    return f"the environment of {ref}'s newest verdict is not known: it {how}"
