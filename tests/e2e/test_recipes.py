"""Every shell block of the README and the guides is run as it stands there, and its Python.

What a page says in comments, and how what is shown is compared: ``tests/support/recipes.py``.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from ..support.recipes import (
    RUN,
    SHELLS,
    Shell,
    blocks_of,
    missing_from,
    ours_in,
    play,
    typed_in,
    workspace_of,
)
from ..support.workspaces import WORKSPACES, workspace
from .test_remedies import parse

ROOT = Path(__file__).parents[2]
STORY = ROOT / "tests/e2e/tenth_week.md"
"""What a platform engineer does; no page of the documentation."""
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/guides/*.md")), STORY]
TEXTS = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PAGES}
WITH_BLOCKS = [
    name for name, text in TEXTS.items() if any(b.language in RUN for b in blocks_of(text))
]
PROGRAMS = ("jq", "curl", "psql", "openssl")
"""What recipes use that a machine may lack."""
IN_PASSING = re.compile(r"(?<!`)`(lineage [a-z][^`\n]*)`(?!`)")


@pytest.mark.parametrize("name", WITH_BLOCKS)
def test_what_a_page_tells_to_type_does_what_the_page_says(name, request, tmp_path):
    lacking = [one for one in PROGRAMS if f"{one} " in TEXTS[name] and not shutil.which(one)]
    if lacking:
        pytest.skip(f"{name} uses {', '.join(lacking)}, which this machine lacks")
    blocks = [block for block in blocks_of(TEXTS[name]) if "not run" not in block.said]
    if not blocks:
        return
    place = workspace_of(TEXTS[name])
    assert place in WORKSPACES, (
        f"{name}: say at the top where its blocks are run: <!-- workspace: NAME -->, one of "
        f"{', '.join(WORKSPACES)}; or before each block why not: <!-- not run: REASON -->"
    )
    with workspace(place, request) as made, Shell(made, tmp_path / "typed") as shell:
        shell.run("pip() { :; }")
        for block in blocks:
            list(play(shell, block, name))


@pytest.mark.parametrize("name", WITH_BLOCKS)
def test_what_is_not_run_says_why_and_is_parsed(name):
    for block in blocks_of(TEXTS[name]):
        if "not run" in block.said:
            assert len(block.said["not run"].split()) > 2, f"{name}:{block.line}: say why"
            if block.language in SHELLS:
                for typed in typed_in(block):
                    for command in ours_in(typed.text):
                        parse(command)


@pytest.mark.parametrize("name", TEXTS)
def test_the_command_line_takes_what_a_page_names_in_passing(name):
    for command in IN_PASSING.findall(TEXTS[name]):
        if not re.search(r"…| / |\bCOMMAND\b", command):
            try:
                parse(command)
            except Exception as error:  # without all of its words, or with one such as ID
                assert "No such" not in str(error), f"{name}: {command}: {error}"


# the rules themselves


PAGE = """\
<!-- workspace: nothing -->

<!-- first: touch there -->

```console
$ ls && pwd           # a comment
there
$ echo one \\
    two; echo "error: three"; exit_code() { return 6; }; exit_code
one two
error: three
```

<!-- file: folder/settings.toml -->

```toml
[a]
```

```bash
cd folder
cat settings.toml; exit 0
```

<!-- given: from pathlib import Path -->

```python
assert Path("folder/settings.toml").read_text() == "[a]\\n"
```
"""


def _played(shell, page):
    return (typed for block in blocks_of(page) for typed in play(shell, block, "PAGE"))


def test_a_page_is_played_in_its_order(request, tmp_path):
    with workspace("nothing", request) as made, Shell(made, tmp_path / "typed") as shell:
        lines = [typed.line for typed in _played(shell, PAGE)]
    assert lines == [6, 8, 21, 28]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("there\n", "elsewhere\n", "did not print what is shown:\nelsewhere"),
        ("\nerror: three\n```", "\n```", "ended with 6"),
        ("touch there", "exit_code", "what comes first ended with 127"),
        ("cat settings.toml; exit 0", "cat none", "ended with 1"),
        ('== "[a]', '== "[b]', "the Python ended with 1"),
        ("one two\nerror: three", "error: three\none two", "did not print what is shown:\none two"),
    ],
)
def test_what_does_not_go_as_it_is_shown_fails(old, new, says, request, tmp_path):
    assert old in PAGE
    with (
        workspace("nothing", request) as made,
        Shell(made, tmp_path / "typed") as shell,
        pytest.raises(AssertionError, match=re.escape(says)),
    ):
        list(_played(shell, PAGE.replace(old, new)))


@pytest.mark.parametrize(
    ("shown", "printed", "is_there"),
    [
        ("at xxh3:9ca2b501c2f2…", "at xxh3:" + "0" * 32, True),
        ("churn@7 at 2fdedb32066c", "churn@7 at 0123456789ab", True),
        ("churn@7 at 2fdedb32066c", "churn@8 at 0123456789ab", False),
        ("2026-11-20 07:12:45  took 4.1 s", "2027-01-02 03:04:05 took 0.2 s", True),
        ("the auc is 0.84", "the auc is 0.83", False),
        ("{…, 'side': 'backup', …}", "{'a': 1, 'side': 'backup', 'b': 2}", True),
        ("{…, 'side': 'backup', …}", "{'a': 1, 'side': 'serving', 'b': 2}", False),
        ("event 1042", "event 981", True),
        ("event 42", "event 43", False),
        ("lng_…", "lng_0123abc", True),
    ],
)
def test_what_differs_from_run_to_run_is_compared_by_its_kind(shown, printed, is_there):
    assert (missing_from([shown], f"before\n{printed}\n") is None) is is_there
