"""What the project says of itself; packages without code, and an index on loopback for them."""

from __future__ import annotations

import functools
import io
import marshal
import os
import re
import shutil
import subprocess
import sys
import tarfile
import threading
import tomllib
import zipfile
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.machinery import SourceFileLoader
from importlib.metadata import distribution
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from .once import made_once

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
CONFIGURATION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = CONFIGURATION["project"]
SLIM = tomllib.loads((ROOT / "deploy/host/pyproject.toml").read_text(encoding="utf-8"))
"""The same of what a serving host installs."""
HOST = SLIM["project"]
PYTHONS = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
"""The versions of Python that are named as supported."""
SOURCES = [
    "README.md",
    "LICENSE",
    "pyproject.toml",
    "lineage",
    "cli",
    "api",
    "migrations",
    "docs",
    "examples",
]
"""What the wheel is built from."""


def copy(names: list[str], target: Path) -> None:
    """Copy files and folders of the project, compiled as they are: a build leaves traces there."""
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        if (ROOT / name).is_dir():
            being_written = shutil.ignore_patterns("*.pyc.*")
            shutil.copytree(ROOT / name, target / name, ignore=being_written)
        else:
            shutil.copy2(ROOT / name, target)


def built(shared: Path, project: str = ".") -> Path:
    """The wheel of a project of this repository: its folder, from the top. A run builds it once."""

    def build(folder: Path) -> None:
        copy(SOURCES if project == "." else [*SOURCES, project], folder / "source")
        python = ("--no-build-isolation", "--python", sys.executable)
        uv("build", "--wheel", *python, "--out-dir", folder, folder / "source" / project)

    (path,) = made_once(shared, f"wheel-{PurePath(project).name}", build).glob("*.whl")
    return path


def uv(*words: str | Path) -> None:
    """Run uv, which is quicker than pip and builds and installs the same."""
    command = [Path(sys.executable).with_name("uv"), *words, "--system-certs"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def wheel(folder: Path, name: str, version: str, metadata: str = "") -> Path:
    """Write a wheel that holds its metadata alone."""
    stem = f"{canonicalize_name(name).replace('-', '_')}-{version}"
    files = {
        "METADATA": metadata or f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files["RECORD"] = "".join(f"{stem}.dist-info/{file},,\n" for file in (*files, "RECORD"))
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(f"{stem}.dist-info/{file}", text)
    return path


def installed(folder: Path, name: str) -> Path:
    """Write the wheel of a package as it is installed here; its modules come compiled."""
    found = distribution(name)
    stem = f"{canonicalize_name(name).replace('-', '_')}-{found.version}"
    record = f"{stem}.dist-info/RECORD"
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file in map(str, found.files or ()):
            if file.startswith("..") or file.endswith(".pyc") or file == record:
                continue
            source = Path(str(found.locate_file(file)))
            archive.write(source, file)
            if source.suffix == ".py":
                archive.writestr(cache_from_source(file), compiled(source))
        archive.writestr(record, "".join(f"{each},,\n" for each in (*archive.namelist(), record)))
    return path


def compiled(source: Path) -> bytes:
    """What Python loads for a module wherever the module lies, and asks of it nothing."""
    code = SourceFileLoader(source.stem, str(source)).get_code(source.stem)
    unchecked = (1).to_bytes(4, "little") + source_hash(source.read_bytes())
    return MAGIC_NUMBER + unchecked + marshal.dumps(code)


def source_distribution(folder: Path, name: str, version: str) -> Path:
    """Write a source distribution, which pip has to build with setuptools."""
    files = {
        "setup.py": f"from setuptools import setup\nsetup(name={name!r}, version={version!r})\n",
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
    }
    path = folder / f"{name}-{version}.tar.gz"
    with tarfile.open(path, mode="w:gz") as archive:
        for file, text in files.items():
            member = tarfile.TarInfo(f"{name}-{version}/{file}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


@contextmanager
def index(folder: Path, asked: list[str]) -> Iterator[dict[str, str]]:
    """Serve a folder of projects; the variables by which pip knows this index and no other."""

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # of one connection there are hundreds of requests
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None:
            asked.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": f"http://127.0.0.1:{server.server_port}",
            "PIP_NO_CACHE_DIR": "1",
            "PIP_NO_COMPILE": "0",  # as pip reads it: do not compile
        }
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
