"""A watched run does what it would have done, whatever the watching or the program does."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING

import pytest

from lineage.capture.watch import session, watch
from lineage.errors import UsageError
from tests.integration.capture.watch.conftest import Watched, inputs, others, written

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Workspace

DRIVER = """\
import sys
from pathlib import Path
from lineage.capture.watch import watch
run, observed = watch(sys.argv[1:], Path(), quiet_stdout=False)
Path("failures.txt").write_text(str(observed.failures))
sys.exit(run.exit_status if run.exit_status >= 0 else 128 - run.exit_status)
"""

SCRIPTS = {
    "what it sees of Python": """\
import os, sys, site, gc, threading
print(sys.path, sys.argv, sys.flags, sys.gettrace(), sys.getprofile(), site.ENABLE_USER_SITE)
print(sorted(name for name in sys.modules if name not in ("atexit", "time")))
print(list(sys.path_importer_cache), threading.active_count())
print(sorted(set(os.environ) - {"PYTHONPATH", "_"}))
print(sys.dont_write_bytecode, sys.pycache_prefix, len(sys.meta_path), len(sys.path_hooks))
import signal
print([signal.getsignal(number) for number in range(1, 20)])
""",
    "descriptors": """\
import os
files = [open("params.yaml") for _ in range(5)]
print([file.fileno() for file in files])
print(len([n for n in os.listdir("/proc/self/fd") if int(n) < 60]))
""",
    "an exit status": "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)\n",
    "an error": "def f(): open('missing.yaml')\nf()\n",
    "an error in a module": "import broken\n",
    "a syntax error": "def f(:\n",
    "a warning": "import warnings; warnings.warn('careful')\nopen('params.yaml')\n",
    "a signal": "import os, signal; print('x', flush=True); os.kill(os.getpid(), signal.SIGTERM)\n",
    "an abort": "import os; os.abort()\n",
    "an interruption": "import os, signal; os.kill(os.getpid(), signal.SIGINT)\n",
    "an early end": "import os; print('x', flush=True); os._exit(5)\n",
    "an end in a thread": """\
import threading, atexit
atexit.register(print, "bye")
threading.Thread(target=lambda: print(open("params.yaml").read())).start()
""",
    "standard input": "import sys; print(sys.stdin.read())\n",
    "a trace": """\
import sys
seen = []
def trace(frame, event, argument):
    seen.append(frame.f_code.co_filename.rpartition("/")[2])
    return trace
sys.settrace(trace)
open("params.yaml").read()
import common_nothing_of_ours if False else None
""".replace("import common_nothing_of_ours if False else None\n", "")
    + """\
sys.settrace(None)
print(sorted(set(seen)), len(seen))
""",
    "a profile": """\
import sys
seen = []
sys.setprofile(lambda frame, event, argument: seen.append((event, frame.f_code.co_name)))
open("params.yaml").read()
sys.setprofile(None)
print(seen)
""",
    "audit hooks of its own": """\
import sys
seen = []
sys.addaudithook(lambda event, arguments: seen.append((event, arguments)))
open("params.yaml").read()
import os
open("data/../params.yaml").read()
os.close(os.open("params.yaml", os.O_RDONLY))
import colorsys
os.system("true")
child = os.fork()
if child == 0:
    open("data/raw.csv").close()
    os._exit(0)
os.waitpid(child, 0)
print([event for event in seen if "lib" not in str(event[1])])
""",
    "an audit hook that forbids": """\
import sys
def forbid(event, arguments):
    if event == "open" and "raw" in str(arguments[0]):
        raise PermissionError("not that one")
sys.addaudithook(forbid)
open("params.yaml").read()
open("data/raw.csv").read()
""",
    "odd paths": """\
import os
for path in (3.5, "a\\0b", b"\\xff\\xfe", "", "x" * 5000, -1, 999, None, "\\ud800", object()):
    try:
        open(path)
    except Exception as error:
        print(type(error).__name__, error)
class Odd:
    asked = 0
    def __fspath__(self):
        Odd.asked += 1
        raise KeyError("odd")
try:
    open(Odd())
except KeyError as error:
    print(repr(error), Odd.asked)
""",
    "events of nobody": """\
import sys
sys.audit("open"); sys.audit("import", 1); sys.audit("os.exec"); sys.audit("subprocess.Popen", 1)
sys.audit("open", [], {}, "x"); sys.audit("import", "a", 5, 1, 1, 1); sys.audit("os.rename")
print("done")
""",
    "modules that are none": """\
import sys, types
class Lazy(types.ModuleType):
    def __getattribute__(self, name):
        raise RuntimeError("touched")
sys.modules["lazy"] = Lazy("lazy")
sys.modules["none"] = None
sys.modules["number"] = 5
import colorsys, json, csv
print("done")
""",
    "a folder that is gone": """\
import os
os.mkdir("gone"); os.chdir("gone"); os.rmdir("../gone")
try:
    open("x.txt")
except FileNotFoundError as error:
    print(error)
""",
    "a recursion": """\
import sys
def deep(number):
    try:
        return deep(number + 1)
    except RecursionError:
        open("params.yaml").read()
        raise
try:
    deep(0)
except RecursionError:
    print("too deep")
""",
    "small limits": """\
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
files = []
try:
    while True:
        files.append(open("params.yaml"))
except OSError as error:
    print(error.errno)
""",
}

FAILURES = {
    "events of nobody": "('IndexError in a watched process', 'TypeError in a watched process')",
    "a recursion": "('RecursionError in a watched process',)",
}
"""Where the watching is said to have failed: what it makes of it is less, never something else."""


@pytest.mark.parametrize("name", SCRIPTS)
def test_output_and_exit_status_are_those_of_a_bare_run(tree: Workspace, name: str):
    tree.write({"run.py": SCRIPTS[name], "broken.py": "1 / 0\n", "driver.py": DRIVER})
    results = []
    for before in ([], [sys.executable, "driver.py"]):
        shutil.rmtree(tree.path / "__pycache__", ignore_errors=True)
        done = subprocess.run(
            [*before, sys.executable, "run.py", "argument"],
            input="typed",
            capture_output=True,
            text=True,
            check=False,
        )
        status = done.returncode if done.returncode >= 0 else 128 - done.returncode
        results.append((status, done.stdout, done.stderr))
    assert results[0] == results[1]
    assert results[0] != (0, "", "")
    assert (tree.path / "failures.txt").read_text() == FAILURES.get(name, "()")


def test_one_descriptor_is_added_and_it_is_closed_on_exec(watched: Watched, tree: Workspace):
    watched(
        script="""\
import json, os, subprocess, sys
own = [n for n in map(int, os.listdir("/proc/self/fd")) if n > 59]
shell = subprocess.run(["ls", "/proc/self/fd"], capture_output=True, text=True, close_fds=False)
json.dump([own, shell.stdout.split(), [os.get_inheritable(n) for n in own]], open("fds.json", "w"))
"""
    )
    import json

    own, of_child, inheritable = json.loads((tree.path / "fds.json").read_text())
    assert len(own) == 1
    assert inheritable == [False]
    assert str(own[0]) not in of_child


def test_the_users_sitecustomize_and_usercustomize_run(watched: Watched, tree: Workspace):
    tree.write(
        {
            "site/sitecustomize.py": "open('params.yaml').read()\nVALUE = 5\n",
            "user/lib/python{}.{}/site-packages/usercustomize.py".format(
                *sys.version_info
            ): "import builtins; builtins.user = 6\n",
        }
    )
    environment = f"PYTHONPATH=$PYTHONPATH:site PYTHONUSERBASE={tree.path / 'user'}"
    tree.write(
        {
            "run.py": """\
import sys, os, sitecustomize
assert (sitecustomize.VALUE, sys.modules["sitecustomize"].VALUE) == (5, 5)
assert sitecustomize.__file__.endswith("site/sitecustomize.py"), sitecustomize.__file__
assert user == 6
"""
        }
    )
    python = os.path.realpath(sys.executable)  # an environment has no user's packages
    observed = watched("sh", "-c", f"{environment} exec {python} run.py")
    assert {"params.yaml", "site/sitecustomize.py"} <= inputs(observed)
    assert observed.is_complete, observed.gaps


def test_a_sitecustomize_that_fails_is_reported_as_python_does(tree: Workspace, monkeypatch):
    tree.write({"site/sitecustomize.py": "import no_such_thing\n", "driver.py": DRIVER})
    monkeypatch.setenv("PYTHONPATH", "site")
    command = [sys.executable, "-c", "print('ran')"]
    bare = subprocess.run(command, capture_output=True, text=True, check=False)
    seen = subprocess.run(
        [sys.executable, "-S", "-c", "pass"], capture_output=True, text=True, check=False
    )
    assert seen.returncode == 0
    _, observed = watch(
        ["sh", "-c", f"{sys.executable} -c 1 2> error.txt"], tree.path, quiet_stdout=True
    )
    assert "no_such_thing" in bare.stderr
    assert (tree.path / "error.txt").read_text() == bare.stderr
    assert observed.failures == ()


def test_exceptions_of_signal_handlers_are_never_swallowed(watched: Watched, tree: Workspace):
    """Handlers run in the middle of the watching, too; what they raise is the program's."""
    tree.write({f"many/{number}.txt": "1" for number in range(500)})
    observed = watched(
        script="""\
import itertools, os, signal
raised = caught = 0
class Tick(Exception): pass
kinds = itertools.cycle((Tick, TimeoutError, FileNotFoundError, ValueError, KeyError))
def handler(number, frame):
    global raised
    raised += 1
    open("params.yaml").close()
    raise next(kinds)("tick")
signal.signal(signal.SIGALRM, handler)
numbers = itertools.count()
for turn in range(500):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.0003 + turn % 7 * 0.0001)
        for _ in range(3000):
            open(f"many/.//{next(numbers) % 500}.txt").close()
            os.path.exists("missing")
            try:
                open(f"missing/{next(numbers)}")
            except FileNotFoundError as error:
                if error.filename is None:
                    raise
    except Exception as error:
        caught += "tick" in str(error)
assert caught == raised == 500, (caught, raised)
"""
    )
    assert "params.yaml" in inputs(observed)
    assert observed.is_complete, observed.gaps


def test_an_interruption_from_the_terminal_reaches_both(tree: Workspace):
    tree.write(
        {
            "driver.py": DRIVER,
            "run.py": """\
import time
try:
    print("ready", flush=True)
    time.sleep(30)
except KeyboardInterrupt:
    open("interrupted.txt", "w").write("1")
    raise
""",
        }
    )
    process = subprocess.Popen(
        [sys.executable, "driver.py", sys.executable, "run.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(tree.path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert err.count("KeyboardInterrupt") == 2
    assert process.returncode != 0
    assert (tree.path / "interrupted.txt").exists()
    assert list(tree.path.glob("lineage-watch-*")) == []


@pytest.fixture
def broken_hook(tmp_path_factory, monkeypatch):
    """Swaps a text of the recorder for another one."""

    def swap(file: str, old: str, new: str) -> None:
        folder = tmp_path_factory.mktemp("broken") / "hook"
        shutil.copytree(session.HOOK, folder)
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new))
        monkeypatch.setattr(session, "HOOK", folder)

    return swap


@pytest.mark.parametrize(
    ("file", "old", "new", "failure"),
    [
        (
            "lineage_watch/files.py",
            "status = os.lstat(path)\n",
            "status = os.lstat(path).broken\n",
            "AttributeError in a watched process",
        ),
        (
            "lineage_watch/record.py",
            "import os\n",
            "import os)\n",
            "SyntaxError at the start of a Python 3.11.",
        ),
        (
            "lineage_watch/__init__.py",
            "        sys.addaudithook(hook)\n",
            "        raise MemoryError\n",
            "MemoryError at the start of a Python 3.11.",
        ),
    ],
)
def test_a_watching_that_crashes_changes_nothing_and_is_reported(
    tree: Workspace, broken_hook, capfd, file: str, old: str, new: str, failure: str
):
    broken_hook(file, old, new)
    tree.write({"run.py": "print(open('params.yaml').read(), end='')\n"})
    run, observed = watch([sys.executable, "run.py"], tree.path, quiet_stdout=False)
    assert run.exit_status == 0
    assert capfd.readouterr() == ("top: 20\n", "")
    assert len(observed.failures) == 1
    assert observed.failures[0].startswith(failure)
    assert observed.gaps[0].startswith("watching failed: ")


def test_a_report_that_cannot_be_made_leaves_the_run(tree: Workspace, monkeypatch):
    def broken(folder: Path) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(session, "read_all", broken)
    run, observed = watch(
        [sys.executable, "-c", "raise SystemExit(3)"], tree.path, quiet_stdout=True
    )
    assert (run.exit_status, observed.exit_status) == (3, 3)
    assert observed.failures == ("ZeroDivisionError while the records were read",)


def test_without_a_folder_for_records_the_run_goes_on_unwatched(tree: Workspace, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/no/such/folder")
    run, observed = watch([sys.executable, "-c", "pass"], tree.path, quiet_stdout=True)
    assert run.exit_status == 0
    assert observed.failures == (
        "no folder for the records could be made (No such file or directory)",
    )


def test_a_folder_that_pythonpath_cannot_name_is_none(tree: Workspace, monkeypatch):
    folder = tree.path / "with:colon"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    run, observed = watch([sys.executable, "-c", "pass"], tree.path, quiet_stdout=True)
    assert run.exit_status == 0
    assert observed.failures == ("no folder for the records could be made (its path holds a :)",)
    assert list(folder.iterdir()) == []


def test_a_program_that_is_none_is_refused_as_before(tree: Workspace):
    with pytest.raises(UsageError, match="There is no program 'no-such-program'"):
        watch(["no-such-program"], tree.path, quiet_stdout=True)


def test_records_that_cannot_be_written_are_counted(watched: Watched):
    observed = watched(
        script="""\
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
open("params.yaml").read()
open("data/raw.csv").read()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""
    )
    assert observed.lost == 2
    assert observed.gaps == ("2 records were lost",)


HOSTILE = """\
import os, pathlib
records = pathlib.Path(os.environ["PYTHONPATH"].split(os.pathsep)[0]).parent / "records"
(own,) = records.iterdir()
"""


@pytest.mark.parametrize(
    "deed",
    [
        "own.write_bytes(os.urandom(1 << 20))",
        'own.write_bytes(b"\\0" * (1 << 20))',
        'own.write_bytes(b"1 1 read ../../etc/passwd\\0" * 1000)',
        'own.write_bytes(b"1 1 start\\0" + b"9" * 100_000)',
        "os.truncate(own, 1 << 40)",
        'own.unlink(); own.symlink_to("/dev/zero")',
        "own.unlink(); os.mkfifo(own)",
        "own.unlink(); own.mkdir()",
        '(records / "9-0").symlink_to("/etc/passwd"); own.unlink()',
        '[(records / f"{n}-0").write_bytes(b"x") for n in range(11_000)]',
        "os.rmdir(records) if own.unlink() is None else 0",
        'own.write_bytes(own.read_bytes() + b"7 99999999999999999999 read x\\0")',
        'own.write_bytes(own.read_bytes() + b"7 9 read a//b//c\\0" + b"7 9 module 1//x\\0")',
    ],
)
def test_garbage_in_the_records_is_said_and_hurts_nobody(
    watched: Watched, tree: Workspace, deed: str
):
    began = time.monotonic()
    observed = watched(script=HOSTILE + deed + '\nopen("params.yaml").read()\n')
    assert time.monotonic() - began < 20
    assert not observed.is_complete
    assert all(not file.path.startswith(("/", "..")) for file in observed.files)
    observed.to_json()


def test_a_liar_does_not_take_away_the_inputs_of_others(watched: Watched, tree: Workspace):
    tree.write({"honest.py": "open('params.yaml').read()\n"})
    observed = watched(
        script=HOSTILE
        + """\
import subprocess, sys
with own.open("ab") as file:
    file.write(b"%d 1 made params.yaml\\0" % os.getpid())
subprocess.run([sys.executable, "honest.py"], check=True)
"""
    )
    assert "params.yaml" in inputs(observed)
    assert written(observed) == set()


def test_what_git_and_shells_do_beside_is_named(watched: Watched):
    observed = watched(
        script="import subprocess; subprocess.run('git status > /dev/null; true', shell=True)\n"
    )
    assert set(others(observed)) <= {"sh", "dash", "bash", "git"}
    assert others(observed)
