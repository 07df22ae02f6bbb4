"""The model of cost and its simulation, against each other and against what is known of queues."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from benchmarks.model import Constants, World, constants_of, demand
from benchmarks.rows import Row
from benchmarks.simulation import REPORTS, Kind, kinds_of, simulate

COST = Constants(**dict.fromkeys((field.name for field in fields(Constants)), 0.001))


@pytest.mark.parametrize("busy", [0.3, 0.6, 0.8])
def test_a_queue_waits_as_long_as_pollaczek_and_khinchine_say(busy):
    said = simulate([Kind("look-up", busy * 1000, 0.001)], 1, seconds=30)
    mean = sum(said.told["look-up"].times) / len(said.told["look-up"].times)
    assert said.busy == pytest.approx(busy, rel=0.06)
    assert mean == pytest.approx(0.001 * (1 + busy / (2 * (1 - busy))), rel=0.1)


def test_two_processes_halve_what_each_does():
    kinds = [Kind("look-up", 800, 0.001)]
    assert simulate(kinds, 2, seconds=20).busy == pytest.approx(0.4, rel=0.06)


def test_a_write_waits_for_the_lock_and_a_look_up_does_not():
    kinds = [Kind("move", 8, 0.0, 0.1), Kind("look-up", 10, 0.0001)]
    said = simulate(kinds, 1, seconds=800)
    assert said.locked == pytest.approx(0.8, rel=0.1)
    assert said.told["look-up"].at(0.99) < 0.001
    mean = sum(said.told["move"].times) / len(said.told["move"].times)
    assert mean == pytest.approx(0.1 * (1 + 0.8 / 0.4), rel=0.2)


def test_moves_do_not_wait_for_reports():
    move = Kind("move", 1, 0.0, 0.01)
    reports = Kind("report", 9, 0.0, 0.1, REPORTS)
    said = simulate([move, reports], 1, seconds=100)
    assert said.told["report"].at(0.9) > 0.1
    assert said.told["move"].at(0.9) < 0.02


def test_the_sums_are_those_of_the_simulation():
    world = World(models=10_000, hosts=3_000)
    need = demand(world, COST)
    said = simulate(kinds_of(world, COST), 2, seconds=200)
    assert said.busy * 2 == pytest.approx(need.cores, rel=0.06)
    assert said.locked == pytest.approx(need.lock, rel=0.2)
    assert need.first == "a core"
    assert (
        demand(replace(world, hosts=0), replace(COST, promote_lock=9.0)).first == "the write lock"
    )


def test_waiting_hosts_are_told_at_once_and_take_no_bytes_at_rest():
    asking, waiting = (demand(World(1, 1_000, waits=waits), COST) for waits in (False, True))
    assert waiting.sent < asking.sent
    assert waiting.burst == pytest.approx(1.0)
    assert waiting.memory > asking.memory


def test_constants_are_read_from_a_run_by_their_database():
    names = [field.name for field in fields(Constants)]
    row = Row("costs, SQLite", (1.0,), constants=dict.fromkeys(names[:-1], 2.0)).to_json()
    run = {"benchmarks": [{"rows": [row]}]}
    with pytest.raises(ValueError, match=f"did not measure {names[-1]} on SQLite"):
        constants_of(run, "SQLite")
    row["constants"][names[-1]] = 3.0
    assert constants_of(run, "SQLite").look_up_cpu == 2.0
