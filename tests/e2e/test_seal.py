"""`lineage pipeline seal`: in the training repository, and in a service's own."""

from __future__ import annotations

import json

import pytest

from lineage.identity.digest import blake3_of
from lineage.identity.seal import Seal
from tests.conftest import Workspace

SERVICE = """\
[models.churn.serving]
files = { "app/features.py" = "src/featurize.py", "app/settings.yaml" = "params.yaml" }
own = ["app/main.py"]
stages = ["featurize"]
"""


@pytest.fixture
def deployed(project):
    project.ok("register", "churn")
    project.ok("validate", "churn@1")
    project.ok("pipeline", "deploy", "--env", "production")
    return project


@pytest.fixture
def service(deployed, tmp_path):
    """A second repository, whose service runs copies of the pipeline's files."""
    made = Workspace(
        tmp_path / "service",
        {"LINEAGE_REGISTRY": f"sqlite:///{deployed.path / '.lineage/registry.db'}"},
    )
    made.path.mkdir()
    made.git("init", "--quiet", "--initial-branch", "main")
    made.write(
        {
            "lineage.toml": SERVICE,
            "app/features.py": (deployed.path / "src/featurize.py").read_text(),
            "app/settings.yaml": "# of the service\nserver: {port: 80}\nfeaturize: {top: 20}\n",
            "app/main.py": "import app.features\n",
        }
    )
    made.commit()
    return made


def sealed(workspace, name="pipeline.seal.json"):
    return Seal.from_json(json.loads((workspace.path / name).read_bytes()))


def test_a_seal_holds_every_file_of_the_pipeline_as_it_lies_on_disk(project):
    captured = project.ok("pipeline", "capture")
    made = project.ok("pipeline", "seal")
    seal = sealed(project)
    assert made["path"] == str(project.path / "pipeline.seal.json")
    assert seal.to_json() == {key: made[key] for key in seal.to_json()}
    assert seal.version.xxh3 == captured["digest"]
    assert seal.version.blake3 == captured["blake3"]
    assert set(seal.files) == {"src/prepare.py", "src/featurize.py", "params.yaml"}
    for path, file in seal.files.items():
        data = (project.path / path).read_bytes()
        assert (file.blake3, file.size) == (blake3_of(data), len(data))


def test_sealing_twice_gives_the_same_bytes_and_leaves_nothing_beside(project):
    project.ok("pipeline", "seal", "churn", "-o", "one.json")
    project.ok("pipeline", "seal", "-o", str(project.path / "two.json"), cwd="src")
    assert (project.path / "one.json").read_bytes() == (project.path / "two.json").read_bytes()
    assert not list(project.path.glob(".*.tmp"))


def test_stages_choose_the_files_and_not_the_version(project):
    whole = project.ok("pipeline", "seal")
    part = project.ok("pipeline", "seal", "--stages", "featurize")
    assert part["pipeline"] == whole["pipeline"]
    assert part["stages"] == ["featurize"]
    assert set(part["files"]) == {"src/featurize.py", "params.yaml"}
    refused = project.lineage("pipeline", "seal", "--stages", "featurise")
    assert refused.code == 2
    assert "has no stage 'featurise'" in refused.err


def test_a_checkout_with_other_line_ends_is_sealed_as_it_lies(project):
    project.write({".gitattributes": "*.py text eol=crlf\n"})
    project.commit()
    project.git("rm", "-r", "--quiet", "--cached", "src")
    project.git("add", "src")
    project.git("commit", "--quiet", "--allow-empty", "--message", "line ends")
    (project.path / "src/featurize.py").unlink()
    project.git("checkout", "--", "src/featurize.py")
    assert b"\r\n" in (project.path / "src/featurize.py").read_bytes()
    file = project.ok("pipeline", "seal")["files"]["src/featurize.py"]
    assert file["tie"] == "line-ends"
    assert file["blake3"] == blake3_of((project.path / "src/featurize.py").read_bytes())


def test_a_services_own_files_and_what_it_does_not_run(project):
    project.write({"app/main.py": "import src.featurize\n", "app/web/__init__.py": ""})
    project.edit(
        "lineage.toml",
        "[models.churn.pipeline]",
        '[models.churn.serving]\nown = ["app/**"]\nwithout = ["src/prepare.py"]\n\n'
        "[models.churn.pipeline]",
    )
    made = project.ok("pipeline", "seal")
    assert set(made["own"]) == {"app/main.py", "app/web/__init__.py"}
    assert made["without"] == ["src/prepare.py"]
    assert "src/prepare.py" not in made["files"]
    project.edit("lineage.toml", "src/prepare.py", "src/nothing.py")
    refused = project.lineage("pipeline", "seal")
    assert refused.code == 2
    assert "`without` names src/nothing.py" in refused.err


def test_a_file_outside_the_projects_folder_moves_the_root_of_the_seal_up(repository):
    repository.write(
        {
            "shared/scale.py": "def scaled(x):\n    return x\n",
            "churn/dvc.yaml": "stages:\n  featurize:\n    cmd: python featurize.py\n"
            "    deps: [featurize.py, ../shared/scale.py]\n",
            "churn/featurize.py": "",
            "churn/main.py": "",
            "churn/lineage.toml": '[models.churn.serving]\nown = ["main.py"]\n',
        }
    )
    repository.dvc("init", "--quiet")
    repository.commit()
    made = repository.ok("pipeline", "seal", cwd="churn")
    assert made["path"] == str(repository.path / "pipeline.seal.json")
    assert set(made["files"]) == {"churn/featurize.py", "shared/scale.py"}
    assert set(made["own"]) == {"churn/main.py"}


def test_copies_in_a_second_repository_are_tied_to_the_deployed_version(deployed, service):
    made = service.ok("pipeline", "seal", "--env", "production")
    assert made["pipeline"]["digest"] == deployed.ok("pipeline", "capture")["digest"]
    assert made["files"]["app/features.py"]["of"] == "src/featurize.py"
    assert made["files"]["app/features.py"]["tie"] == "bytes"
    assert made["files"]["app/settings.yaml"]["tie"] == "values"
    shown = service.lineage("pipeline", "seal", "--pipeline", made["pipeline"]["digest"])
    assert "app/features.py = src/featurize.py" in shown.out


def test_a_copy_with_other_comments_is_carried_over_where_the_pipelines_bytes_are_here(
    deployed, service
):
    service.edit("app/features.py", "open(", "# the same, for the service\nopen(")
    alone = service.lineage("pipeline", "seal", "--env", "production")
    assert alone.code == 9
    assert "app/features.py (for src/featurize.py)" in alone.err
    assert "own bytes are not here" in alone.err
    typed = alone.err.rpartition("as the original: lineage ")[2].strip()
    assert typed.startswith("pipeline seal churn@xxh3:")
    as_said = typed.replace("FOLDER", str(deployed.path)).split()
    assert service.lineage(*as_said).code == 0
    made = service.ok("pipeline", "seal", "--env", "production", "--original", str(deployed.path))
    assert made["files"]["app/features.py"]["tie"] == "carried"
    service.edit("app/features.py", "* 2", "* 0")
    changed = service.lineage(
        "pipeline", "seal", "--env", "production", "--original", str(deployed.path)
    )
    assert changed.code == 9
    assert "app/features.py differs from the pipeline's src/featurize.py" in changed.err


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("top: 20", "top: 21", "app/settings.yaml has another value of featurize.top"),
        ("top: 20", "bottom: 20", "app/settings.yaml does not give the parameters"),
        ("{top: 20}", "[", "app/settings.yaml does not give the parameters"),
    ],
)
def test_a_parameter_file_of_the_service_has_the_pipelines_values(service, old, new, says):
    service.edit("app/settings.yaml", old, new)
    refused = service.lineage("pipeline", "seal", "--env", "production")
    assert refused.code == 9
    assert says in refused.err


def test_what_a_service_neither_has_nor_leaves_out_is_named(service):
    service.edit("lineage.toml", 'stages = ["featurize"]\n', "")
    refused = service.lineage("pipeline", "seal", "--env", "production")
    assert refused.code == 9
    assert "src/prepare.py is missing" in refused.err
    assert "`without`" in refused.err
    assert not (service.path / "pipeline.seal.json").exists()


def test_a_repository_without_the_pipeline_is_told_to_name_a_recorded_version(service):
    refused = service.lineage("pipeline", "seal")
    assert refused.code == 9
    assert "--env" in refused.err
    both = service.lineage("pipeline", "seal", "--env", "production", "--pipeline", "xxh3:00000000")
    assert both.code == 2
    missing = service.lineage("pipeline", "seal", "--pipeline", "xxh3:" + "0" * 32)
    assert missing.code == 4


def test_a_link_out_of_the_repository_is_not_sealed(service, tmp_path):
    elsewhere = tmp_path / "elsewhere.py"
    elsewhere.write_bytes((service.path / "app/features.py").read_bytes())
    (service.path / "app/features.py").unlink()
    (service.path / "app/features.py").symlink_to(elsewhere)
    refused = service.lineage("pipeline", "seal", "--env", "production")
    assert refused.code == 9
    assert "app/features.py leads out of the folder" in refused.err


@pytest.mark.parametrize("place", ["none/x.json", ".", "/"])
def test_a_place_that_cannot_be_written_is_said(project, place):
    refused = project.lineage("pipeline", "seal", "-o", place)
    assert refused.code == 2
    assert "cannot be written" in refused.err


def test_the_files_of_a_submodule_are_sealed_at_its_commit(project, tmp_path):
    library = Workspace(tmp_path / "library")
    library.path.mkdir()
    library.git("init", "--quiet", "--initial-branch", "main")
    library.write({"scaling.py": "x = 1\n", "deep/more.py": "y = 2\n"})
    library.commit()
    add = ("submodule", "--quiet", "add", str(library.path), "vendor")
    project.git("-c", "protocol.file.allow=always", *add)
    project.edit("dvc.yaml", "src/featurize.py]", "src/featurize.py, vendor]")
    project.commit()
    made = project.ok("pipeline", "seal")
    ties = {path: file["tie"] for path, file in made["files"].items() if file["of"] == "vendor"}
    assert ties == {"vendor/scaling.py": "submodule", "vendor/deep/more.py": "submodule"}
    assert sealed(project).contradiction is None
