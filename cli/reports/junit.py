"""A decision as JUnit XML: one test case a rule, as GitLab and Jenkins read it (junit-10.xsd)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree  # nosec B405 # writes only

if TYPE_CHECKING:
    from lineage.guard.decision import Check, Decision, NothingServes

_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold."""


def render(decision: Decision | NothingServes) -> str:
    """The XML document."""
    counts = {
        "tests": len(decision.checks),
        "failures": len(decision.failures),
        "errors": 0,
    }
    written = {key: str(value) for key, value in counts.items()}
    suites = ElementTree.Element("testsuites", {"name": "lineage guard", **written})
    skipped = sum(check.status.value == "skipped" for check in decision.checks)
    name = f"{decision.ref} in {decision.environment}"
    attributes = {"name": _clean(name), **written, "skipped": str(skipped)}
    suite = ElementTree.SubElement(suites, "testsuite", attributes)
    for check in decision.checks:
        _case(suite, check, f"lineage.guard.{decision.environment}.{decision.model}")
    ElementTree.indent(suites)
    text = ElementTree.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'


def _case(suite: ElementTree.Element, check: Check, classname: str) -> None:
    attributes = {"name": check.code, "classname": _clean(classname), "time": "0"}
    case = ElementTree.SubElement(suite, "testcase", attributes)
    lines = [check.summary, *check.details.get("explanation", [])]
    if check.remedy:
        lines.append(f"What to do: {check.remedy}")
    text = _clean("\n".join(lines))
    status = check.status.value
    if status in ("fail", "skipped"):
        tag = "failure" if status == "fail" else "skipped"
        kind = {"message": _clean(check.summary)} | (
            {"type": check.code} if tag == "failure" else {}
        )
        ElementTree.SubElement(case, tag, kind).text = text
    else:
        ElementTree.SubElement(case, "system-out").text = f"{status}: {text}"


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
