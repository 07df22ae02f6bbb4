"""Score departures with the model that is here: those that validation saw, and those that came.

    python score.py 5-12

writes ``scored/validation.parquet`` (the newest days of the data, which the model did not learn
from) and ``scored/served.parquet`` (those months of 2013). A row has what a departure looked like,
when it was to leave, the score, and whether it was late.
"""

import pickle  # nosec B403 # its own model
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import yaml

sys.path.insert(0, "src")
from export import COLUMNS, departures
from featurize import features

SEEN = ["hour", "weekday", "traffic", "distance"]


def write(path: Path, frame: pd.DataFrame, table: pd.DataFrame, model: object) -> None:
    """Write departures as a host sees them, with their scores; ``table`` has their features."""
    clock = frame["sched_dep_time"]
    minutes = pd.to_timedelta(60 * (clock // 100) + clock % 100, "m")
    scored = table[SEEN].assign(
        hour=table["hour"].round(2),
        origin=frame["origin"],
        carrier=frame["carrier"],
        dest=frame["dest"],
        at=pd.to_datetime(frame[["year", "month", "day"]]) + minutes,
        late=frame["late"],
        score=model.predict_proba(table.to_numpy(np.float32))[:, 1].round(6),
    )
    duckdb.from_df(scored).write_parquet(str(path))
    print(f"{len(scored):,} departures scored to {path}")


def main(months: str) -> None:
    """Score the validation's days, and the months ``first-last``."""
    first, _, last = months.partition("-")
    params = yaml.safe_load(Path("params.yaml").read_text())
    model = pickle.loads(Path("models/model.pkl").read_bytes())  # nosec B301 # its own model
    folder = Path("scored")
    folder.mkdir(exist_ok=True)
    (folder / ".gitignore").write_text("*\n")

    learned = pd.read_csv("data/prepared.csv")
    table = features(learned, params["featurize"]["top_destinations"])
    day = table["day_of_year"]
    newest = day > np.quantile(day, 1 - params["split"]["test_fraction"])
    write(folder / "validation.parquet", learned[newest], table[newest], model)

    flights = pd.read_csv(departures(), usecols=COLUMNS)
    served = flights[flights["month"].between(int(first), int(last or first))]
    served = served.dropna(subset=["dep_time", "dep_delay"])  # cancelled ones
    late = served["dep_delay"] > params["prepare"]["late_after_minutes"]
    served = served.assign(late=late.astype(int))
    busy = {name.removeprefix("dest_") for name in table.columns if name.startswith("dest_")}
    known = served.assign(dest=served["dest"].where(served["dest"].isin(busy), "other"))
    its_own = features(known, len(busy)).reindex(columns=table.columns, fill_value=0)
    write(folder / "served.parquet", served, its_own, model)


if __name__ == "__main__":
    main(*sys.argv[1:])
