"""The benchmarks run from end to end, in small sizes. What they measure here means nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import LONG

TOP = Path(__file__).parents[2]
WITHOUT_PEERS = ("busy", "statements", "growth", "reports", "server", "processes", "costs")


@pytest.mark.skipif(not LONG, reason="takes minutes: LINEAGE_LONG_TESTS=1")
def test_every_benchmark_that_needs_no_peer_gives_its_rows(tmp_path):
    kept = tmp_path / "run.json"
    words = [sys.executable, "-m", "benchmarks", "--quick", "--json", str(kept), *WITHOUT_PEERS]
    done = subprocess.run(words, cwd=TOP, capture_output=True, text=True, timeout=1_500)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {one["name"]: one for one in json.loads(kept.read_text())["benchmarks"]}
    assert list(found) == list(WITHOUT_PEERS)
    assert [one["name"] for one in found.values() if not one["rows"] or "left_out" in one] == []
    stale = [row["value"] for row in found["busy"]["rows"] if row["work"].startswith("stale")]
    assert stale == [0, 0]


def test_a_benchmark_that_is_not_there_is_named():
    words = [sys.executable, "-m", "benchmarks", "serving"]
    done = subprocess.run(words, cwd=TOP, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "there is no benchmark serving; there are: busy, lookups" in done.stderr
