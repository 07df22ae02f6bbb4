"""The triggers that migrations make, in the words of SQLite and of PostgreSQL."""

from __future__ import annotations

from alembic import op

NEVER_CHANGE = "{table} is history: its rows never change"


def postgresql() -> bool:
    """Whether the migration runs on PostgreSQL."""
    return op.get_bind().dialect.name == "postgresql"


def refuse(
    name: str, table: str, event: str, condition: str, message: str, *, first: str = ""
) -> None:
    """Refuse an event of each row where a condition over ``NEW`` and ``OLD`` holds.

    The condition is SQL that both understand; ``IS NOT OLD.`` compares as ``IS DISTINCT FROM``.
    ``first`` is what PostgreSQL does before it looks. Its functions look at the registry's tables,
    whatever the search path of the one who writes, or their temporary tables.
    """
    if not postgresql():
        when = f"WHEN {condition} " if condition else ""
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} {when}"
            f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
        )
        return
    test = condition.replace(" IS NOT OLD.", " IS DISTINCT FROM OLD.") or "true"
    result = "OLD" if event == "DELETE" else "NEW"
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {first}IF {test} THEN "
        f"RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation'; "
        f"END IF; RETURN {result}; END $$"
    )
    fix_search_path(name)
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
    )


def fix_search_path(name: str) -> None:
    """Let a function of PostgreSQL find the tables of the present schema and no others."""
    schema = op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    op.execute(f"ALTER FUNCTION {name}() SET search_path = {schema}, pg_temp")


def drop(name: str, table: str) -> None:
    """Take away what :func:`refuse` made, so that it can be made anew."""
    if not postgresql():
        op.execute(f"DROP TRIGGER {name}")
        return
    op.execute(f"DROP TRIGGER {name} ON {table}")
    op.execute(f"DROP FUNCTION {name}()")


def keep_rows(table: str) -> None:
    """Refuse to empty a table at once, which fires no trigger of its rows (PostgreSQL)."""
    if not postgresql():
        return
    name = f"{table}_no_truncate"
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
        f"'{table} is not emptied' USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {name} BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
    )


def forbid_changes(table: str, key: str) -> None:
    """Refuse UPDATE, DELETE and TRUNCATE, and an INSERT that would replace a row."""
    message = NEVER_CHANGE.format(table=table)
    for event in ("UPDATE", "DELETE"):
        refuse(f"{table}_no_{event.lower()}", table, event, "", message)
    if not postgresql():
        same = " AND ".join(f"{column} = NEW.{column}" for column in key.split(", "))
        exists = f"EXISTS (SELECT 1 FROM {table} WHERE {same})"  # nosec B608 # names of our own tables
        refuse(f"{table}_no_replace", table, "INSERT", exists, message)
    keep_rows(table)


def demand_checks(table: str, *events: str) -> None:
    """Refuse writes of a connection that does not check foreign keys (SQLite's default)."""
    if postgresql():
        return
    for event in events:
        refuse(
            f"{table}_guarded_{event.lower()}",
            table,
            event,
            "(SELECT foreign_keys FROM pragma_foreign_keys) = 0 OR (SELECT "
            "ignore_check_constraints FROM pragma_ignore_check_constraints) = 1",
            "switch on PRAGMA foreign_keys and the checks before a write",
        )


def newest_verdict_counts(side: str) -> None:
    """Refuse to put a version into a slot on a verdict that a newer one has replaced."""
    newer = (
        f"NEW.{side}_validation_id IS NOT NULL {{changed}}AND EXISTS (SELECT 1 FROM validation "  # nosec B608 # names of our own tables
        f"WHERE version_id = NEW.{side}_version_id AND pipeline_digest = "
        f"NEW.{side}_pipeline_digest AND id > NEW.{side}_validation_id)"
    )
    changed = " OR ".join(
        f"NEW.{side}_{column} IS NOT OLD.{side}_{column}"
        for column in ("validation_id", "version_id", "pipeline_digest")
    )
    message = "a newer verdict on this version and pipeline counts"
    for event, test in (("INSERT", ""), ("UPDATE", f"AND ({changed}) ")):
        name = f"slot_{side}_newest_{event.lower()}"
        refuse(name, "slot", event, newer.format(changed=test), message)
