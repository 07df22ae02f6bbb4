"""The guard's rules, one function each: facts in, a check out. Pure: no I/O.

To add one, write its function in the module of its subject, list it in :data:`RULES`, and give it
a page in ``docs/rules/``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lineage.guard.rules.environment import approvals, backup_ready, promotion_path, requirements
from lineage.guard.rules.pipeline import pipeline_clean, pipeline_deployed, pipeline_match
from lineage.guard.rules.production import data_like_production
from lineage.guard.rules.signed import signed_by
from lineage.guard.rules.validation import validated
from lineage.guard.rules.version import code_clean, kind, tuple_complete
from lineage.guard.rules.watched import pipeline_complete
from lineage.guard.rules.weights import weights_intact

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineage.guard.decision import Check
    from lineage.guard.facts import Facts

RULES: Final[tuple[Callable[[Facts], Check], ...]] = (
    pipeline_deployed,
    validated,
    pipeline_match,
    kind,
    tuple_complete,
    code_clean,
    weights_intact,
    requirements,
    data_like_production,
    promotion_path,
    approvals,
    signed_by,
    backup_ready,
    pipeline_complete,
    pipeline_clean,
)

LEAVING: Final[tuple[Callable[[Facts], Check], ...]] = (backup_ready,)
"""What is asked of a version that leaves its slot empty."""

CODES: Final = tuple(rule.__name__.replace("_", "-") for rule in RULES)
"""The rules' codes, in the order in which they are evaluated."""
