"""Which modules were imported, and from where.

The event of an import comes before its module is found, so names are kept until they are in
``sys.modules`` (or are not, for long). Of the repository every module is said; of everything else
the topmost that is no namespace, with its file: the watch finds the distribution of it afterwards.
"""

import os
import sys
from time import monotonic_ns

from .files import Files
from .guard import encoded, is_the_users
from .record import Record

_AT_ONCE = 16
"""Imports between two looks."""
_SETTLED_AFTER = 50_000_000
"""Nanoseconds likewise."""
_PATIENCE = 64
"""Looks at a module that is not there, before its import is taken to have failed."""


class Modules:
    """Which modules were imported."""

    def __init__(self, record: Record, files: Files) -> None:
        self.record = record
        self.files = files
        self.pending = dict.fromkeys(sys.modules, 0)
        self.known = set(sys.modules)
        self.settled = set(sys.builtin_module_names)
        self.library = os.__file__.rpartition("/")[0] + "/"
        self.paths: "set[str]" = set()
        self.imports = 0
        self.last = 0

    def on_import(self, args: "tuple[object, ...]") -> None:
        """``import`` of a module that is not loaded; of an extension again, with its file."""
        name, file = args[0], args[1]
        if file:
            self.files.opens(file, "", os.O_RDONLY)
        if isinstance(name, str) and not self.is_settled(name):
            self.pending[name] = 0
            self.known.add(name)
        self.imports += 1
        now = monotonic_ns()
        if self.imports % _AT_ONCE == 0 or now - self.last > _SETTLED_AFTER:
            self.last = now
            self.settle()

    def is_settled(self, name: str) -> bool:
        """Whether the module is in a package that is known to be none of the repository's."""
        end = name.find(".")
        while end > 0:
            if name[:end] in self.settled:
                return True
            end = name.find(".", end + 1)
        return name in self.settled

    def settle(self) -> None:
        """Say where the modules are from that were loaded meanwhile."""
        for entry in list(sys.path):
            if str(entry).endswith("-packages") and entry not in self.paths:
                self.paths.add(entry)
                self.record.write(b"path", encoded(entry))
        for name, looks in list(self.pending.items()):
            module = sys.modules.get(name)
            if module is None and looks < _PATIENCE:
                self.pending[name] = looks + 1
                continue
            self.pending.pop(name, None)
            if module is not None and not self.is_settled(name):
                self.loaded(name, origin_of(module))

    def finish(self) -> None:
        """Say what is left, and what came without an event, as by ``importlib.import_module``."""
        names: "list[object]" = list(sys.modules)
        for name in names:
            if isinstance(name, str) and name not in self.known and not self.is_settled(name):
                self.pending[name] = 0
        self.settle()

    def loaded(self, name: str, origin: "str | None") -> None:
        """Say where a module is from; a namespace is from nowhere, the library goes without."""
        if origin is None:
            return
        if origin == "" or (origin.startswith(self.library) and "-packages/" not in origin):
            self.settled.add(name)
            return
        path = self.files.located(origin if origin[:1] == "/" else os.getcwd() + "/" + origin)
        said = name.encode("utf-8", "backslashreplace") + b"//"
        if path:
            self.record.write(b"module", said + encoded(path))
        else:
            self.settled.add(name)
            self.record.write(b"package", said + encoded(origin))


def origin_of(module: object) -> "str | None":
    """The file that a module came from: "" for none, None for a namespace.

    No code of the module's runs by being asked (a lazy one would load).
    """
    try:
        spec = dict.get(object.__getattribute__(module, "__dict__"), "__spec__")
        facts = object.__getattribute__(spec, "__dict__")
        origin = dict.get(facts, "origin")
        if origin is None and dict.get(facts, "submodule_search_locations") is not None:
            return None
    except (AttributeError, TypeError) as error:
        if is_the_users(error):
            raise
        return ""
    return origin if isinstance(origin, str) and "/" in origin else ""
