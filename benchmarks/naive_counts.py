"""What a profile is held against: the same counts by a data frame, as one writes them first.

    python -m benchmarks.naive_counts {polars,pandas} FILE

A column at a time: what is missing, 32 bins between quantiles of all numbers, the frequent
categories, times by the hour of the week.
"""

from __future__ import annotations

import sys
from typing import Any

BINS = 32


def polars(path: str) -> None:
    """Count by polars."""
    import polars as pl

    for name, kind in pl.read_parquet_schema(path).items():
        values = pl.read_parquet(path, columns=[name])[name]
        print(name, values.null_count())
        if kind.is_numeric():
            numbers = values.drop_nulls().sort()
            edges = [numbers[len(numbers) * i // BINS] for i in range(1, BINS)]
            print([numbers.search_sorted(edge, side="right") for edge in edges])
        elif kind.is_temporal():
            print(((values.dt.weekday() - 1) * 24 + values.dt.hour()).value_counts())
        else:
            print(values.value_counts(sort=True).head(64))


def pandas(path: str) -> None:
    """Count by pandas."""
    import numpy as np
    import pandas as pd
    import pyarrow.parquet as pq

    for name in pq.read_schema(path).names:
        values: Any = pd.read_parquet(path, columns=[name])[name]
        print(name, values.isna().sum())
        if pd.api.types.is_bool_dtype(values) or pd.api.types.is_string_dtype(values):
            print(values.value_counts().head(64))
        elif pd.api.types.is_numeric_dtype(values):
            numbers = values.dropna().to_numpy()
            edges = np.quantile(numbers, np.linspace(0, 1, BINS + 1), method="inverted_cdf")
            print(np.histogram(numbers, np.unique(edges))[0])
        else:
            print((values.dt.day_of_week * 24 + values.dt.hour).value_counts())


if __name__ == "__main__":
    {"polars": polars, "pandas": pandas}[sys.argv[1]](sys.argv[2])
