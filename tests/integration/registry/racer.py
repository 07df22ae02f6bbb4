"""A process that moves slots and pipelines at random: `python -m tests.integration.registry.racer URL SEED ACTIONS [WRITES]`.

It prints a line for each move that the registry acknowledged. With WRITES it kills itself once that
many rows were written, so in the middle of a transaction.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
from typing import TYPE_CHECKING

from sqlalchemy import Engine, event

from lineage.connection import connect
from lineage.contract.results import NamedPipeline
from lineage.errors import Conflict, NotFound, OthersMove
from lineage.guard.decision import GuardRefused

if TYPE_CHECKING:
    from lineage.registry.registry import Registry


def act(registry: Registry, choice: random.Random) -> None:
    """One move; what the guard refuses is no matter."""
    model = choice.choice(["a", "b"])
    ref = f"{model}@{choice.randint(1, 4)}"
    digests = [row.version.xxh3 for row in registry.pipeline_versions("shared")]
    target = NamedPipeline("shared", choice.choice(digests))
    kind = choice.choice(
        ["promote"] * 4 + ["deploy"] * 3 + ["release"] * 3 + ["rollback", "fail"] + ["pass"] * 6
    )
    if kind == "promote":
        done = registry.promote(ref, "production", actor="racer")
    elif kind == "rollback":
        with_pipeline = choice.random() < 0.5
        done = registry.rollback(model, "production", with_pipeline=with_pipeline, actor="racer")
    elif kind in ("fail", "pass"):
        registry.validate(ref, target, passed=kind == "pass", actor="racer")
        return
    else:
        refs = (
            [f"a@{choice.randint(1, 4)}", f"b@{choice.randint(1, 4)}"] if kind == "release" else []
        )
        done = registry.release("production", target, refs, actor="racer")
    for slot in done.slots:
        print("ack", slot.model, slot.revision, flush=True)


def die_after(writes: int) -> None:
    """Kill this process once that many statements have written."""
    count = itertools.count(1)

    @event.listens_for(Engine, "after_cursor_execute")
    def _(connection, cursor, statement: str, *rest) -> None:
        if statement.lstrip().upper().startswith(("INSERT", "UPDATE")) and next(count) == writes:
            os.kill(os.getpid(), signal.SIGKILL)


def main(url: str, seed: str, actions: str, writes: str = "") -> None:
    """Act until the number is reached or somebody kills us."""
    if writes:
        die_after(int(writes))
    choice = random.Random(int(seed))
    print("ready", flush=True)
    with connect(url, lock_timeout=60) as registry:
        for _ in range(int(actions)):
            try:
                act(registry, choice)
            except (Conflict, GuardRefused, NotFound, OthersMove):
                continue


if __name__ == "__main__":
    main(*sys.argv[1:])
