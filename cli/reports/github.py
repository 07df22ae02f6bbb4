"""Annotations for GitHub Actions, and a Markdown summary into ``$GITHUB_STEP_SUMMARY``.

The commands are those of GitHub's "Workflow commands for GitHub Actions".
"""

from __future__ import annotations

import html
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lineage.inert import inert, inert_lines

from .findings import Finding, findings, headline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lineage.guard.decision import Decision, NothingServes

_LEVELS: Final = {"fail": "error", "warn": "warning", "waived": "warning"}
_STATUSES: Final = ("pass", "fail", "warn", "waived", "skipped")
_SIGNS: Final = dict(zip(_STATUSES, ("✅", "❌", "⚠️", "🔓", "⏭️"), strict=True))
LARGEST: Final = 900_000
"""Characters of the summary; GitHub takes a mebibyte."""


def render(decision: Decision | NothingServes) -> str:
    """The workflow commands of a decision, one a line."""
    lines = [_annotation(finding) for finding in findings(decision)]
    lines.append(headline(decision))
    return "\n".join(lines)


def problem(message: str, remedy: str) -> str:
    """The workflow command of an error that kept the guard from deciding."""
    return f"::error title=lineage guard::{_data(f'{message} {remedy}')}"


def summarise(decision: Decision | NothingServes) -> None:
    """Append the decision to the summary of the job's step, where GitHub names a file for it."""
    named = os.environ.get("GITHUB_STEP_SUMMARY")
    if not named:
        return
    from .. import output

    try:
        with Path(named).open("a", encoding="utf-8") as file:
            file.write(markdown(decision))
    except OSError as error:
        output.note(f"note: the summary cannot be written to {named}: {error.strerror}.")


def markdown(decision: Decision | NothingServes) -> str:
    """The decision as a page for people."""
    sign = _SIGNS["pass" if decision.allowed else "fail"]
    lines = [f"## {sign} {_text(headline(decision))}"]
    if decision.checks:
        lines += ["", "| | rule | |", "| --- | --- | --- |"]
    lines += [
        f"| {_SIGNS[check.status.value]} | `{check.code}` | {_text(check.summary)} |"
        for check in decision.checks
    ]
    for check in decision.checks:
        lines += _explained(check.details)
        if check.remedy and check.status.value != "pass":
            lines += ["", f"**What to do** (`{check.code}`): {_text(check.remedy)}"]
    return inert_lines("\n".join(lines)[:LARGEST]) + "\n\n"


def _explained(details: dict[str, Any]) -> Iterator[str]:
    changes = details.get("explanation", [])
    if changes:
        yield ""
        yield from (f"- {_text(change)}" for change in changes)
    yield from (f"- reached: {_text(way)}" for way in details.get("reached", []))
    for commit in details.get("commits", []):
        yield f"- `{commit['commit'][:12]}` {_text(commit['subject'])} ({_text(commit['author'])})"
    for diff in details.get("diffs", []):
        body = "\n".join(inert(line) for line in diff["lines"])
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", body)), default=0))
        left_out = f"\n({diff['left_out']} more lines)" if diff["left_out"] else ""
        yield from ("", f"<details><summary>{_text(diff['path'])}</summary>", "")
        yield from (f"{fence}diff", body + left_out, fence, "", "</details>")


def _annotation(finding: Finding) -> str:
    places = {"file": finding.path, "line": finding.line, "title": f"lineage {finding.check.code}"}
    named = ",".join(f"{key}={_property(value)}" for key, value in places.items() if value)
    message = finding.sentence
    if finding.check.remedy:
        message += f"\n{finding.check.remedy}"
    return f"::{_LEVELS[finding.check.status.value]} {named}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str | int) -> str:
    return _data(str(value)).replace(":", "%3A").replace(",", "%2C")


def _text(text: str) -> str:
    """Text that Markdown shows as it is, on one line, whoever wrote it."""
    escaped = re.sub(r"([\\`*_{}\[\]#|~])", r"\\\1", html.escape(text, quote=False))
    return re.sub(r"[\x00-\x1f\x7f]+", " ", escaped)
