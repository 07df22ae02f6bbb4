"""What one side writes the other reads back the same, whatever it holds."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import fields

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineage import strict_json
from lineage.contract import codec, decisions
from lineage.contract.captured import CapturedPipelineVersion, CapturedVersion
from lineage.contract.results import (
    Audit,
    Candidate,
    FoundPipeline,
    Head,
    MoveResult,
    NamedPipeline,
    PlannedChange,
    Readiness,
    Registered,
    SchemaCheck,
    ServedVersion,
    Serving,
    Side,
    SlotChange,
)
from lineage.contract.results.history import ConsistencyProof, InclusionProof
from lineage.guard.decision import Check, Decision, Status
from lineage.guard.evidence import Basis
from lineage.guard.facts import HeldCopy, Root, Sample, Transition, Verdict, Waiver
from lineage.guard.requirements import Outcome
from lineage.identity.checkpoint import Checkpoint
from lineage.identity.components import (
    CodeVersion,
    Components,
    DataItem,
    DataVersion,
    Kind,
    Known,
    Weights,
)
from lineage.identity.digest import Digest
from lineage.identity.origin import OriginState, WeightsOrigin
from lineage.identity.pipeline import Manifest, PipelineVersion, Scope, Stage
from lineage.identity.watched import (
    Distribution,
    Interpreter,
    Module,
    Role,
    Undeclared,
    WatchedRun,
)
from lineage.weights.copies import NewCopy, StoreAddress

NAMES = st.sampled_from(["churn", "features", "7.a_b-c"])
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
NUMBERS = st.integers(0, 2**31 - 1)
JSON = st.dictionaries(TEXT, st.none() | st.booleans() | NUMBERS | TEXT, max_size=3)
DIGESTS = st.binary(min_size=16, max_size=16).map(lambda value: Digest(f"xxh3:{value.hex()}"))
MOMENTS = st.datetimes(dt.datetime(1970, 1, 1), timezones=st.just(dt.UTC))
PLAIN = {
    "str": TEXT,
    "str | None": st.none() | TEXT,
    "int": NUMBERS,
    "int | None": st.none() | NUMBERS,
    "bool": st.booleans(),
    "tuple[str, ...]": TEXTS,
    "dict[str, Any]": JSON,
    "dict[str, str | None]": st.dictionaries(TEXT, st.none() | TEXT, max_size=3),
    "Mapping[str, Any]": JSON,
    "Mapping[str, Any] | None": st.none() | JSON,
    "Mapping[str, str]": st.dictionaries(TEXT, TEXT, max_size=3),
    "Mapping[str, float]": st.dictionaries(TEXT, st.floats(-1e9, 1e9), max_size=3),
    "tuple[Mapping[str, str], ...]": st.lists(
        st.dictionaries(TEXT, TEXT, max_size=3), max_size=2
    ).map(tuple),
    "dt.datetime": MOMENTS,
    "dt.datetime | None": st.none() | MOMENTS,
    "Kind": st.sampled_from(Kind),
    "Digest": DIGESTS,
    "Digest | None": st.none() | DIGESTS,
}


quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def values(kind, **others):
    """Values of a kind, each plain field by its type."""
    plain = {field.name: PLAIN[field.type] for field in fields(kind) if field.name not in others}
    return st.builds(kind, **plain, **others)


def some(strategy):
    return st.lists(strategy, max_size=3).map(tuple)


def sent(document):
    """A document as it arrives on the other side."""
    return strict_json.loads(strict_json.dumps(document))


STAGES = st.builds(
    Stage,
    cmd=TEXTS,
    code=st.dictionaries(TEXT, DIGESTS, max_size=2),
    params=st.dictionaries(TEXT, JSON, max_size=2),
    inputs=st.sets(TEXT, max_size=2).map(sorted).map(tuple),
    outputs=st.sets(TEXT, max_size=2).map(sorted).map(tuple),
)
MANIFESTS = st.builds(
    Manifest,
    st.dictionaries(TEXT, STAGES, max_size=2),
    code=st.none() | st.sampled_from(Scope),
)
PIPELINES = st.builds(PipelineVersion, MANIFESTS) | DIGESTS.map(
    lambda digest: PipelineVersion.outside(f"sha256:{digest.value}")
)
WAIVERS = values(Waiver)
WATCHED = values(
    WatchedRun,
    undeclared=some(values(Undeclared, role=st.sampled_from(Role))),
    modules=some(values(Module)),
    distributions=some(values(Distribution)),
    interpreters=some(values(Interpreter)),
)
COPIES = some(values(HeldCopy, sample=st.none() | values(Sample)))
READINESS = values(Readiness, copies=COPIES)
OUTCOMES = some(values(Outcome, holds=st.none() | st.booleans()))
BASES = st.sampled_from(Basis)
ROOTS = st.none() | values(Root, basis=BASES)
VALIDATIONS = values(Verdict, pipeline=PIPELINES, outcomes=OUTCOMES, basis=BASES, root=ROOTS)
DECISIONS = values(
    Decision,
    checks=some(values(Check, status=st.sampled_from(Status))),
    move=st.sampled_from(Transition),
)


ORIGINS = values(
    WeightsOrigin, state=st.sampled_from(OriginState), changed=some(TEXT)
)  # fmt: skip


@st.composite
def slots(draw):
    """A slot, its waivers in force or over."""
    model, waivers = draw(TEXT), draw(st.lists(WAIVERS, max_size=3, unique=True))
    side = st.none() | values(ServedVersion, model=st.just(model), made=st.none() | ORIGINS)
    backup = draw(side)
    return draw(
        values(
            Serving,
            model=st.just(model),
            serving=side,
            backup=st.just(backup),
            waivers=st.just(tuple(waivers)),
            rests_on=st.none() | WAIVERS.filter(lambda waiver: waiver not in waivers),
            proven=st.just(False),
            readiness=st.none() | READINESS if backup else st.none(),
            moves_pipeline=st.booleans() if backup else st.none(),
            staged=side,
            side=st.none() | st.sampled_from(Side),
            age=st.none(),
        )
    )


@st.composite
def moves(draw):
    """A move of several slots, no model twice."""
    steps = draw(st.lists(values(SlotChange), max_size=3, unique_by=lambda step: step.model))
    return draw(
        values(
            MoveResult, slots=some(slots()), decisions=some(DECISIONS), steps=st.just(tuple(steps))
        )
    )  # fmt: skip


SIZES = st.integers(0, 2**53)
HASHES = st.lists(st.binary(min_size=32, max_size=32), max_size=8).map(tuple)
LINES = st.text("abcdef0123456789:-.TZ", min_size=1, max_size=80)
CHECKPOINTS = st.builds(
    Checkpoint,
    LINES,
    SIZES,
    st.binary(min_size=32, max_size=32),
    LINES | st.none(),
    LINES | st.none(),
)


ROUND_TRIPS = {
    "version": (values(Registered), Registered.to_json, Registered.from_json),
    "pipeline": (
        values(FoundPipeline, version=PIPELINES), FoundPipeline.to_json, FoundPipeline.from_json,
    ),
    "readiness": (READINESS, Readiness.to_json, Readiness.from_json),
    "candidate": (values(Candidate, copies=COPIES), Candidate.to_json, Candidate.from_json),
    "slot": (slots(), Serving.to_json, Serving.from_json),
    "move": (moves(), MoveResult.to_whole_json, MoveResult.from_whole_json),
    "planned change": (values(PlannedChange), PlannedChange.to_json, PlannedChange.from_json),
    "audit": (values(Audit), Audit.to_json, Audit.from_json),
    "schema": (values(SchemaCheck), SchemaCheck.to_json, SchemaCheck.from_json),
    "head": (values(Head), Head.to_json, Head.from_json),
    "checkpoint": (CHECKPOINTS, Checkpoint.to_json, Checkpoint.from_json),
    "inclusion": (
        st.builds(InclusionProof, st.text(), SIZES, HASHES, CHECKPOINTS),
        InclusionProof.to_json,
        InclusionProof.from_json,
    ),
    "consistency": (
        st.builds(ConsistencyProof, SIZES, HASHES, CHECKPOINTS),
        ConsistencyProof.to_json,
        ConsistencyProof.from_json,
    ),
    "decision": (DECISIONS, decisions.decision_to_json, decisions.decision_from_json),
    "validation": (VALIDATIONS, decisions.validation_to_json, decisions.validation_from_json),
    "waiver": (WAIVERS, Waiver.to_json, decisions.waiver_from_json),
    "watched run": (WATCHED, WatchedRun.to_json, WatchedRun.from_json),
}  # fmt: skip


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_an_answer_is_read_back_the_same(name):
    strategy, write, read = ROUND_TRIPS[name]

    @quick
    @given(strategy)
    def check(value):
        document = sent(write(value))
        assert read(document) == value
        assert read(document | {"of a later version": 1}) == value

    check()


@quick
@given(slots(), st.data())
def test_a_waiver_in_force_that_a_slot_rests_on_is_told_the_same(slot, data):
    waiver = data.draw(WAIVERS)
    slot = Serving(**vars(slot) | {"waivers": (*slot.waivers, waiver), "rests_on": waiver})
    assert Serving.from_json(sent(slot.to_json())).to_json() == slot.to_json()


ITEMS = values(DataItem, known=st.sampled_from(Known))
DATA = st.lists(ITEMS, min_size=1, max_size=3, unique_by=lambda item: item.name).map(
    lambda items: DataVersion(tuple(sorted(items)))
)
COMMITS = st.binary(min_size=20, max_size=20).map(bytes.hex)
OBJECTS = st.binary(min_size=16, max_size=16).map(bytes.hex)
STORES = st.just(StoreAddress("remote", "s3://bucket/weights", {"region": "eu-1"}))
COMPONENTS = st.builds(
    Components,
    st.none() | values(CodeVersion, commit=COMMITS),
    st.none() | DATA,
    st.none() | PIPELINES,
    st.none() | values(Weights),
)


@quick
@given(
    COMPONENTS,
    some(values(NewCopy, store=STORES, object=OBJECTS, listing=st.none())),
    PLAIN["tuple[Mapping[str, str], ...]"],
    st.none() | ORIGINS,
)
def test_what_was_captured_is_read_back_the_same(components, copies, unseen, origin):
    captured = CapturedVersion(
        components,
        "features" if components.pipeline else "churn",
        stored=copies,
        unseen=unseen if components.pipeline else (),
        origin=origin,
    )
    document = sent(codec.captured_to_json(captured))
    assert codec.captured_from_json("churn", document) == captured


@quick
@given(
    values(NamedPipeline, name=st.none() | NAMES, digest=DIGESTS.map(str))
    | values(
        CapturedPipelineVersion,
        name=NAMES,
        version=PIPELINES,
        why=st.just({}),  # read from the repository, never sent
        unseen=st.just(()),
    )
)
def test_a_pipeline_version_is_read_back_the_same(pipeline):
    document = json.loads(json.dumps(codec.pipeline_to_json(pipeline)))
    assert codec.pipeline_from_json(document) == pipeline
