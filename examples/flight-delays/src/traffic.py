"""How busy an airport is. Nothing in dvc.yaml names this file: featurize.py imports it."""

import pandas as pd


def departures_in_the_hour(frame: pd.DataFrame) -> pd.Series:
    """How many flights are to leave the same airport in the same hour."""
    hour = frame["sched_dep_time"] // 100
    return frame.groupby(["origin", "month", "day", hour])["flight"].transform("size")
