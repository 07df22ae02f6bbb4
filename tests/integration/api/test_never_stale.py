"""No answer outlives what it says: after each step of a random history, of every verb, what is kept
is what is so."""

from __future__ import annotations

import asyncio
import itertools
import json

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lineage.api import known
from lineage.api.change_detection import detector_of
from lineage.api.environment_cache import EnvironmentCache
from lineage.api.serving_cache import ServingCache

from lineage.connection import connect
from lineage.database import basis
from lineage.database.told import TOLD
from lineage.database.touched import ABOUT, touched
from lineage.errors import LineageError
from tests.conftest import BOTH, make_registry, pipeline
from tests.support import LONG
from tests.support.any_verb import TEXTS, AnyVerb, writing_verbs

EXAMPLES = {"sqlite": 150 if LONG else 2, "postgresql": 40 if LONG else 1}
STEPS = 60 if LONG else 40
PHASES = tuple(Phase) if LONG else (Phase.explicit, Phase.generate)

ASKED = (
    None,
    *(pipeline(text).xxh3 for text in TEXTS),
    pipeline("x").blake3[:15],
    "blake3:" + "0" * 64,
)
"""By whom an answer is asked for: nobody, those who run a version, by a beginning of it, another."""

histories = st.lists(
    st.tuples(
        st.sampled_from(sorted(writing_verbs())),
        st.integers(0, 3),
        st.integers(0, 3),
        st.integers(0, 11),
    ),
    min_size=STEPS,
    max_size=STEPS,
)


class Kept:
    """What a server keeps, held against what is so."""

    def __init__(self, verbs, database):
        self._verbs = verbs
        self._detector = detector_of(database, 10.0, lambda: None)
        self._cache = ServingCache(verbs.registry, self._detector)
        self._environments = EnvironmentCache()
        self._loop = asyncio.new_event_loop()
        self._state = None

    def has_moved(self):
        """Whether anything was committed since this was asked last."""
        state = self._loop.run_until_complete(self._version()).state
        moved, self._state = state != self._state, state
        return moved

    async def _version(self):
        return await self._cache.version()

    def compare(self, asked, after):
        """Every slot, as somebody asks for it who runs a pipeline version."""
        for environment in self._verbs.environments:
            for model in self._verbs.models:
                fresh = self._fresh(environment, model, asked)
                kept = self._loop.run_until_complete(self._kept(environment, model, asked))
                assert kept == fresh, (after, environment, model, asked)

    def compare_all(self, after):
        """All slots together, as pages show them."""
        version = self._loop.run_until_complete(self._version())
        kept = self._environments.at(version, self._verbs.registry)
        assert kept == self._verbs.registry.environments(), after

    async def _kept(self, environment, model, asked):
        version = await self._cache.version()
        try:
            answer = await self._cache.answer(environment, model, asked, version)
        except LineageError as error:
            return type(error), str(error), error.remedy
        assert answer.response.headers["etag"] == answer.etag
        return json.loads(answer.response.body)

    def _fresh(self, environment, model, asked):
        try:
            return self._verbs.registry.serving(model, environment, pipeline=asked).to_json()
        except LineageError as error:
            return type(error), str(error), error.remedy

    def close(self):
        self._loop.run_until_complete(self._detector.close())
        self._loop.close()


@BOTH
def test_no_answer_outlives_what_it_says(database, request, monkeypatch):
    monkeypatch.setattr(known, "CONFIRMED_FOR", 1e9)  # only events end what is kept
    make_registry(database)
    numbers = itertools.count()

    @settings(
        max_examples=EXAMPLES[request.node.callspec.params["database"]],
        deadline=None,
        derandomize=not LONG,
        phases=PHASES,
        suppress_health_check=list(HealthCheck),
    )
    @given(history=histories)
    def hold(history):
        verbs = AnyVerb(registry, next(numbers))
        verbs.begin()
        kept = Kept(verbs, database)
        try:
            for asked in ASKED:
                kept.compare(asked, "the beginning")
            kept.compare_all("the beginning")
            for number, step in enumerate(history):
                verbs.make(*step)
                if not kept.has_moved():
                    continue
                kept.compare(None, step)
                kept.compare_all(step)
                kept.compare(ASKED[number % len(ASKED)], step)
        finally:
            kept.close()

    with connect(database) as registry:
        hold()


def test_every_verb_is_among_them():
    for verb in writing_verbs():
        assert callable(getattr(AnyVerb, verb)), verb


def test_every_told_table_says_what_its_rows_are_about():
    assert ABOUT.keys() == TOLD.keys()
    for table, about in ABOUT.items():
        assert set((about or ())[1:]) <= set(TOLD[table].columns), table


def test_every_told_table_that_answers_rest_on_is_looked_at():
    resting = {table for table, about in ABOUT.items() if about is not None} - {"event_subject"}
    assert resting == basis.LOOKED_AT


def test_an_event_that_does_not_tell_may_be_about_anything():
    assert touched('{"rows": {"token": [{"id": 1}]}}') == {("tokens",)}
    assert touched("{}") is None
    assert touched('{"rows": {"a_table_of_later": []}}') is None
    for payload in (
        "no JSON",
        "[]",
        '{"rows": {"slot": 5}}',
        '{"rows": {"slot": [{}]}}',
        "[" * 9999,
    ):
        assert touched(payload) is None, payload[:40]
