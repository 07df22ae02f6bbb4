"""A recording of the demo: what it printed, as an SVG that plays by itself, without a script.

It plays once and stays at its last screen, which is all that is seen where motion is reduced. The
demo prints what a command said when that has ended: so does the picture. Its waits are shorter.
"""

from __future__ import annotations

import re
from html import escape
from typing import Final

PARTS: Final = (
    "The mistake that everybody makes",
    "Production still prepares",
    "Both together are right",
    "Complaints?",
    "The mistake that nobody sees",
    "DVC sees no change",
)
"""How the parts begin that are shown."""
COLUMNS: Final = 112
ROWS: Final = 36
SIZE: Final = 13
LINE: Final = 18
MARGIN: Final = 16

_STYLE: Final = """\
text{font:%(size)spx ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;\
white-space:pre;fill:#c9d1d9}
.t{fill:#79c0ff;font-weight:700}.c{fill:#fff;font-weight:700}
#s{transform:translateY(%(last)spx)}#c{transform:translateY(%(below)spx)}
@media (prefers-reduced-motion:no-preference){
#s{animation:s %(seconds).1fs step-end both}#c{animation:c %(seconds).1fs step-end both}}
"""


def drawn(printed: str) -> str:
    """The picture of what the demo printed."""
    bursts = _bursts(_chosen(printed))
    rows, shown, began = 0, [], 0.0
    texts = []
    for lines in bursts:
        texts += [_text(line, rows + index) for index, line in _placed(lines)]
        rows += sum(len(_wrapped(line)) for line in lines)
        shown.append((began, rows))
        began += _seconds(lines)
    height = ROWS * LINE
    style = _STYLE % {
        "size": SIZE,
        "last": min(0, ROWS - rows) * LINE,
        "below": min(rows, ROWS) * LINE,
        "seconds": began,
    }
    scroll = _keyframes("s", [(at, min(0, ROWS - seen)) for at, seen in shown], began)
    cover = _keyframes("c", [(at, min(seen, ROWS)) for at, seen in shown], began)
    width = round(COLUMNS * SIZE * 0.602) + 2 * MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height + 2 * MARGIN}"'
        f' width="{width}" role="img" aria-label="lineage demo in a terminal">\n'
        f"<style>\n{style}{scroll}\n{cover}\n</style>\n"
        f'<rect x=".5" y=".5" width="{width - 1}" height="{height + 2 * MARGIN - 1}" rx="8"'
        ' fill="#0d1117" stroke="#30363d"/>\n'
        f'<svg x="{MARGIN}" y="{MARGIN}" width="{width - 2 * MARGIN}" height="{height}">\n'
        '<g id="s">\n' + "\n".join(texts) + "\n</g>\n"
        f'<rect id="c" width="100%" height="{height}" fill="#0d1117"/>\n'
        "</svg>\n</svg>\n"
    )


def lines_of(picture: str) -> list[str]:
    """The lines that a picture shows, as they were printed."""
    found = re.findall(r"<text[^>]*>(.*?)</text>", picture)
    return [_unescaped(re.sub(r"<[^>]*>", "", line)) for line in found]


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _chosen(printed: str) -> list[str]:
    """The lines of the parts that are shown, with an empty one between them."""
    parts = re.split(r"^(?=# )", printed, flags=re.MULTILINE)
    chosen = [
        next(part for part in parts if part.startswith(f"# {beginning}")) for beginning in PARTS
    ]
    lines = "\n\n".join(part.rstrip() for part in chosen).splitlines()
    while not lines[-1].startswith("["):  # the last screen ends with how it ended
        lines.pop()
    return lines


def _bursts(lines: list[str]) -> list[list[str]]:
    """The lines that come at once: a command, then all that it printed."""
    bursts: list[list[str]] = []
    for line in lines:
        if line.startswith(("# ", "$ ")) or not bursts or bursts[-1][-1].startswith(("# ", "$ ")):
            bursts.append([])
        bursts[-1].append(line)
    return bursts


def _seconds(lines: list[str]) -> float:
    """How long to look at lines before the next."""
    if lines[0].startswith("# "):
        return 1.6
    return 0.8 if lines[0].startswith("$ ") else 1.0 + 0.15 * len(lines)


def _wrapped(line: str) -> list[str]:
    """A line as a terminal of this width shows it."""
    return [line[at : at + COLUMNS] for at in range(0, len(line), COLUMNS)] or [""]


def _placed(lines: list[str]) -> list[tuple[int, str]]:
    """The lines that are not empty, each with its row."""
    row, placed = 0, []
    for line in lines:
        if line:
            placed.append((row, line))
        row += len(_wrapped(line))
    return placed


def _text(line: str, row: int) -> str:
    """A line as one text, in as many rows as it takes."""
    kind = {"# ": ' class="t"', "$ ": ' class="c"'}.get(line[:2], "")
    first, *more = (escape(part, quote=False) for part in _wrapped(line))
    below = "".join(f'<tspan x="0" dy="{LINE}">{part}</tspan>' for part in more)
    return f'<text y="{row * LINE + SIZE}"{kind}>{first}{below}</text>'


def _keyframes(name: str, moved: list[tuple[float, int]], seconds: float) -> str:
    """The steps of an animation, by rows."""
    steps = "".join(
        f"{at / seconds:.2%}{{transform:translateY({rows * LINE}px)}}" for at, rows in moved
    )
    return f"@keyframes {name}{{{steps}}}"
