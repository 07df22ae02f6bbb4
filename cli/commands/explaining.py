"""`explain`: what the code of an error, a rule or an exit means, or a word of the glossary."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import output
from ..options import Json


def explain(
    code: Annotated[
        str | None,
        typer.Argument(
            metavar="[CODE]",
            help="The code, as an answer has it, an exit code, or a word of the glossary; default: "
            "list the codes.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Explain the code of an error, a rule or an exit: what it means, why, and what to do.

    A word of the glossary is explained, too: slot, pair, waiver. It is what the documentation says,
    and needs no registry.

    Example: `lineage explain pipeline-match`
    """
    from ..explanations import all_explanations, explanation

    shown = [explanation(code)] if code else list(all_explanations().values())
    if as_json:
        found = [{"code": one.code, "kind": one.kind, "text": one.text} for one in shown]
        output.emit(found[0] if code else found)
    elif code:
        output.say(output.bold(shown[0].title))
        for line in shown[0].lines():
            heading = line.startswith("#")
            output.say(output.bold(line.lstrip("# ")) if heading else line)
    else:
        widest = max(len(one.code) for one in shown)
        for one in shown:
            output.say(f"{one.kind:<7}  {one.code:<{widest}}  {one.beginning}")
