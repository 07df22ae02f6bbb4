"""The recorder inside each watched Python: audit events in, one append-only file of records out.

It runs in the user's program, in any Python since 3.8, before anything of the user's. So it holds
to rules of its own:

- It imports only what Python has loaded anyway, and modules that are built in.
- Nothing escapes but what is the user's: an exception that a signal handler of theirs raised while
  an event was looked at goes on its way; every other ends in a record.
- Nothing waits: there is no lock. One event may interrupt the handling of another.
- After the start it causes no audit event itself: hooks of the user's see only what is theirs.
"""

import atexit
import os
import sys

from .files import Files
from .guard import is_the_users
from .modules import Modules
from .processes import Processes
from .record import Record

_REPORTED = 10


class Watch:
    """The hook: takes an event to what handles it, and keeps failures from the program."""

    def __init__(self, hook: str) -> None:
        folder = hook.rpartition("/")[0]
        root = os.readlink(hook + "/root")
        started = os.lstat(hook + "/root").st_mtime_ns
        self.record = Record(folder + "/records")
        self.files = Files(self.record, root, started)
        self.modules = Modules(self.record, self.files)
        self.failures = 0
        processes = Processes(self.record, self.files, self.modules, hook)
        self.handlers = {
            "open": self.files.on_open,
            "import": self.modules.on_import,
            "os.rename": self.files.on_moved,
            "os.link": self.files.on_moved,
            "os.symlink": self.files.on_symlink,
            "os.truncate": self.files.on_truncated,
            "sqlite3.connect": self.files.on_connect,
            "ctypes.dlopen": self.files.on_library,
            "subprocess.Popen": processes.on_popen,
            "os.posix_spawn": processes.on_spawn,
            "os.exec": processes.on_exec,
            "os.system": processes.on_system,
            "cpython.run_file": processes.on_script,
            "cpython.run_module": processes.on_module,
            "cpython.run_command": processes.on_command,
        }

    def start(self) -> None:
        """Say what this process is, and listen from now on."""
        version = ".".join(map(str, sys.version_info[:3]))
        if sys.version_info[3] != "final":
            version += "%s%d" % sys.version_info[3:]
        platform = "%s-%s" % (sys.platform, os.uname().machine)
        facts = (str(os.getppid()), sys.implementation.name, version, platform)
        self.record.write(b"start", "//".join(facts).encode())
        os.register_at_fork(after_in_child=self.after_fork)
        atexit.register(self.end)
        handlers = self.handlers

        def hook(event: str, args: "tuple[object, ...]") -> None:
            if event in handlers:
                try:
                    handlers[event](args)
                except Exception as error:
                    self.failed(error)

        sys.addaudithook(hook)

    def failed(self, error: Exception) -> None:
        """Report what should not happen.

        A path that leads nowhere, or cannot be one, is the program's own affair: it hears of it.

        Raises:
            Exception: it is the user's.
        """
        if is_the_users(error):
            raise error
        if isinstance(error, (OSError, ValueError)):
            return
        try:
            self.failures += 1
            if self.failures <= _REPORTED:
                self.record.write(b"failed", type(error).__name__.encode())
        except Exception as further:
            if is_the_users(further):
                raise

    def after_fork(self) -> None:
        """Let a fork of this process say that it is there."""
        try:
            self.record.after_fork()
        except Exception as error:
            self.failed(error)

    def end(self) -> None:
        """Say what is left to say: this process ends as it should."""
        try:
            self.modules.finish()
            self.record.write(b"end", b"%d" % self.record.lost)
        except Exception as error:
            self.failed(error)


def start(hook: str) -> None:
    """Watch this process; ``hook`` is the folder of the watch's ``sitecustomize``."""
    Watch(hook).start()
