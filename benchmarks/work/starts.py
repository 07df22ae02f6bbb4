"""How long commands and the server take to start, and what the server holds in memory."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from benchmarks import servers
from benchmarks.bench import POSTGRESQL, SQLITE
from benchmarks.filled import fill
from benchmarks.measure import BIN, command
from benchmarks.peers import peer
from benchmarks.projects import GIT, lineage, project
from benchmarks.rows import LeftOut, Row, at_most, ratios, shown

from .lookups import CONNECTIONS, look_up
from .moves import PAIR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from benchmarks.bench import Bench

MINIMAL = "import typer; app = typer.Typer(); app.command()(lambda name: None); app()"
IMPORTS = "python -c 'import typer, sqlmodel'"
TYPER = "a minimal Typer program --help"
GTO = "gto show"


def starts(bench: Bench) -> Iterator[Row]:
    """Commands, each a process that is warm on the disk, against programs of the field."""
    folder = bench.new_folder()
    _project(folder)
    missing: LeftOut | None = None
    filled = fill(bench.empty(SQLITE), 1)
    with servers.registry(filled.url, filled.token) as server:
        asking = {"LINEAGE_REGISTRY": server.address, "LINEAGE_TOKEN": server.token}
        ours = BIN / "lineage"
        guard = (ours, "guard", "big@1", "--env", "staging")
        remote = (ours, "guard", f"{PAIR}@1", "--env", "production")
        candidates = {
            "python -c pass": command(sys.executable, "-c", "pass"),
            IMPORTS: command(sys.executable, "-c", "import typer, sqlmodel"),
            "guard on a file": command(*guard, cwd=folder),
            "serving on a file": command(ours, "serving", cwd=folder),
            "guard against a server": command(*remote, cwd=folder, **asking),
            "serving against a server": command(ours, "serving", cwd=folder, **asking),
            TYPER: command(sys.executable, "-c", MINIMAL, "--help"),
            "lineage --help": command(ours, "--help", cwd=folder),
            "dvc --version": command(BIN / "dvc", "--version", cwd=folder),
        }
        try:
            candidates[GTO] = _gto(folder)
        except LeftOut as why:
            missing = why
        for once in candidates.values():
            once()
        turns = bench.turns(candidates)
    for name, base, goal in (
        ("guard on a file", IMPORTS, 1.15),
        ("serving on a file", IMPORTS, 1.15),
        ("guard against a server", GTO, 1.0),
        ("serving against a server", GTO, 1.0),
        ("lineage --help", TYPER, 1.25),
    ):
        if base in candidates:
            yield _row(turns, name, base, goal)
    for name in ("python -c pass", "dvc --version"):
        yield Row(name, tuple(turn[name] * 1000 for turn in turns), unit="ms")
    if missing is not None:
        raise missing


def server(bench: Bench) -> Iterator[Row]:
    """The server: from its start until it is ready, and its memory after many look-ups."""
    for database in (SQLITE, POSTGRESQL):
        filled = bench.slots(database)
        took = []
        for _ in range(bench.sizes.turns):
            began = time.perf_counter()
            with servers.registry(filled.url, filled.token):
                took.append(time.perf_counter() - began)
        yield Row(f"server start, {database}", tuple(took), unit="s", goal=at_most(1.5))
        with servers.registry(filled.url, filled.token) as running:
            before, answers = running.rss(), 0
            while answers < bench.sizes.look_ups:
                answers += look_up(bench, running, filled.paths, CONNECTIONS)["answers"]
            yield Row(
                f"server memory after {bench.sizes.look_ups:,} look-ups, {database}",
                (running.rss() / (1 << 20),),
                unit="MiB",
                goal=at_most(120),
                figures={"before": f"{shown(before / (1 << 20))} MiB"},
            )


def _row(turns: list[dict[str, float]], name: str, base: str, goal: float) -> Row:
    fastest = {one: min(turn[one] for turn in turns) * 1000 for one in (name, base)}
    said = {one: f"{shown(value)} ms" for one, value in fastest.items()}
    return Row(name, ratios(turns, name, base), base, goal=at_most(goal), figures=said)


def _project(folder: Path) -> None:
    """A registry in a file: one version serves, another may take its place."""
    project(folder, "model.bin")
    (folder / "model.bin").write_bytes(b"m")
    lineage(folder, "register", "big", "--kind", "experiment")
    lineage(folder, "pipeline", "deploy", "big", "--env", "staging")
    lineage(folder, "validate", "big@1", "--passed")
    lineage(folder, "promote", "big@1", "--env", "staging")


def _gto(folder: Path) -> Callable[[], None]:
    """`gto show` of the same repository, in which a version is registered and assigned.

    Raises:
        LeftOut: gto is not to be had here.
    """
    gto = peer("gto") / "gto"
    command(*GIT, "tag", "big@v1.0.0", cwd=folder)()
    command(*GIT, "tag", "big#staging#1", cwd=folder)()
    return command(gto, "show", cwd=folder)
