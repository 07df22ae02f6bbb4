"""The digest moves exactly where a second reading does: DVC's own index and git's plumbing."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineage.capture.project import Project
from tests.support import LONG
from tests.support.second_reading import StageReading, digests, read_stages

SCALARS = st.sampled_from(
    [
        *("1", "1.0", "'1'", '"1"', "01", "012", "1e-3", "0.001", "1_000", "1000", "-0.0", "0.0"),
        *("on", "'on'", "true", "True", "null", "~", "''", "1:30", "90"),
        *("9007199254740993", "9007199254740992", "[a, b]", "[b, a]", "{a: 1, b: 2}"),
        *("{b: 2, a: 1}", "text", "'text'", "|\n    text", "[1, 1.0]", "[1.0, 1]"),
    ]
)
SOURCES = st.sampled_from(["print(1)\n", "print(1)\r\n", "print(2)\n", "# said\nprint(1)\n"])


@dataclasses.dataclass(frozen=True)
class State:
    """What a small repository holds; each part is written as a person would write it."""

    top: str = "1"
    other: str = "1"
    comment: str = ""
    indent: int = 2
    command: str = "python src/a.py"
    source: str = "print(1)\n"
    module: str = "print(1)\n"
    made: str = "made\n"
    compiled: str = ""
    vendored: str = "print(4)\n"
    attributes: str = ""
    dvcignore: str = ""
    deps: tuple[str, ...] = ("src/a.py", "lib", "linked", "vendored")
    params: tuple[str, ...] = ("top",)

    def files(self) -> dict[str, str]:
        """The files of the repository, by their paths."""
        space = " " * self.indent
        deps = "".join(f"{space * 2}- {dep}\n" for dep in self.deps)
        params = "".join(f"{space * 2}- {name}\n" for name in self.params)
        return {
            "params.yaml": f"{self.comment}top: {self.top}\nother: {self.other}\n",
            "dvc.yaml": (
                f"{self.comment}stages:\n{space}a:\n{space * 2}cmd: {self.command}\n"
                f"{space * 2}deps:\n{deps}{space * 2}params:\n{params}"
                f"{space * 2}outs:\n{space * 2}- lib/made.txt\n"
            ),
            "src/a.py": self.source,
            "lib/b.py": self.module,
            "lib/c.py": "print(3)\n",
            "lib/made.txt": self.made,
            "lib/__pycache__/b.pyc": self.compiled,
            "shared/d.py": self.module,
            ".gitattributes": self.attributes,
            ".gitignore": "made.txt\n__pycache__\n",
            ".dvcignore": self.dvcignore,
            ".dvc/config": "",
        }


CHANGES = {
    "top": SCALARS,
    "other": SCALARS,
    "comment": st.sampled_from(["", "# a comment\n"]),
    "indent": st.sampled_from([2, 4]),
    "command": st.sampled_from(["python src/a.py", "python src/a.py --fast", "'python src/a.py'"]),
    "source": SOURCES,
    "module": SOURCES,
    "made": st.sampled_from(["made\n", "made again\n"]),
    "vendored": SOURCES,
    "compiled": st.sampled_from(["", "other"]),
    "attributes": st.sampled_from(["", "*.py text eol=crlf\n", "*.py text eol=lf\n"]),
    "dvcignore": st.sampled_from(["", "c.py\n", "/lib/c.py\n"]),
    "deps": st.permutations(["src/a.py", "lib", "linked", "vendored"]).map(tuple),
    "params": st.sampled_from([("top",), ("other",), ("top", "other"), ("other", "top")]),
}


@st.composite
def pairs(draw) -> tuple[State, State]:
    """A state, and the same with one or two of its parts changed."""
    first = State(**{name: draw(CHANGES[name]) for name in ("top", "other", "source", "module")})
    names = draw(st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=2, unique=True))
    return first, dataclasses.replace(first, **{name: draw(CHANGES[name]) for name in names})


def _git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def _commit(folder: Path, state: State) -> None:
    """Make a clean checkout of a commit that holds the state, with a submodule."""
    inner = folder / "vendored"
    if not inner.is_dir():
        _git(folder, "init", "--quiet", "vendored")
    (inner / "v.py").write_bytes(state.vendored.encode())
    _git(inner, "add", "--all")
    changed = subprocess.run(["git", "diff", "--cached", "--quiet"], cwd=inner).returncode
    if changed:
        _git(inner, "commit", "--quiet", "--message", "vendored")
    for name, text in state.files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())
    if not (folder / "linked").is_symlink():
        (folder / "linked").symlink_to("shared")
    _git(folder, "add", "--all", "--renormalize", ".")
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--allow-empty", "--message", "state")
    for name in ("src/a.py", "lib/b.py", "lib/c.py", "shared/d.py"):
        (folder / name).unlink()
    _git(folder, "checkout", "--quiet", "--", ".")


def _captured(folder: Path):
    """What the capture says of the checkout, which is what it says of the commit."""
    project = Project.find(folder)
    try:
        here = project.capture_pipeline("churn")
        there = project.capture_pipeline("churn", "HEAD")
    finally:
        project.git.close()
    assert not here.dirty
    assert here.version.blake3 == there.version.blake3
    return here.version


def _held(folder: Path, reading: StageReading, stage) -> tuple[object, ...]:
    """Hold a stage's manifest against the second reading; what of it must tell states apart."""
    stored = digests(folder, reading.code.values())
    code = {path: stored[oid] for path, oid in reading.code.items()}
    assert {path: stage.code.get(path) for path in code} == code
    assert stage.cmd == reading.command
    assert set(stage.outputs) == reading.outputs
    return reading.command, reading.parameters, code, reading.outputs


@given(pairs())
@settings(
    max_examples=400 if LONG else 12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
def test_the_digest_moves_exactly_where_the_second_reading_does(states):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(os.path.realpath(name))
        _git(folder, "init", "--quiet")
        found = []
        for state in states:
            _commit(folder, state)
            version = _captured(folder)
            stage = version.manifest.stages["a"]
            reading = read_stages(folder)["a"]
            found.append((version.blake3, _held(folder, reading, stage), set(stage.code)))
        (first, told, files), (second, told_then, files_then) = found
        assert files == files_then or told != told_then
        assert (first == second) == (told == told_then)
