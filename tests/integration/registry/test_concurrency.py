"""Real processes that race, and real processes that are killed."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lineage.connection import connect
from lineage.database.engine import open_engine, transaction
from tests.conftest import BOTH, add_validated, captured_pipeline
from tests.support import LONG, commands
from tests.support.once import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Engine

KILLS = 40 if LONG else 12
ACTIONS = 120 if LONG else 40
MOVES = {"promoted", "deployed", "released", "validated"}
RACER = "tests.integration.registry.racer"

BROKEN = """
SELECT count(*) FROM slot s JOIN environment e ON e.name = s.environment
WHERE e.kind = 'production' AND s.serving_version_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM validation v
    JOIN pipeline_deployment d ON d.environment = s.environment AND d.pipeline = v.pipeline
    JOIN model_version m ON m.id = v.version_id AND m.pipeline = v.pipeline
    WHERE v.id = s.serving_validation_id AND v.version_id = s.serving_version_id
    AND v.pipeline_digest = d.digest AND v.passed AND m.model = s.model AND m.kind = 'production')
"""


@pytest.fixture
def arena(url):
    """Two models on one pipeline, each with versions for two pipeline versions."""
    with connect(url) as registry:
        for model in ("a", "b"):
            for seed, text in (("1", "old"), ("2", "old"), ("3", "new"), ("4", "new")):
                add_validated(registry, seed, text, model=model, name="shared")
            for number, other in ((1, "new"), (2, "new"), (3, "old")):  # so that pipelines move
                also = captured_pipeline(other, "shared")
                registry.validate(f"{model}@{number}", also, passed=True, actor="t")
        registry.release(
            "production", captured_pipeline("old", "shared"), ["a@1", "b@1"], actor="t"
        )
    return url


def _start(url: str, *words: int):
    racer = [sys.executable, "-m", RACER, url, *map(str, words)]
    return commands.start(racer, ROOT, os.environ, pipe=True)


def _broken(engine: Engine) -> int:
    with transaction(engine) as connection:
        return connection.exec_driver_sql(BROKEN).scalar_one()


@pytest.fixture
def witness(arena):
    """What looks at the registry from outside."""
    engine = open_engine(arena, lock_timeout=60)
    yield engine
    engine.dispose()


@BOTH
def test_racing_processes_never_leave_a_state_that_breaks_the_invariant(arena, witness):
    kinds = set[str]()
    for start in range(0, 20, 4):  # once; again only where chance left out a kind of move
        _race(arena, witness, range(start, start + 4))
        with connect(arena) as registry:
            assert registry.audit().problems == ()
            assert registry.check().problems == ()
            kinds = {row["kind"] for row in registry.history(limit=10_000)}
        if kinds >= MOVES:
            break
    assert kinds >= MOVES


def _race(arena: str, witness: Engine, seeds: Iterable[int]) -> None:
    """Processes move at once; nothing that is seen meanwhile breaks the invariant."""
    racers = [_start(arena, seed, ACTIONS) for seed in seeds]
    looks = 0
    deadline = time.monotonic() + 120
    while any(racer.poll() is None for racer in racers) and time.monotonic() < deadline:
        assert _broken(witness) == 0
        looks += 1
        time.sleep(0.02)
    moves = Counter[str]()
    for racer in racers:
        out, _ = racer.communicate(timeout=60)
        assert racer.returncode == 0
        moves.update(line.split()[1] for line in out.splitlines() if line.startswith("ack"))
    assert looks > 20
    assert sum(moves.values()) > 40, "the race moved something"


def _kill_at_random(racer, attempt: int) -> str:
    """What it had printed when it was killed: before its first move, or some time after it."""
    assert racer.stdout is not None
    first = "" if attempt % 4 == 1 else racer.stdout.readline()
    time.sleep(0.013 * attempt)
    racer.kill()
    return first + racer.communicate(timeout=30)[0]


def test_a_killed_process_leaves_the_old_state_or_the_new_one(arena, witness):
    """Killed between two statements of a write, or whenever; no acknowledged move is lost."""
    acknowledged: dict[str, int] = {}
    journal = Path(arena.removeprefix("sqlite:///") + "-journal")
    for attempt in range(KILLS):
        if within := attempt % 2 == 0:
            racer = _start(arena, 1000 + attempt, 100_000, 1 + 2 * attempt)
            out = racer.communicate(timeout=60)[0]
            assert journal.exists(), "the kill hit a write"
        else:
            racer = _start(arena, 1000 + attempt, 100_000)
            out = _kill_at_random(racer, attempt)
        assert racer.returncode == -signal.SIGKILL, within
        acks = [line.split() for line in out.splitlines() if line.startswith("ack ")]
        for _, model, revision in (words for words in acks if len(words) == 3):
            acknowledged[model] = max(acknowledged.get(model, 0), int(revision))
        assert _broken(witness) == 0
        with connect(arena) as registry:
            for model, revision in acknowledged.items():
                assert registry.serving(model, "production").revision >= revision
            assert registry.audit().problems == ()
    assert acknowledged
    with connect(arena) as registry:
        assert registry.check().problems == ()
