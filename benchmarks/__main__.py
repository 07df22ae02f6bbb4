"""`make bench`: hashing, command starts and the server, beside peers, in one run.

python -m benchmarks [hashing|tree|register|commands|weights|rollback|service|watching]...
"""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from blake3 import blake3

from lineage.hashing.cache import StatCache
from lineage.hashing.files import hash_path

from .service import service
from .timing import BIN, CACHE, best, command, peer, show
from .watching import watching
from .weights import rollback, weights

LARGE = 2 << 30
FILES, FILE_SIZE = 20_000, 4096
XXHSUM = shutil.which("xxhsum")
MINIMAL = "import typer; app = typer.Typer(); app.command()(lambda name: None); app()"


def hashing() -> None:
    """One file of 2 GiB, warm: the read of it, xxhsum, BLAKE3 and DVC."""
    path = _large_file()

    def read() -> None:
        buffer = memoryview(bytearray(1 << 20))
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass

    def own_blake3() -> None:
        blake3(max_threads=blake3.AUTO).update_mmap(path)

    candidates = {
        "plain read": read,
        "lineage XXH3": lambda: hash_path(path),
        "BLAKE3 alone, all threads": own_blake3,
        "lineage XXH3 and BLAKE3 in one read": lambda: hash_path(path, with_blake3=True),
    }
    if XXHSUM:
        candidates["xxhsum -H128"] = command(XXHSUM, "-H128", path)
    times = best(candidates, 5)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        times |= best({"dvc add (MD5, and a copy)": _dvc_add(Path(folder), path)}, 1)
    show(f"one file of {LARGE >> 30} GiB", times, "plain read", {"lineage XXH3": "at most 1.25"})
    both, alone = times["lineage XXH3 and BLAKE3 in one read"], times["BLAKE3 alone, all threads"]
    print(f"  rate of both in one read: {alone / both:.2f} of BLAKE3's own   goal: at least 0.65")
    _without_xxhsum()


def tree() -> None:
    """A tree of 20,000 small files: cold cache of digests, and unchanged."""
    top = _tree()
    cache = CACHE / "digests.db"

    def cached() -> None:
        with StatCache(cache) as known:
            hash_path(top, cache=known)

    def fresh() -> None:
        cache.unlink(missing_ok=True)
        cached()

    candidates = {"lineage, remembering": fresh, "lineage, unchanged": cached}
    candidates["lineage, no cache"] = lambda: hash_path(top)
    if XXHSUM:
        names = CACHE / "names"
        names.write_text("\n".join(map(str, sorted(top.rglob("*.bin")))))
        script = f"xargs -a {names} {XXHSUM} -H128"
        candidates = {"xxhsum -H128": command(*script.split())} | candidates
    times = best(candidates, 5)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        times |= best({"dvc add": _dvc_add(Path(folder), top)}, 1)
    base = "xxhsum -H128" if XXHSUM else "lineage, no cache"
    goals = {"lineage, remembering": "at most 1.50 x xxhsum"}
    show(f"{FILES:,} files of {FILE_SIZE} bytes", times, base, goals)
    _without_xxhsum()


def register() -> None:
    """Registering 2 GiB of weights for the first time and again, unchanged."""
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        folder = Path(name)
        _project(folder)
        os.link(_large_file(), folder / "model.bin")
        first = command(BIN / "lineage", "register", "big", "--kind", "experiment", cwd=folder)
        times = best({"register, first": first}, 1) | best({"register, unchanged": first}, 5)
        times |= best({"import typer, sqlmodel": _python("import typer, sqlmodel")}, 5)
        show("registration of 2 GiB of weights", times, "import typer, sqlmodel")


def commands() -> None:
    """How long commands take to start, beside a minimal Typer program, sqlmodel and gto."""
    gto = peer("gto")
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        folder = Path(name)
        _project(folder)
        (folder / "model.bin").write_bytes(b"m")
        for words in (
            "register big --kind experiment", "pipeline deploy big --env staging",
            "validate big@1 --passed", "promote big@1 --env staging",
        ):  # fmt: skip
            command(BIN / "lineage", *words.split(), cwd=folder)()
        (folder / "model.bin").write_bytes(b"n")
        for words in ("register big --kind experiment", "promote big@2 --env staging"):
            command(BIN / "lineage", *words.split(), cwd=folder)()
        lineage = BIN / "lineage"
        guard = [lineage, "guard", "big@1", "--env", "staging"]
        times = best(
            {
                "python -c pass": _python("pass"),
                "minimal Typer program --help": command(sys.executable, "-c", MINIMAL, "--help"),
                "lineage --help": command(lineage, "--help", cwd=folder),
                "python -c 'import typer, sqlmodel'": _python("import typer, sqlmodel"),
                "lineage serving": command(lineage, "serving", cwd=folder),
                "lineage guard": command(*guard, cwd=folder),
                "gto show": command(gto / "gto", "show", cwd=folder),
                "dvc --version": command(BIN / "dvc", "--version", cwd=folder),
            },
            10,
        )
    show("command start", times, "python -c 'import typer, sqlmodel'",
         {"lineage serving": "at most 1.30", "lineage guard": "at most 1.30"})  # fmt: skip
    ratio = times["lineage --help"] / times["minimal Typer program --help"]
    print(f"  lineage --help: {ratio:.2f} x the minimal Typer program   goal: at most 1.30")


def _python(code: str):  # noqa: ANN202 - what command() gives
    return command(sys.executable, "-c", code)


def _without_xxhsum() -> None:
    if not XXHSUM:
        print("  (xxhsum is not installed: Debian's package xxhash has it)")


def _large_file() -> Path:
    path = CACHE / "large.bin"
    if not path.exists() or path.stat().st_size != LARGE:
        with path.open("wb") as file:
            for _ in range(LARGE >> 24):
                file.write(os.urandom(1 << 24))
    return path


def _tree() -> Path:
    top = CACHE / "tree"
    if not top.exists():
        for number in range(FILES):
            path = top / f"{number % 100:02}/{number:05}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom(FILE_SIZE))
    return top


def _dvc_add(folder: Path, source: Path):  # noqa: ANN202 - what command() gives
    """`dvc add` of a copy in a repository of its own."""
    command("git", "init", "--quiet", cwd=folder)()
    command(BIN / "dvc", "init", "--quiet", cwd=folder)()
    copy = shutil.copytree if source.is_dir() else shutil.copyfile
    copy(source, folder / source.name)
    return command(BIN / "dvc", "add", "--quiet", source.name, cwd=folder)


def _project(folder: Path) -> None:
    git = ("git", "-c", "user.name=b", "-c", "user.email=b@example.com")
    command("git", "init", "--quiet", cwd=folder)()
    (folder / "pipeline.py").write_text("print(1)\n")
    (folder / ".gitignore").write_text("model.bin\n")
    (folder / "lineage.toml").write_text(
        '[models.big]\nweights = "model.bin"\n[models.big.pipeline]\nfiles = ["pipeline.py"]\n'
    )
    command("git", "add", "--all", cwd=folder)()
    command(*git, "commit", "--quiet", "--message", "x", cwd=folder)()
    command(BIN / "lineage", "init", cwd=folder)()


def main(names: list[str]) -> None:
    """Run the named benchmarks; all where none is named."""
    CACHE.mkdir(parents=True, exist_ok=True)
    gc.set_threshold(50_000)  # as the command does
    known = {
        run.__name__: run
        for run in (hashing, tree, register, commands, weights, rollback, service, watching)
    }
    version = subprocess.run(
        [BIN / "lineage", "--version"], capture_output=True, text=True, check=True
    ).stdout.strip()
    print(f"{version}, Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    for name in names or known:
        known[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
