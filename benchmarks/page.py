"""The pages of a run: the tables of docs/benchmarks.md and docs/scaling.md, from its JSON.

    python -m benchmarks --json FILE && python -m benchmarks.page FILE

The run itself is kept beside this module, so that a test holds the pages against it.

What stands between ``<!-- NAME -->`` and ``<!-- end -->`` is written anew, the rest is a person's.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .model import World, constants_of, demand
from .rows import figure, shown, verdict
from .simulation import kinds_of, simulate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .model import Constants

TOP: Final = Path(__file__).parents[1]
RUN: Final = Path(__file__).with_name("run.json")
BENCHMARKS: Final = TOP / "docs/benchmarks.md"
SCALING: Final = TOP / "docs/scaling.md"
DATABASES: Final = ("SQLite", "PostgreSQL")
_PART: Final = re.compile(r"<!-- ([a-z-]+) -->\n.*?<!-- end -->", re.DOTALL)

WORLDS: Final = tuple(
    World(models, hosts, waits)
    for models, hosts in ((1, 100), (100, 1_000), (100, 10_000), (10_000, 100_000), (10_000, 10**6))
    for waits in (False, True)
)


def written(page: str, run: dict[str, Any]) -> str:
    """A page with its parts made anew from a run.

    Raises:
        ValueError: the run has nothing for a part.
    """

    def part(found: re.Match[str]) -> str:
        name = found[1]
        return f"<!-- {name} -->\n{_part(name, run).strip()}\n<!-- end -->"

    return _PART.sub(part, page)


def _part(name: str, run: dict[str, Any]) -> str:
    if name == "run":
        return _run(run)
    if name == "goals":
        return _goals(run)
    if name == "constants":
        return _constants(run)
    if name.startswith("worlds-"):
        database = DATABASES[name == "worlds-postgresql"]
        return _worlds(constants_of(run, database))
    for one in run["benchmarks"]:
        if one["name"] == name:
            return "\n".join(_rows(one))
    raise ValueError(f"the run has no benchmark {name}")


def _run(run: dict[str, Any]) -> str:
    machine = ", ".join(f"{name}: {value}" for name, value in run["machine"].items())
    versions = ", ".join(f"{name} {value}" for name, value in run["versions"].items())
    sizes = "" if run["sizes"] == "full" else " **Small sizes, for a quick look.**"
    return f"{run['began']}, {run['minutes']} minutes.{sizes}\n\n{machine}.\n\n{versions}."


def _goals(run: dict[str, Any]) -> str:
    held = [
        (one["name"], row)
        for one in run["benchmarks"]
        for row in one["rows"]
        if row["met"] is not None
    ]
    met = sum(row["met"] for _, row in held)
    rows = [
        (f"[{name}](#{name})", row["work"], figure(row), row["goal"])
        for name, row in held
        if not row["met"]
    ]
    said = [f"{met} of {len(held)} goals are met."]
    if rows:
        said += ["Missed:", "", *_table(("benchmark", "work", "measured", "goal"), rows)]
    for one in run["benchmarks"]:
        for key, word in (("left_out", "left out"), ("failed", "failed")):
            if key in one:
                said += ["", f"{one['name']}: {word}: {one[key]}"]
    return "\n".join(said)


def _rows(one: dict[str, Any]) -> Iterator[str]:
    rows = [
        (
            row["work"],
            row["against"],
            figure(row) + (f" ({row['spread']})" if row["spread"] else ""),
            f"{row['goal']}: {verdict(row)}" if row["goal"] else "",
            "; ".join(f"{name} {said}" for name, said in row["figures"].items()),
        )
        for row in one["rows"]
    ]
    if rows:
        yield from _table(("work", "against", "measured (best to worst)", "goal", "from"), rows)
    for key, word in (("left_out", "Left out"), ("failed", "Failed")):
        if key in one:
            yield f"\n{word}: {one[key]}."
    if "seconds" in one:  # it was measured by one command
        yield f"\nBefore: {one['before']}; at the end: {one['during']}; {one['seconds']} s."


def _constants(run: dict[str, Any]) -> str:
    costs = {name: constants_of(run, name) for name in DATABASES}
    said = (
        ("look-up, its answer known", "look_up_cpu", 1e6, "µs"),
        ("look-up, after a change", "cold_cpu", 1e3, "ms"),
        ("move", "promote_cpu", 1e3, "ms"),
        ("move: the write lock", "promote_lock", 1e3, "ms"),
        ("registration", "register_cpu", 1e3, "ms"),
        ("registration: the write lock", "register_lock", 1e3, "ms"),
        ("report", "report_cpu", 1e3, "ms"),
        ("report: until the next one can be taken", "report_lock", 1e3, "ms"),
        ("waiting host: each renewal", "waiting_cpu", 1e6, "µs"),
        ("waiting host: told of a move", "told_cpu", 1e6, "µs"),
        ("waiting host: memory", "waiting_bytes", 1 / 1024, "kB"),
        ("connection: memory", "connected_bytes", 1 / 1024, "kB"),
        ("answer", "look_up_bytes", 1, "bytes"),
        ("version or move on the disk", "version_bytes", 1 / 1024, "kB"),
    )
    rows = [
        (what, *(f"{shown(getattr(cost, name) * factor)} {unit}" for cost in costs.values()))
        for what, name, factor, unit in said
    ]
    return "\n".join(_table(("one", *costs), rows))


def _worlds(cost: Constants) -> str:
    rows = []
    for world in WORLDS:
        need = demand(world, cost)
        processes = max(1, int(need.cores / 0.7) + 1)
        rows.append(
            (
                f"{world.models:,}",
                f"{world.hosts:,}",
                "wait" if world.waits else f"ask every {world.every:.0f} s",
                shown(need.cores),
                _share(need.lock),
                _share(need.reports),
                f"{shown(need.memory / (1 << 20))} MiB",
                f"{shown(need.burst)} s" if world.waits else "",
                *_simulated(world, cost, processes, max(need.lock, need.reports)),
                f"{shown(need.grown / (1 << 20))} MiB",
            )
        )
    head = (
        "models", "hosts", "which", "cores", "write lock", "reports' lane", "connections",
        "one process tells a model's hosts in", "processes", "look-up p99", "move p99",
        "the database grows a day",
    )  # fmt: skip
    return "\n".join(_table(head, rows))


def _share(share: float) -> str:
    """A share of one thing, of which there is no second."""
    return f"{shown(share * 100)} %" + (" (too much)" if share > 0.7 else "")


def _simulated(world: World, cost: Constants, processes: int, lock: float) -> tuple[str, str, str]:
    """Processes, and the times of look-ups and moves with them; nothing where no queue ends."""
    if lock >= 1:
        return f"{processes}", "no end", "no end"
    said = simulate(kinds_of(world, cost), processes)
    moves = said.told["move"]
    return (
        f"{processes}",
        f"{shown(said.told['look-up'].at(0.99) * 1e3)} ms",
        f"{shown(moves.at(0.99) * 1e3)} ms" if moves.times else "none came",
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def main(file: Path) -> None:
    """Keep a run, and write both pages from it."""
    text = file.read_text()
    run = json.loads(text)
    RUN.write_text(text)
    for page in (BENCHMARKS, SCALING):
        page.write_text(written(page.read_text(), run))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
