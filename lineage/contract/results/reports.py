"""What an instance of a service said that it has loaded, and what that is worth. Pure."""

from __future__ import annotations

from typing_extensions import override

from lineage.contract.results.documents import Document, Key, moment, optional
from lineage.contract.results.slots import Side
from lineage.identity.components import Proof


class HostReport(Document):
    """A report of an instance, beside what the registry declares."""

    model = Key(str)
    """The model's name."""
    environment = Key(str)
    """Where the instance serves."""
    instance = Key(str)
    """What the instance is called."""
    state = Key(str)
    """``in-step``, ``rolling``, ``skewed``, ``lagging``, ``foreign`` or ``unknown``."""
    in_step = Key(bool)
    """Whether it has loaded what is declared."""
    side = Key(optional(Side))
    """The pair of the slot that it has loaded; None where it is none of them."""
    weights = Key(str)
    """The digest of the weights that it has loaded."""
    pipeline = Key(optional(str))
    """The digest of the pipeline that it runs."""
    proof = Key(Proof)
    """Whether it proved its pipeline, or only says a digest."""
    loaded_at = Key(moment)
    """Since when it has that."""
    reported_at = Key(moment)
    """When it said so."""
    expires_at = Key(optional(moment))
    """Until when that counts."""

    @override
    def _line(self) -> str:
        return f"{self.instance} is {self.state} with {self.model} in {self.environment}"

    @override
    def _facts(self) -> dict[str, object]:
        return {
            "model": self.model,
            "environment": self.environment,
            "instance": self.instance,
            "state": self.state,
            "weights": self.weights,
            "pipeline": self.pipeline,
            "proof": self.proof.value,
            "loaded": self.loaded_at,
            "reported": self.reported_at,
        }
