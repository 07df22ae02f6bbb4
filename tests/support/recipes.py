"""Recipes: what a page of the documentation tells to type, typed as it stands there.

The blocks of a page (``console``, ``bash``, ``sh``, ``python``) are run in their order by one shell,
in one workspace. Comments, which a reader of the page does not see, say what they need:

    <!-- workspace: NAME -->   at the top: where the blocks are run, one of ``tests/support/workspaces.py``
    <!-- first: COMMANDS -->   before a block: what a reader has done, or has, when coming to it
    <!-- given: PYTHON -->     before a block of Python: what its names stand for
    <!-- file: NAME -->        before a block of any kind: it is what this file holds
    <!-- end of: NAME -->      the same, behind what the file holds already
    <!-- not run: REASON -->   before a block that cannot be run here: its commands of ours are parsed

In a ``console`` block ``$ `` begins a command and what follows is what it prints, or some lines of
that in their order. A command must succeed, but for one that is shown with ``error:`` or ``[exit N]``.
What differs from run to run (``VOLATILE``) is compared by its kind, and ``…`` stands for anything. In
a command, ``lng_…`` and the like stand for the newest of the kind that was printed; names of hosts and
folders that stand for the reader's own are replaced by those of the workspace. ``lineage serve`` runs
until the next one, or the page's end. ``pip`` is a word that does nothing where all is installed.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shlex
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
from markdown_it import MarkdownIt

from tests.support.commands import BIN, PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SHELLS = ("console", "bash", "sh", "shell")
RUN = (*SHELLS, "python")
PATIENCE = 120
"""Seconds that a command may take."""

HEX = r"[0-9a-f]"
VOLATILE = {
    rf"\b(?:xxh3|blake3|md5|git):{HEX}{{6,64}}…?": "DIGEST",
    r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z?)?": "TIME",
    r"(?:lng_|whsec_)(?:[\w+/=-]+…?|…)": "SECRET",
    rf"lineage-guard/{HEX}{{4,32}}…?(?:\+{HEX}+\+\S+)?": "ORIGIN",
    r"[A-Za-z0-9+/]{43}=": "HASH",
    rf"\b(?={HEX}*\d){HEX}{{6,64}}\b": "HEX",
    r"\b\d+(?:\.\d+)? (?:s|ms)\b": "SPAN",
    r"\s+": " ",
}
"""What differs from run to run, each with the word that it is compared as. A number above 99 that is
shown stands for any whole number."""

PRINTED = {
    r"lng_…": r"lng_[\w-]+",
    r"whsec_…": r"whsec_\S+",
    rf"lineage-guard/{HEX}+…\+[^\s']+": rf"lineage-guard/{HEX}{{32}}\+{HEX}+\+[\w+/=]+",
    rf"xxh3:{HEX}*…": rf"xxh3:{HEX}{{32}}",
}
"""What stands in a command for something that was printed before, and what that looks like."""

_COMMENT = re.compile(r"<!--\s*(workspace|first|given|file|end of|not run):(.*?)-->", re.DOTALL)
_UNTIL_FREE = """\
for _ in {1..200}; do (: < /dev/tcp/127.0.0.1/$LINEAGE_PORT) 2> /dev/null || break; sleep 0.05; done"""
_SERVER = re.compile(r"^(?:\w+=\S* )*lineage serve\b")
OURS = re.compile(r"(?<![\w./'\"-])lineage [a-z][^|;&>\n]*")
"""A command of ours in a shell's text."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, and what the comments before it say."""

    line: int
    language: str
    text: str
    said: Mapping[str, str]


@dataclass(frozen=True)
class Typed:
    """A command as it is typed, and the lines that are shown of what it prints."""

    line: int
    text: str
    shown: list[str] = field(default_factory=list)

    def is_expected(self, code: int) -> bool:
        """Whether it may end so."""
        for line in self.shown:
            if told := re.fullmatch(r"\[exit (\d+)\]", line.strip()):
                return code == int(told[1])
        return (code != 0) is any(line.startswith("error:") for line in self.shown)


def workspace_of(text: str) -> str | None:
    """The workspace that a page names."""
    named = dict(_COMMENT.findall(text)).get("workspace")
    return named and named.strip()


def blocks_of(text: str) -> list[Block]:
    """The blocks of a page that are run, written to a file, or said not to be."""
    found, said = [], dict[str, str]()
    for token in MarkdownIt().parse(text):
        if token.type == "html_block":
            said |= {name: value.strip() for name, value in _COMMENT.findall(token.content)}
        elif token.type == "fence":
            assert token.map is not None
            language = token.info.split()[0] if token.info else ""
            if language in RUN or said.keys() & {"file", "end of", "not run"}:
                found.append(Block(token.map[0] + 2, language, token.content, said))
            said = {}
        elif token.type == "heading_open":
            said = {}
    return found


def typed_in(block: Block) -> list[Typed]:
    """The commands of a shell's block; all of a script is one."""
    if block.language != "console":
        return [Typed(block.line, block.text)]
    found: list[Typed] = []
    continued = False
    for number, line in enumerate(block.text.splitlines(), block.line):
        if continued:
            found[-1] = Typed(found[-1].line, f"{found[-1].text}\n{line}")
        elif line.startswith("$ "):
            found.append(Typed(number, line.removeprefix("$ ")))
        elif found and line.strip():
            found[-1].shown.append(line)
        continued = line.endswith("\\") and not (found and found[-1].shown)
    return found


def ours_in(text: str) -> Iterator[str]:
    """Each command of ours that a shell's text has."""
    for match in OURS.finditer(text.replace("\\\n", " ")):
        yield shlex.join(shlex.split(match[0], comments=True))


def missing_from(shown: list[str], printed: str) -> str | None:
    """The first shown line that was not printed, in their order; none where all were."""
    lines = iter([_plain(line) for line in printed.splitlines()])
    for line in shown:
        if re.fullmatch(r"\[exit \d+\]", line.strip()):
            continue
        pattern = re.escape(_plain(line)).replace("…", ".*")
        pattern = re.sub(r"\b\d{3,}\b", r"\\d+", pattern)
        if not any(re.fullmatch(pattern, one) for one in lines):
            return line
    return None


def _plain(line: str) -> str:
    for pattern, word in VOLATILE.items():
        line = re.sub(pattern, word, line)
    return line.strip()


@dataclass
class Workspace:
    """Where the blocks of a page are run."""

    folder: Path
    env: dict[str, str]
    names: dict[str, str] = field(default_factory=dict)
    """What stands in the pages for a reader's own: hosts, folders."""


class Shell:
    """A bash that keeps its folder and variables from command to command."""

    def __init__(self, workspace: Workspace, scratch: Path) -> None:
        self._names = workspace.names
        self._scratch = scratch
        self._seen = ""
        self._count = 0
        self._address = f"http://127.0.0.1:{workspace.env['LINEAGE_PORT']}"
        scratch.mkdir(parents=True, exist_ok=True)
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=workspace.folder, env=workspace.env, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, bufsize=1,
        )  # fmt: skip
        self._say("set -m; server=")

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._say("kill -- -$server 2> /dev/null; exit")
        try:
            self._bash.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._bash.pid, signal.SIGKILL)
            self._bash.wait()
        for stream in (self._bash.stdin, self._bash.stdout):
            assert stream is not None
            stream.close()

    def named(self, text: str) -> str:
        """A text with the names of this workspace in the place of a reader's."""
        for name, own in self._names.items():
            text = text.replace(name, own)
        return text

    def run(self, text: str, *, script: bool = False) -> tuple[int, str]:
        """Run a command; how it ends, and what it prints on both streams.

        Args:
            text: the command, as it is typed.
            script: it is a program of its own, which may exit and leaves no variables behind.
        """
        text = self._filled(self.named(text))
        self._count += 1
        command, output = (self._scratch / f"{self._count}.{end}" for end in ("sh", "out"))
        command.write_text(text + "\n", encoding="utf-8")
        output.touch()
        started = f"{'bash' if script else '.'} {shlex.quote(str(command))}"
        quiet = f"> {shlex.quote(str(output))} 2>&1 < /dev/null"
        if _SERVER.match(text):
            stop = "[ $server ] && kill -- -$server && wait $server 2> /dev/null"
            if "--workers" in text:  # Python starts for each, which what is forked has no input for
                started = f"PATH={shlex.quote(str(BIN))}:$PATH; {started}"
            self._say(f"{stop}; {_UNTIL_FREE}; ({started}) {quiet} & server=$!; echo 0")
            self._answer(text)
            self._wait_for_server(output)
            return 0, ""
        self._say(f"{started} {quiet}; echo $?")
        code = self._answer(text)
        printed = output.read_text(encoding="utf-8")
        self._seen += printed
        return code, printed

    def _filled(self, text: str) -> str:
        for stand_in, kind in PRINTED.items():
            printed = re.findall(kind, self._seen)
            if printed and re.search(stand_in, text):
                text = re.sub(stand_in, lambda _: printed[-1], text)  # noqa: B023
        return text

    def _say(self, line: str) -> None:
        assert self._bash.stdin is not None
        self._bash.stdin.write(line + "\n")
        self._bash.stdin.flush()

    def _answer(self, text: str) -> int:
        assert self._bash.stdout is not None
        ready, _, _ = select.select([self._bash.stdout], [], [], PATIENCE)
        assert ready, f"it does not end: {text}"
        answer = self._bash.stdout.readline()
        assert answer, f"the shell ended: {text}"
        return int(answer)

    def _wait_for_server(self, output: Path) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self._address}/healthz").status_code == 200:
                    return
            if "Traceback" in output.read_text(encoding="utf-8"):
                break
            time.sleep(0.05)
        raise AssertionError(f"the server does not answer: {output.read_text(encoding='utf-8')}")


def play(shell: Shell, block: Block, where: str) -> Iterator[Typed]:
    """Run a block; each command that went as the page shows it.

    Raises:
        AssertionError: one did not; it says which, where, and what it printed.
    """
    if commands := block.said.get("first"):
        code, printed = shell.run(commands)
        assert code == 0, f"{where}:{block.line}: what comes first ended with {code}:\n{printed}"
    for said, onto in (("file", ">"), ("end of", ">>")):
        if name := block.said.get(said):
            written = f"cat {onto} '{name}' << 'END OF BLOCK'\n{block.text}END OF BLOCK"
            code, printed = shell.run(f"mkdir -p \"$(dirname '{name}')\"; {written}")
            assert code == 0, printed
            return
    if block.language == "python":
        yield _python(shell, block, where)
        return
    for typed in typed_in(block):
        code, printed = shell.run(typed.text, script=block.language != "console")
        line = f"{where}:{typed.line}: $ {typed.text}\n"
        assert typed.is_expected(code), f"{line}ended with {code} and printed\n{printed}"
        missing = missing_from([shell.named(one) for one in typed.shown], printed)
        assert missing is None, f"{line}did not print what is shown:\n{missing}\nbut\n{printed}"
        yield typed


def _python(shell: Shell, block: Block, where: str) -> Typed:
    given = block.said.get("given", "")
    program = f"{given}\n{block.text}"
    code, printed = shell.run(f"{PYTHON} - << 'END OF BLOCK'\n{program}END OF BLOCK", script=True)
    assert code == 0, f"{where}:{block.line}: the Python ended with {code}:\n{printed}"
    return Typed(block.line, block.text)
