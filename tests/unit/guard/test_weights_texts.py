"""What a person reads of `weights-intact` and `backup-ready`: where the weights are, and since when."""

from __future__ import annotations

import dataclasses

import pytest

from lineage.guard.facts import Standby, Transition
from lineage.guard.policy import EnvironmentPolicy
from lineage.identity.components import Kind
from tests.unit.guard.test_evaluate import LOOKED, NOW, ONE_HOST, _check, _copies
from tests.unit.guard.test_rule_texts import OLD, _told

# weights-intact

OTHER_HOST = dataclasses.replace(ONE_HOST, store="nas")
STORE_THEM = "Store them from wherever they are: lineage store put churn@7 PATH"
ADD_A_STORE = (
    "Add a store that every host reaches (lineage store add NAME s3://BUCKET/PATH) and store them "
    "from wherever they are: lineage store put churn@7 PATH --to NAME. A folder that every host "
    "mounts is one: lineage store add NAME PATH --shared"
)
PUT_BACK = "Put them back from wherever they are: lineage store put churn@7 PATH"
NO_REACH = "where no other host can fetch them from"


@pytest.mark.parametrize(
    ("copies", "status", "summary", "remedy"),
    [
        (_copies(s3="intact"), "pass", "the weights were intact in store s3 on 2026-11-21", None),
        (
            _copies(s3="missing", nas="intact"),
            "pass",
            "the weights were intact in 1 of 2 stores nas on 2026-11-21",
            None,
        ),
        (
            _copies(s3="intact", gcs="missing", nas="intact"),
            "pass",
            "the weights were intact in 2 of 3 stores s3, nas on 2026-11-21",
            None,
        ),
        (
            _copies(s3="missing"),
            "fail",
            "the weights of churn@7 were missing in store s3 on 2026-11-21",
            PUT_BACK,
        ),
        (
            _copies(s3="changed", nas="missing"),
            "fail",
            "the weights of churn@7 did not match their digests in store s3; were missing in store "
            "nas on 2026-11-21",
            PUT_BACK,
        ),
        (
            _copies(s3="unreachable", nas="missing"),
            "fail",
            "the weights of churn@7 could not be looked for in store s3; were missing in store nas "
            "on 2026-11-21",
            PUT_BACK,
        ),
        (
            _copies(s3="unreachable", nas="unreachable"),
            "warn",
            "the weights of churn@7 could not be looked for in store s3; could not be looked for "
            "in store nas on 2026-11-21",
            "Look again when the store answers: lineage verify churn@7",
        ),
        (
            (ONE_HOST,),
            "fail",
            f"the weights of churn@7 are only in local, a folder of one host, {NO_REACH}",
            ADD_A_STORE,
        ),
        (
            (ONE_HOST, OTHER_HOST),
            "fail",
            f"the weights of churn@7 are only in local, nas, folders of one host each, {NO_REACH}",
            ADD_A_STORE,
        ),
    ],
)
def test_one_intact_copy_is_enough_and_without_one_it_says_what_to_do(
    copies, status, summary, remedy
):
    shared = not all(copy.shared for copy in copies)
    check = _check("weights-intact", copies=copies, shared=shared)
    assert _told(check) == (status, summary, remedy)
    assert check.details == {"copies": [copy.to_json() for copy in copies]}


def test_an_old_look_is_made_again_at_every_byte():
    policy = EnvironmentPolicy(look_within="7d")
    old = {"policy": policy, "now": NOW.replace("-21T", "-30T"), "copies": _copies(s3="intact")}
    why = (
        "the newest look at the copy in store s3 is 9 days old, and production wants one within "
        "7 days"
    )
    again = "Look again, at every byte: lineage verify churn@7"
    details = {"copies": [copy.to_json() for copy in old["copies"]]}
    for code, move, status in (
        ("weights-intact", Transition.ENTER, "warn"),
        ("backup-ready", Transition.STAND_BY, "fail"),
    ):
        check = _check(code, transition=move, **old)
        assert _told(check) == (status, why, again)
        assert check.details == details


def test_of_two_looks_at_the_same_moment_the_one_at_the_stores_counts():
    check = _check("weights-intact", weights=LOOKED["missing"], copies=_copies(s3="intact"))
    assert _told(check) == ("pass", "the weights were intact in store s3 on 2026-11-21", None)


LOOK = {"place": "models/model.pkl", "checked_at": NOW, "checked_by": "bob"}


@pytest.mark.parametrize(
    ("weights", "seen", "details"),
    [
        (None, "the weights were read at registration; nobody looked since", {}),
        (
            LOOKED["intact"],
            "the weights were intact at models/model.pkl on 2026-11-21 (bob)",
            {"state": "intact", **LOOK},
        ),
    ],
)
def test_what_is_in_no_store_is_to_be_stored_unless_it_is_an_experiment(weights, seen, details):
    unstored = _check("weights-intact", copies=(), weights=weights)
    assert _told(unstored) == ("fail", f"{seen}, and they are in no store", STORE_THEM)
    tried = _check("weights-intact", copies=(), weights=weights, kind=Kind.EXPERIMENT)
    assert _told(tried) == ("pass", seen, None)
    assert unstored.details == tried.details == details


@pytest.mark.parametrize(
    ("move", "until", "told"),
    [
        (Transition.RETURN, "2026-11-22", True),
        (Transition.STAND_BY, "2026-11-22", True),
        (Transition.ENTER, "2026-11-22", False),
        (Transition.STAY, "2026-11-22", False),
        (Transition.RETURN, "2026-11-20", False),
    ],
)
def test_what_returns_needs_no_copy_while_a_host_holds_the_weights(move, until, told):
    copies = _copies(s3="missing")
    check = _check("weights-intact", transition=move, copies=copies, now=NOW, held_until=until)
    held = ("pass", "a serving host holds the weights of churn@7, every byte checked", None)
    lost = ("fail", "the weights of churn@7 were missing in store s3 on 2026-11-21", PUT_BACK)
    assert _told(check) == (held if told else lost)
    assert check.details == {"copies": [copy.to_json() for copy in copies]}


def test_where_no_weights_are_recorded_nobody_looks_for_them():
    check = _check("weights-intact", missing=("weights",))
    assert _told(check) == ("skipped", "no weights are recorded", None)


# backup-ready

NONE_HOLDS = "no store is known to hold the weights of churn@7 intact"
FIND_THEM = (
    "Look for them (lineage verify churn@7), or store them from wherever they are: lineage store "
    "put churn@7 PATH"
)


@pytest.mark.parametrize(
    ("copies", "status", "summary", "remedy"),
    [
        (_copies(s3="intact"), "pass", "the weights of churn@7 can be fetched at once", None),
        (_copies(s3="missing"), "fail", NONE_HOLDS, FIND_THEM),
        (_copies(s3="unreachable"), "fail", NONE_HOLDS, FIND_THEM),
        ((), "fail", NONE_HOLDS, FIND_THEM),
        (
            (ONE_HOST, OTHER_HOST),
            "fail",
            f"the weights of churn@7 are only in local, nas, folders of one host each, {NO_REACH}",
            ADD_A_STORE,
        ),
    ],
)
def test_what_is_to_stand_by_says_whether_it_can_be_fetched(copies, status, summary, remedy):
    check = _check("backup-ready", transition=Transition.STAND_BY, copies=copies, shared=True)
    assert _told(check) == (status, summary, remedy)
    assert check.details == {"copies": [copy.to_json() for copy in copies]}


def _ready_it(ref: str, how: str) -> str:
    return (
        f"Validate what is to stand by with the pipeline that is to run (lineage validate {ref} "
        f"{how}), and have its weights checked or put back: lineage verify {ref} or lineage store "
        f"put {ref} PATH"
    )


NO_COMMIT = {"deployed_is_commit": None}
FAILED = {"standby": Standby("churn@6", "churn@6 failed")}
DEMANDED = {"policy": EnvironmentPolicy(backup=True)}
WILL_NOT = "churn@6 will not stand by for churn in production: churn@6 failed"
NOTHING_WILL = "nothing will stand by for churn in production"


@pytest.mark.parametrize(
    ("changes", "status", "summary", "remedy"),
    [
        ({}, "pass", "no backup is demanded", None),
        (FAILED, "warn", WILL_NOT, _ready_it("churn@6", "--in production")),
        (
            FAILED | NO_COMMIT,
            "warn",
            WILL_NOT,
            _ready_it("churn@6", f"--pipeline churn@{OLD.short} -- COMMAND"),
        ),
        (
            DEMANDED | {"transition": Transition.RETURN},
            "warn",
            NOTHING_WILL,
            _ready_it("churn@production", "--in production"),
        ),
        (
            DEMANDED | NO_COMMIT | {"serving_metrics": {}},
            "fail",
            "nothing would stand by for churn in production",
            _ready_it("churn@production", f"--pipeline churn@{OLD.short} -- COMMAND"),
        ),
    ],
)
def test_a_backup_that_is_not_ready_says_how_to_ready_it(changes, status, summary, remedy):
    assert _told(_check("backup-ready", **changes)) == (status, summary, remedy)
