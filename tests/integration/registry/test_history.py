"""The history proves itself to those outside: checkpoints, and proofs that they verify."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lineage.connection import connect
from lineage.database.engine import open_engine, transaction
from lineage.errors import IntegrityFailure, NotFound, UsageError
from lineage.identity import merkle, notes
from lineage.identity.checkpoint import Checkpoint
from lineage.identity.checkpoint import read as read_note
from lineage.identity.components import EnvironmentKind
from lineage.registry import checkpoints
from tests.conftest import BOTH, EVERYWHERE, add_validated, add_version, captured_pipeline
from tests.support.registries import make_bare
from tests.support.tampering import as_owner, rewrite_history


@pytest.fixture
def empty_url(database: str) -> str:
    """A registry before its first event."""
    make_bare(database)
    return database


def _grow(registry, *names: str) -> None:
    for name in names:
        registry.create_environment(name, EnvironmentKind.EXPERIMENTAL, actor="ann")


@EVERYWHERE
def test_the_history_goes_on_with_every_checkpoint_of_it(registry):
    kept = [registry.checkpoint()]
    for name in "abcdefg":
        _grow(registry, name)
        kept.append(registry.checkpoint())
    assert [one.size for one in kept] == list(range(2, 10)), "two environments were there"
    assert len({one.root for one in kept}) == len(kept)
    assert len({one.registry for one in kept}) == 1
    assert registry.history(limit=1)[0]["digest"] == kept[-1].head
    assert registry.audit(against=kept).problems == ()
    proof = registry.consistency(kept[2].size)
    assert proof.holds_for(kept[2])
    assert not proof.holds_for(kept[3])


@EVERYWHERE
def test_any_event_is_proved_and_by_any_checkpoint_that_saw_it(registry):
    _grow(registry, "a", "b")
    kept = registry.checkpoint()
    _grow(registry, "c")
    for event in registry.history(limit=100):
        proof = registry.prove(event["seq"])
        assert proof.holds
        assert json.loads(proof.entry) == event
        assert not replace(proof, entry=proof.entry.replace("ann", "bob") + " ").holds
        if event["seq"] <= kept.size:
            assert registry.prove(event["seq"], size=kept.size).checkpoint.root == kept.root
    with pytest.raises(NotFound, match="no event 6"):
        registry.prove(6)
    with pytest.raises(NotFound, match="only 5 events"):
        registry.prove(1, size=6)


@EVERYWHERE
def test_what_did_not_come_of_this_history_is_found(registry):
    _grow(registry, "a", "b")
    kept = registry.checkpoint()
    others = {
        "written anew from event 1 on": replace(kept, size=3, root=merkle.sha256(b"x")),
        "ends at 4: events 5 to 9 were cut off": replace(kept, size=9),
        "of the registry ffff, and this one is": replace(kept, registry="ffff"),
    }
    for says, other in others.items():
        (problem,) = registry.audit(against=[kept, other]).problems
        assert says in problem
    _grow(registry, "c")
    later = replace(registry.checkpoint(), root=merkle.sha256(b"x"))
    (problem,) = registry.audit(against=[kept, later]).problems
    assert "written anew from event 5 on" in problem


@BOTH
def test_a_registry_without_history_has_nothing_to_keep(empty_url):
    with connect(empty_url) as registry:
        with pytest.raises(NotFound, match="no history yet"):
            registry.checkpoint()
        assert registry.head().registry is None
        _grow(registry, "a")
        first = registry.checkpoint()
        assert (first.size, len(first.registry)) == (1, 32)


@BOTH
def test_an_older_state_that_was_put_back_is_found(registry, url):
    before = registry.checkpoint()
    _grow(registry, "a", "b")
    after = registry.checkpoint()
    as_owner(
        url,
        f"DELETE FROM event_subject WHERE seq > {before.size}",
        f"DELETE FROM event WHERE seq > {before.size}",
        "DELETE FROM environment WHERE name IN ('a', 'b')",
    )
    assert registry.audit().problems == (), "nothing inside tells"
    assert registry.audit(against=[before]).problems == ()
    (problem,) = registry.audit(against=[after]).problems
    assert "ends at 2: events 3 to 4 were cut off, or an older state was put back" in problem


@BOTH
def test_a_history_that_was_written_anew_is_found(registry, url):
    _grow(registry, "a", "b")
    first = registry.checkpoint()
    _grow(registry, "c", "d")
    second = registry.checkpoint()
    rewrite_history(url, since=5, actor="mallory")
    assert registry.audit().problems == (), "nothing inside tells"
    assert registry.audit(against=[first]).problems == ()
    (problem,) = registry.audit(against=[first, second]).problems
    assert "written anew from event 5 on" in problem
    rewrite_history(url, since=1, actor="mallory")
    problems = registry.audit(against=[first, second]).problems
    assert len(problems) == 2
    assert all("written anew from event 1 on" in problem for problem in problems)


@BOTH
@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (
            "DELETE FROM event_subject",
            "event_subject (subject=production, seq=1) is missing: event 1 tells it",
        ),
        (
            "DELETE FROM event_subject WHERE subject = 'churn@1'",
            "event_subject (subject=churn@1, seq=",
        ),
        (
            "INSERT INTO event_subject (subject, seq) VALUES ('other', 2)",
            "event_subject (subject=other, seq=2) was added: event 2, which it names, does not",
        ),
    ],
)
def test_the_index_of_subjects_is_what_the_events_name(registry, url, statement, says):
    add_validated(registry, "1")
    assert registry.audit().problems == ()
    as_owner(url, statement)
    assert any(says in problem for problem in registry.audit().problems)


@BOTH
def test_nobody_vouches_for_a_history_that_is_not_whole(registry, url):
    _grow(registry, "a", "b")
    as_owner(url, "UPDATE event SET actor = 'bob' WHERE seq = 3")
    for ask in (
        registry.checkpoint,
        lambda: registry.prove(1),
        lambda: registry.consistency(1),
    ):
        with pytest.raises(IntegrityFailure, match="event 3 was changed"):
            ask()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET payload = X'00ff' WHERE seq = 2",
        "UPDATE event SET payload = 'nonsense' WHERE seq = 2",
        "UPDATE event SET payload = '[1]' WHERE seq = 2",
        """UPDATE event SET payload = '{"slots": 1}' WHERE seq = 2""",
        """UPDATE event SET payload = '{"slots": {"a": {"serving": 7}}}' WHERE seq = 2""",
        """UPDATE event SET payload = '{"kind":"experimental", "subjects":[]}' WHERE seq = 2""",
        "UPDATE event SET payload = '" + "[" * 100_000 + "' WHERE seq = 2",
        "UPDATE event SET actor = X'ff' WHERE seq = 2",
    ],
)
def test_an_event_of_any_shape_is_a_finding_and_no_crash(registry, url, statement):
    as_owner(url, statement)
    assert any("event 2 was changed" in problem for problem in registry.audit().problems)


def test_findings_have_an_end(registry, url):
    as_owner(
        url,
        "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 2009) "
        "INSERT INTO event SELECT i, '', '', '', '', '{}', '', '' FROM n",
    )
    problems = registry.audit().problems
    assert len(problems) == 1_001
    assert problems[-1].endswith("more were found")


def test_a_note_is_believed_by_its_key_alone(registry, tmp_path):
    mine, others = notes.Signer.made(), notes.Signer.made()
    made = registry.checkpoint()
    path = tmp_path / "checkpoint"
    path.write_text(checkpoints.noted(made, mine))
    named = notes.Verifier.parse(mine.verifier.text(made.origin))
    for key in (named, mine.verifier):
        assert checkpoints.read(str(path), (key,)) == made
    assert checkpoints.read(str(path), (others.verifier, named)) == made
    with pytest.raises(IntegrityFailure, match=f"in {path} is signed by none"):
        checkpoints.read(str(path), (others.verifier,))
    path.write_text(path.read_text().replace("\n2\n", "\n3\n"))
    with pytest.raises(IntegrityFailure, match="was changed"):
        checkpoints.read(str(path), (named,))
    path.write_text(made.text)
    with pytest.raises(IntegrityFailure, match=f"in {path} is not signed"):
        checkpoints.read(str(path), (named,))


def test_a_witness_may_sign_too(registry):
    """Signatures of keys that nobody asked about are passed over."""
    mine, witness = notes.Signer.made(), notes.Signer.made()
    made = registry.checkpoint()
    line = witness.signed(made.text, "witness.example").rpartition("\n\n")[2]
    found, note = read_note(checkpoints.noted(made, mine) + line)
    assert (found, len(note.signatures)) == (made, 2)
    notes.require_signed(note, [mine.verifier], path="checkpoint")
    notes.require_signed(note, [witness.verifier], path="checkpoint")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "lineage-guard/aa",
        "lineage-guard/aa\n1\nAAAA\n",
        "lineage-guard/aa\n01\n" + "A" * 43 + "=\n",
        "lineage-guard/aa\n-1\n" + "A" * 43 + "=\n",
        "example.com/log\n1\n" + "A" * 43 + "=\n",
        "lineage-guard/aa\r\n1\r\n" + "A" * 43 + "=\r\n",
        "lineage-guard/aa\n1\n" + "A" * 43 + "=\n\n— name not-base64\n",
        "lineage-guard/aa\n1\n" + "A" * 43 + "=\n\n— name AAAA\n",
    ],
)
def test_what_is_no_checkpoint_is_told(text):
    with pytest.raises(UsageError):
        read_note(text)


def test_a_checkpoint_is_read_back_with_what_others_add(registry):
    made = registry.checkpoint()
    assert Checkpoint.parse(made.text) == made
    assert Checkpoint.parse(made.text + "another line\n") == made
    bare = Checkpoint.parse("\n".join(made.text.splitlines()[:3]) + "\n")
    assert bare == replace(made, head=None, at=None)
    assert registry.audit(against=[bare]).problems == ()


def test_the_bytes_of_an_entry_are_canonical(registry, url):
    """They are put together without reading the payload: as RFC 8785 writes the whole."""
    from sqlmodel import Session, select

    from lineage.database import events, tables
    from lineage.database.audit import entries
    from lineage.identity.digest import canonical_bytes

    _grow(registry, "x")
    registry.create_environment("y", EnvironmentKind.EXPERIMENTAL, actor='é"\\/\u2028\x7f 😀')
    odd = {"1e21": 1e21, "small": 1e-7, "\ufb33": 1.5, "😀": 2.0, "deep": {"ratio": 0.1}}
    registry.validate(
        add_version(registry), captured_pipeline(), passed=True, metrics=odd, actor="t"
    )
    engine = open_engine(url)
    with transaction(engine) as connection, Session(connection) as session:
        rows = session.exec(select(tables.Event).order_by(tables.Event.seq)).all()
        found = list(entries.stream(session))
        for row, entry in zip(rows, found, strict=True):
            document = events.document(row)
            assert entry.said == canonical_bytes(document)
            assert entry.leaf == canonical_bytes(document | {"digest": row.blake3})
    engine.dispose()
