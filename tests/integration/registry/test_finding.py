"""Finding versions: searched by an expression, sorted by a field, page by page; on both databases."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineage.connection import connect
from lineage.database import version_metrics
from lineage.database.engine import transaction
from lineage.errors import LineageError, NotFound, UsageError
from lineage.guard.expression_parser import LONGEST
from lineage.guard.requirements import Requirement
from lineage.identity.components import Kind
from tests.conftest import BOTH, EVERYWHERE, captured, captured_pipeline, make_registry, reached

METRICS = (
    {"auc": 0.90, "f1": 0.5, "slices": {"new customers": {"auc": 0.7}}},
    {"auc": 0.80, "f1": 0.9, "name": "tree", "ready": True},
    {"auc": 0.90, "n": 100, "number": 7},
    {"f1": 0.1},
    None,
)
"""Of the versions 1 to 5; version 6 has no verdict, version 7 is an experiment with another auc."""


def _fill(registry):
    for seed in "1234567":
        registry.register(
            "churn",
            captured(seed),
            kind=Kind.EXPERIMENT if seed == "7" else Kind.PRODUCTION,
            actor="alice" if seed in "123" else "bob",
        )
    for number, metrics in enumerate(METRICS, 1):
        _validate(registry, number, metrics, passed=number != 2)
    _validate(registry, 7, {"auc": 0.1})
    _validate(registry, 7, {"auc": 0.85, "f1": 0.3})
    registry.register("other", captured("o"), kind=Kind.PRODUCTION, actor="eve")
    registry.validate(
        "other@1", captured_pipeline(), passed=True, metrics={"secret": 1}, actor="eve"
    )


def _validate(registry, number, metrics, *, passed=True):
    ref = f"churn@{number}"
    registry.validate(ref, captured_pipeline(), passed=passed, metrics=metrics, actor="judge")


@pytest.fixture
def registry(database, request):
    make_registry(database, _fill)
    with reached(database, request) as url, connect(url) as opened:
        yield opened


def _numbers(rows):
    return [row.version for row in rows]


def _paged(registry, model, size, **query):
    """The numbers of all versions, read page by page."""
    found, after = [], None
    while True:
        page = registry.versions(model, limit=size, after=after, **query)
        found += _numbers(page)
        after = page.next
        if after is None:
            return found
        assert len(page) == size


SEARCHES = (
    ("auc > 0.8", [7, 3, 1]),
    ("auc >= 0.8 and kind = 'production'", [3, 2, 1]),
    ("auc = 0.9", [3, 1]),
    ("0.8 >= auc", [2]),
    ("not auc > 0.8", [2]),
    ("auc != 0.9", [7, 2]),
    ("auc > 0.89 or f1 > 0.4", [3, 2, 1]),
    ("f1 < auc", [7, 1]),
    ("auc - f1 > 0.3", [7, 1]),
    ("auc * 2 / f1 > 5", [7]),
    ("auc / (f1 - f1) > 0", []),
    ("auc > -1 and auc > -1e300", [7, 3, 2, 1]),
    ('slices."new customers".auc >= 0.7', [1]),
    ("n >= 100", [3]),
    ("slices.*.auc >= 0.7", [1]),
    ("slices.*.auc > 0.7 or 1 > slices.*.auc", [1]),
    ("slices.*.auc <= auc - 0.1", [1]),
    ("not slices.*.auc >= 0.7", []),
    ("number > 5", [7, 6]),
    ("metric.number = 7", [3]),
    ("passed", [7, 5, 4, 3, 1]),
    ("not passed", [2]),
    ("passed = false", [2]),
    ("true = passed and number < 4", [3, 1]),
    ("dirty", []),
    ("not dirty and number = 1", [1]),
    ("registered_by = 'bob' and kind != 'production'", [7]),
    ("registered_by >= 'b'", [7, 6, 5, 4]),
    ("registered_by = 'it''s' or number = 2", [2]),
    ("validated_by = 'judge' and basis = 'stated' and number < 3", [2, 1]),
    ("registered_at > '2020-01-01' and number = 1", [1]),
    ("registered_at < '2020-01-01T00:00:00Z'", []),
    ("validated_at > '2020-01-01'", [7, 5, 4, 3, 2, 1]),
    ("registered_at <= validated_at", [7, 5, 4, 3, 2, 1]),
    ("code = 'git:" + "0" * 39 + "3'", [3]),
    ("code = 'git:00000000'", [7, 6, 5, 4, 3, 2, 1]),
    ("1 = 2 or number == 4", [4]),
)


@BOTH
def test_a_search_chooses_versions(registry):
    for where, found in SEARCHES:
        assert _numbers(registry.versions("churn", where=where)) == found, where


@BOTH
def test_a_digest_is_found_whole_or_by_its_beginning_in_each_algorithm(registry):
    shown = registry.show("churn@2")
    weights = shown["components"]["weights"]
    for text in (
        shown["weights"],
        shown["weights"][:20],
        weights["blake3"],
        weights["blake3"][:16],
    ):
        assert _numbers(registry.versions("churn", where=f"weights = '{text}'")) == [2]
    assert 2 not in _numbers(registry.versions("churn", where=f"weights != '{shown['weights']}'"))


ORDERS = (
    (None, [7, 6, 5, 4, 3, 2, 1]),
    ("number", [1, 2, 3, 4, 5, 6, 7]),
    ("-auc", [3, 1, 7, 2, 6, 5, 4]),
    ("auc", [2, 7, 1, 3, 4, 5, 6]),
    ("-f1", [2, 1, 7, 4, 6, 5, 3]),
    ("registered_by", [1, 2, 3, 4, 5, 6, 7]),
    ("-kind", [6, 5, 4, 3, 2, 1, 7]),
    ("passed", [2, 1, 3, 4, 5, 7, 6]),
    ("-validated_at", [7, 5, 4, 3, 2, 1, 6]),
    ("metric.number", [3, 1, 2, 4, 5, 6, 7]),
    ("code", [1, 2, 3, 4, 5, 6, 7]),
)


@pytest.mark.parametrize("size", [1, 2, 3])
@EVERYWHERE
def test_a_field_sorts_and_pages_go_on_where_the_one_before_ended(registry, size):
    """What a version lacks comes last, in both directions; those that are equal go by number."""
    for sort, found in ORDERS:
        assert _numbers(registry.versions("churn", sort=sort)) == found
        assert _paged(registry, "churn", size, sort=sort) == found, sort


@EVERYWHERE
def test_columns_are_what_is_recorded(registry):
    columns = ["auc", "f1", "passed", "kind", "registered_by", 'slices."new customers".auc', "n"]
    rows = registry.versions("churn", where="number <= 3 or number = 6", columns=columns)
    assert [list((row.columns or {}).values()) for row in rows] == [
        [None, None, None, "production", "bob", None, None],
        [0.9, None, True, "production", "alice", None, 100],
        [0.8, 0.9, False, "production", "alice", None, None],
        [0.9, 0.5, True, "production", "alice", 0.7, None],
    ]
    assert type(rows[1].columns["n"]) is int, "as metrics are kept"
    (one,) = registry.versions("churn", where="number = 1", columns="metrics,auc")
    assert one.columns == {
        "auc": 0.9,
        "metrics": {"auc": 0.9, "f1": 0.5, "slices.new customers.auc": 0.7},
    }
    (bare,) = registry.versions("churn", where="number = 1")
    assert bare.columns is None
    assert "columns" not in bare.to_json()


@BOTH
def test_the_newest_verdict_is_what_is_searched(registry):
    assert _numbers(registry.versions("churn", where="auc > 0.84 and auc < 0.86")) == [7]
    registry.validate("churn@7", captured_pipeline(), passed=True, actor="judge")
    assert _numbers(registry.versions("churn", where="auc < 0.86")) == [2]
    registry.validate(
        "churn@7", captured_pipeline(), passed=True, metrics={"auc": 0.2}, actor="judge"
    )
    assert _numbers(registry.versions("churn", where="auc < 0.86")) == [7, 2]
    assert registry.audit().problems == ()


NONSENSE = (
    ("", "column 1: expected a field, a number or a text"),
    ("auc >", "column 6: expected a field"),
    ("auc > 0.8 and", "column 14"),
    ("auc", "column 1: auc is a number: compare it"),
    ("number", "compare it"),
    ("auc > 'high'", "column 7: expected a number"),
    ("'high' > auc", "expected a number"),
    ("kind > 5", "column 1: kind is a text"),
    ("kind = production", "No version of churn has 'production' (column 8"),
    ("kind = auc", "column 8: kind is a text and auc is a number"),
    ("passed > true", "by = or !="),
    ("passed = 1", "passed is true or false"),
    ("auc = true", "expected a number"),
    ("weights > 'xxh3:00000000'", "by = or !="),
    ("weights = 'xxh3:0'", "too short"),
    ("weights = 'nonsense'", "is not a digest"),
    ("registered_at > 5", "registered_at is a time"),
    ("registered_at > 'soon'", "column 17: 'soon' is not a time"),
    ("kind + 1 > 2", "column 1: kind is a text, not a number"),
    ("auc + 'x' > 1", "column 7: expected a number"),
    ("acu > 0.8", "No version of churn has 'acu' (column 1"),
    ("name = 'tree'", "No version of churn has 'name'"),
    ("secret = 1", "No version of churn has 'secret'"),
    ("auc > nan", "No version of churn has 'nan'"),
    ("auc > 1e999", "too large"),
    ("auc * 1e40 > 1", "too large or too small"),
    ("auc*auc*auc*auc*auc*auc > 0", "multiplies and divides 4 times"),
    ("auc>1 or " * 20 + "auc>1", "compares more than 20 times"),
    ("slices.*.f1 > 0.5", "No version of churn has 'slices.*.f1'"),
    ("slices.*.auc != 0.5", "slices.*.auc is several numbers: compare them by"),
    ("slices.*.auc + 1 > 0.5", "it stands on one side by itself"),
    ("slices.*.auc > slices.*.auc", "slices.*.auc is several numbers: it stands on one"),
    ("slices.*.auc = 'x'", "expected a number"),
    ("slices.*.auc", "slices.*.auc is a number: compare it"),
    ("tag.* = 'x'", "No version of churn has 'tag.*'"),
    ("*.auc > 0.5", "column 2"),
    ("auc > 0.8; DROP TABLE model_version", "column 10: this character means nothing here"),
    ("kind = 'x' --", "column 14: expected a field"),
    ("kind = 'x", "column 8: this character means nothing here"),
    ("auc > 0.8 = true", "expected the end"),
    ("auc > (0.8", "expected ')'"),
    ("(" * 100 + "auc > 1", "nested deeper"),
    ("auc > 1 or " * 60 + "auc > 1", f"{LONGEST} characters"),
    ("аuc > 0.8", "column 1"),
    ("serving.auc > 1", "No version of churn has 'serving.auc'"),
)


@BOTH
def test_what_means_nothing_is_pointed_at(registry):
    for where, says in NONSENSE:
        with pytest.raises(UsageError) as told:
            registry.versions("churn", where=where)
        assert says in str(told.value) + told.value.remedy, where


@BOTH
def test_an_unknown_name_is_told_with_what_it_may_mean_and_nothing_of_other_models(registry):
    with pytest.raises(UsageError) as told:
        registry.versions("churn", where="acu > 0.8")
    assert "auc" in told.value.remedy
    with pytest.raises(UsageError) as told:
        registry.versions("churn", where="zzzzzz > 0.8")
    assert 'slices."new customers".auc' in told.value.remedy
    assert "secret" not in told.value.remedy
    with pytest.raises(NotFound):
        registry.versions("nobody", where="auc > 0.8")


@BOTH
def test_a_field_that_is_none_neither_sorts_nor_is_a_column(registry):
    for name in ("", "-", "nothing", "auc > 1", "'auc'", "a" * 600, "slices.*.auc"):
        with pytest.raises(UsageError):
            registry.versions("churn", sort=name)
        with pytest.raises(UsageError):
            registry.versions("churn", columns=[name])


@BOTH
def test_limits_and_too_many_columns_are_refused(registry):
    for limit in (0, -1, 10**12):
        with pytest.raises(UsageError, match="rows"):
            registry.versions("churn", limit=limit)
        with pytest.raises(UsageError, match="rows"):
            registry.history(limit=limit)
    assert len(registry.versions("churn", limit=10**9)) == 7
    with pytest.raises(UsageError, match="51 columns"):
        registry.versions("churn", columns=[f"m{n}" for n in range(51)])


@BOTH
def test_a_cursor_is_of_its_own_query_and_whole(registry):
    cursor = registry.versions("churn", sort="-auc", limit=1).next
    text = registry.versions("churn", sort="kind", limit=1).next
    for query, after in (
        ({}, cursor),
        ({"sort": "auc"}, cursor),
        ({"sort": "-auc", "where": "auc > 0"}, cursor),
        ({"sort": "-auc"}, cursor[:-3]),
        ({"sort": "-auc"}, cursor + "A"),
        ({"sort": "-auc"}, "churn@3"),
        ({"sort": "-auc"}, "\u00e9"),
        ({"sort": "-auc"}, ""),
        ({"sort": "-auc"}, text),
    ):
        with pytest.raises(UsageError, match="cursor is not one of this list"):
            registry.versions("churn", after=after, **query)
    with pytest.raises(UsageError, match="cursor"):
        registry.versions("other", sort="kind", after=text)


_NAMES = st.sampled_from(
    (
        "auc",
        "f1",
        "slices.*.auc",
        "slices.*",
        "number",
        "kind",
        "passed",
        "registered_at",
        "weights",
        "x",
        "metric.n",
        '"a b"',
    )
)
_WORDS = st.one_of(
    _NAMES,
    st.sampled_from(("and", "or", "not", "(", ")", "=", "==", "!=", ">", "<=", "+", "-", "*", "/")),
    st.sampled_from(("true", "false", "'production'", "'2026-01-01'", "'xxh3:12345678'", "''")),
    st.floats(allow_nan=False, allow_infinity=False, min_value=0).map(repr),
    st.text(max_size=4),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(words=st.lists(_WORDS, max_size=9))
@BOTH
def test_any_text_is_a_search_or_refused_with_what_to_do(registry, words):
    try:
        rows = registry.versions("churn", where=" ".join(words), limit=3)
    except LineageError as error:
        assert isinstance(error, UsageError), error
        assert error.remedy
    else:
        assert len(rows) <= 3


_SIGNS = st.sampled_from((">=", "<=", ">", "<", "=="))
_SETS = st.dictionaries(st.sampled_from(("may", "2013-06", "a b")), st.integers(0, 3), max_size=3)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(_SETS, min_size=1, max_size=4), _SIGNS, st.integers(0, 3), st.booleans())
@BOTH
def test_what_a_star_finds_is_what_a_requirement_with_it_holds_of(
    registry, sets, sign, bound, denied
):
    """``not`` of what is unknown is unknown to both."""
    text = f"{'not ' if denied else ''}datasets.*.auc {sign} {bound}"
    model = f"m{abs(hash((str(sets), text)))}"
    expected = []
    for number, values in enumerate(sets, 1):
        metrics = {"datasets": {name: {"auc": one, "n": 5} for name, one in values.items()}}
        metrics |= {"datasetsx": {"y": {"auc": 9}}, "DATASETS": {"y": {"auc": 9}}}
        registry.register(model, captured(f"{model}-{number}"), kind=Kind.EXPERIMENT, actor="t")
        registry.validate(
            f"{model}@{number}", captured_pipeline(), passed=True, metrics=metrics, actor="t"
        )
        if Requirement.parse(text).evaluate(metrics).holds:
            expected.insert(0, number)
    if any(sets):
        assert _numbers(registry.versions(model, where=text)) == expected


_VALUES = st.one_of(st.none(), st.sampled_from((-1.5, 0.0, 0.25, 1e300, 5.0)))


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(_VALUES, min_size=1, max_size=8), bound=_VALUES, down=st.booleans())
@BOTH
def test_pages_of_any_metrics_are_the_sorted_list(registry, values, bound, down):
    """Held against what Python sorts; comparisons with what is missing choose nothing."""
    model = f"m{abs(hash((tuple(values), bound, down)))}"
    for number, value in enumerate(values, 1):
        ref = registry.register(
            model, captured(f"{model}-{number}"), kind=Kind.EXPERIMENT, actor="t"
        ).ref
        registry.validate(
            ref,
            captured_pipeline(),
            passed=True,
            metrics={"a": value} if value is not None else {"b": 1},
            actor="t",
        )
    if all(value is None for value in values):
        return
    having = [(value, n) for n, value in enumerate(values, 1) if value is not None]
    expected = [n for _, n in sorted(having, reverse=down)]
    lacking = [n for n, value in enumerate(values, 1) if value is None]
    sort = "-a" if down else "a"
    whole = expected + sorted(lacking, reverse=down)
    where = None
    if bound is not None:
        where = f"a >= {bound!r}"
        whole = [n for n in expected if values[n - 1] >= bound]
    assert _paged(registry, model, 2, where=where, sort=sort) == whole


def _events(registry, **which):
    return [row["seq"] for row in registry.history(limit=500, **which)]


@EVERYWHERE
def test_the_history_is_filtered(registry):
    """Held against the whole history, filtered here."""
    registry.release("staging", captured_pipeline(), ["churn@1"], actor="carol")
    registry.retire("churn", "staging", actor="dave")
    whole = registry.history(limit=500)
    middle = whole[len(whole) // 2]

    def those(which):
        return [row["seq"] for row in whole if which(row)]

    assert _events(registry, who="bob") == those(lambda row: row["actor"] == "bob")
    assert _events(registry, what="validated") == those(lambda row: row["kind"] == "validated")
    assert _events(registry, since=middle["at"]) == those(lambda row: row["at"] >= middle["at"])
    assert _events(registry, until=middle["at"]) == those(lambda row: row["at"] <= middle["at"])
    assert _events(registry, since="1d") == those(lambda row: True)
    assert _events(registry, until="1d") == []
    assert _events(registry, since="2199-01-01") == []
    both = _events(registry, model="churn", environment="staging")
    assert both == [row["seq"] for row in whole[:2]]
    assert _events(registry, model="other", environment="staging") == []
    assert _events(registry, subject="churn@staging", who="dave", what="retired") == both[:1]
    oldest = registry.events(model="churn", who="alice", limit=2)
    assert [row["seq"] for row in oldest] == _events(registry, model="churn", who="alice")[::-1][:2]
    page = registry.history(model="churn", limit=3, before=both[1])
    assert [row["seq"] for row in page] == [
        seq for seq in _events(registry, model="churn") if seq < both[1]
    ][:3]
    for wrong in ("soon", "", "0d"):
        with pytest.raises(UsageError, match="is not a time"):
            registry.history(since=wrong)


@EVERYWHERE
def test_models_say_what_serves_of_them(registry):
    registry.release("staging", captured_pipeline(), ["churn@1"], actor="t")
    rows = {row["name"]: (row["latest"], row["serving"]) for row in registry.models()}
    assert rows == {"churn": ("churn@7", {"staging": "churn@1"}), "other": ("other@1", {})}
    assert [row["name"] for row in registry.models(after="churn", limit=1)] == ["other"]


@BOTH
def test_rows_that_verdicts_do_not_come_to_are_found_out_and_worked_out_again(registry):
    with transaction(registry._engine, writing=True) as connection:
        for statement in (
            "UPDATE version_metric SET value = 0.99 WHERE model = 'churn' AND number = 2",
            "DELETE FROM version_metric WHERE model = 'other'",
            "INSERT INTO version_metric VALUES ('churn', 5, 'auc', 1)",
        ):
            connection.exec_driver_sql(statement)
    assert {problem.partition(":")[0] for problem in registry.audit().problems} == {
        f"version_metric (model={model}, number={number}) was changed"
        for model, number in (("churn", 2), ("churn", 5), ("other", 1))
    }
    with transaction(registry._engine, writing=True) as connection:
        version_metrics.rebuild(connection)
    assert registry.audit().problems == ()


@EVERYWHERE
def test_tags_and_descriptions_are_searched_and_deleted_versions_are_not(registry):
    registry.edit("churn@1", tags={"team": "risk", "a/b.c": "x"}, description="first", actor="t")
    registry.edit("churn@2", tags={"team": "fraud"}, actor="t")
    registry.edit("churn@3", tags={"team": "risk", "gone": "x"}, actor="t")
    registry.edit("churn@3", tags={"gone": None}, actor="t")
    registry.edit("other@1", tags={"theirs": "x"}, actor="t")
    for where, found in (
        ("tag.team = 'risk'", [3, 1]),
        ("tag.team != 'risk'", [2]),
        ("tag.team = 'risk' and auc > 0.8 and kind = 'production'", [3, 1]),
        ("tag.\"a/b.c\" = 'x' or tag.team = 'fraud'", [2, 1]),
        ("description >= 'f'", [1]),
    ):
        assert _numbers(registry.versions("churn", where=where)) == found, where
    assert _paged(registry, "churn", 2, sort="-tag.team") == [3, 1, 2, 7, 6, 5, 4]
    (one,) = registry.versions("churn", where="number = 1", columns="tags,tag.team,description")
    assert one.columns == {
        "tags": {"a/b.c": "x", "team": "risk"}, "tag.team": "risk", "description": "first",
    }  # fmt: skip
    for name in ("gone", "theirs", "nothing"):
        with pytest.raises(UsageError, match=f"No version of churn has 'tag.{name}'"):
            registry.versions("churn", where=f"tag.{name} = 'x'")
    with pytest.raises(UsageError) as told:
        registry.versions("churn", where="tag.tem = 'x'")
    assert "tag.team" in told.value.remedy
    with pytest.raises(UsageError, match=r"tag\.team is a text"):
        registry.versions("churn", where="tag.team > 5")
    registry.delete_version("churn@7", actor="t")
    assert _paged(registry, "churn", 2, sort="-auc") == [3, 1, 2, 6, 5, 4]
    assert _numbers(registry.versions("churn", where="auc < 0.89")) == [2]
    if hasattr(registry, "_engine"):
        assert registry.audit().problems == ()


@EVERYWHERE
def test_a_filter_of_the_history_that_names_nothing_is_no_empty_history(registry):
    registry.delete_version("churn@7", actor="dave")
    for which, says, remedy in (
        ({"model": "chrn"}, "no model 'chrn'", "Did you mean churn?"),
        ({"environment": "stagng"}, "no environment 'stagng'", "Did you mean staging?"),
        ({"subject": "chrn"}, "no subject 'chrn'", "Did you mean churn?"),
        ({"subject": "churn@nowhere"}, "no subject 'churn@nowhere'", "to see what there is"),
        ({"who": "dav"}, "no actor 'dav'", "Did you mean dave?"),
    ):
        for verb in (registry.history, registry.events):
            with pytest.raises(NotFound, match=says) as told:
                verb(**which)
            assert remedy in told.value.remedy
    for slip, meant in (
        ("promote", "promoted"),
        ("rollback", "rolled-back"),
        ("promotd", "promoted"),
    ):
        with pytest.raises(UsageError, match=f"of the kind '{slip}'") as refused:
            registry.history(what=slip)
        assert f"Did you mean {meant}? The kinds are approved, " in refused.value.remedy
    assert registry.history("churn@production", what="released") == [], "where nothing happened yet"
    assert _events(registry, what="version-deleted")


@EVERYWHERE
def test_a_renamed_model_is_searched_by_each_of_its_names(registry):
    cursor = registry.versions("churn", sort="-auc", limit=1).next
    registry.rename_model("churn", "attrition", actor="t")
    for name in ("churn", "attrition"):
        assert _numbers(registry.versions(name, where="auc > 0.8")) == [7, 3, 1]
        assert _events(registry, model=name, who="alice")
        assert _events(registry, model=name) == _events(registry, subject="attrition")
    with pytest.raises(UsageError, match="cursor"):
        registry.versions("churn", sort="-auc", after=cursor)
    if hasattr(registry, "_engine"):
        assert registry.audit().problems == ()
