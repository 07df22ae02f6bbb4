"""The evidence that an environment takes: which basis, and whose verdicts."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.acts import typed
from lineage.guard.decision import Status
from lineage.guard.evaluate import decide
from lineage.guard.evidence import BASES, Basis, Evidence
from lineage.guard.facts import Root, Transition
from lineage.guard.policy import EnvironmentPolicy
from lineage.identity.persons import same_person
from tests.conftest import pipeline
from tests.unit.guard.test_evaluate import GOOD, _verdict

OLD, OTHER = (str(pipeline(text).blake3) for text in ("old", "other"))
RAN = Root(OTHER, Basis.RUN, "ci")


def _decide(verdict, evidence=None, **changes):
    policy = EnvironmentPolicy(evidence=evidence or Evidence())
    changes = {"deployed_is_commit": None, "registrant_person": "ann"} | changes
    facts = dataclasses.replace(GOOD, verdicts=(verdict,), policy=policy, **changes)
    return decide(facts)


def _of(basis: Basis, root: Root | None = None, **changes):
    rests_on = 2 if basis is Basis.CARRIED else None
    return dataclasses.replace(_verdict(id=5), basis=basis, rests_on=rests_on, root=root, **changes)


def _only(*bases: Basis, **more) -> Evidence:
    return Evidence(bases, **more)


@pytest.mark.parametrize(
    ("verdict", "says"),
    [
        (_of(Basis.RUN), "on 2026-11-21 (ann), by a run"),
        (_of(Basis.STATED), "on 2026-11-21 (ann), as stated"),
        (_of(Basis.STATED, elsewhere=True), "(ann), validated elsewhere, as stated"),
        (_of(Basis.CARRIED, RAN), "(ann), carried over from 2 (by a run)"),
        (_of(Basis.CARRIED, RAN, on_word=True), "(ann), carried over from 2 (by a run), as stated"),
        (_of(Basis.CARRIED, Root(OLD, Basis.STATED, "ci")), "(ann), carried over from 2 (as stated)"),
    ],
)  # fmt: skip
def test_a_pass_says_what_it_rests_on(verdict, says):
    check = _decide(verdict).check("validated")
    assert (check.status, check.remedy) == (Status.PASS, None)
    assert check.summary.endswith(says)
    assert check.details["basis"] == verdict.basis
    assert check.details["on_word"] == verdict.on_word


WORD = _of(Basis.STATED)
BY_RUN = (
    "with the deployed pipeline, by a command that is run and watched (lineage validate churn@7 -- "
    "COMMAND); where a server keeps the registry, with a token that has the scope validate:run"
)
STATED = "with the deployed pipeline: lineage validate churn@7"


@pytest.mark.parametrize(
    ("verdict", "evidence", "says", "remedy"),
    [
        (WORD, _only(Basis.RUN, Basis.CARRIED), "was only stated, and production accepts none of that basis",
         f"Validate it {BY_RUN}"),
        (_of(Basis.RUN), _only(Basis.STATED), "came of a run, and production accepts none of that basis",
         f"Validate it {STATED}"),
        (_of(Basis.CARRIED, RAN), _only(Basis.RUN), "is carried over from validation 2, and production accepts none that is",
         f"Validate it {BY_RUN}"),
        (_of(Basis.CARRIED, Root(OTHER, Basis.STATED, "ci")), _only(Basis.RUN, Basis.CARRIED),
         "carried over from validation 2, which was only stated, and production accepts none of that basis", f"Validate it {BY_RUN}"),
        (_of(Basis.CARRIED, RAN), _only(Basis.STATED, Basis.CARRIED), "validation 2, which came of a run, and",
         f"Validate it {STATED}"),
        (_of(Basis.CARRIED, RAN, on_word=True), _only(Basis.RUN, Basis.CARRIED),
         "on the word of ann, whose token lacks the scope validate:run, and production accepts none that is only stated",
         f"Validate it {BY_RUN}"),
        (WORD, Evidence(validators=("ci", "bob")), "is ann's, whose verdicts do not count in production",
         f"Let ci or bob validate it {STATED}"),
        (_of(Basis.CARRIED, RAN), Evidence(validators=("ann",)), "rests on validation 2 of ci, whose verdicts do not count",
         f"Let ann validate it {STATED}"),
        (_of(Basis.CARRIED, RAN), Evidence(validators=("ci",)), "is ann's, whose verdicts do not count", f"Let ci validate it {STATED}"),
        (_of(Basis.RUN, person="bob"), Evidence(validators=("ann",)), "is bob's, whose verdicts", f"Let ann validate it {STATED}"),
        (WORD, Evidence(not_registrant=True), "is ann's, who registered it and may not be its validator",
         f"Let somebody else than ann validate it {STATED}"),
        (_of(Basis.STATED, validated_by="job", person="ANN"), Evidence(not_registrant=True), "is ANN's, who registered it",
         f"Let somebody else than ann validate it {STATED}"),
        (_of(Basis.CARRIED, Root(OTHER, Basis.RUN, "job", "ann"), person="cy"), Evidence(not_registrant=True),
         "rests on validation 2 of ann, who registered it", f"Let somebody else than ann validate it {STATED}"),
        (WORD, _only(Basis.RUN, validators=("ci",)), "was only stated", f"Let ci validate it {BY_RUN}"),
    ],
)  # fmt: skip
def test_evidence_that_is_not_taken_is_one_failure_that_says_what_to_do(verdict, evidence, says, remedy):  # fmt: skip
    decision = _decide(verdict, evidence)
    (check,) = decision.failures
    assert check.code == "validated"
    assert says in check.summary
    assert typed(check.remedy) == remedy


def test_where_it_can_be_replayed_that_is_the_way_to_a_run():
    told = "Validate it with the deployed pipeline, by a run (lineage validate churn@7 --in production); "  # fmt: skip
    (check,) = _decide(WORD, _only(Basis.RUN), deployed_is_commit=True).failures
    assert typed(check.remedy).startswith(told)
    (check,) = _decide(WORD, Evidence(validators=("ci",)), deployed_is_commit=True).failures
    assert typed(check.remedy) == "Let ci validate it with the deployed pipeline: lineage validate churn@7 --in production"  # fmt: skip
    (check,) = _decide(_of(Basis.RUN), _only(Basis.STATED), deployed_is_commit=True).failures
    assert typed(check.remedy) == f"Validate it {STATED}"


def test_where_the_pipeline_moves_it_is_the_one_that_is_to_run():
    (check,) = _decide(WORD, _only(Basis.RUN), pipeline_moves=True).failures
    assert check.summary.startswith("churn@7's verdict with the pipeline that is to run xxh3:")
    told = "Validate it with the pipeline that is to run, by a command that is run and watched ("
    assert typed(check.remedy).startswith(told)


@pytest.mark.parametrize(
    ("verdict", "evidence"),
    [
        (_of(Basis.RUN), _only(Basis.RUN)),
        (WORD, _only(Basis.STATED)),
        (_of(Basis.CARRIED, RAN), _only(Basis.RUN, Basis.CARRIED)),
        (_of(Basis.CARRIED, RAN), Evidence(validators=("ann", "CI"))),
        (_of(Basis.RUN, validated_by="laptop", person="Bob"), Evidence(validators=("bob",), not_registrant=True)),
        (_of(Basis.RUN, person="bob"), Evidence(not_registrant=True)),
    ],
)  # fmt: skip
def test_evidence_that_is_taken_passes(verdict, evidence):
    assert _decide(verdict, evidence).check("validated").status is Status.PASS


def test_who_registered_before_persons_were_noted_is_whoever_has_the_name():
    verdict = _of(Basis.RUN, validated_by="ann", person="oidc:gitlab.com:ann")
    check = _decide(verdict, Evidence(not_registrant=True), registrant_person=None).check(
        "validated"
    )
    assert "oidc:gitlab.com:ann's, who registered it" in check.summary
    check = _decide(verdict, Evidence(validators=("ann",))).check("validated")
    assert "whose verdicts do not count" in check.summary, "what is permitted is to persons"


def test_a_failure_is_told_before_whose_it_is():
    failed = _of(Basis.STATED, passed=False)
    check = _decide(failed, Evidence(validators=("ci",))).check("validated")
    assert "failed its newest validation" in check.summary


def test_it_holds_for_what_stays_and_for_what_returns():
    for move in set(Transition) - {Transition.LEAVE}:  # of what leaves nothing else is asked
        decision = _decide(WORD, _only(Basis.RUN), transition=move)
        assert decision.check("validated").status is Status.FAIL


# a word on what nobody ran


@pytest.mark.parametrize("verdict", [WORD, _of(Basis.CARRIED, Root(OTHER, Basis.STATED, "ci"))])
def test_a_word_on_a_pipeline_that_nobody_ran_it_with_warns_and_lets_it_in(verdict):
    on = OTHER if verdict.root else OLD
    decision = _decide(verdict, ran_with=frozenset({"blake3:other"}))
    check = decision.check("validated")
    assert (check.status, decision.allowed, decision.to_json()["allowed"]) == (
        Status.WARN, True, True,
    )  # fmt: skip
    assert check.summary.endswith(", and nobody ran it with that pipeline")
    assert typed(check.remedy).startswith("Validate it by a command that is run and watched")
    assert _decide(verdict, ran_with=frozenset({on})).check("validated").status is Status.PASS


@pytest.mark.parametrize("verdict", [_of(Basis.RUN), _of(Basis.CARRIED, RAN)])
def test_what_was_run_needs_no_other_run(verdict):
    assert _decide(verdict, ran_with=frozenset()).check("validated").status is Status.PASS


def test_where_it_is_refused_it_does_not_only_warn():
    check = _decide(WORD, _only(Basis.RUN), ran_with=frozenset()).check("validated")
    assert check.status is Status.FAIL


def test_the_remedy_names_the_pipeline_that_is_not_the_versions_own():
    check = _decide(WORD, ran_with=frozenset(), own_pipeline=OTHER).check("validated")
    short = pipeline("old").xxh3.short
    assert f"lineage validate churn@7 --pipeline churn@{short} -- COMMAND" in typed(check.remedy)


# what holds of all of it

PEOPLE = st.sampled_from(["ann", "ANN", "bob", "ci"])
EVIDENCE = st.builds(
    Evidence,
    st.lists(st.sampled_from(BASES), min_size=1, unique=True).map(tuple),
    st.none() | st.lists(PEOPLE, min_size=1, max_size=2).map(tuple),
    st.booleans(),
)
ROOTS = st.builds(Root, st.just(OTHER), st.sampled_from([Basis.RUN, Basis.STATED]), PEOPLE)
VERDICTS = st.builds(
    _of, st.sampled_from([Basis.RUN, Basis.STATED]), validated_by=PEOPLE, person=st.none() | PEOPLE
) | st.builds(_of, st.just(Basis.CARRIED), ROOTS, validated_by=PEOPLE, on_word=st.booleans())


@given(VERDICTS, EVIDENCE, st.sampled_from([frozenset(), frozenset({OLD}), frozenset({OTHER})]))
def test_what_is_let_in_rests_on_nothing_that_is_not_taken(verdict, evidence, ran):
    check = _decide(verdict, evidence, ran_with=ran).check("validated")
    rests = [(verdict.basis, verdict.counts_as)]
    if verdict.root is not None:
        rests.append((verdict.root.basis, verdict.root.counts_as))
    taken = all(
        basis in evidence.accept
        and (evidence.validators is None or any(same_person(v, who) for v in evidence.validators))
        and not (evidence.not_registrant and same_person(who, "ann"))
        for basis, who in rests
    ) and not (verdict.on_word and Basis.STATED not in evidence.accept)
    assert (check.status is not Status.FAIL) is taken
    assert check.remedy or check.status is Status.PASS


@given(EVIDENCE)
def test_a_policys_evidence_is_read_back_the_same(evidence):
    policy = EnvironmentPolicy(evidence=evidence)
    document = policy.to_json()
    assert EnvironmentPolicy.from_json(document) == policy
    assert document["accept_carried"] is (Basis.CARRIED in evidence.accept)


@pytest.mark.parametrize("accepts", [True, False])
def test_a_policy_of_before_is_read_with_what_it_said(accepts):
    document = EnvironmentPolicy().to_json() | {"accept_carried": accepts}
    del document["evidence"]
    evidence = EnvironmentPolicy.from_json(document).evidence
    assert evidence.accepts(Basis.CARRIED) is accepts
    assert evidence.accepts(Basis.RUN)
    assert evidence.accepts(Basis.STATED)
    assert (evidence.validators, evidence.not_registrant) == (None, False)
