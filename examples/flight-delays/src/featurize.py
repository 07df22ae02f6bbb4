"""Turn prepared departures into numbers that are known before the flight leaves."""

import sys

import numpy as np
import pandas as pd
import yaml
from traffic import departures_in_the_hour


def features(frame: pd.DataFrame, top_destinations: int) -> pd.DataFrame:
    """One row of features for each departure, in the same order."""
    hour = frame["sched_dep_time"] // 100
    date = pd.to_datetime(frame[["year", "month", "day"]])
    busiest = frame["dest"].value_counts().index[:top_destinations]
    table = pd.DataFrame(
        {
            "hour": hour + frame["sched_dep_time"] % 100 / 60,
            "weekday": date.dt.day_of_week,
            "day_of_year": date.dt.day_of_year,
            "rush_hour": hour.between(16, 19).astype(int),
            "traffic": departures_in_the_hour(frame),
            "distance": frame["distance"],
        }
    )
    for column in ("origin", "carrier"):
        table = table.join(pd.get_dummies(frame[column], prefix=column, dtype=int))
    known = frame["dest"].where(frame["dest"].isin(busiest), "other")
    return table.join(pd.get_dummies(known, prefix="dest", dtype=int))


def main(prepared: str, path: str) -> None:
    """Read the prepared CSV file, write the arrays."""
    with open("params.yaml") as file:
        params = yaml.safe_load(file)["featurize"]
    frame = pd.read_csv(prepared)
    table = features(frame, params["top_destinations"])
    np.savez_compressed(
        path,
        x=table.to_numpy(np.float32),
        late=frame["late"].to_numpy(),
        day=table["day_of_year"].to_numpy(),
        origin=frame["origin"].to_numpy(dtype="U3"),
        carrier=frame["carrier"].to_numpy(dtype="U2"),
    )
    print(f"{table.shape[1]} features of {len(table):,} departures")


if __name__ == "__main__":
    main(*sys.argv[1:])
