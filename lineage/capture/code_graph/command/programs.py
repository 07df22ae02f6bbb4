"""Programs whose arguments choose code: Python, shells, ``make``, ``cd``, ``env`` and others."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lineage.capture.code_graph.command.actions import Argument, Reading, line
from lineage.capture.code_graph.command.language import Language, is_python, is_shell
from lineage.capture.code_graph.tracked import Kind
from lineage.capture.code_graph.values import UnseenKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from lineage.capture.code_graph.command.shell import Simple

    Program = Callable[[Reading, list[Argument], Simple], None]

MAKEFILES: Final = ("GNUmakefile", "makefile", "Makefile")
_PYTHON_OPTION: Final = re.compile(r"-[bBdEhiIOPqRsSuvVx]*([mc])(.*)", re.DOTALL)
_WITH_VALUE: Final = frozenset({"-W", "-X", "--check-hash-based-pycs"})
_SHELL_VALUES: Final = frozenset({"--rcfile", "--init-file"})
_SETS: Final = re.compile(r"[-+][a-z]*[oO]")
_NAME: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_MOVES: Final = frozenset({"-C", "--chdir", "--cwd", "--directory"})
_NAMES: Final = frozenset({"-n", "--name", "--prefix"})
_COLLECTORS: Final = frozenset(
    {"pytest", "py.test", "unittest", "nose2", "tox", "nox", "behave", "robot"}
)
_SAYS: Final = frozenset({"--version", "-V", "-VV", "-h", "--help"})


def program_named(name: str) -> Program | None:
    """How the arguments of a program are read; None for one of no special kind."""
    if is_python(name):
        return python
    return shell if is_shell(name) else PROGRAMS.get(name)


def python(reading: Reading, rest: list[Argument], simple: Simple) -> None:
    """``python [options] script | -m module | -c text | folder``."""
    skipped = False
    for number, argument in enumerate(rest):
        following = rest[number + 1 :]
        option = _PYTHON_OPTION.fullmatch(argument.text)
        if skipped or argument.text in _WITH_VALUE:
            skipped = not skipped
        elif option is not None:
            if option[2]:
                following = [Argument(option[2], argument.known, argument.raw), *following]
            _python_option(reading, option[1], following)
            return
        elif argument.text == "-":
            break
        elif not argument.text.startswith("-"):
            _python_script(reading, argument)
            reading.words(following)
            return
    _python_input(reading, rest, simple)


def _python_option(reading: Reading, option: str, following: list[Argument]) -> None:
    if not following:
        return
    first, others = following[0], following[1:]
    if not first.known:
        kind = UnseenKind.COMPUTED_IMPORT if option == "m" else UnseenKind.CODE_FROM_TEXT
        reading.unseen(kind, f"python -{option} {first.raw}")
    elif option == "c":
        reading.run_text(first.text)
    else:
        _module(reading, first.text, others)
        modules(reading, others)
    reading.words(others)


def modules(reading: Reading, rest: list[Argument]) -> None:
    """``-m package.module`` of whatever program: ``torchrun``, ``coverage run``, ``uv run``."""
    for number, argument in enumerate(rest):
        option, sign, value = argument.text.partition("=")
        if option not in ("-m", "--module"):
            continue
        following = [Argument(value, argument.known, value)] if sign else rest[number + 1 :][:1]
        for name in following:
            if not name.known:
                reading.unseen(UnseenKind.COMPUTED_IMPORT, f"{option} {name.raw}")
            elif _NAME.fullmatch(name.text):
                _module(reading, name.text, rest[number + 1 :])


def _module(reading: Reading, name: str, rest: list[Argument]) -> None:
    reading.run_module(name)
    if name.partition(".")[0] in _COLLECTORS:
        _collects(reading, name, rest)


def collector(name: str) -> Program:
    """A program that looks for what it runs itself: ``pytest``, ``tox`` and others."""

    def read(reading: Reading, rest: list[Argument], _: Simple) -> None:
        _collects(reading, name, rest)
        reading.words(rest)

    return read


def _collects(reading: Reading, name: str, rest: list[Argument]) -> None:
    """Name what a program may find; of ``pytest file.py`` that is each ``conftest.py`` above it."""
    named = [reading.here(one.text.partition("::")[0]) for one in rest]
    files = [path for one in named if (path := reading.tracked.file(one)) is not None]
    said = [one for one in rest if not one.text.startswith("-")]
    if name not in ("pytest", "py.test") or not files or len(files) < len(said):
        reading.unseen(
            UnseenKind.COMMAND, f"it looks for what it runs: {name} {line(rest)}".strip()
        )
    above = {posixpath.dirname(path) for path in files} | {reading.around.folder}
    while above:
        folder = above.pop()
        conftest = reading.tracked.file(posixpath.join(folder, "conftest.py"))
        if conftest is not None:
            reading.run_file(conftest)
        above |= {posixpath.dirname(folder)} if folder else set()


def _python_script(reading: Reading, argument: Argument) -> None:
    if reading.word(argument, program=True, language=Language.PYTHON):
        return
    if not argument.known:
        reading.unseen(UnseenKind.COMMAND, f"the script is computed: {argument.raw}")
        return
    main = posixpath.join(argument.text, "__main__.py")
    found = reading.tracked.find(reading.here(argument.text))
    if found is not None and found.kind is Kind.FOLDER and reading.tracked.file(reading.here(main)):
        reading.word(Argument(main, known=True, raw=main), program=True, language=Language.PYTHON)
    elif found is None:
        reading.unseen(UnseenKind.MISSING, f"git tracks no {argument.text}")


def _python_input(reading: Reading, rest: list[Argument], simple: Simple) -> None:
    """The code comes from a here-document, a file, or another command."""
    if simple.text is not None:
        reading.run_text(simple.text)
    elif simple.reads:
        for word in simple.reads:
            reading.word(reading.expand(word), program=True, language=Language.PYTHON)
    elif not any(argument.text in _SAYS for argument in rest):
        reading.unseen(UnseenKind.CODE_FROM_TEXT, "python reads its code from another command")
    reading.words(rest)


def shell(reading: Reading, rest: list[Argument], simple: Simple) -> None:
    """``bash [options] script | -c text``."""
    previous = ""
    for number, argument in enumerate(rest):
        takes_value, previous = (
            previous in _SHELL_VALUES or _SETS.fullmatch(previous),
            argument.text,
        )
        if takes_value:
            continue
        if re.fullmatch(
            r"-[a-zA-Z]*c|-Command|-command|--command", argument.text
        ) and number + 1 < len(rest):
            reading.nested(rest[number + 1])
            reading.words(rest[number + 2 :])
            return
        if argument.text and argument.text[0] not in "-+":
            if not reading.word(argument, program=True, language=Language.SHELL):
                kind = UnseenKind.MISSING if argument.known else UnseenKind.COMMAND
                reading.unseen(kind, f"a script that git does not track: {argument.raw}")
            reading.words(rest[number + 1 :])
            return
    if simple.text is not None:
        reading.nested(Argument(simple.text, known=True, raw=simple.text))
    for word in simple.reads:
        reading.word(reading.expand(word), program=True, language=Language.SHELL)


def source(reading: Reading, rest: list[Argument], _: Simple) -> None:
    """``source script``; what activates an environment is none of the repository's code."""
    activates = bool(rest) and posixpath.basename(rest[0].text) == "activate"
    if rest and not reading.word(rest[0], program=True, language=Language.SHELL) and not activates:
        reading.unseen(UnseenKind.COMMAND, f"a script that git does not track: {rest[0].raw}")


def evaluate(reading: Reading, rest: list[Argument], _: Simple) -> None:
    """``eval text``."""
    text = " ".join(argument.text for argument in rest)
    reading.nested(Argument(text, all(argument.known for argument in rest), line(rest)))


def kept(reading: Reading, rest: list[Argument], _: Simple) -> None:
    """``trap 'command' EXIT`` and ``alias name='command'``: commands that run later."""
    for argument in rest:
        name, sign, text = argument.text.partition("=")
        nested = text if sign and name.isidentifier() else argument.text
        if " " in nested:
            reading.nested(argument._replace(text=nested))


def change_folder(reading: Reading, rest: list[Argument], _: Simple) -> None:
    """``cd folder``."""
    target = next((argument for argument in rest if argument.text != "--"), None)
    if target is None or not target.known or target.text.startswith(("/", "~", "-")):
        reading.unseen(UnseenKind.COMMAND, f"cd {line(rest)}")
        return
    folder = reading.here(target.text)
    real = reading.tracked.folder(folder)
    reading.move(folder if real is None else real)


def export(reading: Reading, rest: list[Argument], _: Simple) -> None:
    """``export NAME=value``."""
    for argument in rest:
        reading.assign(argument)


def make(reading: Reading, rest: list[Argument], _: Simple) -> None:
    """``make [-C folder] [-f file] target``."""
    folder, targets = reading.around.folder, []
    names: tuple[str, ...] = MAKEFILES
    previous = ""
    for argument in rest:
        text = argument.text
        if previous in ("-C", "--directory"):
            folder = reading.here(text)
        elif text.startswith("--directory=") or (text.startswith("-C") and text != "-C"):
            folder = reading.here(text.removeprefix("-C").removeprefix("--directory="))
        elif previous in ("-f", "--file", "--makefile"):
            names = (text,)
        elif not text.startswith("-") and previous not in ("-j", "-o", "-W"):
            targets.append(text)  # and variables, as ``NAME=value``
            if not argument.known:
                reading.unseen(UnseenKind.COMMAND, f"the target is computed: make {argument.raw}")
        previous = text
    paths = [posixpath.normpath(posixpath.join(folder, name)) for name in names]
    path = next((file for one in paths if (file := reading.tracked.file(one)) is not None), None)
    if path is None:
        reading.unseen(UnseenKind.MISSING, f"git tracks no makefile: make {line(rest)}")
        return
    around = reading.around
    reading.move("" if folder == "." else folder)
    reading.run_file(path, tuple(targets))
    reading.around = around


def papermill(reading: Reading, rest: list[Argument], _: Simple) -> None:
    """``papermill in out``: the second notebook is made."""
    notebooks = 0
    for argument in rest:
        notebooks += argument.text.endswith(".ipynb")
        if notebooks != 2:
            reading.word(argument)


def contained(reading: Reading, rest: list[Argument], _: Simple) -> None:
    """``docker run …`` and others: the files that it sees may be others."""
    reading.unseen(UnseenKind.COMMAND, f"it runs elsewhere: {line(rest)}")
    reading.words(rest)


def wrapper(reading: Reading, rest: list[Argument], simple: Simple) -> None:
    """A program that runs another one: ``env``, ``uv run``, ``nohup`` and others."""
    around = reading.around
    skipped = False
    for number, argument in enumerate(rest):
        option, sign, value = argument.text.partition("=")
        following = rest[number + 1 :]
        if argument.text == "-S" and following and " " in following[0].text:
            reading.nested(following[0])  # ``env -S 'NAME=value program'``
            reading.words(following[1:])
            break
        if skipped or option in _NAMES:
            skipped = not skipped and not sign
        elif option in _MOVES:
            skipped = not sign
            _move(reading, value if sign else "".join(a.text for a in following[:1]))
        elif reading.assign(argument):
            continue
        elif program := _started(reading, argument, first=number == 0):
            modules(reading, rest[:number])
            reading.program([program, *following], simple)
            break
    else:
        modules(reading, rest)
        reading.words(rest)
    reading.around = replace(around, python_path=reading.around.python_path)


def _started(reading: Reading, argument: Argument, *, first: bool) -> Argument | None:
    """The program that a word behind a wrapper is; Hatch puts an environment before it."""
    if reading.starts_program(argument) or (not argument.known and first):
        return argument
    plain = argument._replace(text=argument.text.rpartition(":")[2])
    return plain if plain != argument and reading.starts_program(plain) else None


def _move(reading: Reading, text: str) -> None:
    folder = reading.tracked.folder(reading.here(text))
    if folder is not None:
        reading.move(folder)


def tasks(reading: Reading, rest: list[Argument], simple: Simple) -> None:
    """``hatch run …`` and others: it runs a program, or a task that stands in a file."""
    words = [argument.text for argument in rest]
    following = rest[words.index("run") + 1 :] if "run" in words else []
    first = next((one for one in following if not one.text.startswith("-")), None)
    if first is not None and _started(reading, first, first=False) is None:
        reading.unseen(UnseenKind.COMMAND, f"what it runs may stand elsewhere: {line(rest)}")
    wrapper(reading, rest, simple)


def elsewhere(reading: Reading, rest: list[Argument], _: Simple) -> None:
    """A runner of tasks that stand in a file of its own kind."""
    reading.unseen(UnseenKind.COMMAND, f"what it runs stands elsewhere: {line(rest)}")
    reading.words(rest)


def nothing(_: Reading, __: list[Argument], ___: Simple) -> None:
    """A program that only shows its words, or takes names."""


_WRAPPERS: Final = """
    env nohup nice ionice timeout sudo exec command stdbuf xvfb-run taskset setsid chronic
    uv uvx poetry conda mamba micromamba cmd cmd.exe powershell busybox srun mpirun mpiexec
    horovodrun torchrun accelerate deepspeed coverage kernprof xargs parallel op dotenv ddtrace-run
    opentelemetry-instrument systemd-run caffeinate catchsegv
    scalene viztracer memray mprof py-spy pyinstrument debugpy
"""
_TASKS: Final = "pipenv pdm hatch rye pixi"
_TASK_RUNNERS: Final = """
    just task invoke inv nox tox poe doit snakemake nextflow kedro mlflow luigi fab rake npm npx
    yarn pnpm mvn gradle cargo go bazel cmake ninja dbt airflow prefect metaflow zenml
"""
PROGRAMS: Final[dict[str, Program]] = {
    **dict.fromkeys(_WRAPPERS.split(), wrapper),
    **dict.fromkeys(_TASKS.split(), tasks),
    **dict.fromkeys(_TASK_RUNNERS.split(), elsewhere),
    **dict.fromkeys((".", "source"), source),
    **dict.fromkeys(("cd", "pushd"), change_folder),
    **dict.fromkeys(("export", "declare", "local", "set"), export),
    **dict.fromkeys(("make", "gmake"), make),
    **dict.fromkeys(("docker", "podman", "singularity", "apptainer", "ssh", "kubectl"), contained),
    **dict.fromkeys(("echo", "printf", "mkdir", "touch", "rm"), nothing),
    **dict.fromkeys(("trap", "alias"), kept),
    **{name: collector(name) for name in ("pytest", "py.test", "nose2", "behave", "robot")},
    "eval": evaluate,
    "papermill": papermill,
}
