"""A decision as SARIF 2.1.0 (OASIS Standard, March 2020), e.g. for GitHub's code scanning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from lineage import installed
from lineage.inert import inert_json

from .findings import Finding, findings

if TYPE_CHECKING:
    from lineage.guard.decision import Decision, NothingServes

SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
FALLBACK: Final = "lineage.toml"
"""The file of a finding that has none: readers want one for each."""

_LEVELS: Final = {"fail": "error", "warn": "warning", "waived": "warning"}


def render(decision: Decision | NothingServes) -> str:
    """The SARIF document."""
    from lineage.guard.rules import RULES

    rules = [
        {
            "id": rule.__name__.replace("_", "-"),
            "shortDescription": {"text": (rule.__doc__ or "").strip()},
        }
        for rule in RULES
    ]
    driver = {"name": "lineage-guard", "version": installed.version(), "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(decision, finding) for finding in findings(decision)],
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return inert_json(document, indent=2)


def _result(decision: Decision | NothingServes, finding: Finding) -> dict[str, Any]:
    check = finding.check
    text = finding.sentence + (f"\n{check.remedy}" if check.remedy else "")
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(finding.path or FALLBACK)}}
    if finding.line is not None:
        place["region"] = {"startLine": finding.line}
    where = f"{check.code}/{decision.environment}/{decision.model}/{finding.path or ''}"
    result: dict[str, Any] = {
        "ruleId": check.code,
        "level": _LEVELS[check.status.value],
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"lineageGuard/v1": where},
    }
    waiver = check.details.get("waiver")
    if waiver is not None:
        justification = f"{waiver['waived_by']}: {waiver['reason']}"
        result["suppressions"] = [{"kind": "external", "justification": justification}]
    return result
