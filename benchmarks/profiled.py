"""The file that is profiled: 20 columns, each of a row's number alone, so the same everywhere.

python -m benchmarks.profiled FILE ROWS
"""

from __future__ import annotations

import sys
from typing import Final

import duckdb

from lineage.evidence.reading.source import MEMORY

COLUMNS: Final = 20


def make(path: str, rows: int) -> None:
    """Write the file.

    Most numbers have some ten thousand values, as measured ones do, and two have about as many as
    there are rows: 20 columns of them would take 16 GB at 10⁸ rows.
    """

    def part(column: int, of: int) -> str:
        return f"(hash(i, {column}) % {of})"

    columns = [
        *(f"{part(n, 20_000)} / 100.0 * ({part(n, 7)} + 1)::DOUBLE AS amount{n}" for n in range(6)),
        *(f"ln({part(n, 20_000)} + 1)::DOUBLE AS level{n}" for n in range(6, 9)),
        *(f"nullif({part(n, 100)}, 0)::INTEGER AS count{n}" for n in (9, 10, 11)),
        *(f"({part(n, 2**32)} / {2**32})::FLOAT AS share{n}" for n in (12, 13)),
        *(f"'value-' || (sqrt({part(n, 2_500)})::INTEGER) AS kind{n}" for n in (14, 15, 16)),
        f"{part(17, 2)} = 1 AS paid",
        f"TIMESTAMP '2026-01-01' + to_minutes({part(18, 100_000)}::INTEGER) AS at",
        f"'note ' || nullif({part(19, 20_000)}, 0) || ', Zoë' AS note",
    ]  # fmt: skip
    with duckdb.connect(config={"memory_limit": MEMORY, "threads": 2}) as connection:
        connection.execute(
            f"COPY (SELECT {', '.join(columns)} FROM range({rows}) AS rows(i)) "
            f"TO '{path}' (FORMAT parquet)"
        )


if __name__ == "__main__":
    make(sys.argv[1], int(sys.argv[2]))
