"""A model card in Markdown: what a version is, what made it, what was measured, where it may go."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import yaml

from lineage import timestamps
from lineage.export.described import measured, number
from lineage.guard.decision import Status
from lineage.guard.evidence import Basis
from lineage.identity.signers import is_identity
from lineage.inert import inert, inert_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lineage.contract.results.records import Validation
    from lineage.export.described import Described
    from lineage.export.steps import Step, Steps

_MARKS: Final = re.compile(r"([\\`*_{}\[\]()!|<>~$^]|^[#+=-])")
_NUMBERED: Final = re.compile(r"^([0-9]+)\.(?=\s|$)")
_STEPS: Final = 50
_CONTENTS: Final = 10
"""Steps, and contents of each, that the card shows."""
_METRICS: Final = 200
"""Metrics that the card shows; the JSON of `show` has all."""

_BASES: Final = {
    Basis.RUN: "a run that was watched",
    Basis.CARRIED: "another verdict, from which it was carried over",
    Basis.STATED: "somebody's word",
}
"""What a verdict rests on, in words."""


def written(described: Described) -> str:
    """A version as a model card; its head is YAML, as hubs read it."""
    version = described.version
    head = {
        "model_name": version.ref,
        "tags": ["lineage-guard", version.kind.value],
        "lineage": {"tuple": version.tuple, "weights": described.weights["blake3"]},
    }
    front = yaml.safe_dump(head, sort_keys=False, allow_unicode=False)
    return "\n".join([f"---\n{front}---", "", *_lines(described)]) + "\n"


def _lines(described: Described) -> Iterator[str]:
    version = described.version
    yield f"# {_text(version.ref)}"
    yield ""
    if version["description"]:
        yield from (_text(version["description"]), "")
    yield (
        f"A model version of kind {version.kind.value}, registered by "
        f"{_text(version.registered_by)} at {timestamps.written(version.registered_at)}"
        + (f", made from {_text(version.parent)}." if version.parent else ".")
    )
    yield from ("", "## What made it", "")
    yield from _table(("part", "digest", "what"), _parts(described))
    yield from _made_by(described.made)
    if described.parameters:
        yield from ("", "## Parameters of the pipeline", "")
        yield from _table(
            ("name", "value"),
            ((name, inert_json(value)) for name, value in described.parameters),
        )
    yield from ("", "## Validation", "")
    yield from _validation(version.validation)
    yield from _signatures(described)
    for decision in described.decisions:
        yield from ("", f"## {_text(decision.environment)}", "")
        yield f"{_text(decision.sentence)}."
        told = [check for check in decision.checks if check.status is not Status.SKIPPED]
        yield ""
        yield from _table(
            ("rule", "status", "says"),
            ((check.code, check.status.value, check.summary) for check in told),
        )


def _made_by(made: Steps) -> Iterator[str]:
    """The runs that led to it, the first at the top."""
    if not made.steps and not made.gaps:
        return
    yield from ("", "## Made by", "")
    shown = made.steps[-_STEPS:]
    if len(shown) < len(made.steps) or made.more:
        yield from ("The last steps; the trace of the version shows what they rest on.", "")
    if shown:
        yield from _table(("step", "command", "from", "made"), map(_step, shown))
    for gap in made.gaps:
        yield from ("", _text(gap))


def _step(step: Step) -> Sequence[object]:
    origin = " ".join(step.origin[key] for key in ("url", "rev", "path") if key in step.origin)
    used = [content.name for content in step.used if content.role == "input"]
    return (
        step.name,
        " && ".join(step.commands) or None,
        _several(used) or origin or None,
        _several([content.name for content in step.made]) or None,
    )


def _several(names: Sequence[str]) -> str:
    more = f" and {len(names) - _CONTENTS} more" if len(names) > _CONTENTS else ""
    return ", ".join(names[:_CONTENTS]) + more


def _parts(described: Described) -> Iterator[Sequence[object]]:
    """The rows of what made it."""
    version, code, weights = described.version, described.code, described.weights
    place = " ".join(filter(None, (code["remote"], code["branch"])))
    yield "code", version.code, "with changes that no commit holds" if version.dirty else place
    for item in described.data:
        known = "the bytes were read" if item.verified else "as somebody says"
        yield f"data {item.name}", item.digest, known
    pipeline = described.pipeline
    yield "pipeline", version.pipeline, pipeline.name if pipeline is not None else None
    files = "1 file" if weights["files"] == 1 else f"{weights['files']} files"
    size = f"{weights['size']} bytes in {files}" if weights["size"] else None
    yield "weights", weights["blake3"] or version.weights, size


def _validation(newest: Validation | None) -> Iterator[str]:
    """What the newest verdict says."""
    if newest is None:
        yield "It was never validated."
        return
    word = "passed" if newest.passed else "failed"
    yield (
        f"It {word} with pipeline {_text(newest.pipeline)}, by {_text(newest.validated_by)} at "
        f"{timestamps.written(newest.validated_at)}. The verdict rests on {_BASES[newest.basis]}."
    )
    yield ""
    for outcome in newest.requirements:
        yield f"- {_text(outcome.sentence)}"
    if newest.requirements:
        yield ""
    metrics = measured(newest)
    if metrics:
        yield from _table(
            ("metric", "value"), [(name, number(value)) for name, value in metrics[:_METRICS]]
        )
    if len(metrics) > _METRICS:
        yield from ("", f"and {len(metrics) - _METRICS} more.")


def _signatures(described: Described) -> Iterator[str]:
    """Who signed what of it."""
    if not described.signed:
        return
    yield from ("", "## Signatures", "")
    yield "Each holds by the key that it was recorded with; the fingerprint tells whose that is."
    if any(is_identity(one.signed_by) for one in described.signed):
        yield "What an identity signed holds by the registry's root of trust."
    yield ""
    yield from _table(
        ("says", "signed by", "recorded", "by"),
        (
            (one.says, one.signed_by, timestamps.written(one.recorded_at), one.recorded_by)
            for one in described.signed
        ),
    )
    if described.version.get("more_attestations"):
        yield from ("", f"and {described.version['more_attestations']} older.")


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(_text('-' if cell is None else str(cell)) for cell in row)} |"


def _text(text: str) -> str:
    """A text that Markdown shows as it is: no mark of it means anything, and no HTML."""
    shown = _MARKS.sub(r"\\\1", inert(text).strip()).replace("&", "&amp;").replace(r"\<", "&lt;")
    return _NUMBERED.sub(r"\1\\.", shown)
