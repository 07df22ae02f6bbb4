"""What a validation can show besides one number: what is measured of a model, as metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lineage.config.models import ModelTable
    from lineage.evidence.importance import Importance
    from lineage.evidence.leakage import Leakage
    from lineage.evidence.measure import Measurement
    from lineage.evidence.slices import Slices


def measure(
    predict: Callable[[Any], Any],
    rows: Any,  # noqa: ANN401 - any frame, array or sequence
    *,
    model: str | None = None,
    batch: int = 1000,
    calls: int = 1000,
    warm_up: int = 3,
    seconds: float = 10.0,
    price_per_hour: float | None = None,
) -> Measurement:
    """Measure how fast a function predicts: latency a row at a time, then rows a second in batches.

    ``to_dict()`` gives the metrics, to be written with others: ``latency_p50_ms`` (also ``p90``,
    ``p95``, ``p99``, ``max``), ``latency_calls``, ``throughput_rows_per_second``,
    ``throughput_batch``, and with a price ``cost_per_thousand`` (predictions, in batches) and
    ``cost_per_thousand_single``. What the function raises is raised.

    Args:
        predict: what is measured; each call gets some of the rows, of the kind that all are.
        rows: what it predicts: a list, an array, a frame of pandas, polars or Arrow. They are gone
            through again where they are too few.
        model: whose ``price_per_hour`` (``[models.NAME.value]`` of ``lineage.toml``) counts.
        batch: rows of a batch.
        calls: calls with one row.
        warm_up: calls before, of each kind, that do not count.
        seconds: how long each of both parts goes on at the most; one call always counts.
        price_per_hour: what an hour of this machine costs; default: as configured for ``model``.

    Raises:
        UsageError: there are no rows, a number is too small, the function gives what predicts later
            (a generator, a coroutine), or the configuration cannot be read.
    """
    from lineage.evidence import measure as measuring

    if price_per_hour is None and model is not None:
        price_per_hour = _configured(model).value.price_per_hour
    return measuring.measure(
        predict,
        rows,
        batch=batch,
        calls=calls,
        warm_up=warm_up,
        seconds=seconds,
        price_per_hour=price_per_hour,
    )


def leakage(
    train: Any,  # noqa: ANN401 - a path, or any frame
    validation: Any,  # noqa: ANN401 - as above
    *,
    target: str | None = None,
    groups: str | Sequence[str] = (),
    time: str | None = None,
    keys: str | Sequence[str] = (),
    texts: str | Sequence[str] = (),
    known_at: Mapping[str, str] | None = None,
    threshold: float = 0.95,
    model: str | None = None,
) -> Leakage:
    """Look for what of the validation data the training knew.

    ``to_dict()`` gives the metrics below ``leakage``, to be written with others; what was not
    looked for has none. It is true where something leaks.

    Args:
        train: a path (CSV, Parquet, JSON lines, a folder of them) or a frame of pandas, polars or
            Arrow.
        validation: the same; the columns that both have are compared.
        target: the column that is predicted, of two values: a feature that tells it alone leaks.
        groups: columns of which no value may stand on both sides: a customer, a patient.
        time: the column of the row's time: the validation should be after the training.
        keys: columns that name a row, which are no part of its content.
        texts: columns of text, in which near-duplicates are looked for.
        known_at: features, each with the column of when it became known; it must not be after
            ``time``.
        threshold: the AUC from which on a feature's rule tells the target alone.
        model: whose target, time, groups, keys, texts and known_at count where they are not given
            (``[models.NAME.evidence]`` of ``lineage.toml``).

    Raises:
        UsageError: data cannot be read, a column is not there, or DuckDB (the extra ``evidence``)
            is not installed.
    """
    from lineage.contract.requests import listed
    from lineage.evidence.leakage import Looking
    from lineage.evidence.reading.overlap import leakage_of

    told = _configured(model).evidence if model is not None else None
    if told is not None:
        target, time = target or told.target, time or told.time
        groups, known_at = listed(groups) or told.groups, known_at or told.known_at
        keys, texts = listed(keys) or told.keys, listed(texts) or told.texts
    looking = Looking(
        target,
        tuple(listed(groups)),
        time,
        tuple(listed(keys)),
        tuple(listed(texts)),
        dict(known_at or {}),
        threshold,
    )
    return leakage_of(train, validation, looking)


def slices(
    frame: Any,  # noqa: ANN401 - any frame
    *,
    score: str,
    target: str,
    by: str | Sequence[str],
    threshold: float = 0.5,
    minimum: int = 100,
    fewest: int = 10,
    worst: int = 0,
) -> Slices:
    """Measure scores against outcomes: of all rows, of each slice, and between groups.

    ``to_dict()`` gives the metrics, to be written with others: ``overall``, ``slices`` (by
    ``sex=female``), ``groups`` (by column, how far its slices are apart) and ``small_slices``. Each
    slice has ``n``, ``positives``, ``auc``, ``selection_rate``, ``true_positive_rate``,
    ``false_positive_rate`` and ``positive_rate``, each with ``_low`` and ``_high`` (95 %), and of
    probabilities ``calibration_gap`` and ``calibration_error``.

    Args:
        frame: of pandas, polars or Arrow, or a dict of lists: a row for each prediction.
        score: the column of the scores, greater where it is likelier.
        target: the column of the outcomes: 1 or true, 0 or false.
        by: the columns whose values are slices: one, or several, each by itself.
        threshold: a score from which on a row is selected.
        minimum: rows that a slice has to be measured; smaller ones are listed apart.
        fewest: rows of each outcome that it has for that.
        worst: so many slices more, of two or three of the columns together, that are the worst:
            ``sex=female & port=S``. They are looked for by sliceline (the extra ``slices``).

    Raises:
        UsageError: a column is not there, a value is no number or no outcome, there is but one
            outcome, a column has more than 100 values, or sliceline is not installed.
    """
    from lineage.contract.requests import listed
    from lineage.errors import UsageError
    from lineage.evidence import frames
    from lineage.evidence.slices import MOST, Rows, require_few, sliced

    if minimum < 1 or fewest < 1:
        raise UsageError(
            f"minimum is {minimum} and fewest is {fewest}.", remedy="Give 1 or more of both."
        )
    if not 0 <= worst <= MOST:
        raise UsageError(f"worst is {worst}.", remedy=f"Give a number of slices, up to {MOST}.")
    rows = Rows(
        frames.numbers(frames.column(frame, score), score),
        frames.outcomes(frames.column(frame, target), target),
        threshold,
    )
    columns = {name: frames.labels(frames.column(frame, name)) for name in listed(by)}
    for name, values in {target: rows.outcomes, **columns}.items():
        if len(values) != len(rows.scores):
            raise UsageError(
                f"{name[:80]!r} has {len(values):,} rows, and {score!r} {len(rows.scores):,}.",
                remedy="Give columns of the same rows.",
            )
    require_few(columns)
    together: list[dict[str, str]] = []
    if worst and len(columns) > 1:
        from lineage.evidence.worst import worst as worst_of

        together = worst_of(rows, columns, most=worst, minimum=minimum)
    return sliced(rows, columns, minimum=minimum, fewest=fewest, together=together)


def importance(
    predict: Callable[[Any], Any],
    rows: Any,  # noqa: ANN401 - any frame or array
    target: Sequence[Any],
    *,
    metric: Callable[[Sequence[Any], Any], float] | None = None,
    repeats: int = 5,
    seed: int = 0,
) -> Importance:
    """Measure what a function relies on: what a metric loses without what each feature says.

    ``to_dict()`` gives the metrics, to be written with others: ``importance`` by feature, the loss
    in the mean. ``diff`` then shows what a new version relies on that the old did not.

    Args:
        predict: gives a score for each of some rows.
        rows: what it predicts, the features alone: a frame of pandas, polars or Arrow, an array of
            two dimensions, or a dict of lists.
        target: the outcomes, in the order of the rows.
        metric: of outcomes and scores, the greater the better; default: the AUC, of outcomes of 1
            (or true) and 0.
        repeats: how often the values of each feature are put in another order.
        seed: of these orders, so that the same rows give the same numbers.

    Raises:
        UsageError: there are no rows or no features, not as many outcomes, or a score is no number.
    """
    from lineage.evidence.importance import importance as measured

    return measured(predict, rows, target, metric=metric, repeats=repeats, seed=seed)


def _configured(model: str) -> ModelTable:
    """What the configuration says of a model."""
    from lineage.capture.project import opened

    with opened() as project:
        return project.config.model(model)
