"""What a value of a column is, in SQL: a number, a text, a time, an outcome, or of another type."""

from __future__ import annotations

from typing import Final

from lineage.evidence.reading import rules
from lineage.evidence.reading.source import Form, quoted

NUMBER: Final = "NULL::DOUBLE"
TEXT: Final = "NULL::VARCHAR"
TIME: Final = "NULL::TIMESTAMP"

_TIMES: Final = (Form.TIME, Form.ZONED)


def number(name: str, form: Form) -> str:
    """The value as a DOUBLE; NULL where it is no number."""
    value = quoted(name)
    if form is Form.WRITTEN:
        return f"TRY_CAST({value} AS DOUBLE)"
    if form is Form.JSON:
        numbers = "('BIGINT', 'UBIGINT', 'HUGEINT', 'UHUGEINT', 'DOUBLE')"
        one = f"TRY_CAST({value} ->> '$' AS DOUBLE)"
        return f"CASE WHEN json_type({value}) IN {numbers} THEN {one} END"
    return f"{value}::DOUBLE" if form is Form.NUMBER else NUMBER


def text(name: str, form: Form) -> str:
    """The value as text; NULL where it is none. Truth is ``true`` or ``false``, also in CSV."""
    value = quoted(name)
    if form is Form.WRITTEN:
        return f"CASE WHEN lower({value}) IN ('true', 'false') THEN lower({value}) ELSE {value} END"
    if form is Form.JSON:
        return f"CASE WHEN json_type({value}) IN ('VARCHAR', 'BOOLEAN') THEN {value} ->> '$' END"
    return f"{value}::VARCHAR" if form in (Form.TEXT, Form.BOOLEAN) else TEXT


def time(name: str, form: Form, between: tuple[str, str] = rules.YEARS) -> str:
    """The value as a TIMESTAMP in UTC; NULL where it is no time between two days."""
    first, last = between
    value = quoted(name)
    if form in (Form.WRITTEN, Form.JSON, Form.TEXT):
        moment = f"timezone('UTC', TRY_CAST({text(name, form)} AS TIMESTAMPTZ))"
    elif form is Form.ZONED:
        moment = f"timezone('UTC', {value})"
    elif form is Form.TIME:
        moment = f"{value}::TIMESTAMP"
    else:
        return TIME
    return f"CASE WHEN {moment} BETWEEN '{first}' AND '{last}' THEN {moment} END"


def outcome(name: str, form: Form) -> str:
    """1 where the value is 1 or true, 0 where it is 0 or false, else NULL."""
    one, word = number(name, form), text(name, form)
    return (
        f"CASE WHEN {one} = 1 OR lower({word}) = 'true' THEN 1 "
        f"WHEN {one} = 0 OR lower({word}) = 'false' THEN 0 END"
    )


def label(name: str, form: Form) -> str:
    """The value as a group is named by it."""
    if form is Form.JSON:
        return f"{quoted(name)} ->> '$'"
    return f"{quoted(name)}::VARCHAR" if form in (Form.NUMBER, *_TIMES) else text(name, form)
