"""What differs between two model versions. Pure."""

from __future__ import annotations

from typing import Final

from typing_extensions import override

from lineage.contract.results.documents import Document, Key, optional, several
from lineage.display import table

COMPONENTS: Final = ("code", "data", "pipeline", "weights")


class ComponentDifference(Document):
    """What differs in one component; true where something does."""

    def __bool__(self) -> bool:
        return not self.same

    same = Key(bool)
    """Whether nothing differs."""
    first = Key(optional(str))
    """The digest in the first version."""
    second = Key(optional(str))
    """The digest in the second version."""
    explanation = Key(several(str))
    """What differs, in sentences."""

    @override
    def _line(self) -> str:
        changed = "; ".join(self.explanation) or f"{self.first or '-'} → {self.second or '-'}"
        return "same" if self.same else changed

    @override
    def _facts(self) -> dict[str, object]:
        return {"same": self.same, "first": self.first, "second": self.second, "what": self._line()}


class Comparison(Document):
    """What differs from one version to another; true where something does."""

    def __bool__(self) -> bool:
        return bool(self.changed)

    first = Key(str)
    """The one version, as a person writes it."""
    second = Key(str)
    """The other version."""
    code = Key(ComponentDifference)
    """What differs in the code."""
    data = Key(ComponentDifference)
    """What differs in the data."""
    pipeline = Key(ComponentDifference)
    """What differs in the pipeline."""
    weights = Key(ComponentDifference)
    """What differs in the weights."""

    @property
    def changed(self) -> tuple[str, ...]:
        """The components that differ, by name."""
        return tuple(name for name in COMPONENTS if not self[name]["same"])

    @override
    def _line(self) -> str:
        what = f"other {', '.join(self.changed)}" if self.changed else "the same"
        return f"{self.first} → {self.second}: {what}"

    @override
    def _facts(self) -> dict[str, object]:
        parts = {name: ComponentDifference(self[name])._line() for name in COMPONENTS}
        return {"first": self.first, "second": self.second, **parts}

    @override
    def _repr_html_(self) -> str:
        rows = [
            (name, part.first, part.second, part._line())
            for name in COMPONENTS
            for part in [ComponentDifference(self[name])]
        ]
        return table(self._line(), ("component", self.first, self.second, "what differs"), rows)
