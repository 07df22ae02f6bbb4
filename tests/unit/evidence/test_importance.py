"""What a function relies on: held against scikit-learn's permutation importance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import lineage
from lineage.errors import UsageError

CHANCE = np.random.default_rng(2)
X = CHANCE.normal(size=(600, 3))
Y = (X[:, 0] + 0.3 * X[:, 1] + CHANCE.normal(size=600) * 0.3 > 0).astype(int)
NAMES = ["fare", "class", "noise"]
FRAMES = {
    "array": X,
    "pandas": pd.DataFrame(X, columns=NAMES, index=range(600, 0, -1)),
    "polars": pl.DataFrame(X, schema=NAMES),
    "arrow": pa.table({name: X[:, at] for at, name in enumerate(NAMES)}),
    "dict": {name: X[:, at].tolist() for at, name in enumerate(NAMES)},
}


def predict(rows):
    columns = rows.T if isinstance(rows, np.ndarray) else [rows[name] for name in NAMES]
    first, second, _ = (np.asarray(column, dtype=float) for column in columns)
    return first + 0.3 * second


@pytest.mark.parametrize("kind", FRAMES)
def test_rows_of_every_kind_give_the_same(kind) -> None:
    found = lineage.importance(predict, FRAMES[kind], Y, repeats=2).to_dict()["importance"]
    array = lineage.importance(predict, X, Y, repeats=2).to_dict()["importance"]
    assert list(found.values()) == list(array.values())
    assert list(found) == (["0", "1", "2"] if kind == "array" else NAMES)
    assert found[list(found)[2]] == 0.0
    assert np.array_equal(np.asarray(FRAMES["array"]), X), "the rows are as they were"


def test_the_losses_are_scikit_learns() -> None:
    from sklearn.inspection import permutation_importance
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression().fit(X, Y)
    found = lineage.importance(lambda rows: fitted.predict_proba(rows)[:, 1], X, Y, repeats=10)
    theirs = permutation_importance(fitted, X, Y, scoring="roc_auc", n_repeats=10, random_state=1)
    ours = [found.means[str(at)] for at in range(3)]
    assert ours == pytest.approx(theirs.importances_mean, abs=0.02)
    assert repr(found).startswith("<importance of 3 features: 0 0.")


def test_another_metric_and_another_seed() -> None:
    def less_error(target, scores):
        return -float(np.mean((np.asarray(target) - scores) ** 2))

    one = lineage.importance(lambda rows: rows[:, 0], X, X[:, 0], metric=less_error)
    assert one.metric == 0.0
    assert one.means["0"] == pytest.approx(2, abs=0.4)
    assert one.means["1"] == 0.0
    other = lineage.importance(lambda rows: rows[:, 0], X, X[:, 0], metric=less_error, seed=1)
    assert one.to_dict() != other.to_dict()


@pytest.mark.parametrize(
    ("rows", "target", "told", "says"),
    [
        (X, Y[:-1], {}, "599 outcomes of 600 rows"),
        (X, Y, {"repeats": 0}, "0 repeats"),
        (X[:, 0], Y, {}, "has no columns"),
        (X, np.zeros(600), {}, "one outcome alone"),
        (X[:0], [], {}, "no rows"),
        (pd.DataFrame(X, columns=["a", "a", "b"]), Y, {}, "two of one name"),
    ],
)
def test_what_cannot_be_measured_is_told(rows, target, told, says) -> None:
    with pytest.raises(UsageError, match=says):
        lineage.importance(lambda given: np.zeros(len(given)), rows, target, **told)
    with pytest.raises(ZeroDivisionError):
        lineage.importance(lambda _: 1 / 0, X, Y)
