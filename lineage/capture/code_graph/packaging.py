"""What packaging files say of where packages lie, and of the commands that a project installs.

``pyproject.toml`` (setuptools, Poetry, Hatch, PDM, Flit, uv, scikit-build, maturin), ``setup.cfg``,
and of ``setup.py`` what is written out in its call of ``setup``; it is parsed, never run.
"""

from __future__ import annotations

import ast
import configparser
import posixpath
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGING_FILES: Final = ("pyproject.toml", "setup.cfg", "setup.py")
LARGEST: Final = 1 << 20


@dataclass
class Layout:
    """Where a project's packages lie; folders are relative to the project's own.

    Attributes:
        roots: folders that packages lie in.
        packages: the folder of a package that lies somewhere of its own.
        scripts: the module behind each command that the project installs.
    """

    roots: dict[str, None] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)

    def add_root(self, folder: Any) -> None:  # noqa: ANN401 - parsed
        """Add a folder that packages lie in."""
        if isinstance(folder, str):
            self.roots.setdefault(posixpath.normpath(folder))

    def add_packages(self, mapping: Any) -> None:  # noqa: ANN401 - parsed
        """Add setuptools' ``package-dir``: ``""`` is where all packages lie."""
        for name, folder in _table(mapping).items():
            if isinstance(folder, str) and name:
                self.packages[name] = posixpath.normpath(folder)
            else:
                self.add_root(folder)

    def add_scripts(self, mapping: Any) -> None:  # noqa: ANN401 - parsed
        """Add ``command = "package.module:function"``."""
        for name, target in _table(mapping).items():
            text = target.get("reference") if isinstance(target, dict) else target
            if isinstance(text, str):
                self.scripts[name] = text.partition(":")[0].strip()


def read_layout(name: str, data: bytes) -> Layout | None:
    """What a packaging file says; None where it cannot be read."""
    reader: Callable[[str, Layout], None] = {
        "pyproject.toml": _pyproject,
        "setup.cfg": _setup_cfg,
        "setup.py": _setup_py,
    }[name]
    layout = Layout()
    try:
        reader(data.decode("utf-8-sig"), layout)
    except (ValueError, SyntaxError, RecursionError, MemoryError, configparser.Error):
        return None
    return layout


def _pyproject(text: str, layout: Layout) -> None:
    document = tomllib.loads(text)
    project, tool = _table(document.get("project")), _table(document.get("tool"))
    for key in ("scripts", "gui-scripts"):
        layout.add_scripts(project.get(key))
    layout.add_scripts(_table(project.get("entry-points")).get("console_scripts"))
    layout.add_scripts(_table(tool.get("flit")).get("scripts"))
    for folder in _list(_table(_table(tool.get("pytest")).get("ini_options")).get("pythonpath")):
        layout.add_root(folder)
    setuptools = _table(tool.get("setuptools"))
    layout.add_packages(setuptools.get("package-dir"))
    _find(_table(_table(setuptools.get("packages")).get("find")), layout)
    _poetry(_table(tool.get("poetry")), layout)
    _hatch(_table(_table(tool.get("hatch")).get("build")), layout)
    layout.add_root(_table(_table(tool.get("pdm")).get("build")).get("package-dir"))
    layout.add_root(_table(_table(tool.get("uv")).get("build-backend")).get("module-root"))
    layout.add_root(_table(tool.get("maturin")).get("python-source"))
    wheel = _table(_table(tool.get("scikit-build")).get("wheel"))
    _package_paths(wheel.get("packages"), layout)


def _find(table: dict[str, Any], layout: Layout) -> None:
    for folder in _list(table.get("where")):
        layout.add_root(folder)


def _poetry(table: dict[str, Any], layout: Layout) -> None:
    layout.add_scripts(table.get("scripts"))
    for package in _list(table.get("packages")):
        entry = _table(package)
        include, folder = entry.get("include"), entry.get("from", ".")
        if not isinstance(include, str) or not isinstance(folder, str):
            continue
        if isinstance(entry.get("to"), str):
            target = posixpath.join(entry["to"], include).replace("/", ".")
            layout.packages[target] = posixpath.normpath(posixpath.join(folder, include))
        layout.add_root(folder)


def _hatch(build: dict[str, Any], layout: Layout) -> None:
    targets = _table(build.get("targets"))
    for table in (build, *(_table(target) for target in targets.values())):
        _package_paths(table.get("packages"), layout)
        for folder in _list(table.get("dev-mode-dirs")):
            layout.add_root(folder)
        sources = table.get("sources")
        for folder in _list(sources):
            layout.add_root(folder)
        for mapping in (sources, table.get("force-include")):
            for path, target in _table(mapping).items():
                if isinstance(target, str) and target and not target.endswith(".py"):
                    layout.packages[target.strip("/").replace("/", ".")] = posixpath.normpath(path)
                else:
                    layout.add_root(path)


def _package_paths(paths: Any, layout: Layout) -> None:  # noqa: ANN401 - parsed
    """Packages named by their paths: each lies in the folder above it."""
    for path in _list(paths):
        if isinstance(path, str):
            layout.add_root(posixpath.dirname(path.rstrip("/")) or ".")


def _setup_cfg(text: str, layout: Layout) -> None:
    parser = configparser.RawConfigParser(strict=False)
    parser.read_string(text)
    layout.add_packages(_pairs(parser.get("options", "package_dir", fallback="")))
    layout.add_packages(_pairs(parser.get("options", "package-dir", fallback="")))
    for folder in parser.get("options.packages.find", "where", fallback="").split():
        layout.add_root(folder)
    scripts = parser.get("options.entry_points", "console_scripts", fallback="")
    layout.add_scripts(_pairs(scripts))


def _setup_py(text: str, layout: Layout) -> None:
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else _name(node.func)
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        if name == "setup":
            layout.add_packages(_literal(keywords.get("package_dir")))
            points = _table(_literal(keywords.get("entry_points")))
            layout.add_scripts(_pairs("\n".join(map(str, _list(points.get("console_scripts"))))))
        elif name in ("find_packages", "find_namespace_packages"):
            layout.add_root(_literal(keywords.get("where") or next(iter(node.args), None)))


def _pairs(text: str) -> dict[str, str]:
    """Lines of ``name = value``; a line without a name is the value of ``""``."""
    found = {}
    for line in text.replace(",", "\n").splitlines():
        name, separator, value = line.partition("=")
        if separator:
            found[name.strip()] = value.strip()
    return found


def _literal(node: ast.expr | None) -> Any:  # noqa: ANN401 - parsed
    """The value of an expression that is written out; None where it is computed."""
    if node is None:
        return None
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _table(value: Any) -> dict[str, Any]:  # noqa: ANN401 - parsed
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> Iterator[Any]:  # noqa: ANN401 - parsed
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple)):
        yield from value
