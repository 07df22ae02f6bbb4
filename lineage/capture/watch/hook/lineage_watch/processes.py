"""What this process is, and which others it starts.

Only names of programs are said, never a word of their command lines.
"""

import os
import sys

from .files import Files
from .guard import encoded, exists, text
from .modules import Modules, origin_of
from .record import Record

_PYTHONS = ("python", "pypy")
_AWAY = "IES"
"""Flags of Python's that keep the watch away: isolated, without environment, without site."""
_NO_RUN = "Vh?"
"""Flags with which it runs nothing."""
_VALUED = "WX"
_DAEMON = ("updater", "analytics")
"""What DVC leaves behind as it ends: asking for its newest version, telling of its use."""


class Processes:
    """What this process is, and starts."""

    def __init__(self, record: Record, files: Files, modules: Modules, hook: str) -> None:
        self.record = record
        self.files = files
        self.modules = modules
        self.hook = hook
        self.popen: object = None

    def on_popen(self, args: "tuple[object, ...]") -> None:
        """``subprocess.Popen``."""
        program, words, folder, environment = args
        self.popen = program
        self.launched("launch", program, words, environment, folder)

    def on_spawn(self, args: "tuple[object, ...]") -> None:
        """``os.posix_spawn``, by which ``subprocess`` may do what it has said before."""
        before, self.popen = self.popen, None
        if before is not args[0]:
            self.launched("launch", args[0], args[1], args[2])

    def on_exec(self, args: "tuple[object, ...]") -> None:
        """``os.exec*``: this process becomes another program, unless that fails."""
        self.launched("exec", args[0], args[1], args[2])

    def on_system(self, args: "tuple[object, ...]") -> None:
        """``os.system``."""
        self.launched("launch", "/bin/sh", None, None)

    def on_script(self, args: "tuple[object, ...]") -> None:
        """``cpython.run_file``: the script that this process is there for."""
        path = os.path.join(os.getcwd(), text(args[0]))
        self.record.write(b"entry", encoded(self.files.located(path) or path.rpartition("/")[2]))

    def on_module(self, args: "tuple[object, ...]") -> None:
        """``cpython.run_module``."""
        self.record.write(b"entry", b"-m " + text(args[0]).encode("utf-8", "backslashreplace"))

    def on_command(self, args: "tuple[object, ...]") -> None:
        """``cpython.run_command``: that there is one, not what it is."""
        self.record.write(b"entry", b"-c")

    def launched(
        self,
        word: str,
        program: object,
        words: object,
        environment: object,
        folder: object = None,
    ) -> None:
        """Say which program is started, where there is such a program.

        One that cannot hear of the watch (its environment does not hold it, its flags say so) is
        ``deaf``. Of one that this process becomes, the next record of it tells.
        """
        self.modules.settle()
        path = text(program)
        name = path.rpartition("/")[2]
        if not _is_program(path, folder, environment):
            return
        flag = _python_flag(words) if name.startswith(_PYTHONS) else ""
        if flag and flag in _NO_RUN:
            return
        hears = self.hook in _variable(environment, "PYTHONPATH").split(os.pathsep)
        if word == "launch" and (not hears or (flag and flag in _AWAY)):
            word = "daemon" if self.is_daemon(path, words, environment) else "deaf"
        self.record.write(word.encode(), encoded(name))

    def is_daemon(self, program: str, words: object, environment: object) -> bool:
        """Whether this is DVC, and starts its own daemon as DVC does: no part of the user's run.

        It is this Python that runs the DVC that is loaded here, which is no file of the repository,
        in the environment that DVC makes for it.
        """
        dvc = sys.modules.get("dvc")
        package = ((origin_of(dvc) if dvc is not None else None) or "").rpartition("/")[0]
        main = package + "/__main__.py"
        if not package or self.files.located(main) or not isinstance(words, (list, tuple)):
            return False
        said = [text(word) for word in words]
        return (
            program == sys.executable
            and said[:3] == [program, main, "daemon"]
            and next((word for word in said[3:] if word[:1] != "-"), "") in _DAEMON
            and _variable(environment, "DVC_DAEMON") == "1"
            and _variable(environment, "PYTHONPATH") == package.rpartition("/")[0]
        )


def _variable(environment: object, name: str) -> str:
    """A variable of an environment that is given, or of this process's own."""
    if isinstance(environment, dict):
        return text(environment.get(name, environment.get(name.encode(), "")))
    # os.environ.get() would swallow a KeyError of the user's
    value = os.environ._data.get(name.encode(), b"")  # type: ignore[attr-defined]
    return text(value)


def _is_program(path: str, folder: object, environment: object) -> bool:
    """Whether there is a program of that name."""
    if "/" in path:
        return exists(os.path.join(os.getcwd(), text(folder or ""), path))
    folders = _variable(environment, "PATH") or os.defpath
    return any(exists(entry + "/" + path) for entry in folders.split(os.pathsep))


def _python_flag(words: object) -> str:
    """The first flag on a Python's command line that keeps the watch away, or that runs nothing."""
    is_value = False
    for word in list(words)[1:] if isinstance(words, (list, tuple)) else ():
        said = text(word)
        if is_value:
            is_value = False
            continue
        if said in ("--version", "--help"):
            return "V"
        if said[:2] == "--":
            continue
        if said[:1] != "-" or said == "-":
            break
        for place, letter in enumerate(said[1:], 2):
            if letter in _AWAY or letter in _NO_RUN:
                return letter
            if letter in "cm":
                return ""
            if letter in _VALUED:
                is_value = place == len(said)
                break
    return ""
