"""What an instance of a service said that it has loaded, and what that is worth. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from lineage import timestamps
from lineage.contract.results.documents import Document
from lineage.contract.results.slots import Side
from lineage.identity.components import Proof

if TYPE_CHECKING:
    import datetime as dt


class HostReport(Document):
    """A report of an instance, beside what the registry declares."""

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self["model"])

    @property
    def environment(self) -> str:
        """Where the instance serves."""
        return str(self["environment"])

    @property
    def instance(self) -> str:
        """What the instance is called."""
        return str(self["instance"])

    @property
    def state(self) -> str:
        """``in-step``, ``rolling``, ``skewed``, ``lagging``, ``foreign`` or ``unknown``."""
        return str(self["state"])

    @property
    def in_step(self) -> bool:
        """Whether it has loaded what is declared."""
        return bool(self["in_step"])

    @property
    def side(self) -> Side | None:
        """The pair of the slot that it has loaded; None where it is none of them."""
        return Side(self["side"]) if self["side"] is not None else None

    @property
    def weights(self) -> str:
        """The digest of the weights that it has loaded."""
        return str(self["weights"])

    @property
    def pipeline(self) -> str | None:
        """The digest of the pipeline that it runs."""
        digest: str | None = self["pipeline"]
        return digest

    @property
    def proof(self) -> Proof:
        """Whether it proved its pipeline, or only says a digest."""
        return Proof(self["proof"])

    @property
    def loaded_at(self) -> dt.datetime:
        """Since when it has that."""
        return timestamps.moment(self["loaded_at"])

    @property
    def reported_at(self) -> dt.datetime:
        """When it said so."""
        return timestamps.moment(self["reported_at"])

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
