"""What a start loads: each command names the packages that it may, and anything new fails by name."""

from __future__ import annotations

import sys

import pytest

from ..conftest import FILE_AND_SERVER

AT_THE_END = (
    "import atexit, sys; "
    "atexit.register(lambda: print(*(n for n, m in sys.modules.items() if m), file=sys.stderr)); "
)
COMMAND = AT_THE_END + "from lineage.cli import main; main()"
SERVER = AT_THE_END + "from lineage.api.app import create_app; create_app()"

TYPER = {"typer", "annotated_doc", "shellingham", "typing_extensions"}
HELP = TYPER | {"rich", "markdown_it", "mdurl", "pygments", "attr", "linkify_it"}
ASKS = TYPER | {"pydantic", "pydantic_core", "annotated_types", "typing_inspection"}
"""What Typer loads to read options."""

DIGESTS = {"blake3", "xxhash", "rfc8785"}
A_FILE = ASKS | DIGESTS | {"sqlalchemy"}
A_SERVER = ASKS | DIGESTS | {"httpx", "httpcore", "h11", "anyio", "certifi", "idna"}
SERVES = (A_FILE - TYPER) | {
    "typing_extensions", "annotated_doc", "sqlmodel", "fastapi", "starlette", "anyio", "idna",
    "pydantic_settings", "dotenv", "prometheus_client", "opentelemetry", "orjson", "uvicorn", "click",
    "httptools", "uvloop",
    "email_validator",  # where there is one, FastAPI loads it: development has it for sigstore
}  # fmt: skip
NOBODYS = {"coverage", "cython_runtime", "sitecustomize", "usercustomize"}

QUESTIONS = (
    ("guard", "churn@1", "--env", "production"),
    ("serving",),
    ("serving", "churn", "--env", "production"),
)


def _loaded(project, program: str, *words: str, **env: str) -> tuple[set[str], set[str]]:
    """The modules that a program has loaded when it ends, and the packages that are not Python's."""
    done = project.command("python", "-c", program, *words, env=env)
    assert done.code == 0, done.err
    modules = set(done.err.splitlines()[-1].split())
    packages = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names
    ours = {name for name in packages if name.startswith("_") or name == "lineage"}
    return modules, packages - ours - NOBODYS


@pytest.fixture
def serving(project):
    """churn@1 serves in production."""
    for words in (
        ("register", "churn"),
        ("validate", "churn@1", "--passed"),
        ("pipeline", "deploy", "--env", "production"),
        ("promote", "churn@1", "--env", "production"),
    ):
        project.ok(*words)
    return project


@FILE_AND_SERVER
def test_a_question_loads_what_it_needs_alone(serving, request):
    remote = request.node.callspec.params["project"] == "server"
    for words in QUESTIONS:
        modules, packages = _loaded(serving, COMMAND, *words)
        assert packages - (A_SERVER if remote else A_FILE) == set(), words
        assert "sqlalchemy.orm" not in modules, words


def test_help_loads_no_command(project):
    modules, packages = _loaded(project, COMMAND, "--help")
    assert packages - HELP == set()
    assert not {name for name in modules if name.startswith("lineage.cli.commands")}
    assert _loaded(project, COMMAND, "--version")[1] - TYPER == set()


def test_a_server_starts_without_what_it_needs_once_in_a_while(project):
    project.ok("register", "churn")
    database = f"sqlite:///{project.path / '.lineage/registry.db'}"
    _, packages = _loaded(project, SERVER, LINEAGE_REGISTRY=database, LINEAGE_NO_AUTH="1")
    assert packages - SERVES == set()
