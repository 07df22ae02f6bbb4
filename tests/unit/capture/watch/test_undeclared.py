"""What a run read and no component holds."""

from __future__ import annotations

import pytest

from lineage.capture.watch import File, Folder, KnownPaths, Observed, undeclared
from lineage.capture.watch.undeclared import role_of
from lineage.identity.watched import Module, Role


def found(
    *files: File | Folder, known: KnownPaths | None = None, tracked=(), modules=()
) -> list[tuple[str, str]]:
    observed = Observed(
        0,
        tuple(file for file in files if isinstance(file, File)),
        tuple(file for file in files if isinstance(file, Folder)),
        tuple(modules),
    )
    return [(one.path, one.role) for one in undeclared(observed, known or KnownPaths(), tracked)]


def read(path: str, target: str | None = None) -> File:
    return File(path, True, False, target, ("src/train.py",))


@pytest.mark.parametrize("kind", ["code", "parameters", "data", "inputs", "outputs", "locks"])
def test_what_a_component_holds_is_declared(kind: str):
    known = KnownPaths(**{kind: ["a/x.csv", "folder/", "tree"]})
    files = [read(path) for path in ("a/x.csv", "folder/deep/y.csv", "tree/z.csv", "treeless.csv")]
    assert found(*files, known=known) == [("treeless.csv", "data")]


def test_a_symlink_is_declared_by_either_name():
    known = KnownPaths(code=["lib/a.py", "shared"])
    assert (
        found(read("lib/a.py", "other/a.py"), read("pack/b.py", "shared/b.py"), known=known) == []
    )


def test_an_archive_that_modules_are_imported_from_is_code():
    tracked = ["lib.zip", "data.zip"]
    modules = [Module("feat", "lib.zip/pack/feat.py")]
    files = [read(path) for path in ("lib.zip", "data.zip")]
    assert found(*files, tracked=tracked, modules=modules) == [
        ("data.zip", "data"), ("lib.zip", "code"),
    ]  # fmt: skip


def test_what_was_made_or_only_written_is_no_matter():
    assert found(File("out.csv", False, True)) == []


@pytest.mark.parametrize(
    "path",
    [
        "dvc.yaml",
        "sub/dvc.lock",
        "data/raw.csv.dvc",
        ".gitignore",
        "lineage.toml",
        "pack.egg-info/entry_points.txt",
        "src/pack-1.0.dist-info/METADATA",
    ],
)
def test_files_of_tools_are_no_inputs(path: str):
    assert found(read(path)) == []


@pytest.mark.parametrize(
    ("path", "is_tracked", "role"),
    [
        ("src/a.py", True, Role.CODE),
        ("src/a.py", False, Role.CODE),
        ("analysis.ipynb", True, Role.CODE),
        ("model.R", True, Role.CODE),
        ("params.yaml", True, Role.PARAMETERS),
        ("conf/local.toml", False, Role.PARAMETERS),
        ("labels.json", True, Role.PARAMETERS),
        ("labels.json", False, Role.DATA),
        ("stopwords.txt", True, Role.DATA),
        ("data/raw.parquet", False, Role.DATA),
        ("Makefile", True, Role.DATA),
    ],
)
def test_roles(path: str, is_tracked: bool, role: Role):
    assert role_of(path, is_tracked=is_tracked) is role


def test_what_was_imported_is_code_whatever_it_is_called():
    modules = [Module("odd", "plugins/odd.plugin")]
    assert found(read("plugins/odd.plugin"), modules=modules) == [("plugins/odd.plugin", "code")]


def test_folders_count_as_data():
    folders = [
        Folder("data/images", 100_000, True, False),
        Folder("known/images", 5, True, False),
        Folder("out", 5, False, True),
        Folder("", 70, True, False),
    ]
    assert found(*folders, known=KnownPaths(data=["known"]), tracked=["data/images/1.png"]) == [
        ("./", "data"),
        ("data/images/", "data"),
    ]


def test_json():
    (one,) = undeclared(Observed(0, (read("src/a.py"),)), KnownPaths(), ["src/a.py"])
    assert one.to_json() == {
        "path": "src/a.py",
        "role": "code",
        "tracked": True,
        "by": ["src/train.py"],
    }
