"""What the documentation says of a code: of an error, or of a rule of the guard."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from lineage.acts import act
from lineage.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECTION: Final = re.compile(r"^### `([\w-]+)`\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_STRONG: Final = re.compile(r"\*\*(.+?)\*\*")
_COMMENT: Final = re.compile(r"<!--.*?-->\n*", re.DOTALL)


@dataclass(frozen=True)
class Explanation:
    """What a code means.

    Attributes:
        code: the code.
        kind: ``problem`` or ``rule``.
        text: the documentation's own words, as Markdown without links.
    """

    code: str
    kind: str
    text: str

    @property
    def beginning(self) -> str:
        """The first sentence."""
        first = self.text.partition("\n\n")[0].partition("** ")[2]
        return " ".join(first.split()).partition(". ")[0].rstrip(".") + "."

    def lines(self) -> Iterator[str]:
        """The lines to print: a paragraph is one, code is as it stands."""
        paragraph: list[str] = []
        in_code = False
        for line in [*self.text.splitlines(), ""]:
            fence = line.startswith("```")
            if fence or in_code or not line or line.startswith(("- ", "#", "|")):
                if paragraph:
                    yield _STRONG.sub(r"\1", " ".join(paragraph))
                    paragraph = []
                in_code ^= fence
                if line.startswith("- ") and not in_code:
                    paragraph = [line]
                elif not fence:
                    yield line
            else:
                paragraph.append(line.strip())


def all_explanations() -> dict[str, Explanation]:
    """Every code with what it means: the rules in the order of their names, then the problems."""
    pages = files("lineage.docs")
    found = {}
    for page in sorted(pages.joinpath("rules").iterdir(), key=lambda one: one.name):
        if page.name.endswith(".md"):
            code = page.name.removesuffix(".md")
            text = page.read_text(encoding="utf-8").partition("\n")[2]
            found[code] = Explanation(code, "rule", _plain(text))
    problems = pages.joinpath("reference", "problems.md").read_text(encoding="utf-8")
    for code, text in _SECTION.findall(problems):
        found[code] = Explanation(code, "problem", _plain(text))
    return found


def explanation(code: str) -> Explanation:
    """What a code means.

    Raises:
        NotFound: there is no such code.
    """
    known = all_explanations()
    if code in known:
        return known[code]
    from difflib import get_close_matches

    near = get_close_matches(code, known, n=1)
    raise NotFound(
        f"No error and no rule has the code {code!r}.",
        remedy=f"Did you mean {near[0]}?" if near else f"{act('explain')} lists them.",
    )


def _plain(text: str) -> str:
    """A page's text without what only a page can show."""
    return _LINK.sub(r"\1", _COMMENT.sub("", text)).strip()
