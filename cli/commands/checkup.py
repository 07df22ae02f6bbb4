"""`doctor`: what is set up by half, and what to do about it."""

from __future__ import annotations

import os
import sys

import typer

from .. import decisions, output
from ..options import Json, State
from ..remedies import typed_check


def doctor(as_json: Json = False) -> None:
    """Tell of everything that is half set up, and what to do about it; change nothing.

    The configuration, the registry, the store, the token, clocks, versions, permissions and git are
    looked at side by side, each for seconds at the most. It exits 0 where nothing fails, else with
    the code of the gravest failure; warnings alone are 0.

    Example: `lineage doctor`
    """
    from lineage.workflows.checkup.run import checkup

    report = checkup(State.registry)
    if as_json:
        document = report.to_json()
        for check, finding in zip(document["checks"], report.findings, strict=True):
            check["remedy"] = typed_check(finding.check).remedy
        output.emit(document)
    else:
        for finding in report.findings:
            decisions.show_check(typed_check(finding.check))
    if report.unfinished:  # whatever still waits for the network is not waited for
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(report.exit_code)
    raise typer.Exit(report.exit_code)
