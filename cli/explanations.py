"""What the documentation says of a code (of an error, a rule, an exit), and of a word of it."""

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
_WORD: Final = re.compile(r"^### ([^\n]+)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_EXIT: Final = re.compile(r"^\| (\d) \| (.+) \|$", re.MULTILINE)
_OF_EXIT: Final = re.compile(r"^\| \[`([\w-]+)`\]\S* \| \d+ \| (\d) \|", re.MULTILINE)
_KINDS: Final = {"problem": "a problem", "rule": "a rule", "exit": "an exit code", "word": "a word"}
_LINK: Final = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_STRONG: Final = re.compile(r"\*\*(.+?)\*\*")
_COMMENT: Final = re.compile(r"<!--.*?-->\n*", re.DOTALL)


@dataclass(frozen=True)
class Explanation:
    """What a code means.

    Attributes:
        code: the code.
        kind: ``problem``, ``rule``, ``exit`` or ``word``.
        text: the documentation's own words, as Markdown without links.
    """

    code: str
    kind: str
    text: str

    @property
    def title(self) -> str:
        """What it is, and of what kind."""
        return f"{self.code}, {_KINDS[self.kind]}"

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
    """Every code with what it means: the rules by their names, the problems, the exit codes."""
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
    for code, means in _EXIT.findall(problems):
        theirs = ", ".join(f"`{name}`" for name, of in _OF_EXIT.findall(problems) if of == code)
        text = f"**Means:** {means}." + (f"\n\n**Its codes:** {theirs}." if theirs else "")
        found[code] = Explanation(code, "exit", text)
    return found


def all_words() -> dict[str, Explanation]:
    """Every word of the glossary with what it means."""
    glossary = files("lineage.docs").joinpath("glossary.md").read_text(encoding="utf-8")
    return {
        word: Explanation(word, "word", _plain(text))
        for words, text in _WORD.findall(glossary)
        for word in words.split(", ")
    }


def explanation(code: str) -> Explanation:
    """What a code means, or a word of the glossary where it is none.

    Raises:
        NotFound: it is neither.
    """
    known = all_words() | all_explanations()
    if code in known:
        return known[code]
    from difflib import get_close_matches

    near = get_close_matches(code, known, n=1)
    raise NotFound(
        f"No error, rule or exit has the code {code!r}, and no word is explained by it.",
        remedy=f"Did you mean {near[0]}?"
        if near
        else f"{act('explain')} lists the codes; the words stand on the page 'Glossary' of the "
        "documentation.",
    )


def _plain(text: str) -> str:
    """A page's text without what only a page can show."""
    return _LINK.sub(r"\1", _COMMENT.sub("", text)).strip()
