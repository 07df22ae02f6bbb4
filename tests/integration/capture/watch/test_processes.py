"""Every process of the tree is observed, or it is said that it was not."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import dvc
import pytest

from lineage.capture.watch import ProgramKind, session, watch
from lineage.identity.watched import Interpreter
from tests.integration.capture.watch.conftest import Watched, inputs, others, written

if TYPE_CHECKING:
    from tests.conftest import Workspace

READ = "open({name!r}).read()\n"
LONG = "import time; time.sleep(0.5)\n"


def real_python(version: str) -> str | None:
    """A Python of a version, where this machine has one: no wrapper around it."""
    for place in (
        shutil.which(f"python{version}"),
        *Path.home().glob(f".pyenv/versions/{version}.*/bin/python"),
    ):
        if place is None:
            continue
        found = subprocess.run(
            [place, "-c", "import sys; print(sys.executable)"],
            capture_output=True,
            text=True,
            check=False,
        )
        if found.returncode == 0:
            return found.stdout.strip()
    return None


def test_a_fork_reports_with_the_process_that_it_is_of(watched: Watched, tree: Workspace):
    tree.write({"a.txt": "1", "b.txt": "1"})
    observed = watched(
        script="""\
import os
child = os.fork()
if child == 0:
    open("a.txt").read()
    os._exit(0)
os.waitpid(child, 0)
open("b.txt").read()
"""
    )
    assert inputs(observed) == {"a.txt", "b.txt"}
    assert observed.processes == 2
    assert [one.processes for one in observed.interpreters] == [1]
    assert observed.is_complete, observed.gaps


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing_report(watched: Watched, tree: Workspace, method: str):
    tree.write({f"{number}.txt": "1" for number in range(3)})
    observed = watched(
        script=f"""\
import multiprocessing
def work(number):
    return open(f"{{number}}.txt").read()
if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    with context.Pool(2) as pool:
        pool.map(work, range(3))
        pool.close()
        pool.join()
"""
    )
    assert inputs(observed) == {"0.txt", "1.txt", "2.txt"}
    assert {file.by for file in observed.inputs} == {("run.py",)}
    assert others(observed) == {}
    assert observed.processes >= 3


@pytest.mark.parametrize(
    "start",
    [
        'subprocess.run([sys.executable, "child.py"], check=True)',
        'subprocess.run([sys.executable, "child.py"], check=True, close_fds=False)',
        'subprocess.run([sys.executable, "child.py"], check=True, env=dict(os.environ))',
        'subprocess.run([sys.executable, "child.py"], check=True, preexec_fn=lambda: None)',
        'os.waitpid(os.posix_spawn(sys.executable, ["python", "child.py"], os.environ), 0)',
        'os.spawnv(os.P_WAIT, sys.executable, ["python", "child.py"])',
        'os.execv(sys.executable, ["python", "child.py"])',
        'os.execlp("env", "env", sys.executable, "child.py")',
        'import pty; pty.spawn([sys.executable, "child.py"])',
    ],
)
def test_a_python_that_a_python_starts_reports(watched: Watched, tree: Workspace, start: str):
    tree.write({"child.py": READ.format(name="params.yaml")})
    observed = watched(script=f"import os, subprocess, sys\n{start}\n")
    assert inputs(observed) == {"child.py", "params.yaml"}
    assert others(observed) == {}
    assert observed.is_complete, observed.gaps
    assert {file.by for file in observed.files} == {("run.py",), ("child.py",)}


@pytest.mark.parametrize(
    "start",
    [
        'subprocess.run([sys.executable, "-I", "child.py"], check=True)',
        'subprocess.run([sys.executable, "-bEs", "child.py"], check=True)',
        'subprocess.run([sys.executable, "-W", "ignore", "-S", "child.py"], check=True)',
        'subprocess.run([sys.executable, "child.py"], check=True, env={})',
        'subprocess.run([sys.executable, "child.py"], check=True, env={"PYTHONPATH": "src"})',
        'os.environ.pop("PYTHONPATH"); subprocess.run([sys.executable, "child.py"], check=True)',
        'os.waitpid(os.posix_spawn(sys.executable, ["python", "-I", "child.py"], os.environ), 0)',
        'os.spawnv(os.P_WAIT, sys.executable, ["python", "-I", "child.py"])',
        'os.execv(sys.executable, ["python", "-I", "child.py"])',
    ],
)
def test_a_python_that_does_not_report_is_unobserved(watched: Watched, tree: Workspace, start: str):
    """By the word of what started it: nothing is left to whether somebody looks in time."""
    tree.write({"child.py": READ.format(name="params.yaml")})
    observed = watched(script=f"import os, subprocess, sys\n{start}\n")
    assert inputs(observed) <= {"child.py"}
    assert [one.kind for one in observed.unobserved] == [ProgramKind.PYTHON]
    assert sum(one.count for one in observed.unobserved) == 1
    assert not observed.is_complete


@pytest.mark.parametrize(
    "line",
    [
        f"env -i {sys.executable} child.py",
        f"{sys.executable} -I child.py",
        f"PYTHONPATH=src {sys.executable} child.py",
        f"unset PYTHONPATH; {sys.executable} child.py",
    ],
)
def test_a_python_that_a_shell_starts_unheard_is_seen_in_passing(
    watched: Watched, tree: Workspace, line: str
):
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs Linux")
    tree.write({"child.py": LONG + READ.format(name="params.yaml")})
    observed = watched("sh", "-c", f"{line}; true")
    kinds = {one.kind for one in observed.unobserved}
    assert kinds == {ProgramKind.LAUNCHER, ProgramKind.PYTHON}
    assert "params.yaml" not in inputs(observed)


def test_another_language_is_named_and_what_it_holds_open_is_seen(
    watched: Watched, tree: Workspace
):
    tree.write({"slow.sh": "exec 3< data/raw.csv\nsleep 1\n"})
    observed = watched("bash", "slow.sh")
    assert others(observed) == {"bash": 1, "sleep": 1}
    assert {"data/raw.csv", "slow.sh"} <= inputs(observed)
    assert observed.gaps == ("bash was not observed", "sleep was not observed")
    assert observed.interpreters == ()


def test_a_program_that_is_over_at_once_is_named(watched: Watched):
    observed = watched("true")
    assert others(observed) == {"true": 1}
    assert not observed.is_complete
    observed = watched(script='import subprocess; subprocess.run(["true"])\n')
    assert others(observed) == {"true": 1}


def test_what_cannot_be_started_and_what_runs_nothing_is_not_named(watched: Watched):
    for _ in range(5):  # a look in the very moment that it is alive names it
        observed = watched(script=STARTS_NOTHING)
        if others(observed) == {}:
            break
    assert others(observed) == {}
    assert observed.is_complete, observed.gaps


STARTS_NOTHING = """\
import os, subprocess, sys
for start in (
    lambda: subprocess.run(["no-such-program"]),
    lambda: os.execvp("no-such-program", ["no-such-program"]),
    lambda: subprocess.run([sys.executable, "--version"], stdout=subprocess.DEVNULL),
    lambda: subprocess.run([sys.executable, "-VV"], stdout=subprocess.DEVNULL),
):
    try:
        start()
    except FileNotFoundError:
        pass
"""


def test_a_shell_and_the_pythons_that_it_starts(watched: Watched, tree: Workspace):
    tree.write({"a.py": READ.format(name="params.yaml"), "b.py": READ.format(name="data/raw.csv")})
    observed = watched(
        script=f'import os; os.system("{sys.executable} a.py && {sys.executable} b.py")\n'
    )
    assert inputs(observed) == {"a.py", "b.py", "params.yaml", "data/raw.csv"}
    assert {one.kind for one in observed.unobserved} == {ProgramKind.LAUNCHER}
    assert observed.processes == 3


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"])
def test_pythons_of_other_versions_report(watched: Watched, tree: Workspace, version: str):
    python = real_python(version)
    if python is None:
        pytest.skip(f"there is no Python {version} here")
    tree.write(
        {
            "run.py": """\
import os, subprocess, sys
sys.path.insert(0, "src")
from common import scaling
open("params.yaml").read()
open("out.txt", "w").write("1")
open("out.txt").read()
if os.fork() == 0:
    open("data/raw.csv").read()
    os._exit(0)
os.wait()
subprocess.run([sys.executable, "-I", "-c", "pass"], check=True)
"""
        }
    )
    observed = watched(python, "run.py")
    assert inputs(observed) == {
        "params.yaml",
        "data/raw.csv",
        "src/common/__init__.py",
        "src/common/scaling.py",
    }
    assert written(observed) == {"out.txt"}
    (interpreter,) = observed.interpreters
    assert interpreter.version.startswith(version + ".")
    assert [one.kind for one in observed.unobserved] == [ProgramKind.PYTHON]
    assert observed.processes == 2


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.7"])
def test_pythons_without_audit_events_run_as_ever_and_are_unobserved(
    watched: Watched, tree: Workspace, version: str
):
    python = real_python(version)
    if python is None:
        pytest.skip(f"there is no Python {version} here")
    tree.write({"run.py": "import sys\nassert 'sitecustomize' not in sys.modules\n"})
    observed = watched(python, "run.py")
    (one,) = observed.unobserved
    assert (one.kind, one.count) == (ProgramKind.PYTHON, 1)
    assert one.program.startswith(f"python{version}")
    assert observed.interpreters == ()


def test_the_interpreter_and_the_distributions(watched: Watched):
    observed = watched(script="import yaml, json, pytest\nimport numpy.linalg\n")
    from importlib.metadata import version

    assert observed.interpreters == (
        Interpreter("cpython", platform.python_version(), f"linux-{platform.machine()}", 1),
    )
    found = {one.name: one.version for one in observed.distributions}
    for name in ("PyYAML", "pytest", "numpy"):
        assert found[name] == version(name)
    assert all(one.by == ("run.py",) for one in observed.distributions)
    assert "json" not in observed.unknown_modules


def test_a_package_of_no_distribution_is_named(watched: Watched, tmp_path_factory, monkeypatch):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "homemade.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(elsewhere))
    observed = watched(script="import homemade\n")
    assert "homemade" in observed.unknown_modules


def test_a_killed_run_keeps_what_it_said_and_is_incomplete(watched: Watched):
    observed = watched(
        script="""\
import os, signal
open("params.yaml").read()
import yaml
open("data/raw.csv").read()
os.kill(os.getpid(), signal.SIGKILL)
""",
        status=-9,
    )
    assert inputs(observed) == {"params.yaml", "data/raw.csv"}
    assert "PyYAML" in {one.name for one in observed.distributions}
    assert (observed.unfinished, observed.still_running) == (1, 0)
    assert observed.gaps == ("1 process ended without saying so",)


def test_a_killed_child_is_told(watched: Watched, tree: Workspace):
    tree.write({"child.py": READ.format(name="params.yaml") + "import time; time.sleep(60)\n"})
    observed = watched(
        script="""\
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "child.py"])
time.sleep(1)
child.kill()
child.wait()
"""
    )
    assert "params.yaml" in inputs(observed)
    assert observed.unfinished == 1


def test_a_process_that_runs_on_is_told(watched: Watched, tree: Workspace):
    observed = watched(
        script="""\
import os, sys, time
if os.fork() == 0:
    os.setsid()
    for number in range(3):
        os.close(number)
    time.sleep(3)
    open("params.yaml").read()
    os._exit(0)
"""
    )
    assert observed.still_running == 1
    assert observed.unfinished == 0
    assert observed.gaps == ("1 process ran on after the command had ended",)
    time.sleep(0.1)


def test_a_daemon_that_closes_every_descriptor_reports_on_and_writes_nowhere_else(
    watched: Watched, tree: Workspace
):
    observed = watched(
        script="""\
import os
open("params.yaml").read()
os.closerange(3, 5000)
kept = [os.open(f"own{number}.txt", os.O_RDWR | os.O_CREAT) for number in range(3)]
for number in (1000, 500, 250, 120, 60):
    os.dup2(kept[0], number)
open("data/raw.csv").read()
"""
    )
    assert inputs(observed) == {"params.yaml", "data/raw.csv"}
    assert all((tree.path / f"own{number}.txt").read_text() == "" for number in range(3))
    assert observed.is_complete, observed.gaps


def test_a_second_interpreter_in_the_process_reports(watched: Watched):
    observed = watched(
        script="""\
try:
    import _xxsubinterpreters as interpreters
except ImportError:
    import _interpreters as interpreters
run = getattr(interpreters, "run_string", None) or interpreters.exec
run(interpreters.create(), "open('params.yaml').read()")
"""
    )
    assert inputs(observed) == {"params.yaml"}
    assert [one.processes for one in observed.interpreters] == [1]
    assert observed.is_complete, observed.gaps


def test_pytest_and_its_workers_report(
    watched: Watched, tree: Workspace, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # of others' each loads a library
    tree.write(
        {
            "test_it.py": """\
import dvc
import pytest
@pytest.mark.parametrize("name", ["params.yaml", "data/raw.csv"])
def test_it(name):
    assert open(name).read()
"""
        }
    )
    own = ("-p", "no:cacheprovider", "--basetemp", str(tree.path / "pytest"))
    observed = watched(sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-n", "2", *own)
    assert inputs(observed) >= {"params.yaml", "data/raw.csv", "test_it.py"}
    assert all(file.by == ("-m pytest",) for file in observed.inputs)
    assert {one.kind for one in observed.unobserved} <= {ProgramKind.OTHER}


def test_joblib_workers_report(watched: Watched, tree: Workspace):
    tree.write({f"{number}.txt": "1" for number in range(4)})
    observed = watched(
        script="""\
import joblib
def work(number):
    return open(f"{number}.txt").read()
joblib.Parallel(n_jobs=2)(joblib.delayed(work)(number) for number in range(4))
"""
    )
    assert inputs(observed) == {f"{number}.txt" for number in range(4)}
    assert {file.by for file in observed.inputs} == {("run.py",)}
    assert ProgramKind.PYTHON not in {one.kind for one in observed.unobserved}


def test_dvc_repro_tells_which_script_read_what(project: Workspace, monkeypatch):
    monkeypatch.chdir(project.path)
    for name, value in {**os.environ, "DVC_NO_ANALYTICS": "1", "CI": "true"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    project.write({"src/scale.py": "FACTOR = 2\n", "notes.txt": "1\n"})
    project.edit(
        "src/featurize.py",
        "open('data/features",
        "import scale; open('notes.txt'); open('data/features",
    )
    project.edit("src/featurize.py", "* 2", "* scale.FACTOR * 2")
    ran, observed = watch(["dvc", "repro"], project.path, quiet_stdout=True)
    assert ran.exit_status == 0
    by = {file.path: set(file.by) for file in observed.inputs}
    assert by["src/scale.py"] == {"src/featurize.py"}
    assert by["notes.txt"] == {"src/featurize.py"}
    assert "src/featurize.py" in by["data/clean.csv"]
    assert {"data/features.csv", "models/model.bin", "dvc.lock"} == written(observed)
    assert ProgramKind.PYTHON not in {one.kind for one in observed.unobserved}, observed.gaps
    dvc = next(one for one in observed.distributions if one.name == "dvc")
    assert dvc.by == ("dvc",)


def test_uv_run_is_a_launcher_and_its_python_reports(watched: Watched, tree: Workspace):
    uv = Path(sys.executable).parent / "uv"
    if not uv.exists():
        pytest.skip("needs uv")
    tree.write({"run.py": READ.format(name="params.yaml")})
    observed = watched(
        str(uv), "run", "--no-project", "--offline", "--python", sys.executable, "run.py"
    )
    assert inputs(observed) == {"params.yaml"}
    kinds = {one.program: one.kind for one in observed.unobserved}
    assert kinds["uv"] is ProgramKind.LAUNCHER  # it may also ask a Python what it is, by -I


def test_a_watched_run_inside_a_watched_run(watched: Watched, tree: Workspace):
    tree.write({"inner.py": READ.format(name="params.yaml")})
    observed = watched(
        script="""\
import json, sys
from pathlib import Path
from lineage.capture.watch import watch
_, observed = watch([sys.executable, "inner.py"], Path(), quiet_stdout=True)
open("inner.json", "w").write(json.dumps(observed.to_json()))
"""
    )
    assert {"inner.py", "params.yaml"} <= inputs(observed)
    inner = json.loads((tree.path / "inner.json").read_text())
    assert [file["path"] for file in inner["files"]] == ["inner.py", "params.yaml"]
    assert inner["complete"]


def test_the_daemon_that_dvc_leaves_behind_is_no_part_of_the_run(
    project: Workspace, monkeypatch, tmp_path
):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # so the daemons wait for an answer
        proxy = f"http://127.0.0.1:{silent.getsockname()[1]}"
        of_dvc = {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "HOME": str(tmp_path)}
        for name, value in {**os.environ, **of_dvc}.items():
            monkeypatch.setenv(name, value)
        for name in ("DVC_NO_ANALYTICS", "CI", "PYTHONPATH", "NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.chdir(project.path)
        ran, observed = watch(["dvc", "repro"], project.path, quiet_stdout=True)
        assert ran.exit_status == 0
        silent.settimeout(20)
        silent.accept()[0].close()  # one was there
    assert ProgramKind.PYTHON not in {one.kind for one in observed.unobserved}, observed.gaps
    assert observed.still_running == 0


@pytest.mark.parametrize(
    ("words", "environment"),
    [
        (["{main}", "daemon", "updater"], {"PYTHONPATH": "elsewhere"}),
        (["{main}", "daemon", "updater"], {"DVC_DAEMON": ""}),
        (["{main}", "daemon", "other"], {}),
        (["{main}", "repro", "updater"], {}),
        (["-c", "pass", "daemon", "updater"], {}),
    ],
)
def test_what_only_resembles_dvcs_daemon_is_named(
    watched: Watched, tree: Workspace, words: list[str], environment: dict[str, str]
):
    package = Path(dvc.__file__).parent
    said = [word.format(main=package / "__main__.py") for word in words]
    given = {"DVC_DAEMON": "1", "PYTHONPATH": str(package.parent)} | environment
    script = f"""\
import dvc, os, subprocess, sys
subprocess.run([sys.executable, *{said}], env=os.environ | {given}, capture_output=True)
"""
    observed = watched(script=script)
    assert ProgramKind.PYTHON in {one.kind for one in observed.unobserved}


def test_a_dvc_of_the_repositorys_own_has_no_daemon(watched: Watched, tree: Workspace):
    tree.write({"dvc/__init__.py": "", "dvc/__main__.py": "open('params.yaml').read()\n"})
    observed = watched(
        script="""\
import dvc, os, subprocess, sys
main = os.path.abspath("dvc/__main__.py")
given = {"DVC_DAEMON": "1", "PYTHONPATH": os.getcwd()}
subprocess.run([sys.executable, main, "daemon", "updater"], env=os.environ | given, check=True)
"""
    )
    assert ProgramKind.PYTHON in {one.kind for one in observed.unobserved}


def test_a_process_that_has_ended_and_was_not_waited_for_does_not_run_on():
    child = os.fork()
    if child == 0:
        os._exit(0)
    try:
        deadline = time.monotonic() + 10
        while session._is_running(child) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(child, 0)  # it is still there, for whoever asks
        assert not session._is_running(child)
    finally:
        os.waitpid(child, 0)


@pytest.mark.parametrize(
    "command",
    [
        ["sh", "-c", f"{sys.executable} late.py & exit 0"],
        ["sh", "-c", f"(sleep 0.5; {sys.executable} late.py) & exit 0"],
        [sys.executable, "detach.py"],
    ],
)
def test_what_a_run_leaves_running_is_told_whoever_started_it(
    watched: Watched, tree: Workspace, command: list[str]
):
    tree.write({
        "late.py": "import time; time.sleep(0.5); open('params.yaml').read()",
        "detach.py": """\
import os, sys
if not os.fork():
    os.setsid()
    if not os.fork():
        os.execl(sys.executable, sys.executable, "late.py")
    os._exit(0)
""",
    })  # fmt: skip
    observed = watched(*command)
    assert observed.still_running
    assert any("ran on after the command had ended" in gap for gap in observed.gaps)
