"""Score departures with the model that is here, as CSV files: what validation saw, and what came.

    python score.py 5-12

writes ``scored/validation.csv`` (the newest days of the data, which the model did not learn from)
and ``scored/served.csv`` (those months of 2013). A row has what a departure looked like, when it
was to leave, the score, and whether it was late.
"""

import pickle  # nosec B403 # its own model
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

sys.path.insert(0, "src")
from export import COLUMNS, departures
from featurize import features

SEEN = ["hour", "weekday", "traffic", "distance"]


def score(frame: pd.DataFrame, columns: list[str], model: object) -> pd.DataFrame:
    """The departures as a host sees them, with their scores; ``columns`` are the model's own."""
    table = features(frame, frame["dest"].nunique())
    known = [name for name in columns if name.startswith("dest_") and name != "dest_other"]
    x = table.reindex(columns=columns, fill_value=0)
    x["dest_other"] = 1 - x[known].sum(axis=1)
    late_after = yaml.safe_load(Path("params.yaml").read_text())["prepare"]["late_after_minutes"]
    late = frame["late"] if "late" in frame else frame["dep_delay"] > late_after
    clock = frame["sched_dep_time"]
    minutes = pd.to_timedelta(60 * (clock // 100) + clock % 100, "m")
    return table[SEEN].assign(
        hour=table["hour"].round(2),
        origin=frame["origin"],
        carrier=frame["carrier"],
        dest=frame["dest"],
        at=pd.to_datetime(frame[["year", "month", "day"]]) + minutes,
        late=late.astype(int),
        score=model.predict_proba(x.to_numpy(np.float32))[:, 1].round(6),
    )


def main(months: str) -> None:
    """Score the validation's days, and the months ``first-last``."""
    first, _, last = months.partition("-")
    params = yaml.safe_load(Path("params.yaml").read_text())
    learned = pd.read_csv("data/prepared.csv")
    day = pd.to_datetime(learned[["year", "month", "day"]]).dt.day_of_year
    columns = list(features(learned, params["featurize"]["top_destinations"]).columns)
    flights = pd.read_csv(departures(), usecols=COLUMNS)
    served = flights[flights["month"].between(int(first), int(last or first))]
    served = served.dropna(subset=["dep_time", "dep_delay"])  # cancelled ones
    newest = learned[day > np.quantile(day, 1 - params["split"]["test_fraction"])]
    model = pickle.loads(Path("models/model.pkl").read_bytes())  # nosec B301 # its own model
    folder = Path("scored")
    folder.mkdir(exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    for name, rows in (("validation", newest), ("served", served)):
        score(rows, columns, model).to_csv(folder / f"{name}.csv", index=False)
        print(f"{len(rows):,} departures scored to {folder / name}.csv")


if __name__ == "__main__":
    main(*sys.argv[1:])
