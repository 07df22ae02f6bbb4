"""The triggers by which a row and the event that tells of it are held against each other.

The rows of a change are written first, each with the number of the event to come; the event after
them must hold exactly those rows. A deferred key refuses to commit a row whose event is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineage.migrations import triggers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LOCK = 0x6C696E65
"""The advisory lock of a writer on PostgreSQL: without it another's event could pass for a row's."""

_NOT_EARLIER = "NEW.at{} < coalesce((SELECT at FROM event ORDER BY seq DESC LIMIT 1), '') OR "
_SECONDS = "strftime('%Y-%m-%dT%H:%M:%S', substr(NEW.at, 1, 19), '+0 days')"
_WRITTEN = """'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'"""

_AT_ONCE = 1_000_000
"""How far a row's number may be ahead of the newest's: SQLite counts on from there."""

_NEXT = "(SELECT coalesce(max(seq), 0) + 1 FROM event)"


def tell(
    table: str,
    columns: Sequence[str],
    *,
    moves: Sequence[str] = (),
    unbound: Sequence[str] = (),
    free: Sequence[str] = (),
    fixed: str = "",
    event: str = "event",
    follows: bool = False,
) -> None:
    """Let a table's rows be told by events.

    Args:
        table: its name.
        columns: what events hold of a row.
        moves: those of them that may change, with an event.
        unbound: its other columns.
        free: those of them that may change without one.
        fixed: what is said to one who changes another column.
        event: the column that names the event.
        follows: whether its rows go with their model when it is renamed.
    """
    untold = f"NEW.{event} IS NULL OR NEW.{event} <> {_NEXT}"
    message = f"a row of {table} names the event that is to tell it"
    _refuse_alone(f"{table}_told_insert", table, "INSERT", untold, message)
    if "id" in columns and not triggers.postgresql():  # there a sequence counts
        far = f"typeof(NEW.id) = 'integer' AND NEW.id > {_AT_ONCE} + "
        far += f"(SELECT coalesce(max(id), 0) FROM {table})"  # nosec B608
        says = f"the numbers of {table} go up one by one"
        triggers.refuse(f"{table}_near", table, "INSERT", far, says)
    if moves:
        let_move(
            table,
            columns,
            moves=moves,
            unbound=unbound,
            free=free,
            fixed=fixed,
            event=event,
            follows=follows,
        )
    tell_event(table, columns, event=event)


def let_move(
    table: str,
    columns: Sequence[str],
    *,
    moves: Sequence[str],
    unbound: Sequence[str] = (),
    free: Sequence[str] = (),
    fixed: str = "",
    event: str = "event",
    follows: bool = False,
) -> None:
    """Let some columns of a table's rows move, each time with the event that tells the row anew.

    The arguments are those of :func:`tell`. Rows that ``follows`` also go with their model, when it
    is renamed: see :func:`let_follow`.
    """
    kept = [c for c in (*columns, *unbound) if c not in moves and c not in free]
    changed = _changed([c for c in kept if not follows or c != "model"])
    if follows:
        changed += f" OR ({_changed(['model'])} AND ({_renamed_wrongly(columns, event)}))"
    if not triggers.postgresql():  # UPDATE OR REPLACE would take the place of another row
        changed += " OR NEW.rowid <> OLD.rowid"
    says = fixed or f"a row of {table} moves, and this of it never changes"
    triggers.refuse(f"{table}_told_fixed", table, "UPDATE", changed, says)
    untold = f"NEW.{event} IS NULL OR NEW.{event} <> {_NEXT}"
    if free:
        untold = f"({_changed([*moves, event])} OR NOT ({_changed(free)})) AND ({untold})"
    if follows:
        untold = f"NOT ({_changed(['model'])}) AND ({untold})"
    message = f"a row of {table} names the event that is to tell it"
    _refuse_alone(f"{table}_told_update", table, "UPDATE", untold, message)


def let_follow(table: str, columns: Sequence[str], *, event: str = "event") -> None:
    """Let rows that never change go with their model when it is renamed, and change nothing else.

    Then the row of the model's old name says what it became, and an event tells of that.
    """
    wrong = f"NOT ({_changed(['model'])}) OR {_renamed_wrongly(columns, event)}"
    if not triggers.postgresql():
        wrong += " OR NEW.rowid <> OLD.rowid"
    message = triggers.NEVER_CHANGE.format(table=table)
    triggers.refuse(f"{table}_no_update", table, "UPDATE", wrong, message)


def refuse_old_names(table: str) -> None:
    """Refuse a new row under a name that its model no longer has."""
    triggers.refuse(
        f"{table}_present_name",
        table,
        "INSERT",
        "EXISTS (SELECT 1 FROM model WHERE name = NEW.model AND became IS NOT NULL)",
        "this model was renamed: use its present name",
    )


def _renamed_wrongly(columns: Sequence[str], event: str) -> str:
    """Whether a row whose model changes changes otherwise too, or is not of the renamed model."""
    others = _changed([c for c in (*columns, event) if c != "model"])
    renamed = "SELECT 1 FROM model WHERE name = OLD.model AND became = NEW.model"
    return f"{others} OR NOT EXISTS ({renamed})"


def _changed(columns: Sequence[str]) -> str:
    return " OR ".join(f"NEW.{_quoted(c)} IS NOT OLD.{_quoted(c)}" for c in columns)


def tell_event(table: str, columns: Sequence[str], *, event: str = "event") -> None:
    """Refuse an event that does not hold exactly the rows of a table that name it."""
    name, message = f"{table}_told", f"the event does not hold the rows of {table} that name it"
    listed = ", ".join(_quoted(c) for c in columns)
    of_event = f"FROM {table} WHERE {event} = NEW.seq"
    concerned = f"EXISTS (SELECT 1 {of_event})"
    if not triggers.postgresql():
        told = ", ".join(f"json_extract(value, '$.{c}')" for c in columns)
        path = f"NEW.payload, '$.rows.{table}'"
        triggers.refuse(
            name,
            "event",
            "INSERT",
            f"({concerned} OR instr(NEW.payload, '\"{table}\"') > 0) AND "  # nosec B608
            f"((SELECT count(*) {of_event}) <> coalesce(json_array_length({path}), 0) OR "
            f"EXISTS (SELECT {listed} {of_event} EXCEPT SELECT {told} FROM json_each({path})))",
            message,
        )
        return
    triggers.refuse(
        name,
        "event",
        "INSERT",
        f"({concerned} OR strpos(NEW.payload, '\"{table}\"') > 0) AND "  # nosec B608
        f"((SELECT count(*) {of_event}) <> coalesce(jsonb_array_length("
        f"NEW.payload::jsonb #> '{{rows,{table}}}'), 0) OR EXISTS (SELECT {listed} {of_event} "
        f"EXCEPT SELECT {listed} FROM jsonb_populate_recordset(NULL::{table}, "
        f"coalesce(NEW.payload::jsonb #> '{{rows,{table}}}', '[]'::jsonb))))",
        message,
    )


def retell(table: str, columns: Sequence[str], *, event: str = "event") -> None:
    """Let events hold other columns of a table than they did."""
    triggers.drop(f"{table}_told", "event")
    tell_event(table, columns, event=event)


def refuse_replacing(table: str, keys: Iterable[str], *, moves: Sequence[str] = ()) -> None:
    """Refuse an INSERT in the place of a row, by each unique key, on SQLite, and such an UPDATE.

    ``OR REPLACE`` fires the triggers of a deletion only where ``recursive_triggers`` is on.
    A key is its columns, and a condition behind ``WHERE`` where it is a partial one. One of which
    a column ``moves`` is looked at when it does.
    """
    if triggers.postgresql():
        return
    for number, key in enumerate(keys, 1):
        columns, _, where = key.partition(" WHERE ")
        same = " AND ".join(f"{c} = NEW.{c}" for c in columns.split(", "))
        alone = f"{same} AND {where}" if where else same
        exists = f"EXISTS (SELECT 1 FROM {table} WHERE {alone})"  # nosec B608
        message = f"a row of {table} is never replaced"
        triggers.refuse(f"{table}_one_{number}", table, "INSERT", exists, message)
        if {*columns.split(", ")} & {*moves}:
            other = f"EXISTS (SELECT 1 FROM {table} WHERE {alone} AND rowid <> OLD.rowid)"  # nosec B608
            triggers.refuse(f"{table}_one_{number}_moved", table, "UPDATE", other, message)


def refuse_odd_times() -> None:
    """Refuse an event at a time that is not written like the program's, or goes back.

    All that ends is judged by the newest event's. After one that is far off nothing could come.
    """
    if triggers.postgresql():
        binary = ' COLLATE "C"'
        condition = _NOT_EARLIER.format(binary) + (
            "NEW.at !~ '^[0-9]{4}-[0-9-]{5}T[0-9:]{8}[.][0-9]{6}Z$' OR "
            f"to_char(NEW.at::timestamp, {_WRITTEN}) <> NEW.at OR NEW.at{binary} > "
            f"to_char(now() AT TIME ZONE 'UTC' + interval '100 years', {_WRITTEN})"
        )
    else:
        condition = _NOT_EARLIER.format("") + (
            f"{_SECONDS} IS NULL OR "
            f"NEW.at NOT GLOB {_SECONDS} || '.[0-9][0-9][0-9][0-9][0-9][0-9]Z' OR "
            "NEW.at > strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '+100 years')"
        )
    message = "the time of an event is written like those before it, and never earlier"
    triggers.refuse("event_at", "event", "INSERT", condition, message)


def _refuse_alone(name: str, table: str, event: str, condition: str, message: str) -> None:
    """Refuse as ever, and let no other writer in until the end of the transaction."""
    first = f"PERFORM pg_advisory_xact_lock({LOCK}); "
    triggers.refuse(name, table, event, condition, message, first=first)


def _quoted(column: str) -> str:
    return f'"{column}"' if column == "by" else column
