"""Weights in and out of a store, beside `dvc add`, `dvc push` and `dvc pull`."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING

from benchmarks import servers
from benchmarks.measure import BIN, command, seconds
from benchmarks.projects import lineage, project, random_file
from benchmarks.rows import Row, at_most, ratios, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from benchmarks.bench import Bench

SMALL = 16 << 10
FOLDER, S3 = "a folder", "S3 (moto, on this machine)"
GOALS = {
    (FOLDER, "register"): 0.7, (FOLDER, "pull"): 1.5, (FOLDER, "pull again, cached"): 0.3,
    (S3, "register"): 0.9,
}  # fmt: skip


def weights(bench: Bench) -> Iterator[Row]:
    """Weights in and out: register --store against dvc add and push, pull against dvc pull.

    One large file, and a folder of small ones; into a folder and into S3. Between what is measured
    the disk is waited for, and what was put into the store is taken away. Ours reads back what it
    stored before it records it; DVC does not.
    """
    large = f"{bench.sizes.weights >> 20} MiB in one file"
    many = f"{bench.sizes.small_files:,} files of {SMALL >> 10} KiB"

    def make_large(folder: Path) -> None:
        random_file(folder / "model.bin", bench.sizes.weights)

    def make_many(folder: Path) -> None:
        for number in range(bench.sizes.small_files):
            random_file(folder / f"{number:05}", SMALL)

    with ExitStack() as stack:
        os.environ.update(servers.CREDENTIALS)
        endpoint = stack.enter_context(servers.s3())
        for what, make, times in ((large, make_large, bench.sizes.turns), (many, make_many, 1)):
            for where in (FOLDER, S3):
                remote = endpoint if where == S3 else None
                turns = [_turn(bench.new_folder(), make, remote) for _ in range(times)]
                yield from _rows(what, where, turns, held=what == large)


def _rows(what: str, where: str, turns: list[dict[str, float]], *, held: bool) -> Iterator[Row]:
    for name, base in (
        ("register", "dvc add and push"),
        ("pull", "dvc pull"),
        ("pull again, cached", "dvc pull"),
    ):
        goal = GOALS.get((where, name)) if held else None
        fastest = {one: min(turn[one] for turn in turns) for one in turns[0]}
        said = {one: f"{shown(fastest[one])} s" for one in (base, name)}
        if name == "pull again, cached":
            said["dvc checkout, from its cache"] = f"{shown(fastest['dvc checkout'])} s"
        yield Row(
            f"{name}, {what}, {where}",
            ratios(turns, name, base),
            base,
            goal=at_most(goal) if goal is not None else None,
            figures=said,
        )


def _turn(folder: Path, make: Callable[[Path], None], endpoint: str | None) -> dict[str, float]:
    """Each way once, in a project of its own."""
    bucket = f"bench-{folder.name.lower().replace('_', '-')}"
    if endpoint is None:
        project(folder, "weights", folder / "remote")
    else:
        os.environ["AWS_ENDPOINT_URL_S3"] = endpoint  # this host's own word for it
        _client(endpoint).create_bucket(Bucket=bucket)
        project(folder, "weights", f"s3://{bucket}/weights", endpointurl=endpoint)
    (folder / "weights").mkdir()
    make(folder / "weights")
    dvc = BIN / "dvc"
    env = {"LINEAGE_CACHE": str(folder / "cache")}
    times = {"dvc add and push": _timed(command(dvc, "add", "--quiet", "weights", cwd=folder))}
    times["dvc add and push"] += _timed(command(dvc, "push", "--quiet", cwd=folder))
    _empty(folder, endpoint, bucket)
    words = ("register", "big", "--kind", "experiment", "--store")
    times["register"] = _timed(lambda: lineage(folder, *words, **env))
    command(dvc, "push", "--quiet", cwd=folder)()
    shutil.rmtree(folder / "weights")
    times["dvc checkout"] = _timed(command(dvc, "checkout", "--quiet", cwd=folder))
    shutil.rmtree(folder / "weights")
    shutil.rmtree(folder / ".dvc/cache")
    times["dvc pull"] = _timed(command(dvc, "pull", "--quiet", cwd=folder))
    for name in ("pull", "pull again, cached"):
        shutil.rmtree(folder / "out", ignore_errors=True)
        times[name] = _timed(lambda: lineage(folder, "pull", "big@1", "-o", "out", **env))
    shutil.rmtree(folder)
    return times


def _timed(run: Callable[[], object]) -> float:
    """How long it takes on a disk that is at rest."""
    os.sync()
    return seconds(run)


def _empty(folder: Path, endpoint: str | None, bucket: str) -> None:
    """Take away what `dvc push` put into the remote."""
    if endpoint is None:
        shutil.rmtree(folder / "remote")
        return
    client = _client(endpoint)
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for row in page.get("Contents", []):
            client.delete_object(Bucket=bucket, Key=row["Key"])


def _client(endpoint: str):  # noqa: ANN202 - boto3's, which has no types
    import boto3

    return boto3.client("s3", endpoint_url=endpoint)
