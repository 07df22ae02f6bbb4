"""The functions of Python and of well-known libraries that bring in other code, by full name."""

from __future__ import annotations

from typing import Final

from lineage.capture.code_graph.values import UnseenKind

IMPORTS: Final = frozenset(
    {
        "importlib.import_module",
        "importlib.__import__",
        "importlib.find_loader",
        "importlib.util.find_spec",
        "importlib._bootstrap._gcd_import",
        "__import__",
        "imp.find_module",
        "lazy_loader.load",
        "pkgutil.find_loader",
        "pkgutil.get_loader",
        "pytest.importorskip",
        "runpy.run_module",
        "runpy._run_module_as_main",
    }
)
ASKS: Final = frozenset(
    {
        "importlib.find_loader",
        "importlib.util.find_spec",
        "pkgutil.find_loader",
        "pkgutil.get_loader",
        "pytest.importorskip",
    }
)
"""Those of them that may ask only whether a module is there."""
LOADING: Final = frozenset({"module_from_spec", "exec_module", "load_module", "LazyLoader"})
TEXT_CODE: Final = frozenset({"exec", "eval"})
BY_PATH: Final = frozenset(
    {
        "pkgutil.resolve_name",
        "pydoc.locate",
        "django.utils.module_loading.import_string",
        "werkzeug.utils.import_string",
        "hydra.utils.get_class",
        "hydra.utils.get_method",
        "hydra.utils.get_object",
        "hydra.utils.instantiate",
        "hydra.utils.call",
    }
)
FILES: Final = {
    "importlib.util.spec_from_file_location": (1, "location", "load"),
    "importlib.machinery.SourceFileLoader": (1, "path", "load"),
    "importlib.machinery.SourcelessFileLoader": (1, "path", "load"),
    "importlib.machinery.ExtensionFileLoader": (1, "path", "load"),
    "imp.load_source": (1, "pathname", "load"),
    "imp.load_compiled": (1, "pathname", "load"),
    "imp.load_dynamic": (1, "pathname", "load"),
    "ctypes.CDLL": (0, "name", "load"),
    "ctypes.cdll.LoadLibrary": (0, "name", "load"),
    "execfile": (0, "filename", "load"),
    "runpy.run_path": (0, "path_name", "load"),  # in this process, on its search path
    "papermill.execute_notebook": (0, "input_path", "run"),
}
COMMANDS: Final = frozenset(
    {
        "os.system",
        "os.popen",
        *(f"os.{kind}{end}" for kind in ("exec", "spawn") for end in ("v", "ve", "vp", "vpe")),
        *(f"os.{kind}{end}" for kind in ("exec", "spawn") for end in ("l", "le", "lp", "lpe")),
        *(
            f"subprocess.{name}"
            for name in (
                "run",
                "call",
                "check_call",
                "check_output",
                "Popen",
                "getoutput",
                "getstatusoutput",
            )
        ),
        *(f"os.popen{number}" for number in (2, 3, 4)),
        "os.posix_spawn",
        "os.posix_spawnp",
        "os.startfile",
        "pty.spawn",
        "commands.getoutput",
        "commands.getstatusoutput",
        "anyio.run_process",
        "anyio.open_process",
        "invoke.run",
        "asyncio.create_subprocess_exec",
        "asyncio.create_subprocess_shell",
    }
)
BLIND: Final = {
    "torch.hub.load": UnseenKind.COMPUTED_IMPORT,
    "lazy_loader.attach_stub": UnseenKind.COMPUTED_IMPORT,
    "importlib.util.spec_from_loader": UnseenKind.COMPUTED_IMPORT,
    "importlib.machinery.PathFinder.find_spec": UnseenKind.COMPUTED_IMPORT,
    "importlib.machinery.FileFinder": UnseenKind.COMPUTED_IMPORT,
    "zipimport.zipimporter": UnseenKind.COMPUTED_IMPORT,
    "pkgutil.iter_modules": UnseenKind.COMPUTED_IMPORT,
    "pkgutil.walk_packages": UnseenKind.COMPUTED_IMPORT,
    "code.InteractiveInterpreter": UnseenKind.CODE_FROM_TEXT,
    "code.InteractiveConsole": UnseenKind.CODE_FROM_TEXT,
    "types.FunctionType": UnseenKind.CODE_FROM_TEXT,
    "pytest.main": UnseenKind.COMMAND,
}
HOOKS: Final = frozenset({"sys.meta_path", "sys.path_hooks"})

REFLECTED: Final = frozenset({"importlib", "builtins", "__builtins__"})
"""Modules that, handed on as values, import by names that are not written as such."""
