"""What people, repositories and libraries wrote acts on nothing, and no secret is shown, by any command."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lineage.cli.app import build
from typer.main import get_command

from lineage.connection import connect
from lineage.contract.captured import CapturedPipelineVersion
from lineage.contract.requests import DeclaredEnvironment, NewToken, WaiverRequest
from lineage.guard.policy import EnvironmentPolicy
from lineage.identity.components import CodeVersion, DataItem, DataVersion, Digest, Known, Weights
from lineage.identity.digest import blake3_of, xxh3
from lineage.identity.pipeline import Manifest, PipelineVersion, Stage
from tests.conftest import Workspace, captured, make_registry
from tests.support import LONG
from tests.support.servers import registry_server

ACTS = [c for c in map(chr, range(1, 0x110000))
        if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") and c not in "\u200c\u200d"]  # fmt: skip
LINE = "FAKED"
EVIL = st.lists(
    st.sampled_from([*ACTS, f"\n{LINE} line", f"\r{LINE}", "\x1b[2J", "\x1b]0;t\x07", "\x9b8m",
                     f"\u2028{LINE}", f"\x85{LINE}", "[bold]", "::error::x", "é", "a"]),
    min_size=3, max_size=12,
).map("".join)  # fmt: skip


def fill(database: str, evil: str) -> None:
    """A registry in which everything that is free text is evil."""
    make_registry(database)
    with connect(database) as registry:
        policy = EnvironmentPolicy(waive={"validated": ("*",), "pipeline-match": ("*",)})
        declared = DeclaredEnvironment("production", policy)
        registry.apply_environments([declared], actor=evil)
        for number in (1, 2):
            version = wicked(evil, number)
            registry.register("churn", version, actor=evil, run={"command": [evil]})
            pipeline = CapturedPipelineVersion("churn", version.components.pipeline, "c" * 40)
            metrics = {evil: 0.5 + number / 10, "deep": {evil: number}}
            run = {"command": [evil], "exit_status": 0, "folder": evil, "host": evil}
            registry.validate(
                f"churn@{number}", pipeline, passed=True, metrics=metrics, run=run, actor=evil
            )
            registry.approve(f"churn@{number}", "production", actor=f"someone else {evil}")
            for of in ("churn", f"churn@{number}"):
                registry.edit(of, description=evil, tags={"team": evil[:256]}, actor=evil)
        registry.release("production", pipeline, ["churn@2"], reason=evil, actor=evil)
        registry.validate("churn@2", pipeline, passed=False, actor=evil)
        waive = WaiverRequest(("validated", "pipeline-match"), evil, None)
        registry.promote("churn@1", "production", reason=evil, waive=waive, actor=evil)
        registry.create_token(NewToken("ci", ("read",), person="p"), actor=evil)


def wicked(evil: str, number: int):
    stage = Stage(
        cmd=(f"python {evil} {number}",),
        code={f"src/{evil}.py": blake3_of(b"code")},
        params={f"{evil}.yaml": {evil: [evil, number]}},
        inputs=(evil,),
        outputs=(f"{evil}.out",),
    )
    pipeline = PipelineVersion(Manifest({evil: stage}))
    data = DataVersion((DataItem(evil, Digest("md5:" + "a" * 32), Known.VERIFIED, 8),))
    weights = Weights(xxh3(b"%d" % number), blake3_of(b"%d" % number), f"models/{evil}/x", 1)
    code = CodeVersion(f"{number:0>40}", None, f"https://host/{evil}", evil, evil)
    made = captured(str(number))
    components = replace(made.components, code=code, data=data, pipeline=pipeline, weights=weights)
    return replace(made, components=components)


SHOWING = [
    ("log",), ("log", "churn"), ("log", "--json"), ("serving",), ("serving", "churn"),
    ("serving", "churn", "--json"), ("versions", "churn"), ("show", "churn@1"),
    ("show", "churn@1", "--json"), ("diff", "churn@1", "churn@2"), ("env", "list"),
    ("env", "show", "production"), ("pipeline", "show", "churn"), ("token", "list"),
    ("store", "list"), ("audit", "verify"), ("verify", "churn@1"), ("pull", "churn@1"),
    ("model", "show", "churn"), ("model", "edit", "churn@1", "--tag", "a=b"),
    ("backup", "check"), ("backup", "candidates", "churn", "--env", "production"), ("guard", "churn@2", "--env", "production"),
    ("promote", "churn@2", "--env", "production"), ("rollback", "churn", "--env", "production"),
    *(("guard", "churn@2", "--env", "production", "--format", form)
      for form in ("json", "github", "junit", "sarif")),
]  # fmt: skip


@settings(
    max_examples=50 if LONG else 1, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(HealthCheck), phases=[Phase.generate],
)  # fmt: skip
@given(EVIL)
def test_no_command_lets_a_text_act(tmp_path_factory, evil):
    folder = tmp_path_factory.mktemp("wicked")
    database = f"sqlite:///{folder / 'registry.db'}"
    evil = f"{evil}\n{LINE}\x1b[8m\x9b2J\u202e\u2066\x07\r{LINE}\x0b{LINE}\u2029{LINE}"
    fill(database, evil)
    summary = folder / "summary.md"
    env = {"LINEAGE_REGISTRY": database, "GITHUB_STEP_SUMMARY": str(summary)}
    work = Workspace(folder, env)
    said = 0
    for words in SHOWING:
        done = work.lineage(*words)
        assert done.code in (0, 3, 4, 6, 7), (words, done.err)
        inert(done.out + done.err, words)
        said += LINE in done.out + done.err
        if "json" in words or "--json" in words or "sarif" in words:
            json.loads(done.out)
    inert(summary.read_text(), "the summary")
    assert said > 10, "what was recorded is shown, and there is something to find"


def inert(text: str, words: object) -> None:
    found = {c for c in text if c != "\n" and c in ACTS}
    assert not found, (words, found)
    for line in text.split("\n"):
        assert not line.startswith(LINE), (words, line)
        assert len(line.splitlines()) <= 1, (words, line)


def leaves(command, words=()):
    """Every command that has none below it, and how many words it wants."""
    if hasattr(command, "commands"):
        for name, below in command.commands.items():
            yield from leaves(below, (*words, name))
    else:
        wanted = [
            one for one in command.params if one.param_type_name == "argument" and one.required
        ]
        options = [
            one for one in command.params if one.param_type_name == "option" and one.required
        ]
        yield words, len(wanted), [option.opts[0] for option in options]


LEAVES = sorted(leaves(get_command(build())))
FORMS = {
    "userinfo": "postgresql+psycopg://me:Hunter2secret@127.0.0.1:1/db",
    "query": "postgresql+psycopg://127.0.0.1:1/db?user=me&password=Hunter2secret",
    "slash": "postgresql+psycopg://me:Hunter2/secret@127.0.0.1:1/db",
    "at": "postgresql+psycopg://me:Hunter2@secret@127.0.0.1:1/db",
    "encoded": "postgresql+psycopg://me:%48unter2%73ecret@127.0.0.1:1/db?passwor%64=Hunter2secret",
    "no scheme of ours": "mysql://me:Hunter2secret@127.0.0.1:1/db",
    "no port": "postgresql+psycopg://me:Hunter2secret@127.0.0.1:Hunter2/db",
    "keywords": "host=127.0.0.1 password='Hunter2 secret' user=me",
    "a server": "https://me:Hunter2secret@127.0.0.1:1",
    "a server's query": "https://127.0.0.1:1/?token=Hunter2secret",
}  # fmt: skip


def test_all_commands_are_looked_at():
    assert len(LEAVES) > 40
    assert ("login",) in [words for words, _, _ in LEAVES]


@pytest.mark.parametrize(
    "number", range(len(LEAVES)), ids=[" ".join(words) for words, *_ in LEAVES]
)
def test_no_command_shows_a_secret_or_lets_its_words_act(folder, number):
    words, wanted, options = LEAVES[number]
    if words in (("demo",), ("init",)) and not LONG:
        pytest.skip("takes long, or writes a registry")
    forms = list(FORMS.values())
    chosen = forms if LONG else [forms[number % len(forms)]]
    for url in chosen:
        named = [part for option in options for part in (option, f"{url}\x1b[2J\n{LINE}")]
        env = {"LINEAGE_TOKEN": "lng_Hunter2_secret", "LINEAGE_TIMEOUT": "1"}
        ends = ((), ("--json",), ("--no-such", url, f"\x1b]0;x\x07\n{LINE}\u202e"))
        for more in ends if LONG else [ends[number % 3]]:
            done = folder.lineage(
                "--registry", url, *words, *([url] * wanted), *named, *more, env=env
            )
            said = done.out + done.err
            assert "Hunter2" not in said.replace("Hunter2/db", ""), said
            assert "%48unter" not in said, said
            inert(said.replace("─", ""), words)


def test_no_answer_says_where_the_registry_is(tmp_path, caplog):
    folder = tmp_path / "canary"
    folder.mkdir()
    database = f"sqlite:///{folder / 'canary.db'}"
    make_registry(database)
    with connect(database) as registry:
        token = registry.create_token(NewToken("t", ("read",)), actor="t")["token"]
    with registry_server(database) as address, httpx.Client(base_url=address) as client:
        paths = client.get("/openapi.json").json()["paths"]
        (folder / "canary.db").rename(folder / "gone")
        (folder / "canary.db").mkdir()
        for path, methods in paths.items():
            named = path.format(
                env="production",
                model="churn",
                n="1",
                pipeline="churn",
                digest="xxh3:0" * 2,
                id="a",
                seq="1",
            )
            for method in methods:
                for given_token in (None, "lng_no", token):
                    headers = {"Content-Type": "application/json"}
                    if given_token is not None:
                        headers["Authorization"] = f"Bearer {given_token}"
                    answer = client.request(method, named, headers=headers, content=b"{}")
                    assert "canary" not in answer.text, (method, path, answer.text)
                    assert answer.status_code in (200, 401, 422, 429, 503), (method, path)
    assert "canary" in caplog.text, "the log says it"


def test_the_registry_keeps_what_was_written_as_it_was(tmp_path):
    """Inert is how a text is shown: what is recorded, and what a program reads, is the text."""
    database = f"sqlite:///{tmp_path / 'registry.db'}"
    fill(database, "a\u202eb\x9b\n")
    shown = Workspace(tmp_path, {"LINEAGE_REGISTRY": database}).ok("log", "--limit", "3")
    assert any(event["actor"] == "a\u202eb\x9b\n" for event in shown)
