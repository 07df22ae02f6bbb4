"""How long a client tries."""

import pytest

from lineage.errors import UsageError
from lineage.remote.transport import Patience


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
