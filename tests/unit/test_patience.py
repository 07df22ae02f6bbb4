"""How long a client tries."""

from threading import Event

import pytest

from lineage.database import postgresql
from lineage.errors import UsageError
from lineage.patience import NameLookup, Patience


def test_a_person_waits_less_for_a_server_that_is_not_reached_and_as_long_for_an_answer():
    person, job = Patience.of(None, person=True), Patience.of(None, person=False)
    assert (person.reach, person.whole) == (3, 30)
    assert (job.reach, job.whole) == (30, 30)
    assert person.connect * 2 <= person.reach, "a name may have two addresses"


@pytest.mark.parametrize("person", [True, False])
def test_who_says_how_long_is_heard(person):
    assert Patience.of("7", person=person) == Patience(7, 7)
    for text in ("soon", "0", "-1", "nan", "3601", ""):
        with pytest.raises(UsageError, match="no number of seconds"):
            Patience.of(text, person=person)


def test_a_name_that_nobody_resolves_is_told_in_time():
    answered = Event()
    lookup = NameLookup("registry.example.com", lambda *_: answered.wait(60))
    for _ in range(2):
        with pytest.raises(TimeoutError, match=r"registry\.example\.com is not resolved in time"):
            lookup.require(0.01)
    answered.set()
    lookup.require(60)


@pytest.mark.parametrize("host", [None, "", "127.0.0.1", "::1", "fe80::1%eth0", "/run/postgresql"])
def test_what_is_no_name_is_not_looked_up(host):
    def never(*_):
        raise AssertionError

    NameLookup(host, never).require(0)


def test_a_name_that_is_not_known_is_told_by_who_connects():
    NameLookup("no-such-host.invalid").require(60)


@pytest.mark.parametrize(("said", "seconds"), [("1", 2), ("3", 2), ("9", 6), ("60", 10)])
def test_a_database_is_waited_for_by_the_same_word(said, seconds, monkeypatch):
    monkeypatch.setenv("LINEAGE_TIMEOUT", said)
    assert postgresql._patience() == seconds


def test_a_person_waits_for_two_addresses_of_a_database_less_than_five_seconds():
    assert postgresql.LEAST_TIMEOUT == int(Patience.of(None, person=True).reach / 1.5) == 2
