"""Small worlds of counts, drawn from a seed: quiet ones with weekly seasons, and faulty ones."""

from __future__ import annotations

import random
from collections import Counter

from lineage.evidence.windows import Cells, Window

DAY = 86400
MONDAY = 1735516800
HOSTS = ("a", "b", "c", "d")
WAYS_OUT = {"amount": ("null", "above", "below"), "port": ("null", "new")}
CELLS = {"amount": 8, "port": 4}


def cells(column, drawn):
    many = Counter(drawn)
    return Cells(
        tuple(many[i] for i in range(CELLS[column])),
        {name: many[name] for name in WAYS_OUT[column]},
        ordered=column == "amount",
    )


def bin_of(value):
    return "above" if value >= 8 else "below" if value < 0 else int(value)


def days(seed, number, first=0, rows=120, fault=None):
    """Windows of a day each. Weekends are lower; each day has a mean and categories of its own.

    ``fault(rng, day, host, column, value)`` says what becomes of a row's value, before its bin.
    """
    rng = random.Random(seed)
    made = []
    for day in range(first, first + number):
        mean = 4.0 - (0.8 if day % 7 >= 5 else 0.0) + rng.gauss(0, 0.15)
        odds = [rng.gammavariate(60 * level, 1) for level in (4, 3, 2, 1)]
        hosts, drawn = {}, {"amount": [], "port": []}
        for host in HOSTS:
            mine = {
                "amount": [
                    min(7.99, max(0.01, rng.gauss(mean, 1.5))) for _ in range(rows // len(HOSTS))
                ],
                "port": rng.choices(range(4), odds, k=rows // len(HOSTS)),
            }
            for column, values in mine.items():
                if fault is not None:
                    values = [fault(rng, day, host, column, value) for value in values]
                if column == "amount":
                    values = [v if isinstance(v, str) else bin_of(v) for v in values]
                mine[column] = values
                drawn[column] += values
            hosts[host] = {column: cells(column, values) for column, values in mine.items()}
        made.append(
            Window(float(MONDAY + day * DAY), {c: cells(c, v) for c, v in drawn.items()}, hosts)
        )
    return made
