"""What is answered about stores of weights. Pure."""

from __future__ import annotations

from typing_extensions import override

from lineage.contract.results.documents import (
    Document,
    Key,
    moment,
    optional,
    values,
)


class StoreRecord(Document):
    """A store of weights."""

    name = Key(str)
    """Its name."""
    url = Key(str)
    """Where it is."""
    config = Key(values)
    """The public settings of its DVC remote."""
    shared = Key(bool)
    """Whether every host reaches it."""
    copies = Key(int)
    """How many copies of weights it holds."""
    added_at = Key(moment)
    """When it was recorded."""
    added_by = Key(str)
    """Who recorded it."""

    @override
    def _line(self) -> str:
        return f"{self.name} at {self.url}, {self.copies} copies"


class CollectableCopy(Document):
    """A copy of weights that nothing can need any more."""

    ref = Key(str)
    """The version as a person writes it."""
    store = Key(str)
    """The store that holds it."""
    weights = Key(str)
    """The digest of the weights."""
    size = Key(int)
    """Bytes, over all files."""
    files = Key(int)
    """How many files it is."""
    registered_at = Key(moment)
    """When the version was registered."""
    last_served_at = Key(optional(moment))
    """When it served or stood by last; None where it never did."""

    @override
    def _line(self) -> str:
        return f"{self.ref} in {self.store}, {self.size:,} bytes"
