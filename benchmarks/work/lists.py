"""Lists of versions: pages and a search, beside MLflow's search of model versions."""

from __future__ import annotations

import base64
import json
import sqlite3
import statistics
from typing import TYPE_CHECKING, Any

import httpx
from sqlalchemy import text

from benchmarks import servers
from benchmarks.bench import POSTGRESQL, SQLITE
from benchmarks.filled import fill
from benchmarks.grown import grow, settle
from benchmarks.measure import seconds
from benchmarks.rows import Row, at_least, milliseconds
from lineage.contract import cursors
from lineage.database.engine import open_engine, transaction
from lineage.identity.digest import xxh3

from .lookups import mlflow_version
from .moves import PAIR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.bench import Bench

PAGE = 100


def lists(bench: Bench) -> Iterator[Row]:
    """List, page, filter and find versions of one model that has very many, beside MLflow's search.

    MLflow's versions are copies of one that its own API made, written into its table; the API
    counts them before anything is measured. It filters by a tag, whose values are copies likewise,
    and ours by a metric, whose values stand in the table that is searched: 0 to 99 in turn.
    """
    for database in (SQLITE, POSTGRESQL):
        number = bench.sizes.listed
        filled = fill(bench.empty(database), 1)
        grow(filled.url, PAIR, number)
        add_metrics(filled.url)
        folder = bench.new_folder()
        url = f"sqlite:///{folder}/mlflow.db" if database == SQLITE else bench.empty(database)
        with (
            servers.mlflow(url, folder) as theirs,
            servers.registry(filled.url, filled.token) as server,
            httpx.Client(base_url=f"{theirs.address}/api/2.0/mlflow", timeout=300) as peers,
            httpx.Client(
                base_url=server.address,
                headers={"Authorization": f"Bearer {server.token}"},
                timeout=300,
            ) as client,
        ):
            mlflow_version(peers, "churn", first=True)
            tag = {"name": "churn", "version": "1", "key": "value", "value": "1"}
            peers.post("/model-versions/set-tag", json=tag).raise_for_status()
            _fill_mlflow(url, number)
            yield from _rows(bench, database, client, peers)
        bench.drop(filled.url)


def _rows(bench: Bench, database: str, client: httpx.Client, peers: httpx.Client) -> Iterator[Row]:
    number = bench.sizes.listed
    middle = number // 2
    token = base64.b64encode(json.dumps({"offset": middle}).encode()).decode()
    (newest,) = _search(peers, max_results=1)
    if int(newest["version"]) != number:
        raise RuntimeError(f"MLflow does not see its versions: {newest}")
    versions = f"/v1/models/{PAIR}/versions"
    few = min(PAGE, number // 100)
    kind = cursors.kind_of("versions", model=PAIR, where=None, sort=None)
    cursor = cursors.encode_place(kind, (middle + 1, middle + 1))
    found = xxh3(f"{PAIR}@{middle}".encode())
    pairs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        f"the newest {PAGE}": (
            lambda: _page(client, versions, number, limit=PAGE),
            lambda: _search(peers, max_results=PAGE),
        ),
        f"{PAGE} from the middle": (
            lambda: _page(client, versions, middle, limit=PAGE, cursor=cursor),
            lambda: _search(peers, max_results=PAGE, page_token=token),
        ),
        f"the newest {few} of one in a hundred (MLflow: by tag)": (
            lambda: _page(client, versions, number - 23, limit=few, where="value = 77"),
            lambda: _search(peers, max_results=few, filter="tags.value = '77'"),
        ),
        f"the {PAGE} of the greatest metric (MLflow: of the last change)": (
            lambda: _page(client, versions, number - 1, limit=PAGE, sort="-value"),
            lambda: _search(peers, max_results=PAGE, order="last_updated_timestamp DESC"),
        ),
        "find by digest (MLflow: by source)": (
            lambda: client.get(f"/v1/lineage/{found}?direction=up").raise_for_status(),
            lambda: _search(peers, filter=f"source_path = 's3://bucket/{middle}'", expected=1),
        ),
    }
    for name, (ours, theirs) in pairs.items():
        ours(), theirs()
        turns = [
            (
                [seconds(ours) for _ in range(bench.sizes.rounds)],
                [seconds(theirs) for _ in range(2)],
            )
            for _ in range(bench.sizes.turns)
        ]
        yield Row(
            f"{name} of {number:,} versions, {database}",
            tuple(statistics.median(their) / statistics.median(one) for one, their in turns),
            "MLflow's search (how many times faster)",
            goal=at_least(50),
            figures={
                "MLflow": milliseconds([t for _, their in turns for t in their]),
                "lineage": milliseconds([t for one, _ in turns for t in one]),
            },
        )


def _page(client: httpx.Client, path: str, newest: int, **query: Any) -> None:  # noqa: ANN401
    found = client.get(path, params=query).raise_for_status().json()["items"]
    if found[0]["version"] != newest or len(found) != query["limit"]:
        raise RuntimeError("this is not the page that was asked for")


def _search(
    client: httpx.Client,
    expected: int | None = None,
    filter: str = "name = 'churn'",  # noqa: A002 - MLflow's word
    order: str = "version_number DESC",
    **query: Any,  # noqa: ANN401 - JSON
) -> list[dict[str, Any]]:
    asked = query | {"filter": filter, "order_by": [order]}
    answer = client.get("/model-versions/search", params=asked).raise_for_status().json()
    found: list[dict[str, Any]] = answer["model_versions"]
    if len(found) != (expected or query["max_results"]):
        raise RuntimeError(f"MLflow found {len(found)} versions")
    return found


def add_metrics(url: str) -> None:
    """Give each version of the large model a metric: 0 to 99 in turn."""
    engine = open_engine(url)
    with transaction(engine, writing=True) as connection:
        connection.execute(
            text(
                "INSERT INTO version_metric (model, number, name, value)"
                " SELECT model, number, 'value', number % 100 FROM model_version"
                " WHERE model = :model"
            ),
            {"model": PAIR},
        )
    engine.dispose()
    settle(url)


def _fill_mlflow(url: str, number: int) -> None:
    """Copies of the version that is there, with a source each, and of its tag."""
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as file:
            for table in _COPIED:
                rows = file.execute(f"PRAGMA table_info({table})")
                names = [row[1] for row in rows]
                file.execute(_copies(table, names, "CAST(? AS integer)"), (number,))
        file.close()
        return
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for table in _COPIED:
            rows = connection.execute(
                "SELECT column_name FROM information_schema.columns"
                " WHERE table_name = %s AND table_schema = 'public'",
                (table,),
            ).fetchall()
            copies = _copies(table, [row[0] for row in rows], "%s::integer")
            connection.execute(copies, (number,))  # type: ignore[arg-type]
            connection.execute(f"ANALYZE {table}")  # type: ignore[arg-type]


_COPIED = {
    "model_versions": {"version": "n.i", "source": "'s3://bucket/' || n.i"},
    "model_version_tags": {"version": "n.i", "value": "CAST(n.i - n.i / 100 * 100 AS varchar)"},
}
"""MLflow's tables that are filled, and what differs in the copies."""


def _copies(table: str, columns: list[str], last: str) -> str:
    new = _COPIED[table]
    chosen = ", ".join(new.get(column, f"v.{column}") for column in columns)
    return (
        "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n"
        f" WHERE i < {last}) INSERT INTO {table} ({', '.join(columns)})"
        f" SELECT {chosen} FROM n, {table} v WHERE v.version = 1"
    )
