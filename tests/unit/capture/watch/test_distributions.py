"""Which distribution an imported package is of, from what installers leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lineage.capture.watch.distributions import distributions
from lineage.identity.watched import Distribution

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "lib/site-packages"
    folder.mkdir(parents=True)
    return folder


def install(
    site: Path, name: str, version: str, record: str, *, info: str | None = None, **files: str
) -> Path:
    folder = site / (info or f"{name.replace('-', '_')}-{version}.dist-info")
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (folder / "RECORD").write_text(record)
    for file, text in files.items():
        (folder / f"{file}.txt").write_text(text)
    return folder


def found(site: Path, *packages: tuple[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    known, unknown = distributions(
        [
            (name, file if file.startswith("/") else f"{site}/{file}", "a.py")
            for name, file in packages
        ],
        [str(site)],
    )
    assert all(one.by == ("a.py",) for one in known)
    return {one.name: one.version for one in known}, unknown


def test_a_package_is_known_by_its_files_not_by_its_name(site: Path):
    install(site, "scikit-learn", "1.9.1", "sklearn/__init__.py,sha256=x,1\n../../bin/x,,\n")
    install(site, "PyYAML", "6.0", "yaml/__init__.py,,\n_yaml/__init__.py,,\n")
    install(site, "six", "1.17", "six.py,,\n")
    assert found(
        site, ("sklearn", "sklearn/__init__.py"), ("yaml", "yaml/__init__.py"), ("six", "six.py")
    ) == ({"scikit-learn": "1.9.1", "PyYAML": "6.0", "six": "1.17"}, ())


def test_a_namespace_is_told_apart_by_its_files(site: Path):
    install(site, "google-cloud-storage", "3.1", "google/cloud/storage/__init__.py,,\n")
    install(site, "protobuf", "6.2", "google/protobuf/__init__.py,,\n")
    assert found(site, ("google.protobuf", "google/protobuf/__init__.py"))[0] == {"protobuf": "6.2"}


def test_an_editable_install_is_known_by_what_it_provides_or_is_called(site: Path):
    install(site, "own-lib", "1.0", "__editable__.own.pth,,\n", top_level="ownlib\n")
    install(site, "flit-made", "2.0", "flit_made.pth,,\n")
    assert found(
        site, ("ownlib", "/src/ownlib/__init__.py"), ("flit_made", "/other/flit_made.py")
    ) == ({"own-lib": "1.0", "flit-made": "2.0"}, ())


def test_an_old_egg_info(site: Path):
    folder = site / "oldie-0.9.egg-info"
    folder.mkdir()
    (folder / "PKG-INFO").write_text("Metadata-Version: 1.0\nName: oldie\nVersion: 0.9\n")
    (folder / "top_level.txt").write_text("oldie\n")
    assert found(site, ("oldie", "oldie/__init__.py"))[0] == {"oldie": "0.9"}


def test_what_nobody_installed_is_named(site: Path):
    assert found(site, ("homemade", "homemade.py"), ("elsewhere", "/x/elsewhere.py")) == (
        {},
        ("elsewhere", "homemade"),
    )


@pytest.mark.parametrize("metadata", ["", "Name: x\n", "Name: \x1b[31m\nVersion: 1\n", "\xff" * 9])
def test_metadata_that_say_nothing_sound_make_no_distribution(site: Path, metadata: str):
    folder = install(site, "odd", "1.0", "odd.py,,\n")
    (folder / "METADATA").write_text(metadata)
    known, _ = distributions([("odd", f"{site}/odd.py", "")], [str(site)])
    assert known == ()


def test_a_folder_that_is_none(tmp_path: Path):
    assert distributions([("a", "/nowhere/a.py", "")], ["/nowhere", str(tmp_path / "x")]) == (
        (),
        ("a",),
    )


def test_who_imported_is_said(site: Path):
    install(site, "six", "1.17", "six.py,,\n")
    packages = [("six", f"{site}/six.py", script) for script in ("b.py", "a.py", "")]
    assert distributions(packages, [str(site)])[0] == (
        Distribution("six", "1.17", ("a.py", "b.py")),
    )
