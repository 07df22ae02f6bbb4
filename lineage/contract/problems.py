"""An error as a problem document (RFC 9457): what the server writes, and the error it stands for.

Every error goes by its stable code. A few bring details, which stand in the document beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lineage.contract.decisions import decision_from_json, decision_to_json
from lineage.contract.rest_remedies import without_requests
from lineage.errors import CarryRefused, LineageError, OthersMove, UsageError
from lineage.guard.decision import GuardRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_SUCH_ROUTE: Final = "no-such-route"
"""What a server says of an address that its version does not have."""


def details_of(error: LineageError) -> dict[str, Any]:
    """What a problem says besides its code, its sentence and its remedy."""
    if isinstance(error, GuardRefused):
        decisions = [decision_to_json(decision) for decision in error.decisions]
        return {"decision": decisions[0], "decisions": decisions}
    if isinstance(error, CarryRefused):
        return {"difference": error.details}
    if isinstance(error, OthersMove):
        return {"models": list(error.models)}
    return {}


def error_from_json(problem: Mapping[str, Any]) -> LineageError:
    """The error that a problem stands for; one of a later version by what its status says.

    Raises:
        KeyError: something is missing.
    """
    code, detail = problem["code"], str(problem["detail"])
    remedy = without_requests(str(problem["remedy"]))
    if code == GuardRefused.code:
        decisions = tuple(decision_from_json(decision) for decision in problem["decisions"])
        return GuardRefused(detail, remedy=remedy, decisions=decisions)
    if code == CarryRefused.code:
        return CarryRefused(detail, remedy=remedy, details=problem["difference"])
    if code == OthersMove.code:
        return OthersMove(detail, remedy=remedy, models=tuple(problem["models"]))
    kind = _kinds().get(code)
    if kind is None:
        kind = UsageError if problem["status"] < 500 else LineageError
    return kind(detail, remedy=remedy)


def _kinds() -> dict[str, type[LineageError]]:
    """Every kind of error by its code, wherever it is defined."""
    kinds: dict[str, type[LineageError]] = {}
    rest: list[type[LineageError]] = [LineageError]
    while rest:
        kind = rest.pop()
        kinds.setdefault(kind.code, kind)  # one without a code of its own goes by its parent's
        rest += kind.__subclasses__()
    return kinds
