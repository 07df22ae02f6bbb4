"""What is exported is accepted by the formats' own schemas, whatever was recorded."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace
from operator import methodcaller
from pathlib import Path

import prov
import pytest
from markdown_it import MarkdownIt
from prov.model import ProvAgent, ProvDerivation, ProvDocument
from referencing import Registry as Schemas
from referencing import Resource

from lineage.connection import connect
from lineage.errors import NotFound, UsageError
from lineage.export import card
from lineage.export.formats import FORMATS, export
from lineage.guard.requirements import outcomes_of
from lineage.identity.chain import Chain, RunKind, StageRun
from lineage.identity.components import CodeVersion, DataItem, DataVersion, Kind, Known
from lineage.identity.digest import Digest
from lineage.identity.pipeline import Manifest, PipelineVersion, Stage
from lineage.inert import inert
from lineage.registry import attestation_lists
from tests.conftest import a_copy, captured, captured_pipeline, make_registry
from tests.support.servers import registry_server
from tests.support.signing import KEY, OTHER, record, signed
from tests.support.story import fill

HOSTILE = "<script>alert(1)</script> | `x` [y](javascript:z)\u202e\x1b[31m\n# Not a head\n---\n"
RAW, FEATURES, WEIGHTS, LOOP = (f"md5:5{digit * 31}" for digit in "1234")
SCHEMAS = Path(__file__).parents[2] / "schemas/openlineage"
OF_PROV = Path(prov.__file__).parent / "tests/schemas/prov-json.schema.json"


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('exported') / 'registry.db'}"
    make_registry(url, _fill)
    with connect(url) as opened:
        yield opened


def _fill(registry):
    fill(registry)
    whole = replace(captured("h"), stored=(a_copy("h", "elsewhere"),))
    items = tuple(
        DataItem(name, Digest(digest), Known.ASSERTED)
        for name, digest in (
            (HOSTILE, "etag:x"),
            ("a b%", "uri:s3://b/k@v1"),
            ("é/ü", "md5:" + "e" * 32),
        )
    )
    parts = replace(
        whole.components,
        code=CodeVersion("a" * 40, remote="git@host:org/name", branch="é", subfolder="in/it"),
        data=DataVersion(items),
    )
    ref = registry.register(
        "hostile",
        replace(whole, components=parts, pipeline_name="churn"),
        parent="churn@1",
        actor=HOSTILE,
    ).ref
    metrics = {"<b>&amp;": 1, "a b": {"|": 2.5, "nested": {"é": -0.0}}, "text": "no number"}
    registry.validate(ref, captured_pipeline(), passed=False, metrics=metrics, actor="ann")
    registry.edit(ref, description=HOSTILE, actor="ann")
    bare = replace(
        whole, stored=(), components=replace(whole.components, code=None, data=None, pipeline=None)
    )
    registry.register("bare", bare, kind=Kind.EXPERIMENT, actor="ann")
    for number, remote in enumerate(('https://h/a b"<é', "C:\\repo", "http://[::1/x"), 1):
        code = CodeVersion(f"{number:0>40}", remote=remote)
        strange = replace(bare, components=replace(bare.components, code=code))
        registry.register("strange", strange, kind=Kind.EXPERIMENT, actor="ann")
    origin = {"url": "https://git.invalid/other", "rev": "e" * 40, "path": "raw.csv"}
    runs = (
        StageRun("train", code={"train.py": "md5:" + "4" * 32}, inputs={"f": FEATURES},
                 outputs={"m": WEIGHTS}),
        StageRun("prepare", inputs={"raw.csv": RAW}, params={"p": {"x": 1}},
                 outputs={"f": FEATURES}),
        StageRun("source.csv.dvc", RunKind.IMPORT, outputs={"raw.csv": RAW}, origin=origin),
    )  # fmt: skip
    chained = replace(captured("chained"), stored=(), chain=Chain(runs, WEIGHTS))
    registry.register("chained", chained, kind=Kind.EXPERIMENT, actor="ann")
    strange = StageRun(
        HOSTILE,
        cmd=(HOSTILE, "true"),
        inputs={HOSTILE: LOOP, "dir": "md5:" + "9" * 32 + ".dir"},
        params={"p.yaml": {HOSTILE: [HOSTILE], "b": None}},
        outputs={"é|": LOOP},
    )
    looped = replace(captured("looped"), stored=(), chain=Chain((strange,), LOOP, gaps=(HOSTILE,)))
    registry.register("hostile", looped, kind=Kind.EXPERIMENT, actor="ann")


REFS = (
    "churn@1",
    "churn@3",
    "churn@5",
    "hostile@1",
    "bare@1",
    "strange@1",
    "strange@2",
    "strange@3",
    "chained@1",
    "hostile@2",
)


@pytest.fixture(params=REFS)
def ref(request):
    return request.param


def exported(registry, ref, form, *environments):
    text = export(registry, ref, form, environments).text
    assert not {"\u202e", "\x1b"} & set(text)
    return text


def test_openlineage_is_what_the_specification_says(registry, ref):
    from jsonschema import Draft202012Validator, FormatChecker

    schemas = [json.loads(file.read_text()) for file in sorted(SCHEMAS.glob("*.json"))]
    known = Schemas().with_resources((one["$id"], Resource.from_contents(one)) for one in schemas)

    def check(value, address):
        schema = {"$ref": address}
        Draft202012Validator(schema, registry=known, format_checker=FormatChecker()).validate(value)

    events = [
        json.loads(line)
        for line in exported(registry, ref, "openlineage", "production").splitlines()
    ]
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"] * (len(events) // 2)
    facets = 0
    for event in events:
        check(event, "https://openlineage.io/spec/2-0-2/OpenLineage.json")
        datasets = [*event.get("inputs", ()), *event.get("outputs", ())]
        for part in (event["run"], event["job"], *datasets):
            for facet in part["facets"].values():
                check(facet, facet["_schemaURL"])
                facets += 1
    assert facets > len(events)


def test_openlineage_names_what_was_used_and_tested(registry):
    lines = exported(registry, "hostile@1", "openlineage", "production").splitlines()
    registered, validated, guarded = [json.loads(line) for line in lines[1::2]][-3:]
    place = registered["job"]["facets"]["sourceCodeLocation"]
    assert (place["url"], place["version"]) == ("ssh://git@host/org/name", "a" * 40)
    assert [one["name"] for one in registered["inputs"]] == sorted((HOSTILE, "a b%", "é/ü"))
    (verdict,) = validated["run"]["facets"]["test"]["tests"]
    assert (verdict["name"], verdict["status"]) == ("verdict", "fail")
    rules = {one["name"]: one["status"] for one in guarded["run"]["facets"]["test"]["tests"]}
    assert rules["validated"] == "fail"
    assert rules["tuple-complete"] == "pass"


def test_cyclonedx_is_what_its_own_strict_validator_takes(registry, ref):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator  # loads the grammars of jsonschema

    text = exported(registry, ref, "cyclonedx", "production")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    model = json.loads(text)["metadata"]["component"]
    assert model["type"] == "machine-learning-model"
    assert {hash_["alg"] for hash_ in model["hashes"]} == {"BLAKE3"}


def test_cyclonedx_holds_the_packages_of_the_run_and_the_parent(registry):
    parts = json.loads(exported(registry, "churn@3", "cyclonedx"))["components"]
    assert {"numpy": "pkg:pypi/numpy@2.4.6"}.items() <= {
        p["name"]: p.get("purl") for p in parts
    }.items()
    model = json.loads(exported(registry, "hostile@1", "cyclonedx"))["metadata"]["component"]
    assert model["pedigree"]["ancestors"] == [
        {"type": "machine-learning-model", "name": "churn", "version": "1"}
    ]


def test_prov_is_what_its_schema_says_and_is_read_back(registry, ref):
    from jsonschema import Draft4Validator

    text = exported(registry, ref, "prov")
    Draft4Validator(json.loads(OF_PROV.read_text())).validate(json.loads(text))
    read = ProvDocument.deserialize(content=text)
    assert ProvDocument.deserialize(content=read.serialize()) == read
    assert len(list(read.get_records())) > 4


def test_each_step_of_the_chain_is_in_every_format(registry):
    lines = exported(registry, "chained@1", "openlineage").splitlines()
    events = {event["job"]["name"]: event for event in map(json.loads, lines[1::2])}
    steps = ["chained.source.csv.dvc", "chained.prepare", "chained.train", "chained.register"]
    assert [name for name in events if name in steps] == steps

    def versions(event, side):
        return {one["facets"]["version"]["datasetVersion"] for one in event[side]}

    assert versions(events["chained.prepare"], "inputs") == {RAW}
    assert versions(events["chained.train"], "inputs") >= {FEATURES}
    assert versions(events["chained.train"], "outputs") == {WEIGHTS}
    assert WEIGHTS in versions(events["chained.register"], "inputs")

    bom = json.loads(exported(registry, "chained@1", "cyclonedx"))
    (formula,) = bom["formulation"]
    (flow,) = formula["workflows"]
    runs = {task["name"]: task["bom-ref"] for task in flow["tasks"]}
    needs = {one["ref"]: one.get("dependsOn") for one in flow["taskDependencies"]}
    assert needs[runs["train"]] == [runs["prepare"]]
    assert needs[runs["prepare"]] == [runs["source.csv.dvc"]]
    parts = {part["bom-ref"] for part in (*bom["components"], *formula["components"])}
    assert {put["resource"]["ref"] for task in flow["tasks"] for put in task["outputs"]} <= parts

    prov = ProvDocument.deserialize(content=exported(registry, "chained@1", "prov"))
    of = methodcaller("removeprefix", "md5:")
    derived = {
        tuple(str(value).rpartition("/")[2] for _, value in record.formal_attributes[:2])
        for record in prov.get_records(ProvDerivation)
    }
    assert {
        (of(WEIGHTS), of(FEATURES)),
        (of(FEATURES), of(RAW)),
        ("chained@1", of(WEIGHTS)),
    } <= derived

    card = exported(registry, "chained@1", "card")
    assert r"| prepare | \- | raw.csv | f |" in card.partition("## Made by")[2]
    assert "was not recorded" in exported(registry, "bare@1", "card").partition("## Made by")[2]


def test_what_was_signed_is_told_where_a_format_has_a_place(registry):
    says, key = "that churn@1 passed its validation", KEY.verifying.fingerprint
    said = exported(registry, "churn@1", "card").partition("## Signatures")[2]
    assert f"| {says} | {key} |" in said
    declared = json.loads(exported(registry, "churn@1", "cyclonedx"))["declarations"]
    (claim,), (evidence,) = declared["claims"], declared["evidence"]
    assert (claim["target"], claim["predicate"]) == ("churn@1", says)
    assert claim["evidence"] == [evidence["bom-ref"]]
    prov = ProvDocument.deserialize(content=exported(registry, "churn@1", "prov"))
    ends = [
        [str(value) for _, value in record.formal_attributes[:2]]
        for record in prov.get_records(ProvDerivation)
    ]
    assert [of for signed, of in ends if "attestation/" in signed] == ["lg:verdict/churn@1/1"]
    assert any(key.replace(":", "/") in str(one.identifier) for one in prov.get_records(ProvAgent))
    assert "Signatures" not in exported(registry, "churn@3", "card")


def test_signatures_beyond_those_that_are_told_are_counted(registry, monkeypatch):
    for key in (KEY, OTHER):
        record(registry, "churn@2", key=key)
    monkeypatch.setattr(attestation_lists, "MOST_SHOWN", 1)
    told = json.loads(exported(registry, "churn@2", "cyclonedx"))["metadata"]["component"]
    values = {one["name"].rpartition(":")[2]: one["value"] for one in told["properties"]}
    assert values["more-attestations"] == "1"
    assert '"lg:moreAttestations": 1' in exported(registry, "churn@2", "prov")
    assert "moreAttestations" not in exported(registry, "churn@1", "prov")


def test_what_versions_share_is_one_entity(registry):
    entities = [
        set(json.loads(exported(registry, ref, "prov"))["entity"]) for ref in ("churn@1", "churn@2")
    ]
    shared = {name.split("/")[0] for name in entities[0] & entities[1]}
    assert shared == {"lg:data", "lg:origin", "lg:pipeline"}


def test_a_card_shows_text_as_text(registry):
    written = exported(registry, "hostile@1", "card", "production")
    assert "<script" not in written
    _, _, body = written.removeprefix("---\n").partition("\n---\n")
    assert not [line for line in body.splitlines() if line.startswith(("# Not", "---"))]
    assert "hostile@1 may not enter production" in written
    assert "It failed with pipeline" in written


@pytest.mark.parametrize(
    "text", ["1. a", " # a", "  - a", "    code", "```a", "> a", "[a]: b", HOSTILE, "a|b"]
)
def test_markdown_shows_a_text_as_it_is(text):
    written = card._text(text)
    (_, shown, _) = MarkdownIt().parse(written)
    assert {part.type for part in shown.children} == {"text"}
    assert "".join(part.content for part in shown.children) == inert(text).strip()


def test_no_secret_is_exported_and_parameters_of_one_name_are_no_failure(registry):
    hush = "hunter2secret"
    stage = Stage(
        cmd=("train",),
        params={
            "p:q": {"r": 1, "db": f"postgresql://me:{hush}@host/x"},
            "p": {"q:r": "x", "train": {"api_token": hush, "eos_token": "</s>"}, "password": hush},
        },
    )
    whole = captured("s")
    parts = replace(
        whole.components,
        code=CodeVersion("a" * 40, remote=f"https://ana:{hush}@host/name"),
        pipeline=PipelineVersion(Manifest({"train": stage})),
    )
    bare = replace(whole, stored=(), components=parts)
    registry.register("secretive", bare, kind=Kind.EXPERIMENT, actor="ann")
    for form in FORMATS:
        text = exported(registry, "secretive@1", form)
        assert hush not in text, form
        assert ("eos" in text) is (form != "prov")


def test_a_verdict_is_told_as_it_was_reached(registry):
    texts = ["auc >= 0.8", "auc >= serving.auc - 0.01"]
    metrics = {"auc": 0.9, "command": {"seconds": 2}, "slices": {"new": {"auc": 0.8, "n": 5}}}
    outcomes = outcomes_of(texts, metrics, passed=True)
    whole = replace(captured("open"), stored=(a_copy("open", "elsewhere"),))
    ref = registry.register("open", whole, actor="ann").ref
    registry.validate(
        ref, captured_pipeline(), passed=True, metrics=metrics, outcomes=outcomes, actor="ann"
    )
    event = json.loads(exported(registry, ref, "openlineage").splitlines()[-1])
    tests = event["run"]["facets"]["test"]["tests"]
    assert [one["status"] for one in tests] == ["pass", "skip", "pass"]
    said = exported(registry, ref, "card").partition("## Validation")[2]
    assert "The verdict rests on somebody's word." in said
    assert [line.replace("\\", "") for line in said.splitlines() if line.startswith("- ")] == [
        "- auc >= 0.8 holds: auc is 0.9",
        "- auc >= serving.auc - 0.01 is decided where it is to serve",
    ]
    model = json.loads(exported(registry, ref, "cyclonedx"))["metadata"]["component"]
    measured = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert [(one["type"], one.get("slice")) for one in measured] == [
        ("auc", None), ("command.seconds", None), ("auc", "slices.new"), ("n", "slices.new"),
    ]  # fmt: skip
    payload = b64decode(json.loads(signed(registry, ref, "validation"))["payload"])
    predicate = json.loads(payload)["predicate"]
    assert predicate["passedTests"] == texts[:1]
    assert "failedTests" not in predicate


def test_an_export_is_the_same_whenever_it_is_made(registry, ref):
    for form in FORMATS:
        assert exported(registry, ref, form) == exported(registry, ref, form)


def test_what_is_not_there_is_told(registry):
    with pytest.raises(UsageError, match="no format"):
        export(registry, "churn@1", "pdf")
    for words in (("churn@99", "card"), ("churn@1", "card", ["nowhere"])):
        with pytest.raises(NotFound):
            export(registry, *words)


def test_a_server_exports_the_same(registry, tmp_path):
    url = f"sqlite:///{tmp_path / 'registry.db'}"
    make_registry(url, _fill)
    with registry_server(url, no_auth=True) as address, connect(address) as remote:
        import httpx

        for form, of in FORMATS.items():
            place = f"{address}/v1/models/churn/versions/3/export"
            answer = httpx.get(place, params={"format": form})
            assert answer.headers["content-type"] == of.media_type
            assert answer.text == export(remote, "churn@3", form).text
        assert httpx.get(place, params={"format": "pdf"}).status_code == 422
        whole = captured("s")
        code = CodeVersion("a" * 40, remote="https://ana:hunter2secret@host/name")
        bare = replace(whole, stored=(), components=replace(whole.components, code=code))
        ref = remote.register("careless", bare, kind=Kind.EXPERIMENT, actor="t").ref
        assert remote.show(ref)["components"]["code"]["remote"] == "https://host/name"
