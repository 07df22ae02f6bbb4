"""What a monitor with its defaults says of a year, run by the Python of its own environment.

    python monitors.py evidently|nannyml FOLDER

Reads ``reference.csv`` and ``served.csv``, and prints the days with an alarm. Stands alone: nothing
of this package is installed beside a monitor.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import pandas

warnings.filterwarnings("ignore")
CATEGORIES = ["carrier", "origin", "dest"]


def evidently(reference, served):  # noqa: ANN001, ANN201 - pandas is another one here
    """Each day with data drift: at least half of the columns, each by the test of its choice."""
    from evidently import Report
    from evidently.presets import DataDriftPreset

    report = Report([DataDriftPreset()], include_tests=True)
    for day, rows in served.groupby("day"):
        found = report.run(rows.drop(columns="day"), reference.drop(columns="day")).dict()
        drifted = next(
            one["value"]
            for one in found["metrics"]
            if one["metric_name"].startswith("DriftedColumnsCount")
        )
        if drifted["share"] >= 0.5:
            yield int(day)


def nannyml(reference, served):  # noqa: ANN001, ANN201
    """Each day on which a column is further off than three deviations of the reference's days."""
    import nannyml as nml

    start = pandas.Timestamp("2024-12-30")
    for rows in (reference, served):
        rows["at"] = start + pandas.to_timedelta(rows.pop("day"), unit="D")
    reference["at"] -= pandas.Timedelta(days=17 * 7)
    columns = [name for name in served.columns if name != "at"]
    calculator = nml.UnivariateDriftCalculator(
        column_names=columns, timestamp_column_name="at", chunk_period="D"
    )
    calculator.fit(reference)
    found = calculator.calculate(served).filter(period="analysis").to_df()
    alerts = found.xs("alert", axis=1, level=-1).any(axis=1).tolist()
    starts = pandas.to_datetime(found[("chunk", "chunk", "start_date")])
    for alert, at in zip(alerts, starts, strict=True):
        if alert:
            yield (at.normalize() - start).days


def main(name: str, folder: Path) -> None:
    """Print the days with an alarm, and the seconds that it took, reading apart."""
    reference, served = (
        pandas.read_csv(folder / f"{part}.csv", dtype=dict.fromkeys(CATEGORIES, str))
        for part in ("reference", "served")
    )
    windows = served["day"].nunique()
    began = time.process_time()
    alarms = list({"evidently": evidently, "nannyml": nannyml}[name](reference, served))
    took = time.process_time() - began
    print(json.dumps({"alarms": alarms, "seconds": took, "windows": windows}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
