"""Parameters of real projects: as DVC resolves them, each file read once, whatever lies there."""

from __future__ import annotations

import os
import time
from collections import Counter

import pytest

from lineage.capture.project import Project
from lineage.capture.source import WorkingTree
from lineage.errors import CaptureError, UsageError
from lineage.identity.digest import blake3_of
from lineage.identity.pipeline_diff import differences

STAGE = "stages:\n  a:\n    cmd: run\n    params: [x]\n"


def capture(workspace, revision=None):
    return Project.find(workspace.path).capture_pipeline("churn", revision)


def digest(workspace, revision=None):
    return capture(workspace, revision).version.xxh3


def sentences(before, after):
    return [str(c) for c in differences(before.version.manifest, after.version.manifest)]


@pytest.fixture
def one_stage(repository):
    repository.write({"dvc.yaml": STAGE, "params.yaml": "x: {age: mean, income: max}\n"})
    repository.commit()
    return repository


def test_the_order_of_keys_in_a_value_counts_unless_the_project_says_otherwise(one_stage):
    before = capture(one_stage)
    one_stage.write({"params.yaml": "x: {income: max, age: mean}\n"})
    assert sentences(before, capture(one_stage)) == [
        "a: parameter x: order of keys age, income → income, age"
    ]
    one_stage.write({"lineage.toml": '[models.churn.pipeline]\nunordered = ["./params.yaml"]\n'})
    turned = digest(one_stage)
    assert turned != before.version.xxh3, "to call it unordered is a change itself"
    assert sentences(before, capture(one_stage)) == [
        "a: parameter x: order of keys does not count any more"
    ]
    one_stage.write({"params.yaml": "x: {age: mean, income: max}\n"})
    assert digest(one_stage) == turned
    one_stage.write({"params.yaml": "x: {age: max, income: mean}\n"})
    assert digest(one_stage) != turned


def test_two_models_of_a_pipeline_must_call_the_same_files_unordered(one_stage):
    table = '[models.{0}.pipeline]\nname = "p"\nunordered = ["{1}"]\n'
    one_stage.write({"lineage.toml": table.format("a", "x.yaml") + table.format("b", "y.yaml")})
    with pytest.raises(UsageError, match="differently"):
        Project.find(one_stage.path).capture_pipeline("p")


@pytest.mark.parametrize(
    ("name", "before", "after", "sentence"),
    [
        ("params.yaml", "x: 1", "x: 1.0", "a: parameter x 1 → 1.0"),
        ("params.yaml", "x: on", "x: 'on'", 'a: parameter x on → "on"'),
        ("params.yaml", "x: 012", "x: 12", "a: parameter x 012 → 12"),
        ("params.yaml", "x: {a: {b: 1, c: 2}}", "x: {a: {b: 1, c: 3}}", "a: parameter x: a.c 2 → 3"),
        ("p.json", '{"x": 1}', '{"x": 1.0}', "a: parameter p.json:x 1 → 1.0"),
        ("p.toml", "x = 2026-01-02", "x = '2026-01-02'", 'a: parameter p.toml:x 2026-01-02 → "2026-01-02"'),
        ("p.py", "x = 1", "x = 1.0", "a: parameter p.py:x 1 → 1.0"),
        ("p.yml", "x: 1", "x: [1]", "a: parameter p.yml:x 1 → [1]"),
    ],
)  # fmt: skip
def test_a_type_that_changes_is_another_pipeline_and_is_told(
    repository, name, before, after, sentence
):
    stage = STAGE if name == "params.yaml" else STAGE.replace("[x]", f"[{name}: [x]]")
    repository.write({"dvc.yaml": stage, name: before})
    repository.commit()
    old = capture(repository)
    repository.write({name: after})
    assert sentences(old, capture(repository)) == [sentence]


def test_a_whole_file_is_told_key_by_key(repository):
    repository.write(
        {"dvc.yaml": STAGE.replace("[x]", "[p.toml: ]"), "p.toml": "a = 1\n[b]\nc = 2\n"}
    )
    repository.commit()
    old = capture(repository)
    repository.write({"p.toml": "a = 1.0\nd = 3\n[b]\nc = 2\n"})
    assert sentences(old, capture(repository)) == [
        "a: parameter p.toml:a 1 → 1.0",
        "a: parameter p.toml:d added (3)",
    ]


def test_what_is_no_literal_in_python_counts_by_the_files_content_and_says_so(repository):
    text = "A = 1\nRATE = 2 * 0.1\nOPTIONS = dict(depth=3)\n"
    repository.write({"dvc.yaml": STAGE.replace("[x]", "[params.py: ]"), "params.py": text})
    repository.commit()
    old = capture(repository)
    (note,) = old.notes
    assert "params.py" in note
    assert "RATE, OPTIONS" in note
    stage = old.version.manifest.to_json()["stages"]["a"]
    assert stage["params"] == {
        "params.py": {"": {"map": [["A", 1], [None, {"content": blake3_of(text.encode())}]]}}
    }
    repository.write({"params.py": text.replace("depth=3", "depth=8")})
    assert len(sentences(old, capture(repository))) == 1
    repository.write({"params.py": text.replace("A = 1", "A = 2")})
    code, literal = sentences(old, capture(repository))
    assert code.startswith("a: parameter params.py: its code changed (")
    assert literal == "a: parameter params.py:A 1 → 2"
    told = repository.lineage("pipeline", "capture", "churn", "--json")
    assert told.json["notes"] == [note]
    assert f"note: {note}." in told.err


def test_the_content_is_that_of_the_code_file_as_git_stores_it(repository):
    repository.git("config", "core.autocrlf", "true")
    repository.write({"dvc.yaml": STAGE.replace("[x]", "[params.py: ]")})
    (repository.path / "params.py").write_bytes(b"A = f()\r\n")
    repository.commit()
    assert digest(repository) == digest(repository, "HEAD")


PARSING = """\
stages:
  a:
    cmd: python a.py ${opts}
  b:
    cmd: python b.py
"""


@pytest.mark.parametrize(
    "setting", ["bool = boolean_optional", "list = append", "BOOL = store_true"]
)
def test_the_command_is_the_one_that_dvc_runs(repository, setting):
    repository.dvc("init", "--quiet")
    repository.write(
        {
            "dvc.yaml": PARSING,
            "params.yaml": "opts: {shuffle: false, deep: {on: true}, cols: [a, b c]}\n",
        }
    )
    repository.commit()
    old = capture(repository)
    repository.write({".dvc/config": f"[parsing]\n    {setting}\n"})
    new = capture(repository)
    runs = repository.dvc("repro", "--dry", "a", "--force")
    assert f"> {new.version.manifest.stages['a'].cmd[0]}" in runs
    is_default = "store_true" in setting
    assert (new.version.xxh3 == old.version.xxh3) is is_default
    if not is_default:
        name, value = setting.split(" = ")
        default = {"bool": "unset", "list": "unset"}[name]
        assert sentences(old, new)[0] == f"DVC's setting parsing.{name} {default} → {value}"


LOCAL = "[parsing]\n    bool = boolean_optional\n"


def test_a_setting_of_this_checkout_is_followed_and_no_commit_holds_it(repository):
    repository.dvc("init", "--quiet")
    repository.write({"dvc.yaml": PARSING, "params.yaml": "opts: {shuffle: false}\n"})
    repository.commit()
    old = capture(repository)
    repository.write({".dvc/config.local": LOCAL})
    new = capture(repository)
    assert f"> {new.version.manifest.stages['a'].cmd[0]}" in repository.dvc("repro", "--dry", "a")
    assert sentences(old, new) == [
        "DVC's setting parsing.bool unset → boolean_optional",
        "a: command changed",
    ]
    assert [old.dirty, new.dirty] == [False, True]
    assert new.notes == (
        ".dvc/config.local sets parsing.bool, which changes what DVC runs here and is in no commit",
    )
    assert digest(repository, "HEAD") == old.version.xxh3
    repository.write({".dvc/config": LOCAL})
    repository.commit()
    committed = capture(repository)
    assert committed.version == new.version
    assert committed.notes == ()
    assert not committed.dirty, "the commit says the same"


def test_a_setting_of_this_user_counts_like_one_of_the_checkout(repository, monkeypatch, tmp_path):
    repository.dvc("init", "--quiet")
    repository.write({"dvc.yaml": PARSING, "params.yaml": "opts: {shuffle: false}\n"})
    repository.commit()
    old = digest(repository)
    (tmp_path / "config").write_text(LOCAL)
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path))
    new = capture(repository)
    assert new.dirty
    assert f"{tmp_path / 'config'} sets parsing.bool" in new.notes[0]
    assert digest(repository, "HEAD") == old != new.version.xxh3
    repository.write({".dvc/config": "[parsing]\n    bool = store_true\n"})
    assert digest(repository) == old, "the project's own comes after the user's"
    (tmp_path / "config").write_text("[parsing]\n    list = sideways\n")
    with pytest.raises(CaptureError, match=r"config cannot be read: parsing.list: expected one of"):
        capture(repository)


def test_files_of_settings_are_merged_before_they_are_judged(repository):
    repository.dvc("init", "--quiet")
    repository.write({"dvc.yaml": PARSING, "params.yaml": "opts: {a: 1}\n"})
    repository.write({".dvc/config": "[hydra]\n    enabled = true\n"})
    repository.commit()
    repository.write({".dvc/config.local": "[hydra]\n    config_name = other\n"})
    new = capture(repository)
    settings = {"hydra.enabled": "true", "hydra.config_name": "other"}
    assert new.version.manifest.settings == settings
    assert [note.partition(",")[0] for note in new.notes] == [
        ".dvc/config.local sets hydra.config_name"
    ]


def test_what_only_this_checkout_runs_is_no_production_version(project):
    project.write({".dvc/config.local": LOCAL})
    refused = project.lineage("register", "churn")
    assert refused.code == 9
    assert ".dvc/config.local sets parsing.bool" in refused.err
    assert "commit" in refused.err.splitlines()[1]
    assert project.lineage("register", "churn", "--kind", "experiment").code == 0


def test_what_hydra_composes_is_read_where_dvc_wrote_it(repository):
    repository.dvc("init", "--quiet")
    repository.write(
        {
            "dvc.yaml": "stages:\n  a:\n    cmd: cat params.yaml\n    params: [model]\n",
            "conf/config.yaml": "defaults: [model: small]\n",
            "conf/model/small.yaml": "depth: 3\nrate: 1.0\n",
            ".dvc/config": "[hydra]\n    enabled = True\n",
            "params.yaml": "model: {depth: 3, rate: 1.0}\n",
        }
    )
    repository.commit()
    manifest = capture(repository).version.manifest.to_json()
    assert manifest["settings"] == {"hydra.enabled": "true"}
    composed = manifest["stages"]["a"]["params"]["params.yaml"]["model"]
    assert composed == {"map": [["depth", 3], ["rate", {"float": "1"}]]}


def test_variables_of_a_template_are_typed_as_dvc_writes_them_out(repository):
    repository.dvc("init", "--quiet")
    repository.write(
        {
            "dvc.yaml": "vars: [v.toml, w.json, u.py]\nstages:\n  a:\n    cmd: run ${t} ${j} ${p} ${y}\n",
            "v.toml": "t = 1.0\n",
            "w.json": '{"j": 1e-3}',
            "u.py": "p = 5\n",
            "params.yaml": "y: 1e-3\n",
        }
    )
    repository.commit()
    (command,) = capture(repository).version.manifest.stages["a"].cmd
    assert f"> {command}" in repository.dvc("repro", "--dry", "a")
    repository.write({"v.toml": "t = 1\n"})
    assert capture(repository).version.manifest.stages["a"].cmd != (command,)


def test_every_file_is_read_once_however_many_stages_want_it(repository, monkeypatch):
    stages = "".join(
        f"  s{n}:\n    cmd: run {n}\n    vars: [v.yaml]\n    params: [x, p.json: [y], q.py: ]\n"
        for n in range(40)
    )
    repository.write(
        {
            "dvc.yaml": f"stages:\n{stages}",
            "params.yaml": "x: 1\n",
            "v.yaml": "v: 2\n",
            "p.json": '{"y": 1}',
            "q.py": "A = 1\n",
        }
    )
    repository.commit()
    reads: Counter[str] = Counter()
    usual = WorkingTree.read

    def read(self, path, limit):
        reads[path] += 1
        return usual(self, path, limit)

    monkeypatch.setattr(WorkingTree, "read", read)
    assert len(capture(repository).version.manifest.stages) == 40
    assert set(reads.values()) == {1}, reads


def test_thousands_of_stages_take_seconds(repository):
    params = "".join(f"group{n}: {{lr: 0.{n}, names: [a, b]}}\n" for n in range(100))
    repository.write(
        {
            "dvc.yaml": "stages:\n  s:\n    foreach: ["
            + ",".join(map(str, range(4_500)))
            + "]\n    do:\n      cmd: run ${item}\n      params: [group1.lr, group2.names]\n",
            "params.yaml": params,
        }
    )
    began = time.process_time()
    assert len(capture(repository).version.manifest.stages) == 4_500
    assert time.process_time() - began < 15, "some 1.5 s; ten times that is another algorithm"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"params.yaml": "y: 1\n"}, "The parameter x is not in params.yaml; stage a of dvc.yaml depends on it."),
        ({}, "The parameter file params.yaml does not exist; stage a of dvc.yaml depends on it."),
        ({"params.yaml": "x: 1\ny: [\n"}, "params.yaml cannot be read: did not find expected node content in line 3"),
        ({"params.yaml": "x: 1\nx: 2\n"}, "params.yaml cannot be read: the duplicate key 'x' of one mapping stands in lines 1 and 2."),
        ({"params.yaml": "a: 1\nx:\n  d: 2026-01-02\n"}, "DVC cannot use params.yaml in templates: the value of x.d in line 3 is a date."),
        (
            {"dvc.yaml": STAGE.replace("[x]", "[p.yaml: [x]]"), "p.yaml/x": ""},
            "The parameter file p.yaml of stage a of dvc.yaml is not a regular file.",
        ),
        ({"dvc.yaml": STAGE.replace("[x]", "[../p.yaml: [x]]")}, "p.yaml of stage a of dvc.yaml is outside the repository."),
        ({"dvc.yaml": STAGE.replace("[x]", "['s3://b/p.yaml': [x]]")}, "is outside the repository."),
        ({"dvc.yaml": STAGE.replace("[x]", "[p.json: [x]]"), "p.json": '{"x": 1,\n"x": 2}'}, "p.json cannot be read: the duplicate key 'x' stands in the object that begins in line 1."),
        ({"dvc.yaml": "vars: [v.yaml]\n" + STAGE, "params.yaml": "x: 1", "v.yaml": "a: ["}, "v.yaml cannot be read"),
        ({"dvc.yaml": "vars: [v.json]\n" + STAGE, "params.yaml": "x: 1", "v.json": "{"}, "DVC cannot read v.json"),
        ({".dvc/config": "[parsing]\nbool = maybe\n", "params.yaml": "x: 1"}, ".dvc/config cannot be read: parsing.bool: expected one of store_true, boolean_optional."),
        ({".dvc/config": "[parsing\n", "params.yaml": "x: 1"}, ".dvc/config cannot be read"),
        ({".dvc/config": "parsing = 1\n", "params.yaml": "x: 1"}, None),
        ({"dvc.yaml": "stages:\n  a: {cmd: x}\n  a: {cmd: y}\n"}, "dvc.yaml cannot be read: the duplicate key 'a' of one mapping stands in lines 2 and 3."),
    ],
)  # fmt: skip
def test_a_refusal_names_the_file_the_line_and_the_key(repository, files, says):
    repository.write({"dvc.yaml": STAGE} | files)
    if says is None:
        capture(repository)
        return
    with pytest.raises(CaptureError) as error:
        capture(repository)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def pipe(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to("/dev/zero")


def sparse(path):
    with path.open("wb") as file:
        file.truncate(3 << 30)


@pytest.mark.parametrize("name", ["params.yaml", "p.json", "p.toml", "p.py", ".dvc/config"])
@pytest.mark.parametrize("make", [pipe, device, sparse])
def test_a_pipe_a_device_or_a_huge_file_costs_a_sentence(repository, name, make):
    stage = STAGE.replace("[x]", f"[{name}: [x]]") if name.startswith("p") else STAGE
    repository.write({"dvc.yaml": stage, ".dvc/tmp": ""})
    make(repository.path / name)
    began = time.monotonic()
    done = repository.lineage("pipeline", "capture", "churn")
    assert time.monotonic() - began < 30
    assert done.code == 9
    assert done.err.startswith("error: ")
    assert len(done.err.splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "stages:\n  a:\n    matrix:\n"
            + "".join(f"      {name}: ${{n}}\n" for name in "xyzw")
            + "    cmd: run ${item.x}\n",
            "makes more than 50,000 stages: 100,000,000 with those of a",
        ),
        (
            "stages:\n  a:\n    cmd: " + "${text}" * 20_000 + "\n",
            "The templates of stage a in dvc.yaml could grow too large",
        ),
        (
            "stages:\n  a:\n    foreach: [1, 2]\n    do: {cmd: '" + "${deep}" * 20_000 + "'}\n",
            "could grow too large",
        ),
    ],
    ids=["matrix", "text", "mapping"],
)
def test_templates_that_would_grow_without_bound_are_refused(repository, text, says):
    nested = f"{{{'k' * 1_000}: " * 55 + "1" + "}" * 55
    numbers = ", ".join(map(str, range(100)))
    repository.write(
        {
            "dvc.yaml": text,
            "params.yaml": f"n: [{numbers}]\ntext: {'x' * 100_000}\ndeep: {nested}\n",
        }
    )
    began = time.monotonic()
    with pytest.raises(CaptureError) as error:
        capture(repository)
    assert says in str(error.value)
    assert time.monotonic() - began < 10


def test_a_date_where_no_template_looks_is_no_matter(repository):
    repository.dvc("init", "--quiet")
    repository.write(
        {
            "dvc.yaml": "vars: ['v.yaml:a']\nstages:\n  s:\n    cmd: echo ${a}\n    params: [v.yaml: [d]]\n",
            "v.yaml": "a: 1\nd: 2026-01-02\n",
        }
    )
    stage = capture(repository).version.manifest.to_json()["stages"]["s"]
    assert stage["params"] == {"v.yaml": {"d": {"plain": "2026-01-02"}}}
    assert f"> {stage['cmd'][0]}" in repository.dvc("repro", "--dry")
