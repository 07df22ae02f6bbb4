"""Notebooks: their code cells, and a digest that running them again does not change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lineage.capture.code_graph.python.notebook import notebook_digest

from .repository import follow, found, unseen

RUN = "papermill nb/n.ipynb out.ipynb"


def notebook(*cells: str | dict[str, Any], language: str = "python", **more: Any) -> str:
    """A notebook of code cells."""
    full = [
        cell
        if isinstance(cell, dict)
        else {"cell_type": "code", "source": cell, "metadata": {}, "outputs": []}
        for cell in cells
    ]
    metadata = {"kernelspec": {"language": language, "name": "x"}}
    return json.dumps({"cells": full, "metadata": metadata, "nbformat": 4, **more})


CELLS = {
    "an import": ("import beside", {"nb/beside.py"}),
    "from where it runs": ("import top", {"top.py"}),
    "lines": (["import x\n", "import beside"], {"nb/beside.py"}),
    "%run": ("%run beside.py --x", {"nb/beside.py"}),
    "%run of a notebook": ("%run other.ipynb", {"nb/other.ipynb", "top.py"}),
    "!": ("!python beside.py", {"nb/beside.py"}),
    "! in a block": ("if x:\n    !python beside.py\n    import top", {"nb/beside.py", "top.py"}),
    "a value of !": ("files = !python beside.py\nimport top", {"nb/beside.py", "top.py"}),
    "! over lines": ("!python \\\n  beside.py\nimport top", {"nb/beside.py", "top.py"}),
    "%%bash": ("%%bash\ncd ..\npython top.py", {"top.py"}),
    "%%time": ("%%time\nimport beside", {"nb/beside.py"}),
    "%time": ("%time import beside", {"nb/beside.py"}),
    "magics": ("%matplotlib inline\n%load_ext autoreload\nimport beside", {"nb/beside.py"}),
    "%load_ext of its own": ("%load_ext beside", {"nb/beside.py"}),
    "help": ("pd.read_csv?\n?x\nimport beside", {"nb/beside.py"}),
    "%cd": ("%cd ..\n!python top.py", {"top.py"}),
    "a percent that is Python": ("x = (y\n %z)\nimport beside", {"nb/beside.py"}),
    "a text with magics": ("'''\n%run top.py\n'''\nimport beside", {"nb/beside.py"}),
    "%%writefile": ("%%writefile x.py\nimport beside", set()),
    "sys.path": ("import sys\nsys.path.append('..')\nimport top", {"top.py"}),
}


@pytest.mark.parametrize("name", CELLS)
def test_code_cells_are_followed(name: str) -> None:
    cell, expected = CELLS[name]
    source = "".join(cell) if isinstance(cell, list) else cell
    files = {
        "nb/n.ipynb": notebook(source),
        "nb/other.ipynb": notebook("import top"),
        "nb/beside.py": "",
        "top.py": "",
    }
    code = follow(files, RUN)
    assert set(code.files) == {"nb/n.ipynb", *expected}
    assert not code.unseen


HELPER = {"nb/helper.py": "", "lib/helper.py": "", "helper.py": ""}


def test_what_is_run_in_a_notebook_searches_its_own_folder_and_the_notebooks() -> None:
    """As IPython does: one process, one ``sys.path``, before which stands the folder of the run file."""
    files = {
        "nb/n.ipynb": notebook(
            "import sys\nsys.path.append('../more')\n%run ../lib/a.py\nimport late"
        ),
        "lib/a.py": "import beside, only, extra\nimport sys\nsys.path.append('../late')",
        "lib/beside.py": "",
        "nb/only.py": "",
        "more/extra.py": "",
        "late/late.py": "",
    }
    code = follow(files, "jupyter nbconvert --execute nb/n.ipynb")
    assert set(code.files) == {*files}
    assert not code.unseen


def test_a_module_of_both_folders_is_taken_from_both_as_either_may_be_imported_already() -> None:
    files = {"nb/n.ipynb": notebook("%run ../lib/a.py"), "lib/a.py": "import helper", **HELPER}
    assert {"nb/helper.py", "lib/helper.py"} <= found(files, "jupyter nbconvert nb/n.ipynb")


IN_EITHER = {
    "an import": "import helper",
    "%run": "%run helper.py",
    "!": "!python helper.py",
    "sys.path": "import sys\nsys.path.append('sub')\nimport deep",
    "a file": "exec(open('helper.py').read())",
}


@pytest.mark.parametrize("name", IN_EITHER)
def test_a_notebook_may_run_in_its_own_folder_or_in_the_commands(name: str) -> None:
    """Jupyter starts a kernel beside the notebook, papermill where papermill is started."""
    files = {
        "nb/n.ipynb": notebook(IN_EITHER[name]),
        "nb/helper.py": "",
        "helper.py": "",
        "nb/sub/deep.py": "",
        "sub/deep.py": "",
    }
    last = "sub/deep.py" if name == "sys.path" else "helper.py"
    code = follow(files, RUN)
    assert set(code.files) == {"nb/n.ipynb", last, f"nb/{last}"}
    assert not code.unseen


def test_what_lacks_in_both_folders_of_a_notebook_is_named() -> None:
    files = {"nb/n.ipynb": notebook("%run gone.py\n!python lost.py")}
    texts = {text for _, _, text in unseen(files, RUN)}
    assert texts == {"git tracks no gone.py", "git tracks no lost.py"}


MOVES = {
    "%cd": "%cd ../lib\nimport deep",
    "%cd twice": "%cd ..\n%cd lib\nimport deep",
    "chdir": "import os\nos.chdir('../lib')\nimport deep",
    "%run after %cd": "%cd ..\n%run lib/deep.py",
    "%run -m": "%cd ../lib\n%run -m deep",
}


@pytest.mark.parametrize("name", MOVES)
def test_a_notebook_that_moves_searches_where_it_went(name: str) -> None:
    files = {"nb/n.ipynb": notebook(MOVES[name]), "lib/deep.py": ""}
    code = follow(files, "jupyter nbconvert --execute nb/n.ipynb")
    assert set(code.files) == {*files}
    assert not code.unseen


def test_a_notebook_that_moves_somewhere_computed_is_named() -> None:
    files = {"nb/n.ipynb": notebook("import os\nos.chdir(x)")}
    assert unseen(files, RUN) == [("nb/n.ipynb cell 1:2", "sys.path entry", "os.chdir(x)")]


def test_places_tell_the_cell_and_the_line() -> None:
    text = {"cell_type": "markdown", "source": "import no"}
    files = {
        "nb/n.ipynb": notebook(text, "x = 1\n%x\nimport a\nexec(y)"),
        "nb/a.py": "",
        "no.py": "",
    }
    code = follow(files, RUN)
    assert code.why("nb/a.py") == "nb/a.py ← nb/n.ipynb cell 2:3 ← the command"
    assert [str(one.place) for one in code.unseen] == ["nb/n.ipynb cell 2:4"]


def test_a_cell_that_is_no_python_is_named_and_the_others_are_read() -> None:
    files = {"nb/n.ipynb": notebook("def f(:\nimport b", "import a"), "nb/a.py": "", "nb/b.py": ""}
    assert found(files, RUN) == {*files}
    assert [where for where, _, _ in unseen(files, RUN)] == ["nb/n.ipynb cell 1:1"]


BAD = {
    "no JSON": b"{",
    "no text": b"\xff\xfe\x00",
    "no object": b"[]",
    "no cells": b"{}",
    "cells that are none": b'{"cells": 1}',
    "nested": b"[" * 200_000,
    "a number too long": b'{"cells": [' + b"1" * 10_000 + b"]}",
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_no_notebook_is_named(name: str) -> None:
    files = {"nb/n.ipynb": BAD[name]}
    assert found(files, RUN) == {"nb/n.ipynb"}
    names = unseen(files, RUN)
    assert [(where, kind) for where, kind, _ in names] in (
        [("nb/n.ipynb", "unreadable")],
        [],  # a notebook without code
    )


def test_odd_cells_are_passed_over() -> None:
    odd: list[Any] = [1, None, [], {"cell_type": "code"}, {"cell_type": "code", "source": [1]}]
    files = {"nb/n.ipynb": json.dumps({"cells": odd, "metadata": {"kernelspec": 1}})}
    assert found(files, RUN) == {"nb/n.ipynb"}


def test_other_languages_are_named() -> None:
    files = {"nb/n.ipynb": notebook("library(x)", language="R")}
    assert unseen(files, RUN) == [("nb/n.ipynb", "other language", "r")]
    files = {"nb/n.ipynb": notebook("%%R\nlibrary(x)")}
    assert unseen(files, RUN)[0][:2] == ("nb/n.ipynb cell 1:1", "other language")


def test_a_notebook_of_version_3_is_read() -> None:
    cell = {"cell_type": "code", "input": "import a"}
    files = {"nb/n.ipynb": json.dumps({"worksheets": [{"cells": [cell]}]}), "nb/a.py": ""}
    assert found(files, RUN) == {*files}


def run_again(text: str) -> str:
    """The same notebook after a run."""
    document = json.loads(text)
    for number, cell in enumerate(document["cells"]):
        cell["execution_count"] = number + 7
        cell["outputs"] = [{"output_type": "stream", "text": "other"}]
        cell["metadata"] = {"papermill": {"duration": number}, "tags": ["hide-output"]}
        cell["id"] = f"id{number}"
        cell["source"] = cell["source"].splitlines(keepends=True)
    document["metadata"]["language_info"] = {"version": "3.12.1", "name": "python"}
    document["cells"] += [
        {"cell_type": "markdown", "source": "more"},
        {"cell_type": "code", "source": "  \n"},
    ]
    return json.dumps(document, indent=4)


def test_running_a_notebook_again_changes_nothing() -> None:
    text = notebook("import a\nx = 1", "print(x)")
    assert notebook_digest(text.encode()) == notebook_digest(run_again(text).encode())


@pytest.mark.parametrize(
    "other",
    [
        notebook("import a\nx = 2", "print(x)"),
        notebook("print(x)", "import a\nx = 1"),
        notebook("import a\nx = 1print(x)"),
        notebook("import a\nx = 1", "print(x)", "y"),
        notebook("import a\nx = 1", "print(x)", language="julia"),
    ],
)
def test_other_code_is_another_digest(other: str) -> None:
    text = notebook("import a\nx = 1", "print(x)")
    assert notebook_digest(text.encode()) != notebook_digest(other.encode())


def test_a_tag_that_decides_what_runs_counts() -> None:
    plain = {"cell_type": "code", "source": "x = 1", "metadata": {"tags": ["nice"]}}
    tagged = {**plain, "metadata": {"tags": ["nice", "parameters"]}}
    digests = {notebook_digest(notebook(cell).encode()) for cell in (plain, tagged)}
    assert len(digests) == 2


def test_what_is_no_notebook_has_no_digest_of_its_own() -> None:
    assert notebook_digest(b"{") is None
    assert notebook_digest(b'{"cells": [{"cell_type": "code", "source": "\\ud800"}]}') is None


def test_the_digest_is_what_its_description_says() -> None:
    from blake3 import blake3

    content = b'lineage-notebook/1\n{"cells":[{"source":"x","tags":[]}],"language":"python"}'
    assert notebook_digest(notebook("x").encode()) == f"blake3:{blake3(content).hexdigest()}"
