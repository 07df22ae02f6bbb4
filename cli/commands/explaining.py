"""`explain`: what the code of an error, or of a rule of the guard, means."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import output
from ..options import Json


def explain(
    code: Annotated[
        str | None,
        typer.Argument(metavar="[CODE]", help="The code, as an answer has it; default: list them."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Explain the code of an error or of a rule: what it means, why, and what to do.

    It is what the documentation says, and needs no registry.

    Example: `lineage explain pipeline-match`
    """
    from ..explanations import all_explanations, explanation

    shown = [explanation(code)] if code else list(all_explanations().values())
    if as_json:
        found = [{"code": one.code, "kind": one.kind, "text": one.text} for one in shown]
        output.emit(found[0] if code else found)
    elif code:
        output.say(output.bold(f"{shown[0].code}, a {shown[0].kind}"))
        for line in shown[0].lines():
            heading = line.startswith("#")
            output.say(output.bold(line.lstrip("# ")) if heading else line)
    else:
        widest = max(len(one.code) for one in shown)
        for one in shown:
            output.say(f"{one.kind:<7}  {one.code:<{widest}}  {one.beginning}")
