"""What a command names: scripts, modules, text that is code, and every other tracked file.

It is read word by word as a shell would split it. Nothing is run, so what a shell would have to run
to know (a variable of the environment, the output of a command) is named where it chooses code.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lineage.capture.code_graph.command.actions import Action, Argument, Reading, Surroundings
from lineage.capture.code_graph.command.programs import modules, program_named
from lineage.capture.code_graph.command.shell import (
    LONGEST_SCRIPT,
    Part,
    Simple,
    Word,
    read_shell,
)
from lineage.capture.code_graph.tracked import Kind, TrackedFiles
from lineage.capture.code_graph.values import Place, UnseenKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lineage.capture.code_graph.command.language import Language

DEEPEST: Final = 8
"""Commands in commands that are read."""

MOST_MATCHES: Final = 1000
"""Files that one pattern of a command stands for at the most."""


class CommandReader:
    """Reads commands.

    Args:
        tracked: the files that a word may name.
        console_scripts: the module behind each command that the project installs.
    """

    def __init__(self, tracked: TrackedFiles, console_scripts: Mapping[str, str]) -> None:
        self.tracked = tracked
        self.console_scripts = console_scripts

    def read(
        self, text: str, place: Place, around: Surroundings, own_folder: str | None = None
    ) -> list[Action]:
        """What a command or a script names.

        Args:
            text: as a shell gets it.
            place: where it stands; for a script its first line, from which lines are counted.
            around: where it runs.
            own_folder: the folder that a script lies in; None for a command.
        """
        reading = _ShellReading(self, place, around, own_folder)
        if len(text) > LONGEST_SCRIPT:
            reading.unseen(UnseenKind.TOO_LARGE, f"only {LONGEST_SCRIPT:,} characters are read")
        reading.script(text)
        return list(dict.fromkeys(reading.actions))

    def words(
        self, words: Iterable[str | None], place: Place, around: Surroundings
    ) -> list[Action]:
        """What a list of words names that is run without a shell (None: computed)."""
        reading = _ShellReading(self, place, around, None)
        given = [Argument(word or _UNKNOWN, word is not None, word or "…") for word in words]
        reading.command(given, Simple(1, 0))
        return list(dict.fromkeys(reading.actions))


class _ShellReading(Reading):
    """One script being read: its variables and its folder change on the way."""

    def __init__(
        self,
        reader: CommandReader,
        place: Place,
        around: Surroundings,
        own_folder: str | None,
        depth: int = 0,
    ) -> None:
        super().__init__(reader.tracked, place, around, own_folder)
        self._reader = reader
        self._first = place
        self._counts_lines = own_folder is not None and not depth
        self._depth = depth
        self._variables: dict[str, str] = {}
        self._saved: list[Surroundings] = []

    def script(self, text: str) -> None:
        """Read every command of a script."""
        for simple in read_shell(text):
            while len(self._saved) > simple.depth:
                self.around = self._saved.pop()
            while len(self._saved) < simple.depth:
                self._saved.append(self.around)
            if self._counts_lines:
                self.place = replace(self._first, line=(self._first.line or 1) + simple.line - 1)
            if simple.unclosed:
                self.unseen(UnseenKind.COMMAND, f"a quote in it does not close: {text}")
                self._loose(" ".join(word.raw for word in simple.words))
                continue
            for word in simple.reads:
                self.word(self.expand(word))
            self.command([self.expand(word) for word in simple.words], simple)

    def command(self, arguments: list[Argument], simple: Simple) -> None:
        """Read one simple command."""
        while arguments and arguments[0].text in _KEYWORDS:
            arguments = arguments[1:]
        before = self.around
        while arguments and self.assign(arguments[0]):
            arguments = arguments[1:]
        if not arguments:
            return
        self.program(arguments, simple)
        if posixpath.basename(arguments[0].text) not in _LASTING:
            self.around = replace(self.around, python_path=before.python_path)

    def program(self, arguments: list[Argument], simple: Simple) -> None:
        """Read a program and its arguments."""
        first, rest = arguments[0], arguments[1:]
        module = self._installed(first)
        name = posixpath.basename(first.text)
        if "\\" in first.raw:
            name = posixpath.basename(first.raw.strip("'\"").replace("\\", "/"))
        if not first.known:
            self.unseen(UnseenKind.COMMAND, f"the program is computed: {first.raw}")
            self.words(rest)
            return
        is_file = self.word(first, program=True)
        if module is not None and not (is_file and "/" in first.text):
            self.run_module(module, main=False)
        read = None if is_file or module is not None else program_named(name)
        if read is not None:
            read(self, rest, simple)
        else:
            modules(self, [one for one in rest if one.known])
            self.words(rest)

    def _installed(self, argument: Argument) -> str | None:
        """The module behind a command that the project installs, by name or in an environment."""
        name = posixpath.basename(argument.text).removesuffix(".exe")
        return self._reader.console_scripts.get(name)

    def starts_program(self, argument: Argument) -> bool:
        """Whether a word, behind one like ``env`` or ``uv run``, is the program that is run."""
        name = posixpath.basename(argument.text)
        return argument.known and (
            program_named(name) is not None
            or self._installed(argument) is not None
            or self.tracked.file(self.here(argument.text)) is not None
        )

    def nested(self, argument: Argument) -> None:
        """Read a text that is a command itself."""
        if self._depth >= DEEPEST or not argument.known:
            self.unseen(UnseenKind.COMMAND, f"the command is computed: {argument.raw}")
            self._loose(argument.text)
            return
        inner = _ShellReading(
            self._reader, self.place, self.around, self.own_folder, self._depth + 1
        )
        inner._variables = dict(self._variables)
        inner.script(argument.text)
        self.actions += inner.actions

    def assign(self, argument: Argument) -> bool:
        """Take ``NAME=value``; false where it is no assignment."""
        match = _ASSIGNMENT.fullmatch(argument.text)
        if match is None:
            return False
        if match[1] == "PYTHONPATH":
            self._python_path(match[2], argument.raw.partition("=")[2])
        elif argument.known:
            self._variables[match[1]] = match[2]
        else:
            self._variables.pop(match[1], None)
        return True

    def _python_path(self, value: str, raw: str) -> None:
        """Take the entries; ``$PYTHONPATH`` among them stands for those there were."""
        entries: list[str] = []
        for entry in value.split(":"):
            if _UNKNOWN not in entry:
                entries += [self.here(entry)] if entry else []
            elif entry != _UNKNOWN or "PYTHONPATH" not in raw:
                self.unseen(UnseenKind.SEARCH_PATH, f"PYTHONPATH={raw}")
        kept = self.around.python_path if "PYTHONPATH" in raw else ()
        self.around = replace(self.around, python_path=tuple(dict.fromkeys([*entries, *kept])))

    def words(self, arguments: Iterable[Argument]) -> None:
        """Take each word that is a file."""
        for argument in arguments:
            self.word(argument)

    def word(
        self, argument: Argument, *, program: bool = False, language: Language | None = None
    ) -> bool:
        """Take a word as a file, where it is one; also ``--config=file`` and patterns."""
        for text in _readings(argument):
            path = self.here(text)
            found = self.tracked.find(path) if text else None
            if found is not None and found.kind in (Kind.FILE, Kind.SUBMODULE):
                self.run_file(found.path, program=program, language=language)
                return True
            if program and found is not None and found.kind is Kind.OUTSIDE and "/" in text:
                self._outside(argument)
                return False
            if argument.known and _WILDCARDS & set(text):
                self._pattern(argument, path, program=program, language=language)
        return False

    def _pattern(
        self, argument: Argument, path: str, *, program: bool, language: Language | None
    ) -> None:
        """Take the files that a pattern stands for."""
        for number, match in enumerate(self.tracked.matching(path)):
            if number == MOST_MATCHES:
                text = f"only {MOST_MATCHES:,} files that it matches are followed: {argument.raw}"
                self.unseen(UnseenKind.TOO_LARGE, text)
                return
            self.run_file(match, program=program, language=language)

    def _outside(self, argument: Argument) -> None:
        """A program outside: one of the system is none of the repository's code."""
        system = argument.text.startswith(_SYSTEM)
        if not system and program_named(posixpath.basename(argument.text)) is None:
            self.unseen(UnseenKind.OUTSIDE, argument.raw)

    def _loose(self, text: str) -> None:
        """Take the words of a text that cannot be split properly."""
        self.words(Argument(word, known=True, raw=word) for word in _SEPARATORS.split(text))

    def here(self, text: str) -> str:
        """A path as seen from where the command runs."""
        if text.startswith(("/", "~")):
            return f"/{text}"
        joined = posixpath.normpath(posixpath.join(self.around.folder, text))
        return "" if joined == "." else joined

    def expand(self, word: Word) -> Argument:
        """A word with its variables put in."""
        texts = [self._part(part) for part in word.parts]
        known = all(text is not None for text in texts)
        return Argument("".join(_UNKNOWN if t is None else t for t in texts), known, word.raw)

    def _part(self, part: Part) -> str | None:
        if part.kind == "text":
            return part.text
        if part.kind == "variable":
            return self._variable(part.text)
        if self.own_folder is not None and _OWN_FOLDER.search(part.text):
            return self._from_here(self.own_folder, part.text)
        if part.text.strip() == "pwd":
            return "."
        if part.text.strip() == "git rev-parse --show-toplevel":
            return self._from_here("", "")
        self.nested(Argument(part.text, known=True, raw=part.text))
        return None

    def _variable(self, name: str) -> str | None:
        if name == "PWD":
            return "."
        if self.own_folder is not None and name in _OWN_FOLDERS:
            return self._from_here(self.own_folder, "")
        plain, _, default = name.partition(":-")
        written = default if default and not set("$`") & set(default) else None
        return self._variables.get(plain, written)

    def _from_here(self, folder: str, text: str) -> str:
        """A folder of the repository (and as many above it as ``text`` has ``/..``) from here."""
        ups = [".."] * text.count("/..")
        target = posixpath.normpath(posixpath.join(folder or ".", *ups))
        return posixpath.relpath(target, self.around.folder or ".")


def _readings(argument: Argument) -> Iterator[str]:
    """What a word may name: itself, the value of ``--option=value``, a path of Windows."""
    text = argument.text
    yield text
    if "=" in text:
        yield text.rpartition("=")[2]
    if text.startswith("@"):
        yield text[1:]
    if "\\" in argument.raw:
        yield argument.raw.strip("'\"").replace("\\", "/")
    if "::" in text:
        yield text.partition("::")[0]


_UNKNOWN: Final = "\0"
_SYSTEM: Final = ("/bin/", "/sbin/", "/usr/", "/opt/", "/nix/", "/snap/")
_WILDCARDS: Final = frozenset("*?[")
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_]\w*)\+?=(.*)", re.ASCII | re.DOTALL)
_SEPARATORS: Final = re.compile(r"[\s'\"`;|&()<>]+")
_OWN_FOLDER: Final = re.compile(r"dirname.*?(?:\$\{?0|BASH_SOURCE)")
_OWN_FOLDERS: Final = frozenset({"0%/*", "BASH_SOURCE%/*", "BASH_SOURCE[0]%/*"})
_KEYWORDS: Final = frozenset(
    {"if", "then", "else", "elif", "fi", "do", "done", "while", "until", "!", "{", "}", "time"}
)
_LASTING: Final = frozenset({"export", "set", "cd", "pushd", "popd", "source", "."})
