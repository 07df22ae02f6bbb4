"""The modules of this process, beside a seal: which it lacks, and which hide one of its.

Installed packages are no part of a seal. A file under the root is: as the pipeline's, or as the
service's own.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from lineage.acts import act
from lineage.errors import PipelineMismatch
from lineage.host.compiled import is_as_its_source
from lineage.host.seal_file import listed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lineage.identity.seal import Seal

_INSTALLED: Final = ("stdlib", "platstdlib", "purelib", "platlib")


def check(seal: Seal, root: Path, name: str) -> None:
    """Refuse modules that were imported from under a root and that a seal does not hold.

    So are modules of the pipeline that were imported from elsewhere: an older copy that is
    installed hides the one that was compared. And those whose compiled file is not what their
    source says.

    Args:
        seal: the seal.
        root: the folder that its paths are relative to.
        name: what it is called, for messages.

    Raises:
        PipelineMismatch: there are such modules.
    """
    top = os.path.realpath(root)
    inside, outside = _loaded(top)
    strangers = sorted(
        f"{module} ({path})"
        for path, module in inside.items()
        if path not in seal.files and path not in seal.own
    )
    if strangers:
        raise PipelineMismatch(
            f"This service imported modules under {root} that {name} does not hold: "
            f"{listed(strangers)}.",
            remedy="Bring them into the pipeline, or name the service's own files under "
            f"[models.NAME.serving] own, and seal it anew: {act('pipeline seal')}",
        )
    altered = sorted(_altered(seal, top))
    if altered:
        raise PipelineMismatch(
            f"Python runs other code of {name} than its sources say, as compiled before: "
            f"{listed(altered)}.",
            remedy="Remove the __pycache__ folders (or PYTHONPYCACHEPREFIX) and start it again.",
        )
    hidden = sorted(_hidden(seal, inside, outside))
    if hidden:
        raise PipelineMismatch(
            f"This service imported modules of {name} from elsewhere than {root}: "
            f"{listed(hidden)}.",
            remedy="Import them from the sealed files: put their folder first on the path, and "
            "uninstall or install editable what hides them.",
        )


def _loaded(top: str) -> tuple[dict[str, str], dict[str, str]]:
    """The modules under a folder by their path in it, and the files of all others by their name."""
    zones = tuple(zone + os.sep for zone in _zones() if _is_below(zone, top))
    inside: dict[str, str] = {}
    outside: dict[str, str] = {}
    for name, module in sys.modules.copy().items():
        for file in _files(module):
            real = os.path.realpath(file)
            if _is_below(real, top) and not real.startswith(zones):
                inside[os.path.relpath(real, top).replace(os.sep, "/")] = name
            else:
                outside[name] = real
    return inside, outside


def _altered(seal: Seal, top: str) -> Iterator[str]:
    """The sealed sources that an import does not run, but a compiled file that is another."""
    for module in sys.modules.copy().values():
        for file in _files(module) if _is_imported(module) else ():
            path = os.path.relpath(os.path.realpath(file), top).replace(os.sep, "/")
            is_sealed = path in seal.files or path in seal.own
            if is_sealed and file.endswith(".py") and not is_as_its_source(file):
                yield path


def _is_imported(module: Any) -> bool:  # noqa: ANN401 - anything may stand in sys.modules
    """Whether a module was found by an import: a script that is started is never a compiled one."""
    with suppress(Exception):
        return object.__getattribute__(module, "__dict__").get("__spec__") is not None
    return False


def _hidden(seal: Seal, inside: dict[str, str], outside: dict[str, str]) -> Iterator[str]:
    """Modules of other files that have the name which a sealed file would be imported by."""
    for path in seal.files:
        if path.endswith(".py") and path not in inside:
            for name in _import_names(path, seal):
                if name in outside and name.partition(".")[0] not in sys.stdlib_module_names:
                    yield f"{name} ({outside[name]}, not {path})"


def _import_names(path: str, seal: Seal) -> Iterator[str]:
    """The names that a file can be imported by: from any folder above it that is no package."""
    parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
    for start in range(len(parts)):
        if "/".join([*parts[:start], "__init__.py"]) not in seal.files:
            yield ".".join(parts[start:])


def _files(module: Any) -> set[str]:  # noqa: ANN401 - anything may stand in sys.modules
    """The files that a module says it was loaded from; asking must not run code of its own."""
    found: set[str] = set()
    with suppress(Exception):
        space = object.__getattribute__(module, "__dict__")
        spec = space.get("__spec__")
        origins = [space.get("__file__"), spec.origin if getattr(spec, "has_location", 0) else None]
        found = {origin for origin in origins if isinstance(origin, str)}
    return found


def _zones() -> set[str]:
    """The folders of what is installed: the standard library, site-packages, a virtual one."""
    paths = [sysconfig.get_path(name) for name in _INSTALLED]
    with suppress(AttributeError):  # a `site` of an old virtualenv
        paths += [*site.getsitepackages(), site.getusersitepackages()]
    if sys.prefix != sys.base_prefix:
        paths.append(sys.prefix)
    return {os.path.realpath(path) for path in paths if path}


def _is_below(path: str, top: str) -> bool:
    return path.startswith(top.rstrip(os.sep) + os.sep)
