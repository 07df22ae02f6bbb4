"""How many statements a verb asks its database: some, however many candidates or models there are.

Each is counted, the beginning and the end of transactions too. A move has two: what it rests on is
read in one while nobody waits, and written in the other.
"""

from __future__ import annotations

import pytest
from sqlalchemy import event

from lineage.contract.requests import Direction
from tests.conftest import BOTH, add_validated, captured, captured_pipeline
from tests.support.statements import counted

pytestmark = BOTH

MANY = 24
"""More pairs that served than a move looks at."""
MODELS = ("churn", "fraud", "reach")


def _fill(registry, versions: int) -> None:
    """Models on one pipeline; of each, version 1 serves, and of churn all but the newest did."""
    for place, model in enumerate(MODELS):
        for number in range(versions if model == "churn" else 2):
            add_validated(registry, str(100 * place + number), model=model)
    serving = [f"{model}@1" for model in MODELS]
    registry.release("production", captured_pipeline(), serving, actor="t")
    for number in range(2, versions):
        registry.promote(f"churn@{number}", "production", actor="t")
    registry.promote("churn@2", "production", actor="t")


def few(registry):
    _fill(registry, 3)


def many(registry):
    """The newest verdict of most is a failure: all of them are looked at for a backup."""
    _fill(registry, MANY)
    for number in range(3, MANY):
        registry.validate(f"churn@{number}", captured_pipeline(), passed=False, actor="t")


def _asked(registry, act) -> int:
    with counted(registry) as statements:
        act()
    return len(statements)


@pytest.mark.parametrize("fill", [few, many])
def test_moves_and_decisions_ask_a_few_questions_however_many_candidates(registry, fill):
    fill(registry)
    newest = MANY if fill is many else 3
    guard = _asked(registry, lambda: registry.guard(f"churn@{newest}", "production"))
    promote = _asked(registry, lambda: registry.promote(f"churn@{newest}", "production", actor="t"))
    back = _asked(registry, lambda: registry.rollback("churn", "production", actor="t"))
    search = 2 if fill is many else 0  # which pairs served, and all that is known of them
    assert guard <= 4 + search
    assert promote <= 11 + search
    assert back <= 15 + 5 * search, "and what would best stand by"


def test_a_release_asks_no_more_for_more_models(registry):
    _fill(registry, 2)
    for models in (MODELS[:1], MODELS):
        promoted = [f"{model}@2" for model in models]

        def release(promoted=promoted) -> None:
            registry.release("production", captured_pipeline(), promoted, actor="t")

        assert _asked(registry, release) <= 16, models
        back = [f"{model}@1" for model in models]
        registry.release("production", captured_pipeline(), back, actor="t")


def test_all_slots_are_read_at_once_however_many_have_a_backup(registry):
    _fill(registry, 2)
    asked = []
    for model in MODELS:
        registry.promote(f"{model}@2", "production", actor="t")
        alone = _asked(registry, registry.environments)
        asked.append((alone, _asked(registry, lambda: registry.environments_on_grounds({}))))
    assert asked == [asked[0]] * len(MODELS)
    environments, read, basis = registry.environments_on_grounds({}, lambda: True)
    assert basis == registry.basis()
    kept = {slot: answer for slot, (answer, _) in read.items()}
    assert len(kept) == len(MODELS)
    assert registry.environments_on_grounds(kept) == (environments, {}, None)
    assert environments == registry.environments()


def test_a_registration_and_lists_ask_a_few_questions(registry):
    few(registry)
    assert _asked(registry, lambda: registry.register("churn", captured("999"), actor="t")) <= 12
    assert _asked(registry, lambda: registry.versions("churn")) <= 4
    assert _asked(registry, registry.models) <= 5
    assert _asked(registry, lambda: registry.history("churn", limit=50)) <= 4
    assert _asked(registry, lambda: registry.backup_candidates("churn", "production")) <= 11


@pytest.mark.parametrize(
    "read",
    [
        lambda registry: registry.history("churn", limit=50),
        lambda registry: registry.events(subject="churn", limit=50),
        lambda registry: registry.versions("churn", limit=50),
        lambda registry: registry.models(limit=50),
    ],
    ids=["history", "events", "versions", "models"],
)
def test_a_page_is_read_in_the_order_of_an_index(registry, read):
    """Sorting all rows for one page of them took six seconds with a million events."""
    if registry._engine.dialect.name != "sqlite":
        pytest.skip("its plans depend on how much there is")
    add_validated(registry)
    with counted(registry) as statements:
        read(registry)
    with registry._engine.connect() as connection:
        for statement in (text for text in statements if text.startswith("SELECT")):
            values = (None,) * statement.count("?")
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            assert not any("TEMP B-TREE" in row[3] for row in plan), plan


def _reads_whole(registry, statements, table: str) -> list[str]:
    """The steps of statements' plans that read a table from its beginning to its end."""
    with registry._engine.connect() as connection:
        if connection.dialect.name == "postgresql":  # a table of a few rows is read whole by choice
            connection.exec_driver_sql("SET enable_seqscan = off")
            explain, whole = "EXPLAIN", f"Seq Scan on {table}"
        else:
            explain, whole = "EXPLAIN QUERY PLAN", f"SCAN {table}"
        plans = [
            str(row[-1])
            for text, values in statements
            for row in connection.exec_driver_sql(f"{explain} {text}", values)
        ]
    return [step for step in plans if whole in step]


@pytest.mark.parametrize("direction", Direction)
def test_a_digest_of_anything_is_found_by_an_index(registry, direction):
    few(registry)
    shown = registry.show("churn@1")
    digests = [shown[part] for part in ("tuple", "code", "data", "pipeline", "weights")]
    for digest in digests:
        asked: list[tuple[str, object]] = []

        def note(_connection, _cursor, text, values, *_more, asked=asked) -> None:
            if text.startswith("SELECT"):
                asked.append((text, values))

        event.listen(registry._engine, "before_cursor_execute", note)
        found = registry.lineage(digest, direction)
        event.remove(registry._engine, "before_cursor_execute", note)
        assert any(node["id"] == "churn@1" for node in found["nodes"]), digest
        assert not _reads_whole(registry, asked, "model_version"), digest
