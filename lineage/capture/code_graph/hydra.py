"""The classes that a Hydra configuration names (``_target_: package.module.Class``)."""

from __future__ import annotations

import re
from typing import Final

from lineage.capture.code_graph.facts import Blind, Facts, Import, Spot
from lineage.capture.code_graph.values import UnseenKind, shown

LARGEST: Final = 1 << 20
_KEY: Final = "_target_"
_TARGET: Final = re.compile(
    r"(?:^|[{,])[ \t-]*[\"']?_target_[\"']?[ \t]*:[ \t]*[\"']?(?=([^\"'#\r\n]{0,500}))",
    re.MULTILINE,
)
_NAME: Final = re.compile(r"([\w.]{1,400})[ \t]*(?:[,}\]].*)?")


def read_targets(text: str) -> Facts | None:
    """The targets as imports, in block style and in flow style; None where a text has none."""
    imports: list[Import] = []
    blind: list[Blind] = []
    end = len(text) if len(text) <= LARGEST else text.rfind("\n", 0, LARGEST) + 1
    line, counted = 1, 0
    for match in _TARGET.finditer(text, 0, end):
        line += text.count("\n", counted, match.end())
        counted = match.end()
        name = _NAME.fullmatch(match[1])
        if name is not None:
            imports.append(Import(Spot(line), name[1], guarded=True, loose=True))
        else:
            blind.append(
                Blind(Spot(line), UnseenKind.COMPUTED_IMPORT, shown(f"{_KEY}: {match[1]}"))
            )
    if text.find(_KEY, end) >= 0:
        cut = f"only {LARGEST:,} characters are read for {_KEY}"
        blind.append(Blind(Spot(line + text.count("\n", counted, end)), UnseenKind.TOO_LARGE, cut))
    return Facts(imports=tuple(imports), blind=tuple(blind)) if imports or blind else None
