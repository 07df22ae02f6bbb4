"""`make bench`: what lineage-guard costs beside its peers, in one run, as one table.

    python -m benchmarks [NAME]... [--quick] [--json FILE]

Every row is measured some times over, all that it compares in turns; the median of the turns is
held against the goal. What cannot be measured here is left out, and said.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import machine
from .bench import Bench
from .measure import CACHE
from .rows import LeftOut, Row, verdict
from .sizes import FULL, QUICK
from .work import BENCHMARKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def run(bench: Bench, names: list[str]) -> dict[str, Any]:
    """Run benchmarks, print their rows as they come, and give all of it as JSON."""
    found: dict[str, Any] = {
        "began": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "sizes": "full" if bench.sizes is FULL else "quick",
        "machine": machine.machine(),
        "benchmarks": [],
    }
    print(", ".join(f"{name}: {value}" for name, value in found["machine"].items()))
    began = time.monotonic()
    for name in names:
        found["benchmarks"].append(_one(name, BENCHMARKS[name], bench))
    found["minutes"] = round((time.monotonic() - began) / 60, 1)
    found["versions"] = machine.versions(vars(bench).get("postgresql"))
    print("\n" + ", ".join(f"{name} {value}" for name, value in found["versions"].items()))
    _close(found)
    return found


def _one(name: str, measure: Callable[[Bench], Iterator[Row]], bench: Bench) -> dict[str, Any]:
    before = machine.load()
    title = (measure.__doc__ or name).splitlines()[0].rstrip(".")
    print(f"\n{name}: {title}  [before: {before}]", flush=True)
    found: dict[str, Any] = {"name": name, "title": title, "before": before, "rows": []}
    began = time.monotonic()
    try:
        for row in measure(bench):
            print(row, flush=True)
            found["rows"].append(row.to_json())
    except LeftOut as why:
        found["left_out"] = str(why)
        print(f"  left out: {why}")
    except Exception as error:
        found["failed"] = f"{type(error).__name__}: {error}"[:400]
        traceback.print_exc()
    found["seconds"] = round(time.monotonic() - began, 1)
    found["during"] = f"load {os.getloadavg()[0]:.2f}"
    print(f"  [{found['seconds']} s; during: {found['during']}]", flush=True)
    return found


def _close(found: dict[str, Any]) -> None:
    rows = [row for one in found["benchmarks"] for row in one["rows"]]
    held = [row["met"] for row in rows if row["met"] is not None]
    print(f"\n{found['minutes']} minutes; goals met: {sum(held)} of {len(held)}")
    for row in rows:
        if row["met"] is False:
            print(f"  {verdict(row)}: {row['work']} ({row['goal']})")
    for one in found["benchmarks"]:
        for said in ("left_out", "failed"):
            if said in one:
                print(f"  {said.replace('_', ' ')}: {one['name']}: {one[said]}")


def main(words: list[str]) -> int:
    """Run the named benchmarks; all where none is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="small sizes, for a quick look")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found there too")
    said = parser.parse_args(words)
    for name in said.names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark {name}; there are: {', '.join(BENCHMARKS)}")
    CACHE.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="platformdirs")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a user's modules are compiled once
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers end with the run
    gc.set_threshold(50_000)  # as the command does
    with contextlib.ExitStack() as stack:
        bench = Bench(QUICK if said.quick else FULL, stack)
        found = run(bench, said.names or list(BENCHMARKS))
    if said.json is not None:
        said.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return 1 if any("failed" in one for one in found["benchmarks"]) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
