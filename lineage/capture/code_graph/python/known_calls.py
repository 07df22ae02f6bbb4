"""The functions of Python and of well-known libraries that bring in other code, by full name."""

from __future__ import annotations

from typing import Final

from lineage.capture.code_graph.values import UnseenKind

IMPORTS: Final = frozenset(
    {"importlib.import_module", "importlib.__import__", "__import__", "runpy.run_module"}
)
TEXT_CODE: Final = frozenset({"exec", "eval"})
BY_PATH: Final = frozenset(
    {
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
    "imp.load_source": (1, "pathname", "load"),
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
        "asyncio.create_subprocess_exec",
        "asyncio.create_subprocess_shell",
    }
)
BLIND: Final = {
    "torch.hub.load": UnseenKind.COMPUTED_IMPORT,
    "lazy_loader.attach_stub": UnseenKind.COMPUTED_IMPORT,
    "importlib.util.spec_from_loader": UnseenKind.COMPUTED_IMPORT,
}
HOOKS: Final = frozenset({"sys.meta_path", "sys.path_hooks"})
