"""Hosts that wait for a move instead of asking: how soon all learn of it, and what they cost."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from benchmarks import servers
from benchmarks.bench import POSTGRESQL, SQLITE
from benchmarks.filled import fill, slot
from benchmarks.hosts import Hosts, more_files, until
from benchmarks.rows import LeftOut, Row, at_most, shown
from benchmarks.sizes import FULL

from .moves import PAIR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.bench import Bench
    from benchmarks.servers import Server

SPARE = 500
"""Files that are open besides the hosts' connections."""
MOST = "60000"
"""Hosts that a server lets wait."""


@dataclass
class _Found:
    """What was measured at one server."""

    hosts: int
    learnt: list[float]
    half: list[float]
    rest: float
    idle: float
    waiting: float
    every: int
    told: float


def waiting(bench: Bench) -> Iterator[Row]:
    """Hosts that wait at one server: when the last learns of a promotion, and what they cost.

    Each keeps its connection and asks again when it is answered. At rest is when nothing moves: a
    whole wait goes by, so that every host asks anew once. Memory is what the second half of the
    hosts adds. On PostgreSQL another server promotes.
    """
    number = min(bench.sizes.waiting, more_files() - SPARE)
    for database in (SQLITE, POSTGRESQL):
        filled = fill(bench.empty(database), 1)
        with contextlib.ExitStack() as stack:
            allowed = {"LINEAGE_MAX_WAITING": MOST}
            server = stack.enter_context(servers.registry(filled.url, filled.token, **allowed))
            _can_wait(server)
            mover = server
            if database == POSTGRESQL:
                mover = stack.enter_context(servers.registry(filled.url, filled.token))
            found = asyncio.run(_measure(bench, server, mover, number))
        yield from _rows(database, found)


def _rows(database: str, found: _Found) -> Iterator[Row]:
    who = f"{found.hosts:,} hosts that wait, {database}"
    said = {"half of them": f"{shown(min(found.half))} s after the promotion was acknowledged"}
    work = f"{who}: all have learnt of a promotion"
    yield Row(work, tuple(found.learnt), "", "s", at_most(2), said, {"told_cpu": found.told})
    rest = found.rest * 100
    renewals = {"waiting_cpu": found.rest / found.hosts * found.every}
    yield Row(f"{who}: at rest", (rest,), "", "% of a core", at_most(5), {}, renewals)
    said = {"a connection that was asked on once": f"{shown(found.idle / 1024)} kB"}
    each = found.waiting / 1024
    constants = {"waiting_bytes": found.waiting, "connected_bytes": found.idle}
    work = f"{who}: memory of each beyond its connection"
    yield Row(work, (each,), "", "kB", at_most(1), said, constants)


def _can_wait(server: Server) -> None:
    """Look whether it lets a host wait at all.

    Raises:
        LeftOut: it answers at once.
    """
    headers = {"Authorization": f"Bearer {server.token}"}
    with httpx.Client(base_url=server.address, headers=headers, timeout=30) as client:
        etag = client.get(slot(PAIR)).raise_for_status().headers["etag"]
        began = time.monotonic()
        client.get(slot(PAIR), params={"wait": 1}, headers={"If-None-Match": etag})
        if time.monotonic() - began < 0.9:
            raise LeftOut("this server lets no host wait")


async def _measure(bench: Bench, server: Server, mover: Server, number: int) -> _Found:
    wait = 30 if bench.sizes is FULL else 3
    hosts = Hosts(server, slot(PAIR))
    middle = number // 2
    idle, memory = 0, 0
    for connected in (middle, number):
        before = server.rss()
        await hosts.connect(connected)
        await asyncio.sleep(1)
        idle = server.rss() - before
    for first, last in ((0, middle), (middle, number)):
        before = server.rss()
        await hosts.begin(wait, first, last)
        memory = server.rss() - before
    cpu, began = server.cpu(), time.monotonic()
    await asyncio.sleep(wait)
    rest = (server.cpu() - cpu) / (time.monotonic() - began)
    learnt, median, told = [], [], []
    for turn in range(bench.sizes.turns):
        hosts.learnt.clear()
        before_move = server.cpu()
        await asyncio.to_thread(_promote, mover, str(1 + turn % 2))
        acknowledged = time.monotonic()
        await until(lambda: len(hosts.learnt) >= number)
        moments = sorted(moment - acknowledged for moment in hosts.learnt)
        learnt.append(max(0.0, moments[-1]))
        median.append(max(0.0, moments[len(moments) // 2]))
        await asyncio.sleep(1)
        told.append((server.cpu() - before_move) / number)
    if hosts.lost or set(hosts.statuses) - {200, 304}:
        raise RuntimeError(f"hosts were let go: {hosts.lost}, {hosts.statuses}")
    hosts.close()
    each = number - middle
    return _Found(number, learnt, median, rest, idle / each, memory / each, wait, min(told))


def _promote(server: Server, version: str) -> None:
    headers = {"Authorization": f"Bearer {server.token}"}
    path = f"{server.address}{slot(PAIR)}/promote"
    httpx.post(path, json={"version": version}, headers=headers, timeout=60).raise_for_status()
