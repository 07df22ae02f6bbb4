"""How much is measured: the sizes of the goals, or small ones for a quick look."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """The sizes of one run; those of the goals by default."""

    turns: int = 3
    seconds: float = 2.0
    """Of each look at a server, in each turn."""
    rounds: int = 5
    """Runs of a command in each turn, the fastest of which counts."""
    slots: int = 200
    look_ups: int = 100_000
    moves: int = 40
    versions: tuple[int, ...] = (10, 100_000, 1_000_000)
    listed: int = 100_000
    hosts: int = 10_000
    waiting: int = 10_000
    observing: int = 1_000
    """Hosts that send windows of what they saw."""
    weights: int = 512 << 20
    small_files: int = 2_000
    large_file: int = 2 << 30
    files: int = 20_000
    watched: int = 100_000
    """Files that a watched run opens."""
    processes: tuple[int, ...] = (1, 2, 4)
    profiled: int = 100_000_000
    """Rows of the file that is profiled: of 20 columns, some 5 GB."""
    quiet_years: int = 200
    fault_years: int = 10
    """Years with each fault."""
    peer_years: int = 2
    """Of the quiet years, those that the other monitors see."""
    peer_faults: int = 1


FULL = Sizes()
QUICK = Sizes(
    turns=2,
    seconds=0.5,
    rounds=2,
    slots=20,
    look_ups=2_000,
    moves=10,
    versions=(10, 300, 2_000),
    listed=2_000,
    hosts=500,
    waiting=200,
    observing=120,
    weights=16 << 20,
    small_files=100,
    large_file=64 << 20,
    files=500,
    watched=2_000,
    processes=(1, 2),
    profiled=1_000_000,
    quiet_years=4,
    fault_years=1,
    peer_years=1,
    peer_faults=1,
)
