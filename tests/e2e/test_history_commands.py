"""The history's commands as people and strangers use them: checkpoints, proofs, keys."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lineage.connection import connect
from lineage.identity.components import EnvironmentKind
from lineage.registry import checkpoints
from lineage.registry.checkpoints import LATEST, Address, Checkpointer, Folder
from tests.conftest import BOTH, ENVIRONMENT, Workspace
from tests.support.registries import make_registry
from tests.support.servers import registry_server
from tests.support.tampering import as_owner, rewrite_history

PAGE = Path(__file__).parents[2] / "docs/guides/history.md"
BARE = Path(sys.base_prefix) / "bin/python3"


@pytest.fixture
def here(database, tmp_path):
    """A folder whose commands use a fresh registry in a file."""
    make_registry(database)
    return Workspace(tmp_path, {"LINEAGE_REGISTRY": database, "HOME": str(tmp_path)})


def _until(holds) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, "it does not come about"
        time.sleep(0.05)


def _grow(url, *names):
    with connect(url) as registry:
        for name in names:
            registry.create_environment(name, EnvironmentKind.EXPERIMENTAL, actor="ann")


def _script(number: int) -> str:
    """The stranger's script as the page has it."""
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[number]


def _stranger(python, script, *words):
    return subprocess.run(
        [python, *(["-I", "-S"] if python == BARE else ["-I"]), "-c", script, *map(str, words)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def test_a_stranger_verifies_a_proof_with_the_pages_own_lines(here, tmp_path):
    """With a bare Python, which has none of our packages."""
    _grow(here.env["LINEAGE_REGISTRY"], *"abcdefgh")
    for number, size in ((3, 10), (10, 10)):
        kept, proof = tmp_path / "kept", tmp_path / f"proof-{number}.json"
        assert here.lineage("audit", "checkpoint", "-o", str(kept)).code == 0
        done = here.lineage("audit", "prove", str(number), "--against", str(kept), "-o", str(proof))
        assert done.code == 0, done.err
        told = _stranger(BARE, _script(0), proof, kept)
        assert told.returncode == 0, told.stderr
        document = json.loads(proof.read_text())
        assert told.stdout.strip().endswith(document["entry"])
        assert kept.read_text().split("\n")[1] == str(size)
        for spoil in (
            {"entry": document["entry"].replace("ann", "bob").replace("tester", "bob")},
            {"event": document["event"] % 10 + 1},
            {"hashes": document["hashes"][1:]},
            {"hashes": [*document["hashes"], document["hashes"][0]]},
        ):
            proof.write_text(json.dumps(document | spoil))
            told = _stranger(BARE, _script(0), proof, kept)
            assert told.returncode == 1, (number, spoil)
            assert "not in the history" in told.stderr


def test_a_stranger_verifies_a_signature_with_the_pages_own_lines(here, tmp_path):
    kept, unsigned = tmp_path / "kept", tmp_path / "unsigned"
    public = here.ok("audit", "key", "mine.pem")["public"]
    other = here.ok("audit", "key", "other.pem")["public"]
    assert here.lineage("audit", "checkpoint", "--sign", "mine.pem", "-o", str(kept)).code == 0
    assert _stranger(sys.executable, _script(1), kept, public).returncode == 0
    assert _stranger(sys.executable, _script(1), kept, other).returncode != 0
    assert here.lineage("audit", "checkpoint", "-o", str(unsigned)).code == 0
    told = _stranger(sys.executable, _script(1), unsigned, public)
    assert (told.returncode, told.stderr.strip()) == (1, "It is not signed by this key.")
    kept.write_text(kept.read_text().replace("\n2\n", "\n1\n"))
    assert _stranger(sys.executable, _script(1), kept, public).returncode != 0


def test_a_checkpoint_that_was_kept_finds_what_nothing_inside_tells(here, tmp_path):
    url = here.env["LINEAGE_REGISTRY"]
    _grow(url, "a", "b")
    public = here.ok("audit", "key", "mine.pem")["public"]
    assert stat.S_IMODE((tmp_path / "mine.pem").stat().st_mode) == 0o600
    (tmp_path / "pub").write_text(public)
    here.lineage("audit", "checkpoint", "--sign", "mine.pem", "-o", "kept")
    verify = ("audit", "verify", "--against", "kept", "--key", "pub")
    assert here.ok(*verify)["valid"] is True
    assert "goes on with 1 checkpoint" in here.lineage(*verify).out
    rewrite_history(url, since=2, actor="mallory")
    assert here.lineage("audit", "verify").code == 0
    done = here.lineage(*verify)
    assert done.code == 6
    assert "the history was written anew from event 1 on" in done.err
    kept = tmp_path / "kept"
    kept.write_text(kept.read_text().replace("\n4\n", "\n3\n"))
    done = here.lineage(*verify)
    assert (done.code, "was changed" in done.err) == (6, True)


def test_keys_are_kept_to_their_owner_and_come_from_the_environment_too(here, tmp_path):
    public = here.ok("audit", "key", "mine.pem")["public"]
    assert here.ok("audit", "key", "mine.pem") == {
        "file": "mine.pem", "made": False, "public": public,
    }  # fmt: skip
    (tmp_path / "mine.pem").chmod(0o640)
    done = here.lineage("audit", "checkpoint", "--sign", "mine.pem")
    assert (done.code, "can be read or changed by others" in done.err) == (2, True)
    secret = {"SECRET": (tmp_path / "mine.pem").read_text()}
    done = here.lineage("audit", "checkpoint", "--sign", "env:SECRET", env=secret)
    assert done.code == 0
    assert public.split("+")[0] in done.out
    for key in ("none.pem", "env:NONE", "kept", "."):
        (tmp_path / "kept").write_text("no key")
        (tmp_path / "kept").chmod(0o600)
        done = here.lineage("audit", "checkpoint", "--sign", key)
        assert done.code == 2, key
    done = here.lineage("serve", "--checkpoint-key", "none.pem")
    assert (done.code, "none.pem, cannot be read" in done.err) == (2, True)
    made = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "ed25519", "-out", "theirs.pem"],
        cwd=tmp_path, capture_output=True, check=False, env=ENVIRONMENT,
    )  # fmt: skip
    if made.returncode == 0:
        (tmp_path / "theirs.pem").chmod(0o600)
        assert here.lineage("audit", "checkpoint", "--sign", "theirs.pem").code == 0


@BOTH
def test_a_server_puts_a_checkpoint_out_after_every_move(database, tmp_path):
    make_registry(database)
    (tmp_path / "key.pem").write_bytes(checkpoints.notes.Signer.made().pem)
    (tmp_path / "key.pem").chmod(0o600)
    verifier = checkpoints.signer_of(str(tmp_path / "key.pem")).verifier
    place = tmp_path / "out"
    settings = {"checkpoint_to": str(place), "checkpoint_key": str(tmp_path / "key.pem")}
    with registry_server(database, no_auth=True, **settings) as address:
        for number, name in enumerate("abc", 3):
            _grow(address, name)
            _until(lambda: (place / f"{number:012d}.checkpoint").exists())  # noqa: B023
        with connect(address) as client:
            answered = client.checkpoint()
        _until((place / LATEST).exists)
    kept = [checkpoints.read(str(path), (verifier,)) for path in sorted(place.iterdir())]
    assert {one.size for one in kept} >= {3, 4, 5}
    assert answered.root in {one.root for one in kept}
    with connect(database) as registry:
        assert registry.audit(against=kept).problems == ()


@BOTH
def test_nothing_is_signed_that_does_not_go_on_with_what_was(database, tmp_path, caplog):
    place = tmp_path / "out"
    make_registry(database)
    _grow(database, "a", "b")
    with connect(database) as registry:
        Checkpointer(registry, Folder(place), None).look()
        running = Checkpointer(registry, Folder(place), None)
        running.look()
    before = {path.name: path.read_text() for path in place.iterdir()}
    as_owner(
        database,
        "DELETE FROM event_subject WHERE seq = 4",
        "DELETE FROM event WHERE seq = 4",
        "DELETE FROM environment WHERE name = 'b'",
    )
    _grow(database, "c", "d", "e")
    with connect(database) as registry:
        fresh = Checkpointer(registry, Folder(place), None)
        for one, says in ((running, "Event 4 of the history"), (fresh, "from event 1 on")):
            for _ in range(2):
                with pytest.raises(checkpoints.IntegrityFailure, match=says):
                    one.look()
    after = {path.name: path.read_text() for path in place.iterdir()}
    assert {name: after[name] for name in before} == before
    assert set(after) == set(before)


@contextmanager
def _taking(status: int):
    """A server that takes what is put to it, or not; what it got."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            got.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://ann:hunter2@127.0.0.1:{server.server_port}/checkpoints?key=hunter3", got
    server.shutdown()
    server.server_close()


def test_an_address_takes_checkpoints_and_failures_tell_no_secret(database, caplog):
    make_registry(database)
    with connect(database) as registry:
        with _taking(201) as (url, got):
            one = Checkpointer(registry, Address(url), None)
            one.look()
            one.look()
            assert len(got) == 1, "the history has not grown"
            assert got[0] == registry.checkpoint().text.rpartition("time ")[0] + got[0][-33:]
        with _taking(500) as (url, got):
            one = Checkpointer(registry, Address(url), None)
            one._try()
        one._next = 0.0
        one._try()
    assert "HTTP 500" in caplog.text
    assert "ConnectError" in caplog.text
    assert "hunter" not in caplog.text
