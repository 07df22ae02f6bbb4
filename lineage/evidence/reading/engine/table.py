"""An Ibis table: its columns, the engine that it is of, and whether that tells what others tell."""

from __future__ import annotations

import math
from typing import Any, Final

import ibis

from lineage.errors import UsageError
from lineage.evidence.reading import rules
from lineage.evidence.reading.engine import values
from lineage.evidence.reading.names import check_names
from lineage.evidence.reading.source import Form

EXPORT: Final = "Write the rows to Parquet, and profile that file."


class EngineTable:
    """An Ibis table, and what is asked of its engine."""

    def __init__(self, table: Any, backend: Any) -> None:  # noqa: ANN401 - Ibis's own
        """See what its columns are.

        Raises:
            UsageError: the engine tells something else than others do, or a column is of a type
                whose values cannot be told.
        """
        self.label = f"the table of {backend.name}"
        self.table = table
        self._backend = backend
        kinds = table.schema()
        check_names(list(kinds), self.label)
        self.columns: dict[str, Form] = {}
        for name, kind in kinds.items():
            form = values.form_of(kind)
            if form is None:
                raise UsageError(
                    f"Column {name!r} is of the type {kind}, whose values {backend.name} does not "
                    "tell as others do.",
                    remedy="Cast it to another type in the expression, or drop it: "
                    f"table.drop({name!r}).",
                )
            self.columns[name] = form
        self._check_engine()

    def run(self, expression: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - Ibis's own
        """The rows of an answer, by name."""
        found: list[dict[str, Any]] = self._backend.to_pyarrow(expression, limit=None).to_pylist()
        return found

    def in_code_points(self, text: Any) -> Any:  # noqa: ANN401 - Ibis's own
        """A text as what goes by its code points: PostgreSQL's go by a language's rules."""
        return _convert_to(text, "UTF8") if self._backend.name == "postgres" else text

    def time(self, name: str) -> Any:  # noqa: ANN401 - Ibis's own
        """The moments of a column by which windows are made, of days that were, or None.

        Raises:
            UsageError: it is of times that are written as text.
        """
        column, form = self.table[name], self.columns[name]
        if form is Form.TEXT:
            written = values.may_be_time(column.cast("string")).sum()
            if self.run(self.table.aggregate(written=written))[0]["written"]:
                raise values.written_time(name)
        return values.time(column, form, rules.days_that_were())

    def named(self, name: str) -> Any:  # noqa: ANN401 - Ibis's own
        """The values of a column as groups are named by them.

        Raises:
            UsageError: they are of a type that engines write each in its way.
        """
        column, form = self.table[name], self.columns[name]
        if (value := values.label(column, form)) is None:
            raise UsageError(
                f"Column {name!r} is of the type {column.type()}: engines write its values each in "
                "its way, and groups are named by them.",
                remedy="Cast it to an integer or to text in the expression.",
            )
        return value

    def _check_engine(self) -> None:
        """Ask the engine what is asked of every text and number, of some that are known.

        Raises:
            UsageError: it answers in another way than DuckDB.
        """
        small, large, mixed = ibis.literal("a"), ibis.literal("B"), ibis.literal("Zoë 1, €\t")
        ordered = self.in_code_points(large) < self.in_code_points(small)
        asked = {
            "the order of texts": (ordered, True),
            "the case of texts": (small == ibis.literal("A"), False),
            "the spaces of texts": (small == ibis.literal("a "), False),
            "the length of texts": (ibis.literal("é\N{GRINNING FACE}").length(), 2),
            "written times": (values.may_be_time(ibis.literal("2013-1-2 x")), True),
            "not a number": (ibis.literal(math.nan).isnan(), True),
            "infinite numbers": (values.is_finite(ibis.literal(-math.inf)), False),
        } | {
            f"the characters of texts ({name})": (values.of_class(mixed, place), number)
            for place, (name, number) in enumerate(
                (("letters", 3), ("digits", 1), ("spaces", 3), ("punctuation", 1))
            )
        }
        one = ibis.literal(1).name("one").as_table()
        (found,) = self.run(
            one.select(**{f"x{place}": it for place, (it, _) in enumerate(asked.values())})
        )
        for place, (what, (_, expected)) in enumerate(asked.items()):
            if found[f"x{place}"] != expected:
                raise UsageError(
                    f"{self._backend.name} tells {what} in another way than DuckDB: its counts "
                    "would not compare with others.",
                    remedy=EXPORT,
                )


@ibis.udf.scalar.builtin(name="convert_to")  # type: ignore[untyped-decorator]
def _convert_to(text: str, encoding: str) -> bytes:  # type: ignore[empty-body]
    """PostgreSQL's: a text as its bytes."""
