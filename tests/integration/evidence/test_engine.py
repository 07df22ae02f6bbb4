"""Counting in an engine by Ibis: the same profile as DuckDB's inside, on real engines."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import subprocess
import sys
import unicodedata

import ibis
import numpy as np
import psycopg
import pyarrow as pa
import pytest
from lineage.cli import main
from pyarrow import parquet

import lineage
from lineage.errors import UsageError
from lineage.evidence.profile import Roles
from lineage.evidence.reading.engine import counting, values
from lineage.evidence.reading.profiling import profile_of
from tests.support import LONG, registries

ROLES = Roles(score="score", target="late", time="at", groups=("port",))
ROWS = 300
ODD = ["S", "s", "C's", '"Q"', "*?[", "é", "", "a b", "=x", "\\x", "%s"]


def _with_gaps(random, values, kind):
    return pa.array([None if random.random() < 0.05 else one for one in values], kind)


@pytest.fixture(scope="module")
def frame() -> pa.Table:
    """Rows of every kind, each with what is missing, and with what databases read each in its way."""
    random = np.random.default_rng(1)
    fares = random.gamma(2, 10, ROWS).round(2)
    fares[:5] = [np.inf, -np.inf, np.nan, -0.0, 0.0]
    at = [dt.datetime(2013, 1, 1) + dt.timedelta(seconds=one) for one in random.random(ROWS) * 9e5]
    names = [
        f"Zoë {i}, no. {i * i}\t!~^-]\\[λ٣\N{GRINNING FACE}—«»_+{'x' * i}" for i in range(ROWS)
    ]
    columns = {
        "fare": (fares.tolist(), pa.float64()),
        "small": (random.normal(size=ROWS).tolist(), pa.float32()),
        "stops": (random.integers(0, 3, ROWS).tolist(), pa.int64()),
        "large": (random.integers(-(2**62), 2**62, ROWS).tolist(), pa.int64()),
        "price": ([decimal.Decimal(i).scaleb(-2) for i in range(ROWS)], pa.decimal128(12, 2)),
        "nothing": ([None] * ROWS, pa.float64()),
        "port": (random.choice(ODD, ROWS).tolist(), pa.string()),
        "name": (names, pa.string()),
        "at": (at, pa.timestamp("us")),
        "zoned": (at, pa.timestamp("us", "UTC")),
        "old": ([dt.datetime(1 + 33 * i, 3, 4, 5, 6, 7, 999_999) for i in range(ROWS)], pa.timestamp("us")),
        "day": ([one.date() for one in at], pa.date32()),
        "paid": ((random.random(ROWS) < 0.5).tolist(), pa.bool_()),
        'we\'ird "name" [*] %s': (random.normal(size=ROWS).tolist(), pa.float64()),
        "score": (random.random(ROWS).tolist(), pa.float64()),
        "late": (random.integers(0, 2, ROWS).tolist(), pa.int64()),
    }  # fmt: skip
    return pa.table({name: _with_gaps(random, *one) for name, one in columns.items()})


@pytest.fixture(scope="module")
def inside(frame):
    """What DuckDB counts of the same rows, inside."""
    return profile_of(frame, roles=ROLES)[0]


@pytest.fixture(scope="module")
def duckdb(frame):
    backend = ibis.duckdb.connect()
    backend.con.register("frame", frame)
    backend.con.execute("CREATE TABLE flights AS FROM frame")
    return backend.table("flights")


@pytest.fixture(scope="module")
def database(postgresql_server, frame):
    """The URL of a PostgreSQL with the rows."""
    with registries.new_database(postgresql_server) as url:
        registries.make_empty(url)
        url = url.replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as connection:
            kinds = ibis.Schema.from_pyarrow(frame.schema)
            backend = ibis.postgres.from_connection(connection)
            backend.create_table("flights", schema=kinds)
            with connection.cursor().copy("COPY flights FROM STDIN") as copy:
                for row in zip(*(column.to_pylist() for column in frame.columns), strict=True):
                    copy.write_row(row)
        yield url


@pytest.fixture(scope="module")
def postgresql(database):
    with psycopg.connect(database, autocommit=True) as connection:
        yield ibis.postgres.from_connection(connection).table("flights")


@pytest.fixture(params=["duckdb", "postgresql"])
def table(request):
    return request.getfixturevalue(request.param)


def test_an_engine_counts_what_duckdb_counts_inside(table, inside):
    found, _ = profile_of(table, roles=ROLES)
    assert found.to_dict() == inside.to_dict()
    assert found.digest == inside.digest
    kinds = {column.kind for column in found.columns.values()}
    assert kinds == {"number", "category", "text", "time"}
    assert found.groups
    assert found.windows


@pytest.mark.skipif(not LONG, reason="takes minutes, pyspark 4.0 and Java: LINEAGE_LONG_TESTS=1")
def test_spark_counts_what_duckdb_counts_inside(frame, inside, tmp_path, monkeypatch):
    sql = pytest.importorskip("pyspark.sql")
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    parquet.write_table(frame, tmp_path / "flights.parquet")
    local = sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    session = local.config("spark.sql.shuffle.partitions", "2").getOrCreate()
    try:
        session.read.parquet(str(tmp_path / "flights.parquet")).createOrReplaceTempView("flights")
        table = ibis.pyspark.connect(session).table("flights")
        assert profile_of(table, roles=ROLES)[0].digest == inside.digest
        again = profile_of(table, reference=inside)[0]
        assert again.digest == inside.digest
    finally:
        session.stop()


def test_a_window_is_counted_on_the_scale_of_a_reference(postgresql, frame, inside):
    table = postgresql
    changed = table.drop("late", "paid").mutate(
        fare=ibis.literal("cheap"), stops=ibis.literal(-1), name=table.zoned, added=table.large
    )
    names = [*(name for name in frame.column_names if name not in ("late", "paid")), "added"]
    of = {"fare": ["cheap"] * ROWS, "stops": [-1] * ROWS, "name": frame["zoned"]}
    of["added"] = frame["large"]
    again = pa.table({name: of[name] if name in of else frame[name] for name in names})
    found, added = profile_of(changed, reference=inside)
    assert (found, added) == profile_of(again, reference=inside)
    assert found.columns["stops"].below == ROWS
    assert found.columns["name"].wrong_type == ROWS - frame["zoned"].null_count
    empty = table.filter(table.stops > 9)
    assert profile_of(empty, reference=inside)[0] == profile_of(frame[:0], reference=inside)[0]
    with pytest.raises(UsageError, match="has no rows"):
        profile_of(empty)


def test_what_engines_read_each_in_its_way_is_refused(postgresql, inside):
    few = postgresql.select("day", "at", "fare", "stops", "name")
    for table, roles, said in (
        (few.mutate(day=few.day.cast("string")), None, "'day' holds times"),
        (few.mutate(at=few.at.cast("string")), Roles(time="at"), "'at' holds times"),
        (few.mutate(day=few.name.cast("json")), None, "'day' is of the type json"),
        (few, Roles(groups=("fare",)), "'fare' is of the type float64"),
        (few.fare, None, "is no table"),
        (few.mutate(fare=few.stops / 0), None, "division by zero"),
    ):
        with pytest.raises(UsageError, match=said) as caught:
            profile_of(table, roles=roles)
        assert caught.value.remedy
    words = postgresql.mutate(at=ibis.literal("never"))
    assert profile_of(words, reference=inside)[0].columns["at"].wrong_type == ROWS


def test_rows_that_change_while_they_are_counted_are_refused(duckdb, monkeypatch):
    monkeypatch.setattr(counting, "_TOGETHER", 1)
    with pytest.raises(UsageError, match="came or went while they were counted"):
        profile_of(duckdb.filter(ibis.random() < 0.5).select("stops", "fare"))


def test_an_engine_that_cannot_tell_is_refused():
    backend = ibis.sqlite.connect()
    table = backend.create_table("flights", schema=ibis.schema({"port": "string"}))
    with pytest.raises(
        UsageError, match=r"engine cannot count|in another way than DuckDB"
    ) as caught:
        profile_of(table)
    assert "Parquet" in caught.value.remedy


def test_a_database_is_counted_by_its_url(database, frame, inside, monkeypatch, capsys):
    found = lineage.profile(
        database, table="public.flights", score="score", target="late", time="at", groups="port"
    )
    assert found == inside
    words = ["profile", database, "--query", "SELECT stops, day FROM flights", "--json"]
    monkeypatch.setattr(sys, "argv", ["lineage", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    printed = json.loads(capsys.readouterr().out)
    assert printed == lineage.profile(frame.select(["stops", "day"])).to_dict()
    some = lineage.profile(database, query="SELECT fare, port FROM flights;", groups="port")
    assert some == lineage.profile(frame.select(["fare", "port"]), groups="port")


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({}, "one table, or of one query"),
        ({"table": "none"}, "none"),
        ({"query": "SELECT 1 AS a; SELECT 2 AS a"}, "not one SELECT"),
        ({"query": "DROP TABLE flights"}, "not one SELECT"),
        ({"query": "SELECT none FROM flights"}, "none"),
        ({"query": "SELECT nextval('steps') AS a"}, "read-only"),
    ],
)
def test_a_database_is_read_and_nothing_else(database, named, said):
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE SEQUENCE IF NOT EXISTS steps")
    with pytest.raises(UsageError, match=said) as caught:
        lineage.profile(database, **named)
    assert caught.value.remedy


def test_a_password_in_a_url_is_refused_and_not_shown(tmp_path):
    for url in ("postgresql://me:hunter2@localhost/x", "postgres:///x?password=hunter2"):
        with pytest.raises(UsageError, match="holds a password") as caught:
            lineage.profile(url, table="flights")
        assert "hunter2" not in f"{caught.value} {caught.value.remedy}"
    with pytest.raises(UsageError, match="none that PostgreSQL reads") as caught:
        lineage.profile("postgresql://me:hunter2@[/x", table="flights")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(UsageError, match="does not answer"):
        lineage.profile(f"postgresql:///x?host={tmp_path}", table="flights")
    with pytest.raises(UsageError, match="A table is named of a PostgreSQL"):
        lineage.profile(tmp_path / "rows.csv", table="flights")


def test_without_ibis_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ibis", None)
    with pytest.raises(UsageError, match="needs Ibis") as caught:
        lineage.profile("postgresql://localhost/x", table="flights")
    assert "lineage-guard[evidence-ibis]" in caught.value.remedy


def test_files_and_frames_are_counted_without_ibis(tmp_path):
    (tmp_path / "rows.csv").write_text("a\n1\n")
    program = "import lineage, sys; lineage.profile('rows.csv'); sys.exit('ibis' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)


def test_the_classes_of_characters_are_unicodes():
    text = "".join(chr(point) for point in range(1, 0x3100)) + "\N{GRINNING FACE}\U00020000"
    one = ibis.literal(text)
    counts = [values.of_class(one, place) for place in range(4)]
    found = ibis.duckdb.connect().to_pyarrow(ibis.array(counts)).as_py()
    kinds = ["Z" if one in "\t\n\v\f\r" else unicodedata.category(one) for one in text]
    assert found == [sum(kind.startswith(one) for kind in kinds) for one in ("L", "Nd", "Z", "P")]
