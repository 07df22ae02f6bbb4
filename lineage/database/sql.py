"""The words of statements, as SQLModel types them; it is loaded by the first statement for rows.

Modules that a quick command loads, but asks nothing of, take the words from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlmodel import and_ as and_
    from sqlmodel import col as col
    from sqlmodel import func as func
    from sqlmodel import or_ as or_
    from sqlmodel import select as select
else:
    from sqlalchemy import and_, func, or_  # noqa: F401 - what SQLModel's are when it runs

    def col(column):  # noqa: ANN001, ANN201
        """A column, which the attribute of a class is to a type checker only when told."""
        return column

    def select(*entities):  # noqa: ANN002, ANN201
        """A statement whose rows are what is selected, where that is one thing."""
        from sqlmodel import select

        return select(*entities)
