"""Clean the raw departures: leave out the cancelled ones, and say which were late."""

import sys

import pandas as pd
import yaml


def main(raw: str, prepared: str) -> None:
    """Read the raw CSV file, write the prepared one."""
    with open("params.yaml") as file:
        late_after = yaml.safe_load(file)["prepare"]["late_after_minutes"]
    frame = pd.read_csv(raw)
    frame = frame.dropna(subset=["dep_time", "dep_delay"])
    frame["late"] = (frame["dep_delay"] > late_after).astype(int)
    frame.drop(columns=["dep_time", "dep_delay"]).to_csv(prepared, index=False)
    print(f"{len(frame):,} departures, {frame['late'].mean():.1%} late")


if __name__ == "__main__":
    main(*sys.argv[1:])
