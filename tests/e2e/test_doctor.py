"""`doctor` as it is typed: in an empty folder, in a whole project, and without telling a secret."""

from __future__ import annotations

import os
import socket


def test_with_nothing_there_it_says_what_to_begin_with_and_makes_nothing(folder):
    done = folder.lineage("doctor")
    assert done.code == 7, done.out
    assert "Make one in the project's folder: lineage init" in done.out
    assert "Create it (lineage init)" in done.out
    assert os.listdir(folder.path) == []


def test_a_project_that_is_set_up_is_well_and_stays_as_it_is(project):
    def files():
        return {path: path.stat().st_mtime_ns for path in project.path.rglob("*") if path.is_file()}

    before = files()
    done = project.ok("doctor")
    assert (done["exit_code"], done["well"]) == (0, False)
    assert files() == before
    clean = next(check for check in done["checks"] if check["code"] == "git-clean")
    assert clean["status"] == "warn"
    assert "lineage db copy sqlite:///" in clean["remedy"]
    assert set(clean) == {"code", "status", "summary", "remedy", "exit_code"}
    project.edit("lineage.toml", "metrics =", "metric =")
    assert project.lineage("doctor").code == 2


def test_it_does_not_wait_for_what_hangs_and_tells_no_secret(project):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        secrets = {
            "LINEAGE_REGISTRY": f"postgresql+psycopg://ann:hush-db@127.0.0.1:{port}/x?password=hush-q",
            "LINEAGE_TOKEN": "lng_aaaaaaaaaaaa_hush-token",
        }
        project.git("remote", "add", "origin", "https://ann:hush-git@example.com/x.git")
        project.dvc("remote", "add", "--default", "main", "webdavs://ann:hush-dav@127.0.0.1:9/x")
        for words in (("doctor",), ("doctor", "--json")):
            done = project.lineage(*words, env=secrets)
            assert done.code == 7, done
            assert "hush" not in done.out + done.err, done
