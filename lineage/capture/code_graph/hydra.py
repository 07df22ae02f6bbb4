"""The classes that a Hydra configuration names (``_target_: package.module.Class``)."""

from __future__ import annotations

import re
from typing import Final

from lineage.capture.code_graph.facts import Blind, Facts, Import, Spot
from lineage.capture.code_graph.values import UnseenKind, shown

LARGEST: Final = 1 << 20
_TARGET: Final = re.compile(
    r"^[ \t-]*[\"']?_target_[\"']?[ \t]*:[ \t]*[\"']?([^\"'#\r\n]*)", re.MULTILINE
)


def read_targets(text: str) -> Facts | None:
    """The targets as imports; None where a text has none."""
    imports: list[Import] = []
    blind: list[Blind] = []
    for match in _TARGET.finditer(text[:LARGEST]):
        target = match[1].strip()
        spot = Spot(text.count("\n", 0, match.start(1)) + 1)
        if re.fullmatch(r"[\w.]+", target):
            imports.append(Import(spot, target, guarded=True, loose=True))
        else:
            blind.append(Blind(spot, UnseenKind.COMPUTED_IMPORT, shown(f"_target_: {target}")))
    return Facts(imports=tuple(imports), blind=tuple(blind)) if imports or blind else None
