"""The documentation says what the program does."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from lineage.api.problems import HTTP_PROBLEMS, OTHER
from lineage.cli.app import build

from documentation import pages, routes
from lineage import errors
from lineage.guard.decision import GuardRefused, Status
from lineage.guard.rules import CODES, RULES
from tests.support.sources import strings_of
from tests.unit.contract.test_problems import kinds
from tests.unit.guard.test_evaluate import GOOD

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *ROOT.glob("docs/**/*.md"),
]


def test_the_reference_of_the_commands_is_the_programs_own(tmp_path):
    """`make docs` writes it."""
    made = tmp_path / "commands.md"
    subprocess.run(
        [sys.executable, "-m", "typer", "lineage.cli.docs", "utils", "docs", "--name", "lineage",
         "--output", made],
        check=True, capture_output=True, cwd=ROOT,
    )  # fmt: skip
    assert made.read_text() == (ROOT / "docs/reference/commands.md").read_text()


def test_the_reference_of_the_routes_is_the_servers_own():
    """`make docs` writes it."""
    assert routes.page(routes.document()) == (ROOT / "docs/reference/routes.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_picture_is_shown_and_is_small():
    """`make pictures` makes those of the pages."""
    there = {path for path in ROOT.glob("docs/img/**/*") if path.is_file()}
    shown = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in re.findall(r"!\[[^\]]{20,}\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    }
    assert shown == there
    assert [path for path in there if path.stat().st_size > 100_000] == []
    assert {path.name for path in there if path.parent.name == "pages"} == set(pages.files())


def test_the_navigation_has_every_page_once_and_the_first_page_leads_into_each_part():
    parts = re.split(r"^  - ", (ROOT / "mkdocs.yml").read_text(), flags=re.MULTILINE)
    pages = [re.findall(r"(?:- |: )([\w/-]+\.md)$", part, re.MULTILINE) for part in parts]
    there = [page.relative_to(ROOT / "docs").as_posix() for page in ROOT.glob("docs/**/*.md")]
    assert sorted(page for part in pages for page in part) == sorted(there)
    linked = re.findall(r"\]\(([^)#\s]+)", (ROOT / "docs/index.md").read_text(encoding="utf-8"))
    for part in pages:
        assert not part or {"index.md", *linked} & set(part), part


TRACKED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
    cwd=ROOT, capture_output=True, text=True, check=True,
).stdout.split()  # fmt: skip
TEXTS = [
    name
    for name in TRACKED
    if name.endswith((".py", ".md", ".toml", ".yml", ".yaml", ".sh")) or name == "Makefile"
    if name != "CHANGELOG.md" and not name.startswith("tests/cases/")
]
FOLDERS = sorted({name.partition("/")[0] for name in TRACKED if "/" in name} - {".dvc", "docs"})
PATH = re.compile(rf"(?<![\w./-])(?:docs|{'|'.join(FOLDERS)})/[\w./{{}}*-]*\w")
SECTION = re.compile(r'\bdocs/(\S+\.md),\s"([^"]+)"')
NUMBERED = re.compile(r"\bdesign(?:\.md)? §(\d+)")
DECISION = re.compile(r"\b[Dd]ecisions? (\d+)\b")
NAMED_PAGE = re.compile(r"\bthe page '([^']+)' of the documentation")
SHIPPED = re.compile(r"(?:lineage|cli|api|migrations)/.*\.py")
MODULE = re.compile(r":(?:mod|class|func|meth|attr|exc):`~?(lineage(?:\.\w+)+)`")


def test_no_merge_was_left_half_done():
    marked = [
        name
        for name in TRACKED
        if not name.startswith("tests/cases/") and (ROOT / name).is_file()
        if re.search(rb"^(?:<{7}|>{7}) ", (ROOT / name).read_bytes(), re.MULTILINE)
    ]
    assert marked == []


@pytest.mark.parametrize("name", TEXTS)
def test_every_path_section_and_module_that_a_text_names_is_there(name):
    """In code, messages and documentation alike; a name with braces stands for several."""
    text = (ROOT / name).read_text(encoding="utf-8")
    for path in PATH.findall(text):
        pattern = re.sub(r"\{[^}]*\}", "*", path)
        if name.startswith("tests/") and not path.startswith("docs/"):
            continue
        assert any(ROOT.glob(pattern)) or any(ROOT.glob(f"{pattern}.py")), f"{name}: {path}"
    for page, heading in SECTION.findall(text):
        assert re.search(
            rf"^#+ (?:\d+\. )?{re.escape(heading)}$",
            (ROOT / "docs" / page).read_text(),
            re.MULTILINE,
        ), f"{name}: {page}, {heading}"
    design = (ROOT / "docs/design.md").read_text()
    for number in NUMBERED.findall(text):
        assert f"\n## {number}. " in design, f"{name}: design, section {number}"
    for number in DECISION.findall(text):
        assert list((ROOT / "docs/decisions").glob(f"{int(number):04}-*.md")), f"{name}: {number}"
    for dotted in MODULE.findall(text):
        assert _is_there(dotted), f"{name}: {dotted}"


def _title(page):
    return page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ").strip("`")


TITLES = {_title(page) for page in ROOT.glob("docs/**/*.md")}


@pytest.mark.parametrize("name", [name for name in TEXTS if SHIPPED.match(name)])
def test_a_message_names_a_page_by_its_title(name):
    """Whoever reads it has the documentation and no `docs/`."""
    for line, text in strings_of(ROOT / name):
        assert "docs/" not in text, f"line {line}: {text}"
        flat = " ".join(text.replace("#", " ").split())
        for title in NAMED_PAGE.findall(flat):
            assert title in TITLES | {"{}"}, f"line {line}: {title}"


def test_every_rule_has_the_page_that_a_refusal_names():
    assert set(CODES) <= TITLES


def _is_there(dotted):
    """Whether a dotted name is a module, or an attribute on the way from one."""
    module, _, attribute = dotted.rpartition(".")
    try:
        importlib.import_module(dotted)
    except ModuleNotFoundError:
        if not module or not _is_there(module):
            return False
        owner = _attribute_of(module)
        return hasattr(owner, attribute) or attribute in getattr(owner, "__annotations__", {})
    return True


def _attribute_of(dotted):
    try:
        return importlib.import_module(dotted)
    except ModuleNotFoundError:
        module, _, attribute = dotted.rpartition(".")
        return getattr(_attribute_of(module), attribute)


def test_every_rule_has_its_line():
    text = (ROOT / "docs/reference/rules.md").read_text()
    for rule in RULES:
        check = rule(GOOD)
        assert check.status is Status.PASS
        assert f"| [`{check.code}`](../rules/{check.code}.md) |" in text
        page = (ROOT / f"docs/rules/{check.code}.md").read_text()
        assert page.startswith(f"# `{check.code}`\n")
        for part in ("Fails when", "Why it exists", "How it fails", "How to satisfy it"):
            assert part in page


PROBLEMS = (ROOT / "docs/reference/problems.md").read_text(encoding="utf-8")


def test_the_table_of_problems_is_that_of_the_errors():
    rows = re.findall(
        r"^\| \[`(\S+)`\]\(#(\S+)\) \| ([\w ]+) \| (\d?) ?\| (?:`(\w+)`)? ?\|$",
        PROBLEMS,
        re.MULTILINE,
    )
    assert all(code == anchor for code, anchor, *_ in rows)
    told = [(code, status, exit_code, name) for code, _, status, exit_code, name in rows]
    ours = [
        (kind.code, str(kind.http_status), str(kind.exit_code), kind.__name__) for kind in kinds()
    ]
    https = [(code, str(status), "", "") for status, (code, *_) in HTTP_PROBLEMS.items()]
    assert sorted(told) == sorted([*ours, *https, (OTHER, "any other", "", "")])


def test_every_problem_is_explained():
    codes = re.findall(r"^\| \[`(\S+)`\]", PROBLEMS, re.MULTILINE)
    sections = re.split(r"^##+ ", PROBLEMS, flags=re.MULTILINE)[1:]
    explained = dict(section.split("\n", 1) for section in sections if section.startswith("`"))
    assert sorted(explained) == sorted(f"`{code}`" for code in codes)
    for code, text in explained.items():
        parts = re.findall(r"^\*\*(.+):\*\* \w", text.replace("`", ""), re.MULTILINE)
        assert parts == ["Means", "Why", "What to do"], code


def test_the_table_of_exit_codes_is_that_of_the_errors():
    drawn = re.findall(r"(\w+) +exit (\d) +HTTP (\d+) +([\w-]+)", errors.__doc__ or "")
    known = vars(errors) | {"GuardRefused": GuardRefused}
    for name, exit_code, status, code in drawn:
        error = known[name]
        assert (error.exit_code, error.http_status, error.code) == (
            int(exit_code),
            int(status),
            code,
        )
    assert {int(exit_code) for _, exit_code, _, _ in drawn} == set(range(1, 10))
    written = dict(re.findall(r"^\| (\d) \| (.+) \|$", PROBLEMS, re.MULTILINE))
    readme = (ROOT / "README.md").read_text()
    rows = re.findall(r"^\| (\d) \| (.+) \| (\d) \| (.+) \|$", readme, re.MULTILINE)
    assert written == {code: means for row in rows for code, means in (row[:2], row[2:])}
    assert sorted(written) == [str(number) for number in range(10)]
    epilog = (build().info.epilog or "").partition("Exit codes: ")[2]
    for code, means in written.items():
        short = means.replace("done, or", "done or").partition(":")[0]
        assert re.search(rf"\b{code} {short}[,.]", epilog), (code, epilog)


def test_the_locked_environment_is_pinned_with_hashes():
    text = (ROOT / "requirements/dev.txt").read_text()
    assert "://" not in text, "no registry's host is named"
    pinned = re.findall(r"^([a-z0-9._-]+)==", text, re.MULTILINE | re.IGNORECASE)
    assert {"dvc", "sqlmodel", "typer", "pytest"} <= {name.lower() for name in pinned}
    assert text.count("--hash=") > len(pinned)
