"""What looks can tell of what was read before, meanwhile and since."""

from __future__ import annotations

import time

from lineage.api.known import Known, Look, RegistryVersion

BASIS = {("production", "churn"): 1}


def at(asked):
    return RegistryVersion(0, "state", asked)


def look(last=None, began=None):
    now = time.monotonic()
    return Look(began or now, at(now), BASIS, last)


def test_the_next_look_confirms_what_the_one_before_did():
    first = look()
    known = Known(at(time.monotonic()))
    second = look(first)
    third = look(second)
    assert known.confirm(second, 1.0)
    assert known.confirm(third, 1.0)
    assert not known.confirm(look(look(third)), 1.0), "one was left out, in which it may have moved"


def test_no_look_confirms_what_was_read_before_the_last_one_had_read():
    began = time.monotonic()
    known = Known(at(time.monotonic()))
    assert not known.confirm(look(look(began=began)), 1.0)
