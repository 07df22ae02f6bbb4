"""How often a project is read: anew for each question, or once for several."""

from __future__ import annotations

import pytest

from lineage.capture.project import Project

STAGE = "stages:\n  {name}:\n    cmd: python a.py\n    outs: [{name}.bin]\n"


@pytest.fixture
def project(repository):
    repository.write({"dvc.yaml": STAGE.format(name="first"), "a.py": ""})
    repository.commit()
    found = Project.find(repository.path)
    yield found
    found.repository.close()


def _stages(project: Project) -> list[str]:
    return [stage.name for stage in project.dvc_here().stages]


def test_a_question_sees_what_is_there_when_it_is_asked(project, repository):
    assert _stages(project) == ["first"]
    before = project.git.head
    repository.write({"dvc.yaml": STAGE.format(name="second"), "new.txt": ""})
    assert _stages(project) == ["second"]
    assert project.source().is_file("new.txt")
    repository.commit()
    project.source()
    assert project.git.head == repository.git("rev-parse", "HEAD").strip() != before


def test_questions_within_a_block_see_the_same_and_those_behind_it_what_is_new(project, repository):
    with project.read_once():
        source = project.source()
        assert _stages(project) == ["first"]
        repository.write({"dvc.yaml": STAGE.format(name="second")})
        with project.read_once():
            assert _stages(project) == ["first"]
        assert project.source() is source
        assert _stages(project) == ["first"]
    assert _stages(project) == ["second"]
    assert project.source() is not source
