"""`leakage`: look for what of the validation data the training knew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import documents, output
from ..options import Json

if TYPE_CHECKING:
    from lineage.evidence.leakage import Leakage


def leakage(
    train: Annotated[
        str,
        typer.Option(
            "--train",
            metavar="DATA",
            help="What it is trained on: CSV, Parquet, JSON lines, or a folder of them.",
        ),
    ],
    validation: Annotated[
        str, typer.Option("--validation", metavar="DATA", help="What it is validated on.")
    ],
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            metavar="COLUMN",
            help="What is predicted, of two values: which feature tells it alone?",
        ),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(
            "--group",
            metavar="COLUMN",
            help="No value of it may stand on both sides: a customer, a patient. Repeatable.",
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            "--time", metavar="COLUMN", help="The row's time: validation should be after training."
        ),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            "--key", metavar="COLUMN", help="It names a row, and is no content. Repeatable."
        ),
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(
            "--text", metavar="COLUMN", help="Look for near-duplicates of this text. Repeatable."
        ),
    ] = None,
    known_at: Annotated[
        list[str] | None,
        typer.Option(
            "--known-at",
            metavar="FEATURE=COLUMN",
            help="When a feature became known: not after --time. Repeatable.",
        ),
    ] = None,
    threshold: Annotated[
        float,
        typer.Option(
            "--threshold",
            metavar="AUC",
            help="From which on a feature alone tells the target.",
        ),
    ] = 0.95,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="Whose target, time, groups, keys, texts and known_at of lineage.toml count "
            "where none is named here.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Write the metrics to a file, which `validate --metrics` takes.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Look for what of the validation data the training knew; record nothing.

    Rows that stand in both are counted, and what else is asked for. Each finding is a metric below
    `leakage`: write them to a file, and give that to `validate --metrics` besides the metrics, so
    that a `require` such as leakage.rows == 0 can demand them.

    Example: `lineage leakage --train data/train.csv --validation data/holdout.csv -o leakage.json`
    """
    import lineage
    from lineage import strict_json

    found = lineage.leakage(
        train,
        validation,
        target=target,
        groups=group or (),
        time=time,
        keys=key or (),
        texts=text or (),
        known_at=_pairs(known_at or []),
        threshold=threshold,
        model=model,
    )
    if not as_json:
        _say(found)
    if out is not None:
        written = strict_json.dumps(found.to_dict()) + "\n"
        documents.put(written, found.to_dict(), out, as_json)
    elif as_json:
        output.emit(found.to_dict())
    for note in found.notes:
        output.note(f"note: {note}")


def _pairs(words: list[str]) -> dict[str, str]:
    from lineage.errors import UsageError

    pairs = {}
    for word in words:
        feature, sign, column = word.partition("=")
        if not (feature and sign and column):
            raise UsageError(
                f"--known-at {word[:80]!r} does not say when the feature became known.",
                remedy="Write the feature, and the column that has the time: "
                "--known-at delay=landed_at",
            )
        pairs[feature] = column
    return pairs


def _say(found: Leakage) -> None:
    of = f"of {found.validation_rows:,} validation rows"
    output.say(f"{found.rows:,} {of} stand in the {found.train_rows:,} of the training")
    if found.near_rows is not None:
        output.say(f"{found.near_rows:,} {of} have a text that is nearly one of the training's")
    if found.keys is not None:
        output.say(f"{found.keys:,} {of} have a key that stands in the training")
    for name, many in (found.groups or {}).items():
        if many is not None:
            output.say(f"{many:,} values of {name} stand on both sides")
    if found.time_rows is not None:
        output.say(f"{found.time_rows:,} {of} are not after the training")
    for name, auc in found.telling.items():
        output.say(f"{name} tells the target alone: AUC {auc:.3f}")
    if found.features is not None and not found.telling:
        output.say(f"no feature tells the target alone, of {len(found.features):,}")
    for name, many in (found.known_late or {}).items():
        if many is not None:
            output.say(f"{name} became known after the row's time in {many:,} rows")
