"""A shell's text as simple commands of words; nothing is expanded but what is written there.

It is a reader, not a shell: what it cannot read it takes word by word and says so (``unclosed``).

>>> [[str(word) for word in one.words] for one in read_shell("cd src && python -m a 'b c' | tee x")]
[['cd', 'src'], ['python', '-m', 'a', 'b c'], ['tee', 'x']]
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_SCRIPT: Final = 1 << 17
"""Characters of a command or a script that are read at the most."""

_OPERATORS: Final = re.compile(r"&&|\|\||;;|\|&|&>>|&>|<<<|<<-|<<|>>|>\||[<>]&|[;&|()<>\n]")
_NAME: Final = re.compile(r"[A-Za-z_]\w*|[0-9?@*#$!-]", re.ASCII)
_REDIRECTIONS: Final = frozenset({"<", ">", ">>", ">|", "<&", ">&", "&>", "&>>", "<<<"})
_HEREDOCS: Final = frozenset({"<<", "<<-"})


class Part(NamedTuple):
    """A piece of a word: ``text``, ``variable`` (its name) or ``command`` (its text)."""

    kind: str
    text: str
    quoted: bool = False


class Word(NamedTuple):
    """A word as its pieces; ``raw`` is how it is written."""

    parts: tuple[Part, ...]
    raw: str

    def __str__(self) -> str:
        return "".join(part.text for part in self.parts)


@dataclass
class Simple:
    """A simple command.

    Attributes:
        words: its words, assignments before it included.
        line: the line that it begins in, from 1.
        depth: how many subshells it is in.
        reads: the words that its input is read from.
        text: what is written into its input (a here-document).
        unclosed: a quote or a substitution in it does not end.
    """

    line: int
    depth: int
    words: list[Word] = field(default_factory=list)
    reads: list[Word] = field(default_factory=list)
    text: str | None = None
    unclosed: bool = False


def read_shell(text: str) -> Iterator[Simple]:
    """The simple commands of a script, in their order."""
    reader = _Reader(text[:LONGEST_SCRIPT])
    return reader.commands()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._unclosed = False
        self._heredocs: list[tuple[Simple, str]] = []

    def commands(self) -> Iterator[Simple]:
        """Read to the end."""
        depth = 0
        current = Simple(1, 0)
        waiting: list[Simple] = []
        while True:
            self._skip_blanks()
            operator = self._operator()
            if operator is None and self._at >= len(self._text):
                break
            if operator is None:
                if not current.words:
                    current.line = self._line
                current.words.append(self._word())
                current.unclosed |= self._unclosed
            elif operator in _HEREDOCS or operator in _REDIRECTIONS:
                self._redirect(current, operator)
            else:
                waiting.append(current)
                depth = max(0, depth + (operator == "(") - (operator == ")"))
                current = Simple(self._line, depth)
                if not self._heredocs:
                    yield from waiting
                    waiting = []
        yield from (*waiting, current)

    def _skip_blanks(self) -> None:
        text = self._text
        while self._at < len(text):
            if text.startswith("\\\n", self._at):
                self._at += 2
                self._line += 1
            elif text[self._at] in " \t\r":
                self._at += 1
            elif text[self._at] == "#":
                end = text.find("\n", self._at)
                self._at = len(text) if end < 0 else end
            else:
                return

    def _operator(self) -> str | None:
        match = _OPERATORS.match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        if match[0] == "\n":
            self._line += 1
            self._read_heredocs()
        return match[0]

    def _redirect(self, command: Simple, operator: str) -> None:
        last = command.words[-1] if command.words else None
        touching = not self._text[self._at - len(operator) - 1 : self._at - len(operator)].isspace()
        if last is not None and last.raw.isdigit() and touching:
            command.words.pop()  # the number of a file descriptor
        self._skip_blanks()
        if self._at >= len(self._text) or self._text[self._at] == "\n":
            return
        if _OPERATORS.match(self._text, self._at):
            return  # a process substitution: its commands are read as any others
        word = self._word()
        if operator in _HEREDOCS:
            self._heredocs.append((command, str(word)))
        elif operator == "<":
            command.reads.append(word)
        elif operator == "<<<":
            command.text = str(word)

    def _read_heredocs(self) -> None:
        for command, end in self._heredocs:
            lines: list[str] = []
            while self._at < len(self._text):
                stop = self._text.find("\n", self._at)
                stop = len(self._text) if stop < 0 else stop
                line = self._text[self._at : stop]
                self._at = stop + 1
                self._line += 1
                if line.strip("\t") == end:
                    break
                lines.append(line)
            command.text = "\n".join(lines)
        self._heredocs.clear()

    def _word(self) -> Word:
        start = self._at
        parts: list[Part] = []
        self._unclosed = False
        text = self._text
        while self._at < len(text):
            char = text[self._at]
            if char in " \t\r" or _OPERATORS.match(text, self._at):
                break
            if char == "'":
                parts.append(Part("text", self._until("'"), quoted=True))
            elif char == '"':
                self._at += 1
                parts += self._double_quoted()
            elif char in "$`":
                parts.append(self._expansion(quoted=False))
            elif char == "\\":
                parts.append(Part("text", text[self._at + 1 : self._at + 2].strip("\n"), True))
                self._line += text.startswith("\\\n", self._at)
                self._at += 2
            else:
                end = self._at + 1
                while end < len(text) and text[end] not in " \t\r\n'\"$`\\;&|()<>":
                    end += 1
                parts.append(Part("text", text[self._at : end]))
                self._at = end
        return Word(tuple(parts), text[start : self._at])

    def _double_quoted(self) -> Iterator[Part]:
        text = self._text
        literal: list[str] = []
        while self._at < len(text) and text[self._at] != '"':
            char = text[self._at]
            if char in "$`":
                yield Part("text", "".join(literal), quoted=True)
                literal = []
                yield self._expansion(quoted=True)
                continue
            if char == "\\" and text[self._at + 1 : self._at + 2] in ("$", "`", '"', "\\", "\n"):
                self._at += 1
                char = text[self._at].strip("\n")
            self._line += text[self._at] == "\n"
            literal.append(char)
            self._at += 1
        self._unclosed |= self._at >= len(text)
        self._at += 1
        yield Part("text", "".join(literal), quoted=True)

    def _until(self, quote: str) -> str:
        """What stands up to the next quote, which is passed."""
        end = self._text.find(quote, self._at + 1)
        if end < 0:
            self._unclosed = True
            end = len(self._text)
        inner = self._text[self._at + 1 : end]
        self._line += inner.count("\n")
        self._at = end + 1
        return inner

    def _expansion(self, *, quoted: bool) -> Part:
        text = self._text
        if text[self._at] == "`":
            return Part("command", self._until("`"), quoted)
        if text.startswith("$(", self._at):
            self._at += 1
            return Part("command", self._balanced("(", ")"), quoted)
        if text.startswith("${", self._at):
            self._at += 1
            return Part("variable", self._balanced("{", "}"), quoted)
        if text.startswith("$'", self._at):
            self._at += 1
            return Part("text", self._until("'"), quoted=True)
        match = _NAME.match(text, self._at + 1)
        self._at = match.end() if match else self._at + 1
        return Part("variable", match[0], quoted) if match else Part("text", "$", quoted)

    def _balanced(self, opening: str, closing: str) -> str:
        """What stands between a bracket and the one that closes it, which is passed."""
        depth = 0
        start = self._at + 1
        quote = ""
        while self._at < len(self._text):
            char = self._text[self._at]
            self._line += char == "\n"
            if char == "\\":
                self._at += 1
            elif quote:
                quote = "" if char == quote else quote
            elif char in "'\"":
                quote = char
            elif char == opening:
                depth += 1
            elif char == closing:
                depth -= 1
                if not depth:
                    self._at += 1
                    return self._text[start : self._at - 1]
            self._at += 1
        self._unclosed = True
        return self._text[start:]
